/**
 * A cache that several processes or isolates share, such as Redis or a data centre's cache. It stands behind the caches of
 * the process: it may be slow, fail, lose or alter what it holds, and nothing of that reaches a caller.
 *
 * `cacheTierContract` of `bearward/testing` checks an implementation.
 */
export interface CacheTier {
  /** Names the tier in events: printable ASCII. */
  readonly name: string
  /** Milliseconds after which one operation is given up and the tier passed over. Default 200, 10 to 5000. */
  readonly timeoutMs?: number | undefined
  /**
   * Whether answers about tokens may be kept here. Default true. False for a store that is slow to tell of changes, or that
   * remembers for a while that something was not there.
   */
  readonly answers?: boolean | undefined
  /** What was put under the key and has not expired; `undefined` or `null` where there is nothing. */
  readonly get: (key: string) => Promise<string | null | undefined>
  /** Keeps a string of up to 1 MiB in place of what was there. Keys are up to 80 characters out of `A-Z a-z 0-9 : _ -`. */
  readonly put: (key: string, value: string, expiry: TierExpiry) => Promise<unknown>
  /** Drops what is under the key; it is no error where nothing is. */
  readonly delete: (key: string) => Promise<unknown>
}

/** When an entry may go. */
export interface TierExpiry {
  /** Whole seconds, at least 1. A tier may keep the entry longer: its age is checked again when it is read. */
  readonly expiresInSeconds: number
}
