import { functionOf, integerBetween, misconfigured, objectOf, show, withDefault } from '../options/checks.ts'
import { isObject } from '../parse/json.ts'
import type { CacheTier } from './cache-tier.ts'

/** The part of the Cache API that a tier uses. `caches.default` and the caches of `caches.open()` have it. */
export interface CacheLike {
  readonly match: (url: string) => Promise<{ readonly text: () => Promise<string> } | undefined>
  /** Typed `never`, so that every runtime's own `Response` type fits. */
  readonly put: (url: string, response: never) => Promise<unknown>
  readonly delete: (url: string) => Promise<unknown>
}

/** Options of `cacheApiTier`. */
export interface CacheApiTierOptions {
  /** Returns the cache. Called for every operation. Default: `caches.default` of the Workers runtime. */
  readonly cache?: (() => CacheLike | Promise<CacheLike>) | undefined
  /** Milliseconds for one operation. Default 200, 10 to 5000. */
  readonly timeoutMs?: number | undefined
}

/** The part of a Workers KV namespace that a tier uses. */
export interface KvNamespaceLike {
  readonly get: (key: string, type: 'text') => Promise<string | null>
  readonly put: (key: string, value: string, options: { expirationTtl: number }) => Promise<unknown>
  readonly delete: (key: string) => Promise<unknown>
}

/** Options of `kvTier`. */
export interface KvTierOptions {
  /** Milliseconds for one operation. Default 500, 10 to 5000. A key comes from afar unless the data centre read it lately. */
  readonly timeoutMs?: number | undefined
}

// Nobody can own this host: RFC 6761 §6.4.
const CACHE_ORIGIN = 'https://bearward.invalid/'
const SHORTEST_KV_SECONDS = 60

/**
 * Makes a tier of the Cache API. All isolates of one data centre share it, and the platform may drop entries at any time. On
 * `*.workers.dev` and in previews it keeps nothing.
 *
 * @throws {BearwardError} configuration_invalid
 */
export function cacheApiTier(options: CacheApiTierOptions = {}): CacheTier {
  const { cache, timeoutMs } = objectOf<{ cache: () => CacheLike | Promise<CacheLike>; timeoutMs: number }>(
    options,
    'cacheApiTier()',
    {
      cache: withDefault<() => CacheLike | Promise<CacheLike>>(defaultCache, functionOf()),
      timeoutMs: withDefault(200, integerBetween(10, 5_000)),
    },
  )
  return {
    name: 'cache-api',
    timeoutMs,
    async get(key) {
      const found = await (await cache()).match(CACHE_ORIGIN + key)
      return found?.text()
    },
    async put(key, value, { expiresInSeconds }) {
      const headers = { 'Cache-Control': `max-age=${expiresInSeconds}`, 'Content-Type': 'text/plain;charset=utf-8' }
      await (await cache()).put(CACHE_ORIGIN + key, new Response(value, { headers }) as never)
    },
    async delete(key) {
      await (await cache()).delete(CACHE_ORIGIN + key)
    },
  }
}

/** @throws where the runtime has only named caches, as browsers and Deno do */
function defaultCache(): CacheLike {
  const found = (globalThis as { readonly caches?: { readonly default?: CacheLike } }).caches?.default
  if (!found) throw new TypeError('this runtime has no `caches.default`: name a cache by the option "cache"')
  return found
}

/**
 * Makes a tier of a Workers KV namespace, for keys and metadata. It holds no answers about tokens: these count for seconds, and
 * KV shows a change everywhere only after up to a minute.
 *
 * @throws {BearwardError} configuration_invalid
 */
export function kvTier(namespace: KvNamespaceLike, options: KvTierOptions = {}): CacheTier {
  const { timeoutMs } = objectOf<{ timeoutMs: number }>(options, 'kvTier()', {
    timeoutMs: withDefault(500, integerBetween(10, 5_000)),
  })
  requireNamespace(namespace)
  return {
    name: 'kv',
    timeoutMs,
    answers: false,
    get: (key) => namespace.get(key, 'text'),
    put: (key, value, { expiresInSeconds }) =>
      // KV refuses a shorter expiry. The reader checks the age of an entry itself.
      namespace.put(key, value, { expirationTtl: Math.max(SHORTEST_KV_SECONDS, expiresInSeconds) }),
    delete: (key) => namespace.delete(key),
  }
}

function requireNamespace(value: unknown): void {
  const fits = isObject(value) && ['get', 'put', 'delete'].every((name) => typeof value[name] === 'function')
  // The usual mistake: wrangler.toml lacks the binding, and `env.NAME` is undefined.
  if (!fits) throw misconfigured('kvTier()', show(value), 'a KV namespace: is it bound in wrangler.toml?')
}
