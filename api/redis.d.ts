// The exports of 'bearward/redis' and the types that they need. `npm run api` writes this file.

export interface CacheTier {
  readonly name: string
  readonly timeoutMs?: number | undefined
  readonly answers?: boolean | undefined
  readonly get: (key: string) => Promise<string | null | undefined>
  readonly put: (key: string, value: string, expiry: TierExpiry) => Promise<unknown>
  readonly delete: (key: string) => Promise<unknown>
}

export type RedisClient = RedisReads & (RedisExpiryOfIoredis | RedisExpiryOfNodeRedis)

export interface RedisExpiryOfIoredis {
  readonly psetex: (key: string, milliseconds: number, value: string) => Promise<unknown>
}

export interface RedisExpiryOfNodeRedis {
  readonly pSetEx: (key: string, milliseconds: number, value: string) => Promise<unknown>
}

export interface RedisReads {
  readonly get: (key: string) => Promise<string | null>
  readonly del: (key: string) => Promise<number>
}

export interface RedisTierOptions {
  readonly prefix?: string | undefined
  readonly timeoutMs?: number | undefined
}

export interface TierExpiry {
  readonly expiresInSeconds: number
}

export declare function redisTier(client: RedisClient, options?: RedisTierOptions): CacheTier
