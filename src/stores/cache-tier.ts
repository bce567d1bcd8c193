/**
 * A cache that several processes or isolates share, such as Redis or a data centre's cache. It may be slow, fail, and lose or
 * alter entries: callers then get the answer of the issuer instead.
 *
 * `cacheTierContract` of `bearward/testing` tests an implementation.
 */
export interface CacheTier {
  /** Names the tier in events: printable ASCII. */
  readonly name: string
  /** Milliseconds for one operation; a slower tier is skipped. Default 200, 10 to 5000. */
  readonly timeoutMs?: number | undefined
  /**
   * Whether the tier may hold answers about tokens. Default true. Set false for a store that shows changes late, or that caches
   * the absence of an entry.
   */
  readonly answers?: boolean | undefined
  /** Returns the value under the key; `undefined` or `null` where there is none. */
  readonly get: (key: string) => Promise<string | null | undefined>
  /** Stores a string of up to 1 MiB and replaces the earlier one. Keys are up to 80 characters of `A-Z a-z 0-9 : _ -`. */
  readonly put: (key: string, value: string, expiry: TierExpiry) => Promise<unknown>
  /** Deletes the value under the key. A missing value is no error. */
  readonly delete: (key: string) => Promise<unknown>
}

/** When an entry expires. */
export interface TierExpiry {
  /** Whole seconds, at least 1. A tier may keep the entry longer: bearward checks the age of every entry that it reads. */
  readonly expiresInSeconds: number
}
