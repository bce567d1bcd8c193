import { functionOf, integerBetween, misconfigured, objectOf, show, withDefault } from '../options/checks.ts'
import { isObject } from '../parse/json.ts'
import type { CacheTier } from './cache-tier.ts'

/** What is needed of the Cache API: `caches.default` is one, and so is what `caches.open()` gives. */
export interface CacheLike {
  readonly match: (url: string) => Promise<{ readonly text: () => Promise<string> } | undefined>
  /** Takes the runtime's own kind of `Response`, whatever types are in use for it. */
  readonly put: (url: string, response: never) => Promise<unknown>
  readonly delete: (url: string) => Promise<unknown>
}

/** Where a Cache API tier keeps its entries. */
export interface CacheApiTierOptions {
  /** Returns the cache; asked for every operation. Default: `caches.default` of the Workers runtime. */
  readonly cache?: (() => CacheLike | Promise<CacheLike>) | undefined
  /** Milliseconds for one operation. Default 200, 10 to 5000. */
  readonly timeoutMs?: number | undefined
}

/** What is needed of a Workers KV namespace. */
export interface KvNamespaceLike {
  readonly get: (key: string, type: 'text') => Promise<string | null>
  readonly put: (key: string, value: string, options: { expirationTtl: number }) => Promise<unknown>
  readonly delete: (key: string) => Promise<unknown>
}

/** How a KV tier treats its namespace. */
export interface KvTierOptions {
  /** Milliseconds for one operation. Default 500, 10 to 5000: a key that a data centre has not read lately comes from afar. */
  readonly timeoutMs?: number | undefined
}

// A host that can never be anybody's: RFC 6761 §6.4.
const CACHE_ORIGIN = 'https://bearward.invalid/'
const SHORTEST_KV_SECONDS = 60

/**
 * Makes a tier of the Cache API: shared by all isolates of one data centre, gone from it at any time. On `*.workers.dev` and in
 * previews the Cache API keeps nothing.
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

/** @throws where the runtime has no default cache: browsers and Deno have named ones alone */
function defaultCache(): CacheLike {
  const found = (globalThis as { readonly caches?: { readonly default?: CacheLike } }).caches?.default
  if (!found) throw new TypeError('this runtime has no `caches.default`: name a cache by the option "cache"')
  return found
}

/**
 * Makes a tier of a Workers KV namespace, for keys and metadata alone: a change takes up to a minute to be seen everywhere, and
 * so does an entry that was looked for before it was there, which is of no use for answers that count for seconds.
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
      // Earlier expiry is refused there; when an entry is too old is decided here.
      namespace.put(key, value, { expirationTtl: Math.max(SHORTEST_KV_SECONDS, expiresInSeconds) }),
    delete: (key) => namespace.delete(key),
  }
}

function requireNamespace(value: unknown): void {
  const fits = isObject(value) && ['get', 'put', 'delete'].every((name) => typeof value[name] === 'function')
  // The usual slip: the binding is missing in wrangler.toml, and `env.NAME` is undefined.
  if (!fits) throw misconfigured('kvTier()', show(value), 'a KV namespace: is it bound in wrangler.toml?')
}
