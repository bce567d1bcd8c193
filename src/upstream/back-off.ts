/** Counts failures in a row and says when the next attempt is due. */
export interface BackOff {
  readonly failures: () => number
  /** Milliseconds until the next attempt is due; 0 where it is. */
  readonly remainingMs: () => number
  /** `sinceMs`: when the failed attempt began, where the delay counts from there. */
  readonly fail: (sinceMs?: number) => void
  readonly succeed: () => void
}

export interface BackOffSettings {
  /** Longest first delay. Default 1 s. */
  readonly firstMs?: number
  /** Default 30 s. */
  readonly longestMs?: number
  readonly random?: () => number
}

/** Doubles the delay from failure to failure; a quarter of each is random, so that a fleet does not come back as one. */
export function createBackOff(
  now: () => number,
  { firstMs = 1_000, longestMs = 30_000, random = Math.random }: BackOffSettings = {},
): BackOff {
  let failures = 0
  let failedMs = 0
  let delayMs = 0
  return {
    failures: () => failures,
    remainingMs() {
      const nowMs = now()
      // What failed while there was no time counts from when there is one.
      if (Number.isNaN(failedMs)) failedMs = nowMs
      const passed = nowMs - failedMs
      // A clock that was set back must not stretch the delay, and one without a time must not end it.
      if (failures === 0 || passed < 0) return 0
      return Number.isNaN(passed) ? delayMs : Math.max(0, delayMs - passed)
    },
    fail(sinceMs = now()) {
      failures++
      failedMs = sinceMs
      delayMs = Math.min(longestMs, firstMs * 2 ** (failures - 1)) * (0.75 + 0.25 * random())
    },
    succeed() {
      failures = 0
    },
  }
}
