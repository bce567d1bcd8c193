// The exports of 'bearward/cloudflare' and the types that they need. `npm run api` writes this file.

export interface CacheApiTierOptions {
  readonly cache?: (() => CacheLike | Promise<CacheLike>) | undefined
  readonly timeoutMs?: number | undefined
}

export interface CacheLike {
  readonly match: (url: string) => Promise<
    | {
        readonly text: () => Promise<string>
      }
    | undefined
  >
  readonly put: (url: string, response: never) => Promise<unknown>
  readonly delete: (url: string) => Promise<unknown>
}

export interface CacheTier {
  readonly name: string
  readonly timeoutMs?: number | undefined
  readonly answers?: boolean | undefined
  readonly get: (key: string) => Promise<string | null | undefined>
  readonly put: (key: string, value: string, expiry: TierExpiry) => Promise<unknown>
  readonly delete: (key: string) => Promise<unknown>
}

export interface KvNamespaceLike {
  readonly get: (key: string, type: 'text') => Promise<string | null>
  readonly put: (
    key: string,
    value: string,
    options: {
      expirationTtl: number
    },
  ) => Promise<unknown>
  readonly delete: (key: string) => Promise<unknown>
}

export interface KvTierOptions {
  readonly timeoutMs?: number | undefined
}

export interface TierExpiry {
  readonly expiresInSeconds: number
}

export declare function cacheApiTier(options?: CacheApiTierOptions): CacheTier

export declare function kvTier(namespace: KvNamespaceLike, options?: KvTierOptions): CacheTier
