// The report: Markdown with its charts, out of what was measured and nothing else.

import type { Results } from './collect.ts'
import { RAW } from './contenders/raw.ts'
import { charts } from './figures.ts'
import type { Rounds } from './measure.ts'
import { AT_ONCE, type MicroLine, type MicroResult } from './micro.ts'
import { ratios, show, summarize } from './statistics.ts'

const OWN = 'bearward'

/** Files by name: the report and its charts. */
export function writeReport(results: Results): ReadonlyMap<string, string> {
  const drawn = results.quick ? new Map<string, string>() : charts(results)
  const sections = [
    introduction(results),
    slower(results),
    freshTokens(results),
    knownTokens(results),
    runtimes(results),
    http(results),
    startUp(results),
    sizes(results),
    scale(results),
    leftOut(results),
  ]
  const report = sections.filter((section) => section !== '').join('\n\n')
  return new Map([['report.md', `${withCharts(report, drawn)}\n`], ...drawn])
}

/** A line `[chart:name]` becomes the picture, where it was drawn. */
function withCharts(report: string, drawn: ReadonlyMap<string, string>): string {
  return report.replace(/\[chart:([\w-]+)\]\n\n/g, (_, name: string) =>
    drawn.has(`${name}.svg`) ? `![${name}](${name}.svg)\n\n` : '',
  )
}

function introduction({ date, machine, versions, generator, runtimes: measured, quick }: Results): string {
  const packages = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const names = measured.map(({ runtime }) => `${runtime.name} (${runtime.version})`)
  return `# bearward beside its peers

${quick ? 'A short run, of few samples: it shows that everything still works, and hardly more.\n\n' : ''}Measured on ${date} on ${machine}; HTTP load by ${generator}.
Runtimes: ${names.join(', ')}. Packages: ${packages.join(', ')}.

Everybody checks the same of the same tokens: signature, \`iss\`, \`aud\`, \`exp\`, \`typ\` and one scope. How, with which options, and
what the figures leave out: [bench/README.md](../README.md). Every figure is a median, with the quartiles in brackets. Ratios
are taken within each round and then summarized, since absolute times move with the machine. **Below 1 bearward is
faster** where times are compared; **above 1** where requests a second are.`
}

/** Said first, as nobody looks for it in a table. */
function slower(results: Results): string {
  const found: string[] = []
  const compare = (where: string, rounds: Rounds, less: boolean): void => {
    for (const [name, figures] of rounds) {
      if (name === OWN || name === RAW || name === 'unprotected') continue
      const ratio = summarize(ratios(rounds.get(OWN) ?? [], figures))
      // Of one or two samples nobody can tell the spread.
      const behind = ratio.samples > 2 && (less ? ratio.low > 1 : ratio.high < 1)
      if (behind) found.push(`- ${where}: ${show(ratio)} of ${name}`)
    }
  }
  const [first] = results.runtimes
  for (const line of first?.result.lines ?? []) compare(titleOf(line), roundsOf(line), true)
  for (const { algorithm, rounds } of results.workerd) compare(`${algorithm} in workerd`, rounds, true)
  for (const { stack, tokens, cores, rounds } of results.http) {
    compare(`requests a second, ${stack}, ${tokens} tokens, ${coresOf(cores)}`, rounds, false)
  }
  compare('time to the first request', results.firstRequests, true)
  const text =
    found.length === 0
      ? 'Nowhere beyond the spread, in what follows.'
      : `Beyond the spread, on ${first?.runtime.name ?? 'Node'} and in workerd:\n\n${found.join('\n')}

Libraries that verify by \`node:crypto\` on the calling thread (fast-jwt, aws-jwt-verify, jsonwebtoken) save the way to the thread
pool and back. One token at a time that is faster; it also blocks the event loop, and cannot use a second core.`
  return `## Where bearward is slower\n\n${text}`
}

