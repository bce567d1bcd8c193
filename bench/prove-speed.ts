// `npm run prove:speed`: every line of the goals for speed, with what was measured, its spread and the number of samples. Exits with 1
// where a line is missed or could not be measured.

import { parseArgs } from 'node:util'
import { contenders } from './contenders/all.ts'
import { RAW } from './contenders/raw.ts'
import { compareServers } from './http/compare.ts'
import { generator } from './http/load.ts'
import { type Stack, stacks } from './http/stacks.ts'
import type { Rounds } from './measure.ts'
import { measureMemory } from './memory.ts'
import { AT_ONCE, type MicroResult } from './micro.ts'
import { measureRefusals } from './refusals.ts'
import { findRuntimes, here, measureIn } from './runtimes.ts'
import { type Curve, measureIssuers, measureKeys } from './scale.ts'
import { measureSizes } from './size.ts'
import { DEPENDENCIES, measureImports } from './start-up.ts'
import { ratios, show, summarize, type Summary } from './statistics.ts'
import { layOut } from './table.ts'
import { type Algorithm, ALGORITHMS } from './tokens.ts'
import { measureWorkerd } from './workerd/measure.ts'

interface Line {
  readonly what: string
  readonly goal: Goal
  readonly unit?: string
  readonly measure: () => Promise<readonly number[] | Named>
}

type Goal = { readonly atMost: number } | { readonly atLeast: number } | { readonly below: number }

/** Samples, and the one of several subjects that they are about. */
interface Named {
  readonly samples: readonly number[]
  readonly of: string
}

const { quick: QUICK, only: ONLY } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string', default: '' } },
}).values
const ROUNDS = QUICK ? 10 : 60
const HTTP = QUICK ? { rounds: 1, seconds: 1 } : { rounds: 8, seconds: 2 }
const PEERS = QUICK ? { rounds: 6, batch: 20, tokens: 300 } : { rounds: 20, batch: 50, tokens: 1_000 }

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
const runtimes = await findRuntimes()
const scaling = { rounds: ROUNDS, batch: 100 }
const issuers = once(() => measureIssuers(scaling, 1))
const keys = once(() => measureKeys(scaling))
const refusals = once(() => measureRefusals(ROUNDS))
const IMPORTED = ['bearward/fetch', 'bearward/node'].map((entry) => `bearward + ${entry}`)
const imports = once(() => measureImports(QUICK ? 3 : 20, [...IMPORTED, DEPENDENCIES]))

/** The peer at home in a framework. */
const PEER_OF: Readonly<Partial<Record<Stack, string>>> = {
  'node:http': 'jose',
  Express: 'express-oauth2-jwt-bearer',
  Fastify: '@fastify/jwt + get-jwks',
  Hono: 'hono/jwk',
}
const PEER_NAMES = contenders.map(({ name }) => name).filter((name) => name !== 'bearward')
const BLOCKING = new Set(contenders.filter(({ blocks }) => blocks).map(({ name }) => name))

/** Bearward ÷ peer, 64 at once, by runtime, algorithm and peer: printed below the table. */
const peerRows: string[][] = []

