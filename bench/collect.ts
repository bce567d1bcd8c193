// Everything that the report tells, measured one after another: two measurements at once would measure each other.

import { readFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { generator } from './http/load.ts'
import { compareServers } from './http/compare.ts'
import { type Stack, stacks } from './http/stacks.ts'
import type { Rounds } from './measure.ts'
import { measureMemory } from './memory.ts'
import type { MicroResult } from './micro.ts'
import { findRuntimes, here, measureIn, type Runtime } from './runtimes.ts'
import { type Curve, measureClaims, measureIssuers, measureKeys, measureRemembered } from './scale.ts'
import { measureSizes, measureUpload, type Size } from './size.ts'
import { measureFirstRequests, measureImports } from './start-up.ts'
import { type Algorithm, ALGORITHMS } from './tokens.ts'
import { measureWorkerd, workerdVersion } from './workerd/measure.ts'

export interface HttpResult {
  readonly stack: Stack
  readonly tokens: 'known' | 'fresh'
  readonly cores: 1 | 2
  /** Requests a second. */
  readonly rounds: Rounds
}

export interface Results {
  readonly date: string
  readonly machine: string
  readonly versions: Readonly<Record<string, string>>
  readonly generator: string
  readonly quick: boolean
  readonly runtimes: readonly { readonly runtime: Runtime; readonly result: MicroResult }[]
  readonly workerd: readonly { readonly algorithm: Algorithm; readonly rounds: Rounds }[]
  readonly http: readonly HttpResult[]
  /** Milliseconds. */
  readonly imports: Rounds
  readonly firstRequests: Rounds
  readonly sizes: readonly Size[]
  readonly upload: string
  /** Bytes for each remembered token. */
  readonly memory: readonly number[]
  readonly curves: readonly Curve[]
  /** What could not be measured, and why. */
  readonly missing: readonly string[]
}

/** How much is measured. The quick form takes about a minute, the whole one about twelve. */
interface Plan {
  readonly algorithms: readonly Algorithm[]
  readonly here: { readonly rounds: number; readonly batch: number; readonly tokens: number }
  readonly elsewhere: { readonly rounds: number; readonly batch: number; readonly tokens: number } | undefined
  readonly workerd: { readonly rounds: number; readonly batch: number }
  readonly http: { readonly rounds: number; readonly seconds: number; readonly cores: readonly (1 | 2)[] }
  readonly httpStacks: readonly Stack[]
  readonly processes: number
  readonly memory: readonly [runs: number, tokens: number, max: number]
  readonly scale: { readonly rounds: number; readonly batch: number; readonly remembered: readonly number[] }
}

const WHOLE: Plan = {
  algorithms: ALGORITHMS,
  here: { rounds: 20, batch: 50, tokens: 1_500 },
  elsewhere: { rounds: 10, batch: 40, tokens: 1_000 },
  workerd: { rounds: 30, batch: 400 },
  http: { rounds: 5, seconds: 1, cores: [1, 2] },
  httpStacks: Object.keys(stacks) as Stack[],
  processes: 10,
  memory: [3, 6_000, 5_000],
  scale: { rounds: 20, batch: 100, remembered: [10, 100, 1_000, 10_000, 100_000] },
}

const QUICK: Plan = {
  algorithms: ['RS256', 'ES256'],
  here: { rounds: 8, batch: 40, tokens: 1_000 },
  elsewhere: undefined,
  workerd: { rounds: 10, batch: 300 },
  http: { rounds: 1, seconds: 1, cores: [1] },
  httpStacks: ['node:http'],
  processes: 3,
  memory: [1, 1_200, 1_000],
  scale: { rounds: 5, batch: 50, remembered: [10, 1_000, 10_000] },
}

export async function collectResults(quick: boolean, say: (line: string) => void): Promise<Results> {
  const plan = quick ? QUICK : WHOLE
  const missing: string[] = []
  // One thing that fails must not cost all the others.
  async function attempt<T>(what: string, measure: () => Promise<T>, otherwise: T): Promise<T> {
    say(what)
    try {
      return await measure()
    } catch (error) {
      missing.push(`${what}: ${error instanceof Error ? error.message : String(error)}`)
      return otherwise
    }
  }
  const none: Rounds = new Map()

  const others = plan.elsewhere ? await findRuntimes() : { found: [here], missing: [] }
  for (const name of others.missing) missing.push(`${name}: it is not installed`)
  const runtimes: Results['runtimes'][number][] = []
  for (const runtime of others.found) {
    const extent = runtime === here || !plan.elsewhere ? plan.here : plan.elsewhere
    const options = { algorithms: plan.algorithms, ...extent, known: true }
    const result = await attempt(`tokens in ${runtime.name}`, () => measureIn(runtime, options), undefined)
    if (result) runtimes.push({ runtime, result })
  }

  const workerd: Results['workerd'][number][] = []
  for (const algorithm of plan.algorithms) {
    const measure = (): Promise<Rounds> => measureWorkerd({ algorithm, ...plan.workerd })
    workerd.push({ algorithm, rounds: await attempt(`${algorithm} in workerd`, measure, none) })
  }

  const http: HttpResult[] = []
  for (const stack of plan.httpStacks) {
    for (const cores of plan.http.cores) {
      for (const tokens of ['known', 'fresh'] as const) {
        const what = `${tokens} tokens over ${stack} on ${cores === 1 ? 'one core' : 'two cores'}`
        const { rounds, seconds } = plan.http
        const comparison = { stack, guards: Object.keys(stacks[stack]), tokens, cores, rounds, seconds }
        http.push({ stack, tokens, cores, rounds: await attempt(what, () => compareServers(comparison), none) })
      }
    }
  }

  const { remembered, ...extent } = plan.scale
  const empty = (name: string): Curve => ({ name, unit: '', rounds: none })
  const curves = [
    await attempt('issuers', () => measureIssuers(extent, 1), empty('issuers')),
    await attempt('issuers in use', () => measureIssuers(extent, 50), empty('issuers in use')),
    await attempt('keys', () => measureKeys(extent), empty('keys in a set')),
    await attempt('remembered tokens', () => measureRemembered(extent, remembered), empty('remembered tokens')),
    await attempt('large claims, fresh', () => measureClaims(extent, 'fresh'), empty('claims, fresh')),
    await attempt('large claims, known', () => measureClaims(extent, 'known'), empty('claims, known')),
  ].filter(({ rounds }) => rounds.size > 0)

  return {
    date: new Date().toISOString().slice(0, 10),
    machine: describeMachine(),
    versions: readVersions(),
    generator,
    quick,
    runtimes,
    workerd,
    http,
    imports: await attempt('imports', () => measureImports(plan.processes), none),
    firstRequests: await attempt('first requests', () => measureFirstRequests(plan.processes), none),
    sizes: await attempt('sizes', measureSizes, []),
    upload: await attempt('upload', measureUpload, 'not measured'),
    memory: await attempt<readonly number[]>('memory', () => measureMemory(...plan.memory), []),
    curves,
    missing,
  }
}

function describeMachine(): string {
  const cores = cpus()
  const model = cores[0]?.model.trim() ?? 'an unknown processor'
  return `${cores.length} cores (${model}), ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${process.arch}`
}

/** As they are installed, that is as the lockfile says. */
function readVersions(): Record<string, string> {
  const read = (path: string): { version: string; dependencies?: Record<string, string> } =>
    JSON.parse(readFileSync(join(import.meta.dirname, path), 'utf8')) as ReturnType<typeof read>
  const { dependencies = {} } = read('package.json')
  const names = Object.keys(dependencies).filter((name) => !name.startsWith('@types/'))
  return {
    bearward: read('../package.json').version,
    ...Object.fromEntries(names.map((name) => [name, read(`node_modules/${name}/package.json`).version])),
    workerd: workerdVersion(),
  }
}
