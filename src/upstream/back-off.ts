/** Counts failures in a row and says when the next attempt is due. */
export interface BackOff {
  readonly failures: () => number
  /** Milliseconds until the next attempt is due; 0 where it is. */
  readonly remainingMs: () => number
  readonly fail: () => void
  readonly succeed: () => void
}

const FIRST_MS = 1_000
const LONGEST_MS = 30_000

/** From 1 s doubling to 30 s; a quarter of each delay is random, so that a fleet does not come back as one. */
export function createBackOff(now: () => number, random: () => number = Math.random): BackOff {
  let failures = 0
  let failedMs = 0
  let delayMs = 0
  return {
    failures: () => failures,
    remainingMs() {
      const passed = now() - failedMs
      // A clock that was set back must not stretch the delay.
      return failures === 0 || passed < 0 ? 0 : Math.max(0, delayMs - passed)
    },
    fail() {
      failures++
      failedMs = now()
      delayMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** (failures - 1)) * (0.75 + 0.25 * random())
    },
    succeed() {
      failures = 0
    },
  }
}