const lines: readonly Line[] = [
  { what: 'fresh RS256 ÷ jose, 64 at once', goal: { atMost: 0.75 }, measure: () => fresh('RS256', 64, 'jose') },
  { what: 'fresh RS256 ÷ jose, one at a time', goal: { atMost: 0.8 }, measure: () => fresh('RS256', 1, 'jose') },
  { what: 'fresh ES256 ÷ jose, 64 at once', goal: { atMost: 0.88 }, measure: () => fresh('ES256', 64, 'jose') },
  { what: 'fresh ES256 ÷ jose, one at a time', goal: { atMost: 0.88 }, measure: () => fresh('ES256', 1, 'jose') },
  {
    what: 'fresh RS256 ÷ raw subtle.verify, 64 at once',
    goal: { atMost: 1.15 },
    measure: () => fresh('RS256', 64, RAW),
  },
  ...runtimes.found.map((runtime) =>
    aheadOfPeers(runtime.name, async (algorithm) => {
      const { lines: measured, leftOut } = await measureIn(runtime, {
        algorithms: [algorithm],
        atOnce: [AT_ONCE],
        ...PEERS,
      })
      const rounds = new Map(Object.entries(measured[0]?.rounds ?? {}))
      if (!rounds.has('bearward')) throw new Error(whyLeftOut(leftOut, 'bearward'))
      return rounds
    }),
  ),
  ...runtimes.missing.map((name) =>
    aheadOfPeers(name, () =>
      Promise.reject(
        new Error(QUICK ? 'it is not installed: a quick run installs no runtimes' : 'it is not installed'),
      ),
    ),
  ),
  aheadOfPeers('workerd', (algorithm) =>
    measureWorkerd({
      algorithm,
      rounds: PEERS.rounds,
      batch: 256,
      atOnce: AT_ONCE,
      contenders: ['bearward', 'jose', 'oauth4webapi', 'hono'],
    }),
  ),
  { what: 'workerd: fresh RS256 ÷ jose', goal: { atMost: 0.8 }, measure: () => inWorkerd('RS256') },
  { what: 'workerd: fresh ES256 ÷ jose', goal: { atMost: 0.92 }, measure: () => inWorkerd('ES256') },
  {
    what: "known token ÷ fast-jwt's cache",
    goal: { atMost: 0.25 },
    measure: async () => {
      const result = await micro()
      const [own, other] = ['bearward', 'fast-jwt'].map((name) => roundsOf(result, 'known', 'RS256', 1, name))
      return ratios(own ?? [], other ?? [])
    },
  },
  ...(Object.keys(stacks) as Stack[]).map((stack) => ({
    what: `${stack}, known ÷ unprotected, requests/s`,
    goal: { atLeast: stack === 'node:http' ? 0.88 : 0.85 },
    measure: () => overHttp(stack, 'known', 'unprotected'),
  })),
  ...Object.entries(PEER_OF).map(([stack, peer]) => ({
    what: `${stack}, fresh ÷ ${peer}, requests/s`,
    goal: { atLeast: 1.25 },
    measure: () => overHttp(stack as Stack, 'fresh', peer),
  })),
  {
    what: 'bad signature ÷ accepted, 64 at once',
    goal: { atMost: 1.15 },
    measure: async () => ratio(await refusals(), 'signature', 'fresh'),
  },
  {
    what: 'expired ÷ accepted, 64 at once',
    goal: { atMost: 1.15 },
    measure: async () => ratio(await refusals(), 'expired', 'fresh'),
  },
  {
    what: 'a request without a token, challenge included',
    goal: { atMost: 5 },
    unit: 'µs',
    measure: async () => ((await refusals()).get('none') ?? []).map((ns) => ns / 1_000),
  },
  { what: 'cost at 100 issuers ÷ at 1', goal: { atMost: 1.1 }, measure: async () => growth(await issuers(), '100') },
  {
    what: 'cost at 10,000 issuers ÷ at 1',
    goal: { atMost: 1.1 },
    measure: async () => growth(await issuers(), '10000'),
  },
  {
    what: 'cost with 100 keys in the set ÷ with 1',
    goal: { atMost: 1.1 },
    measure: async () => growth(await keys(), '100'),
  },
  {
    what: 'memory of a cached token, 20 % more of them than `max`',
    goal: { atMost: 2 },
    unit: 'KiB',
    measure: async () =>
      (await (QUICK ? measureMemory(1, 1_200, 1_000) : measureMemory(3, 6_000, 5_000))).map((bytes) => bytes / 1024),
  },
  {
    what: 'bearward + bearward/fetch, bundled, minified, gzip',
    goal: { atMost: 30 },
    unit: 'KB',
    measure: async () => {
      const size = (await measureSizes()).find(({ name }) => name === 'bearward + bearward/fetch')
      return size ? [size.gzipBytes / 1000] : []
    },
  },
  ...IMPORTED.map((name) => ({
    what: `import of ${name} ÷ of lru-cache and jose's subpaths`,
    goal: { atMost: 1.5 },
    measure: async () => ratio(await imports(), name, DEPENDENCIES),
  })),
]

