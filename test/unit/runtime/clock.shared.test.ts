import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { requireTimely } from '../../../src/token/access-token.ts'
import { createClock, requireTime } from '../../../src/runtime/clock.ts'
import { memoryTier } from '../../../src/entry-points/index.ts'
import { createVerdictCache } from '../../../src/upstream/verdict-cache.ts'
import { CircuitOpen, createCircuit } from '../../../src/upstream/circuit.ts'
import { createConcurrencyLimit, LimitReached } from '../../../src/upstream/concurrency-limit.ts'
import { createSharedCache, sharedName } from '../../../src/parts/shared-tiers/shared-cache.ts'
import { createBackOff } from '../../../src/upstream/back-off.ts'
import { createSharedLoader } from '../../../src/upstream/shared-loader.ts'
import { createTokenCache } from '../../../src/stages/verify/token-cache.ts'
import { NOW, NOW_MS } from '../../fixture/issuer.ts'

describe('createClock', () => {
  test.each([0, 1.5, -1, NOW_MS, Number.MAX_VALUE])('gives %d as it is', (nowMs) => {
    expect(createClock(() => nowMs)()).toBe(nowMs)
    expect(() => requireTime(nowMs)).not.toThrow()
  })

  test.each<[string, () => unknown]>([
    ['NaN', () => Number.NaN],
    ['Infinity', () => Infinity],
    ['-Infinity', () => -Infinity],
    ['a text', () => String(NOW_MS)],
    ['undefined', () => undefined],
    ['a promise that rejects', () => Promise.reject(new Error('no time'))],
    ['what throws when it is looked at', () => new Proxy({}, { get: () => expect.fail('read') })],
    ['an error', () => expect.fail('thrown')],
  ])('gives NaN for %s', (_, now) => {
    expect(createClock(now)()).toBeNaN()
    expect(() => requireTime(createClock(now)())).toThrow(expect.objectContaining({ code: 'issuer_unavailable' }))
  })
})

/** A clock that stands still at `NOW_MS` until it is broken. */
function breakable(): { ms: number; readonly now: () => number } {
  const clock = { ms: NOW_MS, now: () => clock.ms }
  return clock
}

