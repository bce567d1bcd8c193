import { fakeUpstream } from '../test/fixture/issuer.ts'
import type { Emitted } from './emitted.ts'
import { pause, type Size } from './line.ts'
import type { Upstream, World } from './scene.ts'

const ISSUER = 'https://login.example.com'

/** A world without sockets, for an isolate that must not do I/O: an issuer that is down rejects as `fetch` does. */
export function memoryWorld(size: Size, emitted: Emitted): World {
  return {
    size,
    emitted,
    async startIssuer(keys, delayMs = 0) {
      const inner = fakeUpstream(ISSUER, ...keys)
      const calls: string[] = []
      let up = true
      const endpoint = `${ISSUER}/introspect`
      inner.answers.set(`${ISSUER}/.well-known/oauth-authorization-server`, () =>
        Response.json({ issuer: ISSUER, jwks_uri: `${ISSUER}/jwks`, introspection_endpoint: endpoint }),
      )
      const upstream: Upstream = {
        issuer: ISSUER,
        calls,
        publish: inner.publish,
        answer: () => ({ active: false }),
        async fetch(url, init) {
          calls.push(new URL(url).pathname)
          if (!up) throw new TypeError('fetch failed')
          if (delayMs > 0) await pause(delayMs)
          if (url !== endpoint) return inner.fetch(url, init)
          return Response.json(upstream.answer((init.body as URLSearchParams).get('token') ?? ''))
        },
        async stop() {
          up = false
        },
        async start() {
          up = true
        },
      }
      return upstream
    },
  }
}
