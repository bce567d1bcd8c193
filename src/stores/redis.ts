import { headerText, integerBetween, misconfigured, objectOf, typeName, withDefault } from '../options/checks.ts'
import { isObject } from '../parse/json.ts'
import type { CacheTier } from './cache-tier.ts'

/** The part of a Redis or Valkey client that a tier uses. The clients of `ioredis` and `redis` have it, single or cluster. */
export type RedisClient = RedisReads & (RedisExpiryOfIoredis | RedisExpiryOfNodeRedis)

/** The commands that both clients call alike. */
export interface RedisReads {
  readonly get: (key: string) => Promise<string | null>
  readonly del: (key: string) => Promise<number>
}

/** `PSETEX` as `ioredis` calls it. */
export interface RedisExpiryOfIoredis {
  readonly psetex: (key: string, milliseconds: number, value: string) => Promise<unknown>
}

/** `PSETEX` as `redis` calls it. */
export interface RedisExpiryOfNodeRedis {
  readonly pSetEx: (key: string, milliseconds: number, value: string) => Promise<unknown>
}

/** Options of `redisTier`. */
export interface RedisTierOptions {
  /** Prefix of every key, for a server shared with others. Up to 100 printable ASCII characters. Default: none. */
  readonly prefix?: string | undefined
  /** Milliseconds for one operation. Default 200, 10 to 5000. */
  readonly timeoutMs?: number | undefined
}

/**
 * Makes a tier of a Redis or Valkey server, or a cluster of them, for a whole fleet.
 *
 * You connect the client, listen to its `error` events and close it. Every operation uses one key.
 *
 * @throws {BearwardError} configuration_invalid
 */
export function redisTier(client: RedisClient, options: RedisTierOptions = {}): CacheTier {
  const { prefix, timeoutMs } = objectOf<{ prefix: string; timeoutMs: number }>(options, 'redisTier()', {
    prefix: withDefault('', prefixText),
    timeoutMs: withDefault(200, integerBetween(10, 5_000)),
  })
  const setExpiring = expiringSet(client)
  return {
    name: 'redis',
    timeoutMs,
    get: (key) => client.get(prefix + key),
    put: (key, value, { expiresInSeconds }) => setExpiring(prefix + key, expiresInSeconds * 1000, value),
    delete: (key) => client.del(prefix + key),
  }
}

function prefixText(value: unknown, option: string): string {
  const prefix = headerText(value, option)
  if (prefix.length <= 100) return prefix
  throw misconfigured(option, `${prefix.length} characters`, 'up to 100')
}

function expiringSet(client: unknown): RedisExpiryOfIoredis['psetex'] {
  const has = (name: string): boolean => isObject(client) && typeof client[name] === 'function'
  if (has('get') && has('del')) {
    if (has('psetex')) return (...entry) => (client as RedisExpiryOfIoredis).psetex(...entry)
    if (has('pSetEx')) return (...entry) => (client as RedisExpiryOfNodeRedis).pSetEx(...entry)
  }
  throw misconfigured(
    'redisTier()',
    typeName(client),
    'a client of "ioredis" or "redis", or one with the functions get, del and psetex',
  )
}
