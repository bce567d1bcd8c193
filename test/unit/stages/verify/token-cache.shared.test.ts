import { describe, expect, test } from 'vitest'
import type { TokenCacheSettings } from '../../../../src/options/settings.ts'
import { type CachedToken, createTokenCache, type TokenCache } from '../../../../src/stages/verify/token-cache.ts'

const SETTINGS: TokenCacheSettings = { max: 3, maxBytes: 1024 * 1024, maxAgeMs: 1000 }

function entry(token: string, cachedMs = 0): CachedToken<object> {
  return { token, cachedMs, weight: 0, accessToken: { scopes: [] as readonly string[] } } as CachedToken<object>
}

/** A token of its own whose last 32 characters are those of every other. */
function alike(start: string): string {
  return start.padEnd(40, '-') + '='.repeat(32)
}

function cacheOf(changes: Partial<TokenCacheSettings> = {}): TokenCache<object> {
  return createTokenCache<object>({ ...SETTINGS, ...changes })
}

function keep(cache: TokenCache<object>, ...entries: CachedToken<object>[]): void {
  for (const each of entries) cache.set(each, cache.epoch())
}

test('finds the entry that was kept', () => {
  const cache = cacheOf()
  const kept = entry('token')
  keep(cache, kept)
  expect(cache.get('token')).toBe(kept)
})

test('compares the whole token, not its end alone', () => {
  const cache = cacheOf()
  keep(cache, entry(alike('a')))
  expect(cache.get(alike('a'))).toBeDefined()
  expect(cache.get(alike('b'))).toBeUndefined()
  expect(cache.get('='.repeat(32))).toBeUndefined()
  expect(cache.get(`x${alike('a')}`)).toBeUndefined()
})

test('an entry is old at its greatest age', () => {
  const cache = cacheOf()
  expect(cache.isOld(entry('token', 500), 500)).toBe(false)
  expect(cache.isOld(entry('token', 500), 1499)).toBe(false)
  expect(cache.isOld(entry('token', 500), 1500)).toBe(true)
})

test('an entry from the future, after the clock was set back, is old too', () => {
  const cache = cacheOf()
  expect(cache.isOld(entry('token', 500), 500)).toBe(false)
  expect(cache.isOld(entry('token', 500), 499)).toBe(true)
  expect(cache.isOld(entry('token', 500), NaN)).toBe(true)
})

test('keeps no more than `max` entries; the one used longest ago goes first', () => {
  const cache = cacheOf()
  keep(cache, entry('a'), entry('b'), entry('c'))
  cache.get('a')
  keep(cache, entry('d'))
  expect(['a', 'b', 'c', 'd'].map((token) => cache.get(token) !== undefined)).toEqual([true, false, true, true])
})

test('keeps no more than `maxBytes`', () => {
  const cache = cacheOf({ max: 1000, maxBytes: 64 * 1024 })
  const tokens = Array.from({ length: 100 }, (_, index) => String(index).padEnd(10_000, 'x') + String(index))
  keep(cache, ...tokens.map((token) => entry(token)))
  const left = tokens.filter((token) => cache.get(token))
  expect(left.length).toBeGreaterThan(0)
  expect(left.join('').length).toBeLessThanOrEqual(64 * 1024)
})

test('a token too large for the whole cache is not kept, and spoils nothing', () => {
  const cache = cacheOf({ maxBytes: 64 * 1024 })
  keep(cache, entry('small'), entry('x'.repeat(100_000)))
  expect(cache.get('x'.repeat(100_000))).toBeUndefined()
  expect(cache.get('small')).toBeDefined()
})

describe('forgetting', () => {
  test('one leaves the others', () => {
    const cache = cacheOf()
    keep(cache, entry('a'), entry('b'))
    cache.forget('a')
    expect(cache.get('a')).toBeUndefined()
    expect(cache.get('b')).toBeDefined()
  })

  test('all leaves none', () => {
    const cache = cacheOf()
    keep(cache, entry('a'), entry('b'))
    cache.forgetAll()
    expect(cache.get('a') ?? cache.get('b')).toBeUndefined()
  })

  test.each([
    ['one', (cache: TokenCache<object>) => cache.forget('token')],
    ['all', (cache: TokenCache<object>) => cache.forgetAll()],
  ])('%s keeps out a verification that began before', (_, forget) => {
    const cache = cacheOf()
    const before = cache.epoch()
    forget(cache)
    cache.set(entry('token'), before)
    expect(cache.get('token')).toBeUndefined()
    cache.set(entry('token'), cache.epoch())
    expect(cache.get('token')).toBeDefined()
  })
})

test('switched off it keeps nothing', () => {
  const cache = createTokenCache<object>(false)
  keep(cache, entry('token'))
  expect(cache.get('token')).toBeUndefined()
  expect(cache.isOld(entry('token'), 0)).toBe(true)
  cache.forget('token')
  cache.forgetAll()
})
