import { describe, expect, test } from 'vitest'
import type { CacheTier } from '../../../src/stores/cache-tier.ts'
import { cacheApiTier, type CacheLike, kvTier, type KvNamespaceLike } from '../../../src/stores/cloudflare.ts'
import { memoryTier } from '../../../src/stores/memory-tier.ts'
import { cacheTierContract } from '../../../src/testing/cache-tier-contract.ts'
import { fakeCache, fakeNamespace } from './fakes.ts'

const clock = { ms: Date.UTC(2026, 0, 1) }
const cache = fakeCache(clock)
const namespace = fakeNamespace(clock)
const MINUTE = { expiresInSeconds: 60 }

function passSeconds(seconds: number): void {
  clock.ms += seconds * 1000
}

function defaultCache(): CacheLike | undefined {
  return (globalThis as { caches?: { default?: CacheLike } }).caches?.default
}

async function boundNamespace(): Promise<KvNamespaceLike | undefined> {
  if (navigator.userAgent !== 'Cloudflare-Workers') return undefined
  const module = 'cloudflare:workers'
  const { env } = (await import(/* @vite-ignore */ module)) as { env: { BEARWARD_CACHE?: KvNamespaceLike } }
  return env.BEARWARD_CACHE
}

async function boundTier(): Promise<CacheTier> {
  return kvTier((await boundNamespace()) ?? namespace)
}

describe('the contract of cache tiers holds for', () => {
  describe('memoryTier()', () => {
    for (const { name, run } of cacheTierContract(() => memoryTier({ now: () => clock.ms }), { passSeconds })) {
      test(name, run)
    }
  })

  describe('cacheApiTier()', () => {
    for (const { name, run } of cacheTierContract(() => cacheApiTier({ cache: () => cache }), { passSeconds })) {
      test(name, run)
    }
  })

  describe('kvTier(), which keeps entries for a minute at least', () => {
    for (const { name, run } of cacheTierContract(() => kvTier(namespace), { passSeconds: () => false })) {
      test(name, run)
    }
  })

  // In workerd the real ones, by the real clock; elsewhere what stands in for them.
  describe.concurrent('the default cache of Workers', () => {
    const real = defaultCache()
    const options = real ? {} : { passSeconds }
    for (const { name, run } of cacheTierContract(() => cacheApiTier({ cache: () => real ?? cache }), options)) {
      test(name, run)
    }
  })

  describe('a KV namespace bound to a Worker', () => {
    for (const { name, run } of cacheTierContract(boundTier, { passSeconds: () => false })) test(name, run)
  })
})

test('workerd has both of them: nothing stands in for them there', async () => {
  const isWorkerd = navigator.userAgent === 'Cloudflare-Workers'
  expect([defaultCache() !== undefined, (await boundNamespace()) !== undefined]).toEqual([isWorkerd, isWorkerd])
})

