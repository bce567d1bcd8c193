import { createEmitted, type Emitted } from './emitted.ts'
import type { Line, Measure, Proof, Size } from './line.ts'
import { heading, type Row, rowText } from './table.ts'

export interface Proving {
  readonly size: Size
  readonly write: (text: string) => void
  readonly emitted?: Emitted
}

const LIMIT_MS = 120_000

/** Runs the lines in order, and writes each result. Returns the exit code: 0 where every line was met. */
export async function proveLines(lines: readonly Line[], proving: Proving): Promise<0 | 1> {
  const { size, write, emitted = createEmitted() } = proving
  if (size === 'quick') write('quick: smaller counts, which show that the lines work and prove nothing\n')
  write(`${heading()}\n`)
  const rows: Row[] = []
  const unwatch = watchLog(emitted)
  for (const line of lines) {
    const row = await prove(line, { size, emitted })
    rows.push(row)
    write(`${rowText(row)}\n`)
  }
  unwatch()
  const missed = rows.filter(({ verdict }) => verdict !== 'met')
  write(`${rows.length - missed.length} of ${rows.length} lines met${size === 'quick' ? ' (quick: no proof)' : ''}\n`)
  return missed.length === 0 && rows.length > 0 ? 0 : 1
}

async function prove({ name, goal, runtime, run, limitMs = LIMIT_MS }: Line, proof: Proof): Promise<Row> {
  let measure: Measure
  try {
    measure = await within(limitMs, run(proof))
  } catch (error) {
    const measured = error instanceof Error ? error.message : String(error)
    return { name, goal, runtime, measured, samples: 0, verdict: 'NOT MEASURED' }
  }
  const { measured, samples, met } = measure
  // A goal without samples was not measured.
  const verdict = samples > 0 ? (met ? 'met' : 'MISSED') : 'NOT MEASURED'
  return { name, goal, runtime, measured, samples, verdict }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`not over within ${ms / 1_000} s`)), ms)
  return Promise.race([work, promise]).finally(() => clearTimeout(timer))
}

/** Searches every line of the log, too. */
function watchLog(emitted: Emitted): () => void {
  const levels = ['log', 'info', 'warn', 'error', 'debug'] as const
  const original = levels.map((level) => [level, console[level]] as const)
  for (const [level, write] of original) {
    console[level] = (...words: unknown[]) => {
      emitted.text('log', words.map(String).join(' '))
      write.apply(console, words)
    }
  }
  return () => void Object.assign(console, Object.fromEntries(original))
}