describe('without a time', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test.each<[string, Parameters<typeof requireTimely>[0], number | undefined]>([
    ['an end', { expiresAtSeconds: NOW + 60 }, undefined],
    ['a beginning', {}, NOW - 60],
    ['a time of issue', { issuedAtSeconds: NOW - 60 }, undefined],
    ['none of them', {}, undefined],
  ])('no token with %s is timely, and the clock is to blame', (_, token, notBefore) => {
    const code = 'issuer_unavailable'
    expect(() => requireTimely(token, notBefore, NOW_MS, 10)).not.toThrow()
    expect(() => requireTimely(token, notBefore, Number.NaN, 10)).toThrow(expect.objectContaining({ code }))
  })

  test('a back-off goes on, and runs out once there is a time again', () => {
    const clock = breakable()
    const backOff = createBackOff(clock.now, { random: () => 1 })
    clock.ms = Number.NaN
    expect(backOff.remainingMs()).toBe(0)
    backOff.fail()
    expect(backOff.remainingMs()).toBe(1_000)
    clock.ms = NOW_MS
    expect(backOff.remainingMs()).toBe(1_000)
    clock.ms += 1_000
    expect(backOff.remainingMs()).toBe(0)
  })

  test('an open circuit stays open, and lets a probe through once there is a time again', () => {
    const clock = breakable()
    const circuit = createCircuit(clock.now, 4_000)
    for (let failure = 0; failure < 5; failure++) {
      circuit.enter()
      circuit.fail()
    }
    clock.ms = Number.NaN
    expect(() => circuit.enter()).toThrow(CircuitOpen)
    clock.ms = NOW_MS + 60_000
    expect(() => circuit.enter()).not.toThrow()
    expect(() => circuit.enter()).toThrow(CircuitOpen)
  })

  test('no more requests run than the limit allows, and nobody waits for ever', async () => {
    const clock = breakable()
    const limit = createConcurrencyLimit({ max: 1, leaseMs: 4_000, maxWaitMs: 1_000, now: clock.now })
    clock.ms = Number.NaN
    const { signal } = new AbortController()
    await limit.acquire(signal)
    const second = limit.acquire(signal).catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(1_200)
    expect(await second).toBeInstanceOf(LimitReached)
    // The first is lost with its request, and began at no time that could be told.
    clock.ms = NOW_MS
    const third = limit.acquire(signal)
    await vi.advanceTimersByTimeAsync(200)
    expect(typeof (await third)).toBe('function')
  })

  test('a load is shared by all who ask, and another follows it', async () => {
    const clock = breakable()
    const runs: ((value: string) => void)[] = []
    const loader = createSharedLoader<string>({
      load: () => new Promise((resolve) => runs.push(resolve)),
      loaded: (value) => value,
      failed: (cause) => cause,
      timeoutMs: 5_000,
      now: clock.now,
    })
    clock.ms = Number.NaN
    const joined = Promise.all(Array.from({ length: 100 }, () => loader.join({})))
    expect([loader.busy(), runs.length]).toEqual([true, 1])
    runs[0]?.('first')
    expect(new Set(await joined)).toEqual(new Set(['first']))
    loader.nudge({})
    expect(runs).toHaveLength(2)
    clock.ms = NOW_MS
    expect(loader.busy()).toBe(true)
    clock.ms += 10_000
    expect(loader.busy()).toBe(false)
  })

  test('no remembered token and no remembered answer is young', () => {
    const clock = breakable()
    const answers = createVerdictCache(clock.now)
    const accepted = { accessToken: {} as never, notBeforeSeconds: undefined }
    answers.set('token', { terms: 'terms', weight: 1_000, answeredMs: NOW_MS, accepted })
    const tokens = createTokenCache({ max: 1, maxBytes: 65_536, maxAgeMs: 1_000 })
    const entry = { token: 'token', cachedMs: NOW_MS } as Parameters<typeof tokens.isOld>[0]
    expect([answers.get('token', 'terms', 1_000) === undefined, tokens.isOld(entry, clock.now())]).toEqual([
      false,
      false,
    ])
    clock.ms = Number.NaN
    expect([answers.get('token', 'terms', 1_000) === undefined, tokens.isOld(entry, clock.now())]).toEqual([true, true])
    expect(tokens.isOld({ ...entry, cachedMs: Number.NaN }, NOW_MS)).toBe(true)
  })

  test('nothing comes out of a shared tier, nothing goes into one, and what was forgotten stays so', async () => {
    const clock = breakable()
    const tier = memoryTier({ now: () => NOW_MS })
    const key = { id: 'k', secret: new Uint8Array(32) }
    const cache = createSharedCache({ tiers: { list: [tier], keys: [key] }, now: clock.now, emit() {} })
    const [kept, late] = [await sharedName('answer', 'kept'), await sharedName('answer', 'late')]
    const reading = { parse: () => 'value', suffices: () => true }
    const write = async (name: string, originMs: number): Promise<void> => {
      const behind: Promise<unknown>[] = []
      cache.write(name, {}, { originMs, lifeMs: 60_000 }, { waitUntil: (promise) => void behind.push(promise) })
      await Promise.all(behind)
    }
    await write(kept, NOW_MS)
    expect((await cache.read(kept, reading, {}))?.value).toBe('value')

    clock.ms = Number.NaN
    expect(await cache.read(kept, reading, {})).toBeUndefined()
    await write(late, clock.ms)
    expect(await tier.get(late)).toBeUndefined()

    const stored = await tier.get(kept)
    await cache.forget(kept)
    await tier.put(kept, stored ?? '', { expiresInSeconds: 60 })
    clock.ms = NOW_MS + 3_000
    expect(await cache.read(kept, reading, {})).toBeUndefined()
  })
})
