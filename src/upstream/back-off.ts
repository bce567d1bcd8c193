/** Counts consecutive failures and tells when the next attempt is due. */
export interface BackOff {
  readonly failures: () => number
  /** Milliseconds until the next attempt is due; 0 if it is due. */
  readonly remainingMs: () => number
  /** The same in whole seconds, at least 1, for callers that are refused. */
  readonly retryAfterSeconds: () => number
  /** `sinceMs`: the moment from which the delay counts, such as the begin of the failed attempt. Default: now. */
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

/** Doubles the delay from failure to failure. A quarter of each is random, so that a fleet does not come back all at once. */
export function createBackOff(
  now: () => number,
  { firstMs = 1_000, longestMs = 30_000, random = Math.random }: BackOffSettings = {},
): BackOff {
  let failures = 0
  let failedMs = 0
  let delayMs = 0

  function remainingMs(): number {
    const nowMs = now()
    // A failure while the clock gave no time counts from the first time that it gives.
    if (Number.isNaN(failedMs)) failedMs = nowMs
    const passedMs = nowMs - failedMs
    // A clock that was set back must not stretch the delay, and one without a time must not end it.
    if (failures === 0 || passedMs < 0) return 0
    return Number.isNaN(passedMs) ? delayMs : Math.max(0, delayMs - passedMs)
  }

  return {
    failures: () => failures,
    remainingMs,
    retryAfterSeconds: () => Math.max(1, Math.ceil(remainingMs() / 1000)),
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
