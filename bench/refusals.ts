// The cost of a refused token compared with an accepted one, 64 at once without a cache; and of a request without a token.

import * as build from '../dist/index.js'
import { prepareMaterial } from './against/material.ts'
import { createCheck, type Kind } from './against/rows.ts'
import { type Entry, measureRounds, type Rounds, timeAtOnce, timeInTurn } from './measure.ts'
import { createSupply, freshString, RESOURCE, SCOPE } from './tokens.ts'

/** Nanoseconds by kind and round: for each RS256 token at 64 at once, for each request without a token one after another. */
export async function measureRefusals(rounds: number): Promise<Rounds> {
  const { authority, tokens } = await prepareMaterial('RS256', 1_000)
  try {
    const kinds: readonly Kind[] = ['fresh', 'signature', 'expired', 'none']
    const entries: Entry[] = []
    for (const kind of kinds) {
      const check = createCheck(build, { kind, issuer: authority.issuer, resource: RESOURCE, scope: SCOPE })
      // Fetches the keys, and once more for a bad signature, before the clock starts.
      for (const token of tokens[kind].slice(0, 200)) await check(freshString(token))
      const supply = createSupply(tokens[kind])
      const measure = (): Promise<number> =>
        kind === 'none' ? timeInTurn(check, supply(1_000)) : timeAtOnce(check, supply(256), 64)
      entries.push({ name: kind, measure })
    }
    return await measureRounds(entries, rounds, 5)
  } finally {
    authority.stop()
  }
}
