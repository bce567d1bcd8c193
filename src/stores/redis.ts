import { headerText, integerBetween, misconfigured, objectOf, kindOf, withDefault } from '../options/checks.ts'
import { isObject } from '../parse/json.ts'
import type { CacheTier } from './cache-tier.ts'

/** What is needed of a Redis or Valkey client: those of `ioredis` and `redis` have it, single or cluster. */
export type RedisClient = RedisReads & (RedisExpiryOfIoredis | RedisExpiryOfNodeRedis)

/** What both clients call alike. */
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

/** Where a Redis tier keeps its entries. */
export interface RedisTierOptions {
  /** Stands before every key, to share a server with others: up to 100 printable ASCII characters. Default: none. */
  readonly prefix?: string | undefined
  /** Milliseconds for one operation. Default 200, 10 to 5000. */
  readonly timeoutMs?: number | undefined
}

/**
 * Makes a tier of a Redis or Valkey server, or a cluster of them: shared by a whole fleet.
 *
 * The client stays yours: connect it, listen to its `error` events, close it. Every operation touches one key.
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
    kindOf(client),
    'a client of "ioredis" or "redis", or one with the functions get, del and psetex',
  )
}