describe('cacheApiTier()', () => {
  test('asks for the cache anew for every operation, waiting for one that has to be opened', async () => {
    let asked = 0
    const tier = cacheApiTier({
      cache: async () => {
        asked++
        return cache
      },
    })
    await tier.put('opened', 'value', MINUTE)
    expect(await tier.get('opened')).toBe('value')
    await tier.delete('opened')
    expect(asked).toBe(3)
  })

  test('keeps its entries under a host that can be nobody’s, with a time to live and no other condition', async () => {
    const put: [string, Response][] = []
    const watching: CacheLike = { ...cache, put: async (url, response: Response) => put.push([url, response]) }
    await cacheApiTier({ cache: () => watching }).put('bearward:1:keys:abc', '{}', { expiresInSeconds: 86_400 })
    const [url, response] = put[0] ?? []
    expect(url).toBe('https://bearward.invalid/bearward:1:keys:abc')
    expect(Object.fromEntries(response?.headers ?? [])).toEqual({
      'cache-control': 'max-age=86400',
      'content-type': 'text/plain;charset=utf-8',
    })
    expect([response?.status, await response?.text()]).toEqual([200, '{}'])
  })

  test('has a name and a time of its own', () => {
    expect(cacheApiTier()).toMatchObject({ name: 'cache-api', timeoutMs: 200 })
    expect(cacheApiTier({ timeoutMs: 10 })).toMatchObject({ timeoutMs: 10 })
    // Keeps answers too: what is deleted is gone at once where it was.
    expect(cacheApiTier().answers).toBeUndefined()
  })

  test('says what is missing where the runtime has no default cache', async () => {
    const got = cacheApiTier().get('nothing')
    if (defaultCache()) expect(await got).toBeUndefined()
    else await expect(got).rejects.toThrow('this runtime has no `caches.default`: name a cache by the option "cache"')
  })

  test.each<[string, object, string]>([
    ['a cache in place of a function', { cache }, 'cacheApiTier().cache'],
    ['a time that is too short', { timeoutMs: 9 }, 'cacheApiTier().timeoutMs'],
    ['a time that is too long', { timeoutMs: 5_001 }, 'cacheApiTier().timeoutMs'],
    ['an unknown option', { cacheName: 'tokens' }, 'cacheApiTier().cacheName'],
  ])('refuses %s', (_, options, option) => {
    expect(() => cacheApiTier(options)).toThrow(
      expect.objectContaining({ code: 'configuration_invalid', message: expect.stringContaining(`"${option}"`) }),
    )
  })
})

describe('the Cache API', () => {
  test.each([
    ['without a time to live', {}],
    ['with `no-store`', { 'cache-control': 'max-age=60, no-store' }],
    ['with a cookie', { 'cache-control': 'max-age=60', 'set-cookie': 'a=b' }],
  ])('silently keeps nothing %s, which is why the tier says how long, and nothing else', async (_, headers) => {
    const under = defaultCache() ?? cache
    const url = `https://bearward.invalid/${crypto.randomUUID()}`
    await under.put(url, new Response('value', { headers: headers as HeadersInit }) as never)
    expect(await under.match(url)).toBeUndefined()
    await under.put(url, new Response('value', { headers: { 'cache-control': 'max-age=60' } }) as never)
    expect(await (await under.match(url))?.text()).toBe('value')
  })
})

describe('kvTier()', () => {
  test('asks for no shorter time than KV takes', async () => {
    const own = fakeNamespace(clock)
    const tier = kvTier(own)
    for (const expiresInSeconds of [1, 59, 60, 61, 86_400]) await tier.put('key', 'value', { expiresInSeconds })
    expect(own.seconds).toEqual([60, 60, 60, 61, 86_400])
    await expect(own.put('key', 'value', { expirationTtl: 59 })).rejects.toThrow('at least 60')
  })

  test('keeps no answers about tokens: a change takes up to a minute to be seen', () => {
    expect(kvTier(namespace)).toMatchObject({ name: 'kv', timeoutMs: 500, answers: false })
    expect(kvTier(namespace, { timeoutMs: 5_000 })).toMatchObject({ timeoutMs: 5_000 })
  })

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['an id', 'b3a5c29f'],
    ['half a namespace', { get: namespace.get, put: namespace.put }],
  ])('refuses %s in place of a namespace, and asks for the binding', (_, value) => {
    expect(() => kvTier(value as KvNamespaceLike)).toThrow(
      expect.objectContaining({
        code: 'configuration_invalid',
        message: expect.stringMatching(/^option "kvTier\(\)": expected a KV namespace: is it bound in wrangler.toml\?/),
      }),
    )
  })

  test.each<[string, object, string]>([
    ['a time that is too short', { timeoutMs: 9 }, 'kvTier().timeoutMs'],
    ['a fraction', { timeoutMs: 10.5 }, 'kvTier().timeoutMs'],
    ['an unknown option', { cacheTtl: 60 }, 'kvTier().cacheTtl'],
  ])('refuses %s', (_, options, option) => {
    expect(() => kvTier(namespace, options)).toThrow(
      expect.objectContaining({ code: 'configuration_invalid', message: expect.stringContaining(`"${option}"`) }),
    )
  })
})
