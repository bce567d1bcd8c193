// Judges whether a build is no slower than another. It takes figures and measures nothing, so a test can plant a slower build.

import { intervalOfMedian, type MedianInterval } from '../statistics.ts'

/** Calls to the platform by name, in all the checks that were counted. */
export type Operations = Readonly<Record<string, number>>

/** Returns the operations since an earlier count. */
export function subtract(after: Operations, before: Operations): Operations {
  return Object.fromEntries(Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)]))
}

/** The measurements and counts of one row. */
export interface Evidence {
  /** New build ÷ old build, one for each round. */
  readonly ratios: readonly number[]
  /** Old build ÷ the same old build loaded again, one for each round. */
  readonly control: readonly number[]
  readonly counted: { readonly new: Operations; readonly old: Operations }
}

export type Verdict = 'no slower' | 'slower' | 'grew' | 'inconclusive'

export interface Judgement {
  readonly ratio: MedianInterval
  readonly control: MedianInterval
  /** Operations of which the new build makes more. */
  readonly grown: readonly string[]
  readonly verdict: Verdict
}

/** A row is slower when the lower end of its interval is above this. */
export const MARGIN = 1.02

export function judge({ ratios, control, counted }: Evidence): Judgement {
  const judged = { ratio: intervalOfMedian(ratios), control: intervalOfMedian(control), grown: findGrown(counted) }
  return { ...judged, verdict: verdictOf(judged) }
}

function verdictOf({ ratio, control, grown }: Omit<Judgement, 'verdict'>): Verdict {
  // A count is the same on every machine. It needs no control.
  if (grown.length > 0) return 'grew'
  // NaN must never pass.
  if (!(isFinite(ratio) && isFinite(control) && control.low <= 1 && control.high >= 1)) return 'inconclusive'
  return ratio.low <= MARGIN ? 'no slower' : 'slower'
}

function findGrown(counted: Evidence['counted']): string[] {
  return Object.entries(counted.new)
    .filter(([name, count]) => !(count <= (counted.old[name] ?? 0)))
    .map(([name]) => name)
}

/** 1 where a row is slower or its operations grew, else 2 where one is inconclusive or there is none, else 0. */
export function exitCodeOf(verdicts: readonly Verdict[]): 0 | 1 | 2 {
  if (verdicts.includes('slower') || verdicts.includes('grew')) return 1
  return verdicts.includes('inconclusive') || verdicts.length === 0 ? 2 : 0
}

function isFinite({ low, median, high }: MedianInterval): boolean {
  return [low, median, high].every(Number.isFinite)
}
