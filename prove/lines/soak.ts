import { fork } from 'node:child_process'
import { bySize, type Line, type Measure, type Proof } from '../line.ts'
import type { SoakOptions, SoakReport } from '../soak/run.ts'

const MEGABYTE = 1_024 * 1_024
const LIMIT_MS = 900_000

/** Returns the lines of one soak, which runs once, in a separate process. */
export function soakLines(chosen: Partial<SoakOptions> = {}): readonly Line[] {
  let report: Promise<SoakReport> | undefined
  function line(what: string, goal: string, measure: (report: SoakReport) => Measure): Line {
    return {
      name: `soak: ${what}`,
      goal,
      runtime: 'node',
      limitMs: LIMIT_MS,
      run: async (proof) => measure(await (report ??= soak(proof, chosen))),
    }
  }
  return [
    line('answers', '1,000,000 checks, 100 rotations, 20 outages: every answer as expected', (run) => ({
      measured: `${run.unexpected} unexpected in ${Math.round(run.seconds)} s and ${Math.round(run.virtualHours)} h of virtual time, ${run.rotations} rotations, ${run.outages} outages, ${run.requestsUpstream} requests upstream: ${counts(run.outcomes)}${run.firstUnexpected.map((text) => `; ${text}`).join('')}`,
      samples: run.checks,
      met: run.unexpected === 0,
    })),
    line('heap growth after the first tenth', '<= 5 MB', ({ heapBytes, checks }) => {
      const [first = Number.NaN, ...later] = heapBytes
      const growth = (later.at(-1) ?? Number.NaN) - first
      return {
        measured: `${megabytes(growth)} MB; held after each tenth: ${heapBytes.map(megabytes).join(', ')}`,
        samples: checks,
        met: growth <= 5 * MEGABYTE,
      }
    }),
    line(
      'open after close(), which came amid requests',
      'no timer, no socket',
      ({ openHandles, openTimers, checks }) => ({
        measured: `${openTimers} timers, ${openHandles.length} handles ${openHandles.join(', ')}`.trimEnd(),
        samples: checks,
        met: openTimers === 0 && openHandles.length === 0,
      }),
    ),
    line('events', 'one token_refused for each refusal', ({ events, refusals }) => ({
      measured: `${counts(events)}; ${refusals} refusals`,
      samples: Object.values(events).reduce((sum, count) => sum + count, 0),
      met: events['token_refused'] === refusals,
    })),
  ]
}

async function soak(proof: Proof, chosen: Partial<SoakOptions>): Promise<SoakReport> {
  const options: SoakOptions = {
    checks: bySize(proof, 1_000_000, 20_000),
    rotations: bySize(proof, 100, 6),
    outages: bySize(proof, 20, 4),
    ...chosen,
  }
  const child = fork(new URL('../soak/process.ts', import.meta.url), [JSON.stringify(options)])
  const report = await new Promise<SoakReport>((resolve, reject) => {
    child.once('message', (message) => resolve(message as SoakReport))
    child.once('exit', (code) => reject(new Error(`the soak ended with exit code ${code}`)))
  })
  proof.emitted.add(report.emitted)
  return report
}

function megabytes(bytes: number): string {
  return (bytes / MEGABYTE).toFixed(2)
}

function counts(record: Readonly<Record<string, number>>): string {
  return Object.entries(record)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ')
}
