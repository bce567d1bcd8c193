import type { Emitted } from './emitted.ts'

/** `quick` shows that a line works; only `full` is a proof. */
export type Size = 'full' | 'quick'

/** The result of one run of a line. */
export interface Measure {
  readonly measured: string
  readonly samples: number
  readonly met: boolean
}

/** The tools of a line. */
export interface Proof {
  readonly size: Size
  /** Searches all emitted texts for tokens and secrets. */
  readonly emitted: Emitted
}

/** One line of the table: a goal, and the run that measures it. */
export interface Line {
  readonly name: string
  readonly goal: string
  readonly runtime: 'node' | 'workerd'
  readonly run: (proof: Proof) => Promise<Measure>
  /** Time limit; a slower line counts as not measured. Default: two minutes. */
  readonly limitMs?: number
}

/** Returns `full`, or `quick` in a quick run. */
export function bySize({ size }: Pick<Proof, 'size'>, full: number, quick: number): number {
  return size === 'full' ? full : quick
}

/** Counts equal outcomes: `accepted 3, key_unknown 2`. */
export function tally(outcomes: Iterable<string>): string {
  const counts = new Map<string, number>()
  for (const outcome of outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
  return [...counts].map(([outcome, count]) => `${outcome} ${count}`).join(', ')
}

export function countOf(outcomes: readonly string[], wanted: string): number {
  return outcomes.filter((outcome) => outcome === wanted).length
}

export function percentile(values: Iterable<number>, part: number): number {
  const sorted = [...values].toSorted((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
