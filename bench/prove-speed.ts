// `npm run prove:speed`: every line of the goals for speed, with what was measured, its spread and the number of samples. Exits with 1
// where a line is missed or could not be measured.

import { compareServers } from './http/compare.ts'
import type { Stack } from './http/stacks.ts'
import { RAW } from './contenders/raw.ts'
import { measureMemory } from './memory.ts'
import type { MicroResult } from './micro.ts'
import type { Rounds } from './measure.ts'
import { here, measureIn } from './runtimes.ts'
import { type Curve, measureIssuers, measureKeys } from './scale.ts'
import { measureSizes } from './size.ts'
import { measureImports } from './start-up.ts'
import { ratios, show, summarize, type Summary } from './statistics.ts'
import { layOut } from './table.ts'
import type { Algorithm } from './tokens.ts'
import { measureWorkerd } from './workerd/measure.ts'

interface Line {
  readonly what: string
  readonly atMost?: number
  readonly atLeast?: number
  readonly unit?: string
  readonly digits?: number
  readonly measure: () => Promise<readonly number[]>
}

const QUICK = process.argv.includes('--quick')
const ROUNDS = QUICK ? 10 : 60
const HTTP = QUICK ? { rounds: 1, seconds: 1 } : { rounds: 8, seconds: 2 }

const micro = once(() =>
  measureIn(here, {
    algorithms: ['RS256', 'ES256'],
    only: ['bearward', 'jose', 'fast-jwt'],
    rounds: ROUNDS,
    batch: 100,
    tokens: QUICK ? 1_000 : 3_000,
    known: true,
  }),
)
const workerd = {
  RS256: once(() => measureWorkerd({ algorithm: 'RS256', rounds: ROUNDS, batch: 400 })),
  ES256: once(() => measureWorkerd({ algorithm: 'ES256', rounds: ROUNDS, batch: 400 })),
}
const scaling = { rounds: ROUNDS, batch: 100 }
const issuers = once(() => measureIssuers(scaling, 1))
const keys = once(() => measureKeys(scaling))

const lines: readonly Line[] = [
  { what: 'fresh RS256 token ÷ raw subtle.verify', atMost: 1.25, measure: () => fresh('RS256', 1, RAW) },
  { what: 'fresh RS256 token ÷ jose, one at a time', atMost: 0.7, measure: () => fresh('RS256', 1, 'jose') },
  { what: 'fresh RS256 token ÷ jose, 64 at once', atMost: 0.65, measure: () => fresh('RS256', 64, 'jose') },
  { what: 'fresh ES256 token ÷ jose', atMost: 0.85, measure: () => fresh('ES256', 1, 'jose') },
  { what: 'workerd: RS256 ÷ raw subtle.verify', atMost: 1.5, measure: () => inWorkerd('RS256') },
  { what: 'workerd: ES256 ÷ raw subtle.verify', atMost: 1.15, measure: () => inWorkerd('ES256') },
  {
    what: 'a token seen before, expiry and scope checked',
    atMost: 1,
    unit: 'µs',
    measure: async () => roundsOf(await micro(), 'known', 'RS256', 1, 'bearward').map((ns) => ns / 1000),
  },
  {
    what: 'node:http, known token ÷ unprotected, requests/s',
    atLeast: 0.85,
    measure: () => overHttp('node:http', 'known', 'unprotected'),
  },
  {
    what: 'node:http, 1,000 fresh tokens ÷ jose, requests/s',
    atLeast: 1.5,
    measure: () => overHttp('node:http', 'fresh', 'jose'),
  },
  ...againstPeer('Express', 'express-oauth2-jwt-bearer', { known: 2, fresh: 1.3 }),
  ...againstPeer('Fastify', '@fastify/jwt + get-jwks', { known: 4, fresh: 2 }),
  ...againstPeer('Hono', 'hono/jwk', { known: 5, fresh: 3 }),
  { what: 'cost at 100 issuers ÷ at 1', atMost: 1.1, measure: async () => growth(await issuers(), '100') },
  { what: 'cost at 10,000 issuers ÷ at 1', atMost: 1.1, measure: async () => growth(await issuers(), '10000') },
  { what: 'cost with 100 keys in the set ÷ with 1', atMost: 1.1, measure: async () => growth(await keys(), '100') },
  {
    what: 'memory of a cached token, 20 % more of them than `max`',
    atMost: 4,
    unit: 'KiB',
    measure: async () =>
      (await (QUICK ? measureMemory(1, 1_200, 1_000) : measureMemory(3, 6_000, 5_000))).map((bytes) => bytes / 1024),
  },
  {
    what: 'bearward + bearward/fetch, bundled, minified, gzip',
    atMost: 22,
    unit: 'KB',
    measure: async () => {
      const size = (await measureSizes()).find(({ name }) => name === 'bearward + bearward/fetch')
      return size ? [size.gzipBytes / 1000] : []
    },
  },
  ...['bearward/fetch', 'bearward/node'].map((entry) => ({
    what: `import of bearward + ${entry} on Node, unbundled`,
    atMost: 20,
    unit: 'ms',
    measure: async () =>
      (await measureImports(QUICK ? 3 : 20, [`bearward + ${entry}`])).get(`bearward + ${entry}`) ?? [],
  })),
]

