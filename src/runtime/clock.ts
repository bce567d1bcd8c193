import { BearwardError } from '../errors.ts'
import { isAsync } from './thenable.ts'

/**
 * Makes the clock of a resource server, in milliseconds since the epoch. It gives `NaN` where `now` throws or gives no finite
 * number. No comparison with `NaN` holds: a check must ask for the good case, as in `now < end`, and never for its opposite.
 */
export function createClock(now: () => unknown): () => number {
  return () => {
    try {
      const nowMs = now()
      if (typeof nowMs === 'number') return Number.isFinite(nowMs) ? nowMs : Number.NaN
      isAsync(nowMs)
    } catch {
      // As without a number.
    }
    return Number.NaN
  }
}

/** The clock of the runtime. */
export const systemClock: () => number = () => Date.now()

/** @throws {BearwardError} issuer_unavailable: without a time bearward can check no token, and no token is at fault */
export function requireTime(nowMs: number): void {
  if (Number.isFinite(nowMs)) return
  throw new BearwardError('issuer_unavailable', 'option "now": expected milliseconds, got no finite number')
}

/**
 * Returns the age of something fetched; infinite without a time. A moment of fetching in the future shows that the clock was set
 * back, which says nothing about the age: then it is `dueMs`, and counts on from there.
 */
export function ageOf(fetched: { fetchedMs: number }, nowMs: number, dueMs: number): number {
  if (nowMs < fetched.fetchedMs) fetched.fetchedMs = nowMs - dueMs
  const passedMs = nowMs - fetched.fetchedMs
  return Number.isNaN(passedMs) ? Infinity : passedMs
}
