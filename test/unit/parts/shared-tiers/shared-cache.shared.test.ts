import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { BearwardEvent, CacheTier } from '../../../../src/entry-points/index.ts'
import { memoryTier } from '../../../../src/entry-points/index.ts'
import {
  createSharedCache,
  type SharedCache,
  sharedName,
  type SharedReading,
} from '../../../../src/parts/shared-tiers/shared-cache.ts'
import { NOW_MS } from '../../../fixture/issuer.ts'

const NAME = 'bearward:1:keys:one'
const ANSWER = 'bearward:1:answer:one'
const DAY = 86_400_000
const key = { id: 'k', secret: new Uint8Array(32).fill(1) }

interface Bench {
  readonly cache: SharedCache
  readonly clock: { ms: number }
  readonly events: BearwardEvent[]
}

function bench(list: readonly CacheTier[], sealed = false): Bench {
  const clock = { ms: NOW_MS }
  const events: BearwardEvent[] = []
  const cache = createSharedCache({
    tiers: { list, keys: sealed ? [key] : undefined },
    now: () => clock.ms,
    emit: (event) => events.push(event),
  })
  return { cache, clock, events }
}

/** A tier in memory that counts its calls and breaks on demand. */
function watched(name = 'mine', options: Partial<CacheTier> = {}) {
  const held = new Map<string, string>()
  const calls: string[] = []
  const state: { fault?: 'throws' | 'rejects' | 'hangs' | 'cannot put' } = {}
  async function act<T>(call: string, work: () => T): Promise<T> {
    calls.push(call)
    if (state.fault === 'rejects') throw new Error('connect ECONNREFUSED')
    if (state.fault === 'hangs') return new Promise(() => {})
    if (state.fault === 'cannot put' && call === 'put') throw new Error('OOM command not allowed')
    return work()
  }
  function orThrow<T>(work: () => Promise<T>): Promise<T> {
    if (state.fault === 'throws') throw new Error('not connected')
    return work()
  }
  const tier: CacheTier = {
    name,
    get: (each) => orThrow(() => act('get', () => held.get(each))),
    put: (each, value) => orThrow(() => act('put', () => held.set(each, value))),
    delete: (each) => orThrow(() => act('delete', () => held.delete(each))),
    ...options,
  }
  return { tier, held, calls, state }
}

const anything: SharedReading<unknown> = { parse: (data) => data['v'], suffices: () => true }
const times = { originMs: NOW_MS, lifeMs: DAY }

/** Writes and waits until it is done. */
async function put(cache: SharedCache, name: string, v: unknown, writing = times): Promise<void> {
  const work: Promise<unknown>[] = []
  cache.write(name, { v: v as string }, writing, { waitUntil: (promise) => work.push(promise) })
  await Promise.all(work)
}