/** One line for all algorithms and peers in a runtime: its figure is the worst of all ratios. */
function aheadOfPeers(runtime: string, measureOne: (algorithm: Algorithm) => Promise<Rounds>): Line {
  return {
    what: `${runtime}: fresh ÷ the peer nearest to it, 64 at once`,
    goal: { below: 1 },
    async measure() {
      let worst: Named | undefined
      for (const algorithm of ALGORITHMS) {
        const rounds = await measureOne(algorithm)
        const others = [...rounds.keys()].filter((name) => name !== 'bearward' && name !== RAW)
        const compared = others.map((name) => ({ name, samples: ratio(rounds, 'bearward', name) }))
        peerRows.push([
          `${runtime}, ${algorithm}`,
          ...PEER_NAMES.map((name) => {
            const samples = compared.find((each) => each.name === name)?.samples
            return samples ? summarize(samples).median.toFixed(2) : '-'
          }),
        ])
        for (const { name, samples } of compared) {
          if (BLOCKING.has(name)) continue
          const isWorse = !worst || summarize(samples).median > summarize(worst.samples).median
          if (isWorse) worst = { samples, of: `${algorithm}, ${name}` }
        }
      }
      if (!worst) throw new Error('no peer could be measured')
      return worst
    },
  }
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
  throw new Error(whyLeftOut(leftOut, name))
}

function whyLeftOut(leftOut: MicroResult['leftOut'], name: string): string {
  return `${name} was left out: ${leftOut.find((each) => each.name === name)?.why ?? 'it was not measured'}`
}

async function inWorkerd(algorithm: 'RS256' | 'ES256'): Promise<number[]> {
  return ratio(await workerd[algorithm](), 'bearward', 'jose')
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

function isMet(goal: Goal, { median }: Summary): boolean {
  // None of them holds for NaN.
  if ('atMost' in goal) return median <= goal.atMost
  return 'atLeast' in goal ? median >= goal.atLeast : median < goal.below
}

function describeGoal(goal: Goal): string {
  if ('atMost' in goal) return `<= ${goal.atMost}`
  return 'atLeast' in goal ? `>= ${goal.atLeast}` : `< ${goal.below}`
}

const wanted = lines.filter(({ what }) => what.includes(ONLY))
let missed = 0
const rows: string[][] = []
for (const { what, goal, unit = '', measure } of wanted) {
  const aimed = `${describeGoal(goal)} ${unit}`.trimEnd()
  let row: string[]
  try {
    const outcome = await measure()
    const { samples, of } = 'samples' in outcome ? outcome : { samples: outcome, of: undefined }
    if (samples.length === 0) throw new Error('there is no sample')
    const summary = summarize(samples)
    const met = isMet(goal, summary)
    if (!met) missed++
    const [median = '', spread = ''] = show(summary).split(' ')
    const verdict = `${met ? 'met' : 'MISSED'}${of === undefined ? '' : `: ${of}`}`
    row = [what, aimed, `${median} ${unit}`.trimEnd(), spread, String(summary.samples), verdict]
  } catch (error) {
    missed++
    row = [what, aimed, '-', '-', '0', `NOT MEASURED: ${error instanceof Error ? error.message : String(error)}`]
  }
  rows.push(row)
  console.error(row.join('  '))
}
console.log(layOut([['', 'goal', 'measured', 'quartiles', 'samples', ''], ...rows]))
if (peerRows.length > 0) {
  console.log(
    `\nbearward ÷ each contender, fresh tokens, 64 at once; * verifies on the calling thread and is not held to the goal`,
  )
  console.log(layOut([['', ...PEER_NAMES.map((name) => (BLOCKING.has(name) ? `${name} *` : name)), ''], ...peerRows]))
}
console.log(`\nHTTP load by ${generator}.`)
if (QUICK) console.log('quick: this shows that it works, and proves nothing')
console.log(missed === 0 ? `All ${wanted.length} lines are met.` : `${missed} of ${wanted.length} lines are not met.`)
process.exit(missed === 0 && wanted.length > 0 ? 0 : 1)
