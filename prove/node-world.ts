import { loopbackIssuer, type LoopbackIssuer } from '../test/fixture/loopback-issuer.ts'
import type { Proof } from './line.ts'
import type { Upstream, World } from './scene.ts'

export interface NodeWorld extends World {
  /** The servers, for measurements that need real sockets. */
  readonly servers: readonly LoopbackIssuer[]
  readonly stop: () => Promise<void>
}

/** A world with real sockets on loopback. */
function nodeWorld({ size, emitted }: Proof): NodeWorld {
  const servers: LoopbackIssuer[] = []
  return {
    size,
    emitted,
    servers,
    async stop() {
      await Promise.all(servers.map((server) => server.stop()))
    },
    async startIssuer(keys, delayMs) {
      const published = [...keys]
      const server = await loopbackIssuer(published, delayMs)
      servers.push(server)
      const calls: string[] = []
      server.answers.introspection = (response, _, token) => {
        response.setHeader('content-type', 'application/json').end(JSON.stringify(upstream.answer(token)))
      }
      const upstream: Upstream = {
        issuer: server.issuer,
        calls,
        answer: () => ({ active: false }),
        publish: (...newKeys) => void published.splice(0, published.length, ...newKeys),
        start: server.start,
        stop: server.stop,
        fetch(url, init) {
          emitted.text('address', url)
          calls.push(new URL(url).pathname)
          return fetch(url, init)
        },
      }
      return upstream
    },
  }
}

/** Runs in a new world, and closes it afterwards. */
export async function inNodeWorld<T>(proof: Proof, run: (world: NodeWorld) => Promise<T>): Promise<T> {
  const world = nodeWorld(proof)
  try {
    return await run(world)
  } finally {
    await world.stop()
  }
}
