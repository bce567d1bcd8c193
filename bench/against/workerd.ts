// The rows in workerd, timed from outside. In each sitting one Worker, in a process of its own, bundles every build.

import { findFault } from '../controls.ts'
import { type Entry, measureRounds, type Rounds, shuffle } from '../measure.ts'
import { summarize } from '../statistics.ts'
import { freshString, RESOURCE, SCOPE } from '../tokens.ts'
import { bundleWorker, type Host, startWorker } from '../workerd/host.ts'
import { BUILDS, type BuildName, type Checkouts, copyBuilds } from './builds.ts'
import { type Contest, COUNTED } from './contest.ts'
import type { MaterialOf } from './material.ts'
import { isAccepted, type Kind, type Row } from './rows.ts'
import type { Operations } from './verdict.ts'
import type { Order } from './worker.ts'

/** So large that the request itself, which is subtracted, takes a small part of the time. */
const BATCHES: Readonly<Record<Kind, number>> = { known: 16_000, fresh: 128, signature: 256, expired: 256, none: 2_000 }

export function createWorkerdContest(checkouts: Checkouts, materialOf: MaterialOf): Contest {
  async function start(): Promise<Host> {
    const copies = copyBuilds(checkouts)
    try {
      const imports = shuffle(BUILDS).map(
        (name) => `import * as ${VARIABLES[name]} from ${JSON.stringify(copies.entries[name])}`,
      )
      const builds = BUILDS.map((name) => `${name}: ${VARIABLES[name]}`)
      const entry = `${imports.join('\n')}
        import { createWorker } from './worker.ts'
        export default createWorker({ ${builds.join(', ')} })`
      return await startWorker(await bundleWorker(entry, import.meta.dirname))
    } finally {
      copies.remove()
    }
  }

  async function take({ post }: Host, { algorithm, atOnce, kind }: Row): Promise<void> {
    const { authority, bad, tokens } = materialOf(algorithm)
    const order: Order = {
      kind,
      atOnce,
      issuer: authority.issuer,
      resource: RESOURCE,
      scope: SCOPE,
      tokens: tokens[kind].map(freshString),
    }
    await post('/row', JSON.stringify(order))
    for (const name of shuffle(BUILDS)) {
      if (isAccepted(kind)) {
        const check = async (token: string): Promise<void> => {
          const { status } = await post(`/check?by=${name}`, token)
          if (status !== 200) throw new Error('refused')
        }
        const fault = await findFault(check, tokens[kind][0] as Uint8Array, bad)
        if (fault !== undefined) throw new Error(`a build in workerd ${fault}`)
      }
      // Fetches the keys, and fills the cache where it is on.
      await post(`/prepare?from=0&count=${kind === 'known' ? tokens.known.length : 200}`)
      await post(`/run?by=${name}`)
    }
  }

  return {
    runtime: 'workerd',

    async open() {
      const host = await start()
      return {
        async measure(row, rounds) {
          await take(host, row)
          return measureFromOutside(host, row, rounds)
        },
        stop: host.stop,
      }
    },

    async count(rows) {
      const host = await start()
      try {
        const counts: { new: Operations; old: Operations }[] = []
        for (const row of rows) {
          await take(host, row)
          const count = async (name: BuildName): Promise<Operations> => {
            await host.post(`/prepare?from=0&count=${COUNTED}`)
            return (await host.post(`/count?by=${name}`)).json() as Promise<Operations>
          }
          counts.push({ new: await count('new'), old: await count('old') })
        }
        return counts
      } finally {
        await host.stop()
      }
    },
  }
}

const VARIABLES: Readonly<Record<BuildName, string>> = { new: 'newBuild', old: 'oldBuild', again: 'oldBuildAgain' }

async function measureFromOutside({ post }: Host, { kind, atOnce }: Row, rounds: number): Promise<Rounds> {
  const batch = atOnce === 1 ? BATCHES[kind] : 256
  let from = 0
  const entries: Entry[] = ['nothing', ...BUILDS].map((name) => ({
    name,
    async measure() {
      from += batch
      await (await post(`/prepare?from=${from}&count=${batch}`)).text()
      const start = performance.now()
      await (await post(`/run?by=${name}`)).text()
      return performance.now() - start
    },
  }))
  const times = await measureRounds(entries, rounds, 3)
  const nothing = summarize(times.get('nothing') ?? []).median
  return new Map(BUILDS.map((name) => [name, (times.get(name) ?? []).map((ms) => ((ms - nothing) * 1e6) / batch)]))
}