function freshTokens({ runtimes: [first], workerd }: Results): string {
  if (!first) return ''
  const { lines } = first.result
  const algorithms = [...new Set(lines.map(({ algorithm }) => algorithm))]
  const tables = algorithms.map((algorithm) => {
    const alone = lines.find((line) => line.what === 'fresh' && line.algorithm === algorithm && line.atOnce === 1)
    const many = lines.find((line) => line.what === 'fresh' && line.algorithm === algorithm && line.atOnce === AT_ONCE)
    if (!alone || !many) return ''
    const rows = Object.keys(alone.rounds).map((name) => [
      bold(name),
      ...[roundsOf(alone), roundsOf(many)].flatMap((rounds) => [
        microseconds(rounds, name),
        ratioOf(rounds, name, RAW),
        ratioOf(rounds, name, 'jose'),
      ]),
    ])
    const head = ['', 'one at a time, µs', '÷ raw', '÷ jose', `${AT_ONCE} at once, µs a token`, '÷ raw', '÷ jose']
    return `### ${algorithm}\n\n${table(head, rows)}`
  })
  const inWorkerd = workerd
    .filter(({ rounds }) => rounds.size > 0)
    .flatMap(({ algorithm, rounds }) =>
      [...rounds.keys()].map((name) => [
        algorithm,
        bold(name),
        microseconds(rounds, name),
        ratioOf(rounds, name, RAW),
        ratioOf(rounds, name, 'jose'),
      ]),
    )
  return `## A token that nobody has seen, ${first.runtime.name}

[chart:fresh-alone]

[chart:fresh-at-once]

${tables.join('\n\n')}

### workerd

Timed from outside, one at a time, less what a request without verification takes.

${table(['', '', 'µs', '÷ raw', '÷ jose'], inWorkerd)}`
}

function knownTokens({ runtimes: measured, memory }: Results): string {
  const rows = measured.flatMap(({ runtime, result }) =>
    result.lines
      .filter(({ what }) => what === 'known')
      .flatMap((line) =>
        Object.keys(line.rounds).map((name) => [runtime.name, bold(name), microseconds(roundsOf(line), name)]),
      ),
  )
  const weight = summarize(memory.map((bytes) => bytes / 1024))
  return `## A token seen before

1,000 RS256 tokens in rotation, each time as a new string; expiry and scope are checked each time. Only those who can
remember tokens are here: everybody else verifies again.

${table(['', '', 'µs'], rows)}

A remembered token of about 900 bytes and 12 claims takes ${show(weight)} KiB, and no more are kept than \`max\` says.`
}

function runtimes({ runtimes: measured }: Results): string {
  if (measured.length < 2) return ''
  const rows = measured.flatMap(({ runtime, result }) =>
    result.lines
      .filter(({ what }) => what === 'fresh')
      .map((line) => {
        const rounds = roundsOf(line)
        return [
          `${runtime.name}, ${line.algorithm}, ${line.atOnce === 1 ? 'one at a time' : `${line.atOnce} at once`}`,
          ...[RAW, OWN, 'jose', 'fast-jwt'].map((name) => microseconds(rounds, name)),
          ratioOf(rounds, OWN, RAW),
          ratioOf(rounds, OWN, 'jose'),
        ]
      }),
  )
  const head = ['µs a fresh token', RAW, bold(OWN), 'jose', 'fast-jwt', 'bearward ÷ raw', 'bearward ÷ jose']
  return `## Other runtimes\n\n[chart:runtimes]\n\n${table(head, rows)}`
}

function http({ http: measured, generator }: Results): string {
  const rows = measured
    .filter(({ rounds }) => rounds.size > 0)
    .map(({ stack, tokens, cores, rounds }) => {
      const [, , peer] = [...rounds.keys()]
      const perSecond = (name: string): string =>
        Math.round(summarize(rounds.get(name) ?? []).median).toLocaleString('en')
      return [
        `${stack}, ${tokens}, ${coresOf(cores)}`,
        perSecond('unprotected'),
        bold(perSecond(OWN)),
        peer === undefined ? '-' : `${perSecond(peer)} (${peer})`,
        ratioOf(rounds, OWN, 'unprotected'),
        peer === undefined ? '-' : ratioOf(rounds, OWN, peer),
      ]
    })
  const head = ['requests a second', 'unprotected', bold(OWN), 'peer', 'bearward ÷ unprotected', 'bearward ÷ peer']
  return `## Over HTTP

Loaded by ${generator} over ${AT_ONCE} connections. \`known\`: 100 RS256 tokens in rotation, and caches on, the peer's too where it has one;
\`fresh\`: 1,000 in rotation, and caches off. On one core the server has one to itself and the load comes from the other; on
two cores two server processes share both with the load.

[chart:http]

${table(head, rows)}`
}

