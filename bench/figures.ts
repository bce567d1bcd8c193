// Which charts there are, and what stands in them.

import { type Bar, barChart, lineChart } from './chart.ts'
import type { Results } from './collect.ts'
import type { Rounds } from './measure.ts'
import { AT_ONCE } from './micro.ts'
import { ratios, summarize, type Summary } from './statistics.ts'

/** SVG by file name. What was not measured has no chart. */
export function charts(results: Results): ReadonlyMap<string, string> {
  const drawn: [string, string | undefined][] = [
    ['fresh-alone.svg', freshChart(results, 1)],
    ['fresh-at-once.svg', freshChart(results, AT_ONCE)],
    ['runtimes.svg', runtimeChart(results)],
    ['http.svg', httpChart(results)],
    ['imports.svg', importChart(results)],
    ['sizes.svg', sizeChart(results)],
    [
      'scale-trust.svg',
      scaleChart(results, 'A fresh token, as issuers and keys grow', ['issuers', 'issuers, 50 in use', 'keys']),
    ],
    ['scale-remembered.svg', scaleChart(results, 'A known token, as the remembered ones grow', ['tokens'])],
    ['scale-claims.svg', scaleChart(results, 'A token, as its claims grow', ['KiB of claims'])],
  ]
  return new Map(drawn.filter((each): each is [string, string] => each[1] !== undefined))
}

function freshChart({ runtimes: [first], date }: Results, atOnce: number): string | undefined {
  const line = first?.result.lines.find(
    (each) => each.what === 'fresh' && each.algorithm === 'RS256' && each.atOnce === atOnce,
  )
  if (!first || !line) return undefined
  return barChart(
    {
      title: `A fresh RS256 token, ${atOnce === 1 ? 'one at a time' : `${atOnce} at once`}`,
      subtitle: `${first.runtime.name}; signature, iss, aud, exp, typ and a scope checked; ${date}. Less is faster.`,
      axis: 'microseconds a token: median, and the middle half as a line',
    },
    bars(new Map(Object.entries(line.rounds)), 1000),
  )
}

function runtimeChart({ runtimes, workerd, date }: Results): string | undefined {
  if (runtimes.length < 2) return undefined
  const all: Bar[] = runtimes.flatMap(({ runtime, result }) =>
    result.lines
      .filter(({ what, algorithm, atOnce }) => what === 'fresh' && algorithm === 'RS256' && atOnce === 1)
      .flatMap(({ rounds }) => threeBars(runtime.name, new Map(Object.entries(rounds)))),
  )
  const worker = workerd.find(({ algorithm, rounds }) => algorithm === 'RS256' && rounds.size > 0)
  if (worker) all.push(...threeBars('workerd', worker.rounds))
  return barChart(
    {
      title: 'A fresh RS256 token in each runtime, one at a time',
      subtitle: `${date}. Less is faster.`,
      axis: 'microseconds a token: median, and the middle half as a line',
    },
    all,
  )
}

function threeBars(runtime: string, rounds: Rounds): Bar[] {
  const wanted = new Map([...rounds].filter(([name]) => /^(raw|bearward|jose$)/.test(name)))
  return bars(wanted, 1000).map((bar) => ({ ...bar, label: `${runtime}: ${bar.label}` }))
}

function httpChart({ http, date }: Results): string | undefined {
  const all: Bar[] = http
    .filter(({ cores, rounds }) => cores === 1 && rounds.size > 2)
    .map(({ stack, tokens, rounds }) => {
      const [, , peer = ''] = [...rounds.keys()]
      const value = summarize(ratios(rounds.get('bearward') ?? [], rounds.get(peer) ?? []))
      return { label: `${stack}, ${tokens} ÷ ${shorten(peer)}`, value, own: true }
    })
  if (all.length === 0) return undefined
  return barChart(
    {
      title: 'Requests a second: bearward ÷ the peer at home in the framework',
      subtitle: `One core, 64 connections, RS256; ${date}. More is faster, 1 is as fast.`,
      axis: 'ratio: median, and the middle half as a line',
    },
    all,
    2,
  )
}

function importChart({ imports, date }: Results): string | undefined {
  if (imports.size === 0) return undefined
  return barChart(
    {
      title: 'Import in a new process',
      subtitle: `Node, unbundled; ${date}. Less is faster.`,
      axis: 'milliseconds: median, and the middle half as a line',
    },
    bars(imports, 1),
  )
}

function sizeChart({ sizes, date }: Results): string | undefined {
  if (sizes.length === 0) return undefined
  return barChart(
    {
      title: 'Bundled, minified and compressed',
      subtitle: `esbuild, gzip, dependencies included; ${date}. Less is smaller.`,
      axis: 'KB of 1,000 bytes',
    },
    sizes.map(({ name, gzipBytes }) => ({ label: name, value: exactly(gzipBytes / 1000), own: isOwn(name) })),
  )
}

function scaleChart({ curves, date }: Results, title: string, units: readonly string[]): string | undefined {
  const wanted = curves.filter(({ unit }) => units.includes(unit))
  if (wanted.length === 0) return undefined
  const series = wanted.map(({ name, unit, rounds }) => ({
    name: units.length > 1 ? unit : name,
    points: [...rounds].map(([x, figures]) => ({ x: Number(x), value: summarize(figures.map((ns) => ns / 1000)) })),
  }))
  return lineChart(
    {
      title,
      subtitle: `One at a time; ${date}. Flat is best.`,
      axis: 'microseconds a check, median',
      across: units.join(' / '),
    },
    series,
  )
}

function bars(rounds: Rounds, divisor: number): Bar[] {
  return [...rounds].map(([name, figures]) => ({
    label: shorten(name),
    value: summarize(figures.map((figure) => figure / divisor)),
    own: isOwn(name),
  }))
}

function isOwn(name: string): boolean {
  return name.startsWith('bearward')
}

function shorten(name: string): string {
  return name.length > 34 ? `${name.slice(0, 33)}…` : name
}

function exactly(value: number): Summary {
  return { median: value, low: value, high: value, samples: 1 }
}
