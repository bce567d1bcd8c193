import { BearwardError } from '../errors.ts'
import { isAsync } from './thenable.ts'

/**
 * Makes the clock of a resource server, in milliseconds since the epoch: `NaN` where `now` gives no finite number or throws. No
 * comparison with `NaN` holds. So a check asks for what must hold, as in `now < end`, and never for its opposite.
 */
export function createClock(now: () => unknown): () => number {
  return () => {
    try {
      const nowMs = now()
      if (typeof nowMs === 'number') return Number.isFinite(nowMs) ? nowMs : Number.NaN
      isAsync(nowMs)
    } catch {
      // It is no clock at the moment.
    }
    return Number.NaN
  }
}

/** @throws {BearwardError} issuer_unavailable: without a time no token can be checked, and none is at fault */
export function requireTime(nowMs: number): void {
  if (Number.isFinite(nowMs)) return
  throw new BearwardError('issuer_unavailable', 'the option "now" gives no finite number: expected milliseconds')
}
