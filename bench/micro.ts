// One runtime, every contender: a token that nobody has seen, one at a time and 64 at once, and tokens seen before.
// Runs in Node, Deno and Bun alike; prints one line of JSON for whoever started it: node micro.ts '{"rounds":20}'

import { startAuthority } from './authority.ts'
import { contenders } from './contenders/all.ts'
import type { Contender, TokenCheck } from './contenders/contender.ts'
import { createRawCheck, RAW } from './contenders/raw.ts'
import { findFault, forgeTokens } from './controls.ts'
import { type Entry, measureRounds, timeAtOnce, timeInTurn } from './measure.ts'
import { type Algorithm, claimsFor, createSigningKey, createSupply, signTokens } from './tokens.ts'

export interface MicroOptions {
  readonly algorithms: readonly Algorithm[]
  /** Names of contenders; all where it is left out. */
  readonly only?: readonly string[]
  readonly rounds: number
  /** Operations of one contender in one round. */
  readonly batch: number
  /** Distinct tokens; those who remember nothing meet them again when they are used up. */
  readonly tokens: number
  /** Default: one at a time, and 64 at once. */
  readonly atOnce?: readonly (1 | typeof AT_ONCE)[]
  readonly known?: boolean
}

/** Nanoseconds an operation, by contender and round. */
export interface MicroLine {
  readonly what: 'fresh' | 'known'
  readonly algorithm: Algorithm
  readonly atOnce: number
  readonly rounds: Record<string, readonly number[]>
}

export interface MicroResult {
  readonly lines: readonly MicroLine[]
  readonly leftOut: readonly { readonly name: string; readonly algorithm: Algorithm; readonly why: string }[]
}

export const AT_ONCE = 64
const KNOWN_TOKENS = 1_000
const LONGEST_TURN_NS = 60e6

export async function measureMicro(options: MicroOptions): Promise<MicroResult> {
  const lines: MicroLine[] = []
  const leftOut: MicroResult['leftOut'][number][] = []
  for (const algorithm of options.algorithms) {
    const key = await createSigningKey(algorithm)
    const authority = await startAuthority({ keys: [key.jwk] })
    try {
      const { issuer } = authority
      const tokens = await signTokens(key, options.tokens, (index) => claimsFor(issuer, index))
      const bad = await forgeTokens(key, issuer)
      const invite = async (remembers: boolean): Promise<Map<string, TokenCheck>> => {
        const admitted = new Map<string, TokenCheck>()
        for (const contender of contenders) {
          if (options.only && !options.only.includes(contender.name)) continue
          if (remembers && !contender.canRemember) continue
          const fault = await admit(contender, remembers)
          if (typeof fault !== 'string') admitted.set(contender.name, fault)
          else leftOut.push({ name: contender.name, algorithm, why: fault })
        }
        return admitted
      }
      const admit = async (contender: Contender, remembers: boolean): Promise<TokenCheck | string> => {
        if (!contender.algorithms.includes(algorithm)) return 'does not know the algorithm'
        try {
          const check = await contender.create({ ...authority, algorithm, remembers })
          return (await findFault(check, tokens[0] as Uint8Array, bad)) ?? check
        } catch (error) {
          return `cannot be set up here: ${error instanceof Error ? error.message : String(error)}`
        }
      }

      const checks = await invite(false)
      const raw = createRawCheck(key, tokens)
      for (const atOnce of options.atOnce ?? [1, AT_ONCE]) {
        const batch = atOnce === 1 ? options.batch : options.batch * 4
        const entries = [rawEntry(raw, atOnce, batch), ...[...checks].map((each) => entry(each, tokens, atOnce, batch))]
        lines.push({ what: 'fresh', algorithm, atOnce, rounds: plain(await measureRounds(entries, options.rounds, 2)) })
      }
      if (!options.known || algorithm !== 'RS256') continue
      const known = tokens.slice(0, KNOWN_TOKENS)
      const entries = [...(await invite(true))].map((each) => entry(each, known, 1, KNOWN_TOKENS))
      lines.push({
        what: 'known',
        algorithm,
        atOnce: 1,
        // The first rounds also fill the caches.
        rounds: plain(await measureRounds(entries, options.rounds, 5)),
      })
    } finally {
      authority.stop()
    }
  }
  return { lines, leftOut }
}

function entry(
  [name, check]: [string, TokenCheck],
  tokens: readonly Uint8Array[],
  atOnce: number,
  batch: number,
): Entry {
  const supply = createSupply(tokens)
  // Who takes milliseconds for a token gets fewer of them, or the others would have to wait for minutes.
  let share = batch
  return {
    name,
    async measure() {
      const strings = supply(share)
      const cost = await (atOnce === 1 ? timeInTurn(check, strings) : timeAtOnce(check, strings, atOnce))
      share = Math.min(batch, Math.max(atOnce, 8, Math.round(LONGEST_TURN_NS / cost)))
      return cost
    },
  }
}

function rawEntry(check: (index: number) => Promise<void>, atOnce: number, batch: number): Entry {
  let next = 0
  // As many awaits as everybody else, and a token's place in the list instead of the token.
  const inTurn = (): unknown => check(next++)
  const places = Array.from({ length: batch }, () => '')
  return {
    name: RAW,
    measure: () => (atOnce === 1 ? timeInTurn(inTurn, places) : timeAtOnce(inTurn, places, atOnce)),
  }
}

function plain(rounds: ReadonlyMap<string, readonly number[]>): Record<string, readonly number[]> {
  return Object.fromEntries(rounds)
}

if (import.meta.main) {
  const result = await measureMicro(JSON.parse(process.argv[2] ?? '{}') as MicroOptions)
  process.stdout.write(`${JSON.stringify(result)}\n`)
  process.exit()
}