function startUp({ imports, firstRequests }: Results): string {
  const rows = [...imports].map(([name, figures]) => [bold(name), show(summarize(figures), 1)])
  const first = [...firstRequests].map(([name, figures]) => [bold(name), show(summarize(figures), 1)])
  return `## Import and first request

A new process each time, unbundled; milliseconds.

[chart:imports]

${table(['import', 'ms'], rows)}

From before the import to the first verified token, metadata (bearward only) and keys fetched over loopback:

${table(['first request', 'ms'], first)}`
}

function sizes({ sizes: measured, upload }: Results): string {
  const rows = measured.map(({ name, minifiedBytes, gzipBytes }) => [
    bold(name),
    (minifiedBytes / 1000).toFixed(1),
    (gzipBytes / 1000).toFixed(1),
  ])
  return `## Bundle size

By esbuild, minified, dependencies included, Node's own modules left out; KB of 1,000 bytes.

[chart:sizes]

${table(['', 'minified', 'gzip'], rows)}

A Worker with one protected route, by \`wrangler deploy --dry-run --minify\`: ${upload}`
}

function scale({ curves }: Results): string {
  const tables = curves.map(({ name, unit, rounds }) => {
    const [least = ''] = [...rounds.keys()]
    const rows = [...rounds.keys()].map((count) => [
      Number(count).toLocaleString('en'),
      microseconds(rounds, count),
      ratioOf(rounds, count, least),
    ])
    return `### ${name}\n\n${table([unit, 'µs a check', `÷ ${Number(least).toLocaleString('en')}`], rows)}`
  })
  return `## As numbers grow\n\n[chart:scale-trust]\n\n[chart:scale-remembered]\n\n[chart:scale-claims]\n\n${tables.join('\n\n')}`
}

function leftOut({ runtimes: measured, missing }: Results): string {
  const lines = measured.flatMap(({ runtime, result }) =>
    groupFaults(result).map((fault) => `- ${runtime.name}: ${fault}`),
  )
  const all = [...missing.map((each) => `- not measured: ${each}`), ...lines]
  return `## Left out\n\n${all.length === 0 ? 'Nobody.' : all.join('\n')}`
}

function groupFaults({ leftOut: faults }: MicroResult): string[] {
  return [...new Set(faults.map(({ name, algorithm, why }) => `${name} with ${algorithm}: ${why}`))]
}

function titleOf({ what, algorithm, atOnce }: MicroLine): string {
  if (what === 'known') return 'a known token'
  return `a fresh ${algorithm} token, ${atOnce === 1 ? 'one at a time' : `${atOnce} at once`}`
}

function roundsOf({ rounds }: MicroLine): Rounds {
  return new Map(Object.entries(rounds))
}

function microseconds(rounds: Rounds, name: string): string {
  const figures = rounds.get(name)
  return figures ? show(summarize(figures.map((ns) => ns / 1000)), 1) : '-'
}

function ratioOf(rounds: Rounds, over: string, under: string): string {
  const [one, other] = [rounds.get(over), rounds.get(under)]
  return one && other && over !== under ? show(summarize(ratios(one, other))) : '-'
}

function coresOf(cores: number): string {
  return cores === 1 ? 'one core' : 'two cores'
}

function bold(name: string): string {
  return name === OWN || name.startsWith('bearward') || /^[\d,]+$/.test(name) ? `**${name}**` : name
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const under = head.map((_, column) => (column === 0 ? '---' : '--:'))
  return [rowOf(head), `|${under.join('|')}|`, ...rows.map(rowOf)].join('\n')
}

function rowOf(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}