function againstPeer(stack: Stack, peer: string, atLeast: { known: number; fresh: number }): Line[] {
  return [
    { what: `${stack}, known ÷ ${peer}`, atLeast: atLeast.known, measure: () => overHttp(stack, 'known', peer) },
    { what: `${stack}, fresh ÷ ${peer}`, atLeast: atLeast.fresh, measure: () => overHttp(stack, 'fresh', peer) },
  ]
}

async function fresh(algorithm: Algorithm, atOnce: number, other: string): Promise<number[]> {
  const result = await micro()
  return ratios(
    roundsOf(result, 'fresh', algorithm, atOnce, 'bearward'),
    roundsOf(result, 'fresh', algorithm, atOnce, other),
  )
}

function roundsOf(
  { lines: measured, leftOut }: MicroResult,
  what: string,
  algorithm: Algorithm,
  atOnce: number,
  name: string,
): readonly number[] {
  const line = measured.find((each) => each.what === what && each.algorithm === algorithm && each.atOnce === atOnce)
  const rounds = line?.rounds[name]
  if (rounds) return rounds
  throw new Error(`${name} was left out: ${leftOut.find((each) => each.name === name)?.why ?? 'it was not measured'}`)
}

async function inWorkerd(algorithm: 'RS256' | 'ES256'): Promise<number[]> {
  return ratio(await workerd[algorithm](), 'bearward', RAW)
}

async function overHttp(stack: Stack, tokens: 'known' | 'fresh', other: string): Promise<number[]> {
  const rounds = await compareServers({ stack, guards: ['bearward', other], tokens, cores: 1, ...HTTP })
  return ratio(rounds, 'bearward', other)
}

function growth({ rounds }: Curve, count: string): number[] {
  return ratio(rounds, count, '1')
}

function ratio(rounds: Rounds, over: string, under: string): number[] {
  return ratios(rounds.get(over) ?? [], rounds.get(under) ?? [])
}

/** Measures on the first call and remembers the outcome: several lines look at one measurement. */
function once<T>(measure: () => Promise<T>): () => Promise<T> {
  let outcome: Promise<T> | undefined
  return () => (outcome ??= measure())
}

function isMet({ atMost, atLeast }: Line, { median }: Summary): boolean {
  // Neither holds for what is not a number.
  return atMost === undefined ? median >= (atLeast ?? Infinity) : median <= atMost
}

let missed = 0
const rows: string[][] = []
for (const line of lines) {
  const { what, atMost, atLeast, unit = '', measure } = line
  const goal = `${atMost === undefined ? `>= ${atLeast}` : `<= ${atMost}`} ${unit}`.trimEnd()
  let row: string[]
  try {
    const summary = summarize(await measure())
    const met = isMet(line, summary)
    if (!met) missed++
    const [median = '', spread = ''] = show(summary).split(' ')
    row = [what, goal, `${median} ${unit}`.trimEnd(), spread, String(summary.samples), met ? 'met' : 'MISSED']
  } catch (error) {
    missed++
    row = [what, goal, '-', '-', '0', `NOT MEASURED: ${error instanceof Error ? error.message : String(error)}`]
  }
  rows.push(row)
  console.error(row.join('  '))
}
console.log(layOut([['', 'goal', 'measured', 'quartiles', 'samples', ''], ...rows]))
console.log(missed === 0 ? `\nAll ${lines.length} lines are met.` : `\n${missed} of ${lines.length} lines are not met.`)
process.exit(missed === 0 ? 0 : 1)
