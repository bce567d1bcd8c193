// The rows in this Node.

import { createHook } from 'node:async_hooks'
import { findFault } from '../controls.ts'
import { checkAtOnce, checkInTurn, type Entry, measureRounds, shuffle, timeAtOnce, timeInTurn } from '../measure.ts'
import { createSupply, freshString, RESOURCE, SCOPE } from '../tokens.ts'
import { type Build, BUILDS, type Checkouts, copyBuilds, loadBuilds } from './builds.ts'
import { type Contest, COUNTED } from './contest.ts'
import type { MaterialOf } from './material.ts'
import { watchOperations } from './operations.ts'
import { createCheck, isAccepted, type Kind, type Row, type RowCheck } from './rows.ts'
import { type Operations, subtract } from './verdict.ts'

const BATCHES: Readonly<Record<Kind, number>> = { known: 1_000, fresh: 64, signature: 128, expired: 128, none: 256 }

export function createNodeContest(checkouts: Checkouts, materialOf: MaterialOf): Contest {
  async function load(): ReturnType<typeof loadBuilds> {
    const copies = copyBuilds(checkouts)
    try {
      return await loadBuilds(copies)
    } finally {
      copies.remove()
    }
  }

  async function prepare(build: Build, { algorithm, kind }: Row): Promise<RowCheck> {
    const { authority, bad, tokens } = materialOf(algorithm)
    const check = createCheck(build, { kind, issuer: authority.issuer, resource: RESOURCE, scope: SCOPE })
    if (isAccepted(kind)) {
      const fault = await findFault(check, tokens[kind][0] as Uint8Array, bad)
      if (fault !== undefined) throw new Error(`a build ${fault}`)
    }
    // Fetches the keys, and fills the cache where it is on.
    const primed = kind === 'known' ? tokens.known : tokens[kind].slice(0, 200)
    for (const token of primed) await check(freshString(token))
    return check
  }

  return {
    runtime: `Node ${process.versions.node.split('.')[0]}`,

    async open() {
      const builds = await load()
      return {
        async measure(row, rounds) {
          const entries: Entry[] = []
          const batch = row.atOnce === 1 ? BATCHES[row.kind] : 128
          for (const name of shuffle(BUILDS)) {
            const check = await prepare(builds[name], row)
            const supply = createSupply(materialOf(row.algorithm).tokens[row.kind])
            const measure = (): Promise<number> =>
              row.atOnce === 1 ? timeInTurn(check, supply(batch)) : timeAtOnce(check, supply(batch), row.atOnce)
            entries.push({ name, measure })
          }
          return measureRounds(entries, rounds, 5)
        },
        async stop() {},
      }
    },

    async count(rows) {
      // Before the builds are loaded: a module may keep a reference to the original method.
      const watch = watchOperations()
      let promises = 0
      const hook = createHook({ init: (_, type) => void (promises += type === 'PROMISE' ? 1 : 0) })
      try {
        const builds = await load()
        const counts: { new: Operations; old: Operations }[] = []
        for (const row of rows) {
          const tokens = createSupply(materialOf(row.algorithm).tokens[row.kind])(COUNTED)
          const count = async (check: RowCheck): Promise<Operations> => {
            const before = { ...watch.counted(), promises }
            hook.enable()
            await (row.atOnce === 1 ? checkInTurn(check, tokens) : checkAtOnce(check, tokens, row.atOnce))
            hook.disable()
            return subtract({ ...watch.counted(), promises }, before)
          }
          // The promises of the loop itself.
          const nothing = await count(async () => undefined)
          const countOf = async (build: Build): Promise<Operations> =>
            subtract(await count(await prepare(build, row)), nothing)
          counts.push({ new: await countOf(builds.new), old: await countOf(builds.old) })
        }
        return counts
      } finally {
        hook.disable()
        watch.stop()
      }
    },
  }
}