async function valueOf(cache: SharedCache, name = NAME, reading = anything): Promise<unknown> {
  return (await cache.read(name, reading, {}))?.value
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('an entry', () => {
  test('is read as it was written, with the time at which it was said', async () => {
    const { cache, clock } = bench([memoryTier({ now: () => NOW_MS })])
    await put(cache, NAME, 'hello')
    clock.ms += 1_000
    expect(await cache.read(NAME, anything, {})).toMatchObject({ value: 'hello', originMs: NOW_MS })
  })

  test('is written behind the back of who asks', async () => {
    const one = watched()
    const { cache } = bench([one.tier])
    const work: Promise<unknown>[] = []
    cache.write(NAME, { v: 'x' }, times, { waitUntil: (promise) => work.push(promise) })
    expect(work).toHaveLength(1)
    await Promise.all(work)
    expect(one.held.size).toBe(1)
  })

  test('is written where waitUntil throws, and where there is none', async () => {
    const one = watched()
    const { cache } = bench([one.tier])
    cache.write(NAME, { v: 'x' }, times, {
      waitUntil() {
        throw new TypeError('Illegal invocation')
      },
    })
    cache.write('bearward:1:keys:two', { v: 'x' }, times, {})
    await vi.advanceTimersByTimeAsync(0)
    expect(one.held.size).toBe(2)
  })

  test('is not used once its time is over, whatever the tier thinks', async () => {
    const one = watched()
    const { cache, clock, events } = bench([one.tier])
    await put(cache, NAME, 'x', { originMs: NOW_MS, lifeMs: 1_000 })
    clock.ms += 999
    expect(await valueOf(cache)).toBe('x')
    clock.ms += 1
    expect(await valueOf(cache)).toBeUndefined()
    expect(events).toEqual([])
  })

  test('is not written whose time is over already', async () => {
    const one = watched()
    const { cache } = bench([one.tier])
    await put(cache, NAME, 'x', { originMs: NOW_MS - 10_000, lifeMs: 10_000 })
    expect(one.calls).toEqual([])
  })

  test('of more than 1 MiB is not written', async () => {
    const one = watched()
    const { cache } = bench([one.tier])
    await put(cache, NAME, 'x'.repeat(1024 * 1024))
    expect(one.calls).toEqual([])
    await put(cache, NAME, 'x'.repeat(1024 * 1024 - 200))
    expect(one.calls).toEqual(['put'])
  })

  test('from a clock that is a little ahead counts as said now', async () => {
    const one = watched()
    const { cache, clock } = bench([one.tier])
    await put(cache, NAME, 'x', { originMs: NOW_MS + 60_000, lifeMs: DAY })
    expect(await cache.read(NAME, anything, {})).toMatchObject({ originMs: NOW_MS })
    clock.ms -= 1
    expect(await valueOf(cache)).toBeUndefined()
  })

  test('that was forgotten while it was on its way does not stay', async () => {
    const one = watched()
    const { cache } = bench([one.tier])
    await put(cache, NAME, 'x', { ...times, unless: () => true } as typeof times)
    expect(one.calls).toEqual(['put', 'delete'])
    expect(one.held.size).toBe(0)
  })
})

describe('several tiers', () => {
  test('are read in order, up to the first that suffices', async () => {
    const [near, far] = [watched('near'), watched('far')]
    const { cache } = bench([near.tier, far.tier])
    await put(cache, NAME, 'x')
    expect([near.calls, far.calls]).toEqual([['put'], ['put']])
    expect(await valueOf(cache)).toBe('x')
    expect([near.calls, far.calls]).toEqual([['put', 'get'], ['put']])
  })

  test('get what a farther one held', async () => {
    const [near, far] = [watched('near'), watched('far')]
    const { cache } = bench([near.tier, far.tier])
    await put(cache, NAME, 'x')
    const [entry] = near.held.values()
    near.held.clear()
    expect(await valueOf(cache)).toBe('x')
    await vi.advanceTimersByTimeAsync(0)
    expect([...near.held.values()]).toEqual([entry])
    expect(far.calls).toEqual(['put', 'get'])
  })

  test('give the newest entry where none suffices', async () => {
    const [near, far, farthest] = [watched('near'), watched('far'), watched('farthest')]
    for (const [{ tier }, originMs] of [
      [near, NOW_MS - 30],
      [far, NOW_MS - 10],
      [farthest, NOW_MS - 20],
    ] as const) {
      await put(bench([tier]).cache, NAME, originMs, { originMs, lifeMs: DAY })
    }
    const { cache } = bench([near.tier, far.tier, farthest.tier])
    const reading = { ...anything, suffices: () => false }
    expect(await valueOf(cache, NAME, reading)).toBe(NOW_MS - 10)
    expect([near.calls, far.calls, farthest.calls].map((calls) => calls.at(-1))).toEqual(['get', 'get', 'get'])
  })
})

describe.each(['throws', 'rejects', 'hangs'] as const)('a tier that %s', (fault) => {
  test('is passed over for the next one, and reported once', async () => {
    const [broken, good] = [watched('broken'), watched('good')]
    const { cache, events } = bench([broken.tier, good.tier])
    await put(cache, NAME, 'x')
    broken.state.fault = fault
    const reads = Array.from({ length: 10 }, () => valueOf(cache))
    await vi.advanceTimersByTimeAsync(200)
    expect(await Promise.all(reads)).toEqual(Array.from({ length: 10 }, () => 'x'))
    const failures = events.filter(({ type }) => type === 'tier_failed')
    expect(failures).toMatchObject([{ tier: 'broken', operation: 'get', retryInMs: expect.any(Number) }])
  })

  test('is left alone for a while, longer each time, and then used again', async () => {
    const broken = watched()
    const { cache, clock } = bench([broken.tier])
    await put(cache, NAME, 'x')
    broken.state.fault = fault
    let failures = 0
    for (let second = 0; second < 120; second++) {
      const before = broken.calls.length
      const read = valueOf(cache)
      await vi.advanceTimersByTimeAsync(200)
      expect(await read).toBeUndefined()
      failures += fault === 'throws' ? 0 : broken.calls.length - before
      clock.ms += 1_000
    }
    expect(failures).toBeLessThanOrEqual(9)
    delete broken.state.fault
    clock.ms += 30_000
    expect(await valueOf(cache)).toBe('x')
  })

  test('harms no write and no deletion', async () => {
    const [broken, good] = [watched('broken'), watched('good')]
    const { cache, events } = bench([broken.tier, good.tier])
    broken.state.fault = fault
    const work = Promise.all([put(cache, NAME, 'x'), cache.forget('bearward:1:keys:other')])
    await vi.advanceTimersByTimeAsync(400)
    await work
    expect(good.held.size).toBe(1)
    expect(events).toMatchObject([
      { type: 'tier_failed', tier: 'broken', operation: 'put' },
      { type: 'tier_failed', tier: 'broken', operation: 'delete', retryInMs: 0 },
    ])
  })
})

describe('a tier', () => {
  test('has the time that it names', async () => {
    const slow = watched('slow', { timeoutMs: 50 })
    slow.state.fault = 'hangs'
    const { cache, events } = bench([slow.tier])
    const read = valueOf(cache)
    await vi.advanceTimersByTimeAsync(49)
    expect(events).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(await read).toBeUndefined()
    expect(events).toMatchObject([{ detail: 'no answer within 50 ms' }])
  })

  test('that is full is read on', async () => {
    const full = watched()
    const { cache, events } = bench([full.tier])
    await put(cache, NAME, 'x')
    full.state.fault = 'cannot put'
    await put(cache, 'bearward:1:keys:two', 'y')
    expect(events).toMatchObject([{ operation: 'put', detail: 'OOM command not allowed' }])
    expect(await valueOf(cache)).toBe('x')
  })

  test('cannot make its caller reject by what it says', async () => {
    const { cache, events } = bench([
      watched('a', { get: () => Promise.reject(null) }).tier,
      watched('b', { get: async () => 'x\u0000\u001b[31m' }).tier,
      watched('c', { get: async () => 42 as unknown as string }).tier,
      watched('d', { get: () => undefined as unknown as Promise<string> }).tier,
    ])
    expect(await valueOf(cache)).toBeUndefined()
    expect(events.map((event) => (event as { tier?: string }).tier)).toEqual(['a', 'b', 'c'])
    expect(JSON.stringify(events)).not.toMatch(/\\u00/)
  })
})

describe('what comes out of a tier is anybody’s', () => {
  const good = { originMs: NOW_MS, expiresMs: NOW_MS + DAY, data: { v: 'x' } }

  test('and this is how a good entry looks', async () => {
    const one = watched()
    one.held.set(NAME, JSON.stringify(good))
    const { cache, events } = bench([one.tier])
    expect(await valueOf(cache)).toBe('x')
    expect(events).toEqual([])
  })

  test.each([
    ['cut off', JSON.stringify(good).slice(0, -1)],
    ['empty', ''],
    ['a number', '1'],
    ['an array', '[]'],
    ['null', 'null'],
    ['with a member twice', JSON.stringify(good).replace('{"originMs"', '{"data":{"v":"y"},"originMs"')],
    ['with __proto__', JSON.stringify(good).replace('"v"', '"__proto__"')],
    ['with a byte-order mark', `\ufeff${JSON.stringify(good)}`],
    ['without a time', JSON.stringify({ ...good, originMs: undefined })],
    ['with a word for a time', JSON.stringify({ ...good, originMs: '1' })],
    ['without an end', JSON.stringify({ ...good, expiresMs: null })],
    ['with an infinite end', JSON.stringify(good).replace(/"expiresMs":\d+/, '"expiresMs":1e999')],
    ['from the future', JSON.stringify({ ...good, originMs: NOW_MS + 60_001 })],
    ['without data', JSON.stringify({ ...good, data: undefined })],
    ['with an array for data', JSON.stringify({ ...good, data: [] })],
    ['too large', JSON.stringify({ ...good, data: { v: 'x'.repeat(3 * 1024 * 1024) } })],
  ])('an entry that is %s is passed over and reported, and the tier stays in use', async (_, text) => {
    const [bad, next] = [watched('bad'), watched('next')]
    bad.held.set(NAME, text)
    next.held.set(NAME, JSON.stringify(good))
    const { cache, events } = bench([bad.tier, next.tier])
    expect(await valueOf(cache)).toBe('x')
    expect(events).toMatchObject([{ type: 'tier_failed', tier: 'bad', operation: 'get', retryInMs: 0 }])
    await vi.advanceTimersByTimeAsync(0)
    // It was replaced by the good one, and is read again at once.
    expect(await valueOf(cache)).toBe('x')
    expect(next.calls).toEqual(['get'])
  })

  test('an entry that the reader refuses is passed over and reported; one that it has no use for is not reported', async () => {
    const one = watched()
    one.held.set(NAME, JSON.stringify(good))
    const { cache, events } = bench([one.tier])
    const refuses = { ...anything, parse: () => Promise.reject(new TypeError('no keys in it')) }
    expect(await valueOf(cache, NAME, refuses)).toBeUndefined()
    expect(events).toMatchObject([{ detail: 'no keys in it' }])
    expect(await valueOf(cache, NAME, { ...anything, parse: () => undefined })).toBeUndefined()
    expect(events).toHaveLength(1)
  })
})

describe('with a key', () => {
  test('everything is sealed, and a plain entry is refused', async () => {
    const one = watched()
    const { cache, events } = bench([one.tier], true)
    await put(cache, NAME, 'hello')
    expect(await valueOf(cache)).toBe('hello')
    expect([...one.held.values()].join()).toMatch(/^k\.[\w-]+\.[\w-]+$/)
    one.held.set(NAME, JSON.stringify({ originMs: NOW_MS, expiresMs: NOW_MS + DAY, data: { v: 'planted' } }))
    expect(await valueOf(cache)).toBeUndefined()
    expect(events).toMatchObject([{ type: 'tier_failed', detail: 'the entry is not sealed with a configured key' }])
  })

  test('an entry cannot be passed off as another', async () => {
    const one = watched()
    const { cache } = bench([one.tier], true)
    await put(cache, NAME, 'mine')
    one.held.set('bearward:1:keys:two', one.held.get(NAME) ?? '')
    expect(await valueOf(cache, 'bearward:1:keys:two')).toBeUndefined()
    expect(await valueOf(cache, NAME)).toBe('mine')
  })

  test('answers are shared, but with tiers that want none', async () => {
    const [near, shy] = [watched('near'), watched('shy', { answers: false })]
    const { cache } = bench([near.tier, shy.tier], true)
    expect([cache.holds('answer'), cache.holds('keys')]).toEqual([true, true])
    await put(cache, ANSWER, 'x')
    expect(await valueOf(cache, ANSWER)).toBe('x')
    await cache.forget(ANSWER)
    expect([near.calls, shy.calls]).toEqual([['put', 'get', 'delete'], []])
  })
})

test('without a key answers are shared with nobody', async () => {
  const one = watched()
  const { cache } = bench([one.tier])
  expect([cache.holds('answer'), cache.holds('keys'), cache.holds('metadata')]).toEqual([false, true, true])
  await put(cache, ANSWER, 'x')
  expect(await valueOf(cache, ANSWER)).toBeUndefined()
  expect(one.calls).toEqual([])
})

describe('a name', () => {
  test('is the same for the same parts and no others, and fits every store', async () => {
    const names = await Promise.all([
      sharedName('answer', 'a', 'b'),
      sharedName('answer', 'a', 'b'),
      sharedName('answer', 'ab'),
      sharedName('answer', 'b', 'a'),
      sharedName('answer', 'a","b'),
      sharedName('keys', 'a', 'b'),
    ])
    expect(new Set(names).size).toBe(5)
    for (const name of names) expect(name).toMatch(/^bearward:1:(answer|keys):[\w-]{43}$/)
  })
})

/** A cache over two tiers, whose entries were said at these times. */
async function twoTiers(nearMs: number, farMs: number) {
  const [near, far] = [watched('near'), watched('far')]
  await put(bench([near.tier]).cache, NAME, 'near', { originMs: nearMs, lifeMs: DAY })
  await put(bench([far.tier]).cache, NAME, 'far', { originMs: farMs, lifeMs: DAY })
  return { near, far, cache: bench([near.tier, far.tier]).cache }
}

describe('the newest entry', () => {
  const never = { ...anything, suffices: () => false }

  test('is not beaten by an older one that would suffice, nor written over', async () => {
    const { near, cache } = await twoTiers(NOW_MS - 1, NOW_MS - 2)
    const before = new Map(near.held)
    const reading = { ...anything, suffices: ({ value }: { value: unknown }) => value === 'far' }
    expect(await valueOf(cache, NAME, reading)).toBe('near')
    await vi.advanceTimersByTimeAsync(0)
    expect(near.held).toEqual(before)
  })

  test('is found in whatever tier it is', async () => {
    expect(await valueOf((await twoTiers(NOW_MS - 2, NOW_MS - 1)).cache, NAME, never)).toBe('far')
    expect(await valueOf((await twoTiers(NOW_MS - 1, NOW_MS - 2)).cache, NAME, never)).toBe('near')
  })
})

describe('what a tier is told', () => {
  test('is the time left in whole seconds, counted from when the issuer spoke', async () => {
    const told: number[] = []
    const { cache, clock } = bench([
      watched('mine', { put: async (_, __, { expiresInSeconds }) => told.push(expiresInSeconds) }).tier,
    ])
    clock.ms += 10_500
    await put(cache, NAME, 'x', { originMs: NOW_MS, lifeMs: 60_000 })
    expect(told).toEqual([50])
  })

  test('is nothing that could not be read again', async () => {
    const one = watched()
    const { cache } = bench([one.tier])
    let deep: unknown = 'x'
    for (let depth = 0; depth < 70; depth++) deep = { deep }
    await put(cache, NAME, deep)
    expect(one.calls).toEqual([])
    await put(cache, NAME, { deep: 'x' })
    expect(one.calls).toEqual(['put'])
  })
})

test('an operation that began before a failure does not end the rest that the failure began', async () => {
  const slow = Promise.withResolvers<string | undefined>()
  let calls = 0
  const { cache } = bench([
    watched('mine', {
      get() {
        calls++
        return calls === 1 ? slow.promise : Promise.reject(new Error('down'))
      },
    }).tier,
  ])
  const first = valueOf(cache)
  expect(await valueOf(cache)).toBeUndefined()
  slow.resolve(undefined)
  await first
  expect(await valueOf(cache)).toBeUndefined()
  expect(calls).toBe(2)
})

test.each([
  ['has no message', Object.assign(new Error(), { message: undefined })],
  ['has a number for a message', Object.assign(new Error(), { message: 7 })],
  [
    'throws when its message is read',
    Object.defineProperty(new Error(), 'message', {
      get() {
        throw new Error('no')
      },
    }),
  ],
])('an error of a tier that %s harms nobody', async (_, fault) => {
  const { cache, events } = bench([watched('mine', { get: () => Promise.reject(fault) }).tier])
  expect(await valueOf(cache)).toBeUndefined()
  expect(events).toMatchObject([{ type: 'tier_failed', detail: 'Error' }])
})

test('an answer from a clock that is more than two seconds ahead is not used, keys from one are', async () => {
  const one = watched()
  const { cache } = bench([one.tier], true)
  await put(cache, ANSWER, 'x', { originMs: NOW_MS + 2_000, lifeMs: DAY })
  expect(await valueOf(cache, ANSWER)).toBe('x')
  await put(cache, ANSWER, 'x', { originMs: NOW_MS + 2_001, lifeMs: DAY })
  expect(await valueOf(cache, ANSWER)).toBeUndefined()
  await put(cache, NAME, 'x', { originMs: NOW_MS + 2_001, lifeMs: DAY })
  expect(await valueOf(cache)).toBe('x')
})

test('a tier that works again starts from the shortest rest when it fails once more', async () => {
  const flaky = watched()
  const { cache, clock, events } = bench([flaky.tier])
  await put(cache, NAME, 'x')
  flaky.state.fault = 'rejects'
  for (let failure = 0; failure < 5; failure++) {
    await valueOf(cache)
    clock.ms += 30_000
  }
  delete flaky.state.fault
  expect(await valueOf(cache)).toBe('x')
  flaky.state.fault = 'rejects'
  await valueOf(cache)
  const [latest] = events.slice(-1) as { readonly retryInMs: number }[]
  expect(latest?.retryInMs).toBeLessThanOrEqual(1_000)
})
