// `npm run bench:against -- DIR`: compares this build with the build of another checkout. Exits with 1 where a row is slower or asks
// more of the platform, with 2 where one stays inconclusive or cannot be measured.

import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { requireBuilt } from './against/builds.ts'
import { compete, COUNTED, type Result } from './against/contest.ts'
import { type MaterialOf, prepareMaterial } from './against/material.ts'
import { createNodeContest } from './against/node.ts'
import { rows } from './against/rows.ts'
import { exitCodeOf, MARGIN, type Verdict } from './against/verdict.ts'
import { createWorkerdContest } from './against/workerd.ts'
import { measureRefusals } from './refusals.ts'
import { type MedianInterval, ratios, show, summarize } from './statistics.ts'
import { layOut } from './table.ts'

const { values, positionals: directories } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string', default: '' } },
})
const { quick, only } = values
const [directory] = directories
if (directory === undefined || directories.length > 1) {
  fail('Name one checkout of an earlier commit, in which `npm ci && npm run build` ran: npm run bench:against -- DIR')
}
const here = join(import.meta.dirname, '..')
// npm starts scripts in the root. INIT_CWD is where the user called it.
const there = resolve(process.env['INIT_CWD'] ?? '.', directory)
try {
  for (const checkout of [here, there]) requireBuilt(checkout)
} catch (error) {
  fail(error instanceof Error ? error.message : String(error))
}

const HEADING = ['', 'new ÷ old', '95 %', 'old ÷ old', '95 %', 'sittings', 'a token, old → new', '']
const started = performance.now()
const say = (line: string): void =>
  console.error(`${((performance.now() - started) / 1000).toFixed(0).padStart(5)} s  ${line}`)

const checkouts = { new: here, old: there, again: there }
const materials = { RS256: await prepareMaterial('RS256', 1_000), ES256: await prepareMaterial('ES256', 1_000) }
const materialOf: MaterialOf = (algorithm) => {
  if (algorithm === 'RS256' || algorithm === 'ES256') return materials[algorithm]
  throw new Error(`no row is about ${algorithm}`)
}
const extent = quick ? { sittings: 6, rounds: 3 } : { sittings: 40, rounds: 8 }

const verdicts: Verdict[] = []
for (const create of [createNodeContest, createWorkerdContest]) {
  const contest = create(checkouts, materialOf)
  const wanted = rows.filter(({ name }) => `${contest.runtime}: ${name}`.includes(only))
  if (wanted.length === 0) continue
  try {
    const judged = await compete(contest, wanted, extent, say)
    console.log(`${layOut([HEADING, ...judged.map(rowOf)])}\n`)
    verdicts.push(...judged.map(({ judgement }) => judgement.verdict))
  } catch (error) {
    console.log(`${contest.runtime} was not measured: ${error instanceof Error ? error.message : String(error)}\n`)
    verdicts.push('inconclusive')
  }
}
say('refusals')
const refusals = await measureRefusals(quick ? 10 : 60)

console.log(`no slower: the lower end of new ÷ old is at most ${MARGIN}, that of old ÷ old holds 1, and no operation grew
refused ÷ accepted, 64 at once without a cache: bad signature ${refused('signature')}, expired ${refused('expired')}
a request without a token: ${show(summarize((refusals.get('none') ?? []).map((ns) => ns / 1_000)))} µs`)
if (quick) console.log('quick: this shows that it works, and proves nothing')
process.exit(exitCodeOf(verdicts))

function rowOf({ runtime, row, judgement, counted, samples }: Result): string[] {
  const { ratio, control, verdict, grown } = judgement
  return [
    `${runtime}: ${row.name}`,
    ratio.median.toFixed(3),
    ends(ratio),
    control.median.toFixed(3),
    ends(control),
    String(samples),
    describeOperations(counted),
    verdict === 'grew' ? `grew: ${grown.join(', ')}` : verdict,
  ]
}

function ends({ low, high }: MedianInterval): string {
  return `${low.toFixed(3)}–${high.toFixed(3)}`
}

/** `verify 1, parse 1 → 2`. Operations that neither build makes are left out. */
function describeOperations(counted: Result['counted']): string {
  return Object.keys(counted.new)
    .map((name) => [name, forOne(counted.old[name]), forOne(counted.new[name])] as const)
    .filter(([, before, after]) => before !== '0' || after !== '0')
    .map(([name, before, after]) => `${name} ${before === after ? after : `${before} → ${after}`}`)
    .join(', ')
}

function forOne(count = 0): string {
  return String(Number((count / COUNTED).toFixed(2)))
}

function refused(kind: 'signature' | 'expired'): string {
  return show(summarize(ratios(refusals.get(kind) ?? [], refusals.get('fresh') ?? [])))
}

function fail(message: string): never {
  console.error(message)
  process.exit(2)
}
