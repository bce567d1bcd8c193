import { describe, expect, test } from 'vitest'
import type { LoadKeys } from '../../../../src/parts.ts'
import { createKeySet, type KeySet, type KeySetSettings } from '../../../../src/stages/issuer/key-set.ts'
import type { BearwardEvent, KeySnapshot, VerificationKey } from '../../../../src/pipeline.ts'
import { ISSUER, NOW_MS } from '../../../fixture/issuer.ts'
import { codeOf } from '../../../fixture/server.ts'

const SECOND = 1_000
const MINUTE = 60_000
const HOUR = 3_600_000
const REFRESH = 10 * MINUTE

interface Bench {
  readonly keys: KeySet
  readonly clock: { ms: number }
  readonly events: BearwardEvent[]
  /** What the issuer says from now on; a function may throw or never answer. */
  readonly says: { names: readonly string[] | (() => Promise<readonly string[]>); maxAgeSeconds?: number }
  /** The loads so far, at the time of the clock. */
  readonly loads: number[]
}

function key(identity: string): VerificationKey {
  return { identity, keyId: identity, algorithms: ['ES256'], cryptoKey: () => Promise.reject(new Error('not used')) }
}

function bench(settings: Partial<KeySetSettings> = {}): Bench {
  const clock = { ms: NOW_MS }
  const events: BearwardEvent[] = []
  const loads: number[] = []
  const says: Bench['says'] = { names: ['one'] }
  const load: LoadKeys = async ({ previous }) => {
    loads.push(clock.ms - NOW_MS)
    const names = typeof says.names === 'function' ? await says.names() : says.names
    return {
      keys: names.map((name) => previous.get(name) ?? key(name)),
      ignored: [],
      maxAgeSeconds: says.maxAgeSeconds,
    }
  }
  const keys = createKeySet(load, {
    issuer: ISSUER,
    refreshMs: REFRESH,
    maxStaleMs: 24 * HOUR,
    cooldownMs: 30 * SECOND,
    timeoutMs: 5_000,
    now: () => clock.ms,
    emit: (event) => events.push(event),
    ...settings,
  })
  return { keys, clock, events, says, loads }
}

function down(): Promise<never> {
  return Promise.reject(new Error('connect ECONNREFUSED'))
}

function hangs(): Promise<never> {
  return new Promise(() => {})
}

/** Waits for background work: it needs no time, only turns. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5))
}

function namesOf(snapshot: KeySnapshot | undefined): string[] {
  return snapshot?.select(undefined, 'ES256').map(({ identity }) => identity) ?? []
}

async function currentNames({ keys }: Bench): Promise<string[]> {
  return namesOf(await keys.current({}))
}

describe('the first load', () => {
  test('is made when first needed, and once for all who wait', async () => {
    const set = bench()
    expect([set.loads.length, set.keys.state().state]).toEqual([0, 'cold'])
    await Promise.all(Array.from({ length: 1_000 }, () => set.keys.current({})))
    expect(set.loads).toHaveLength(1)
    expect(set.keys.state()).toEqual({ state: 'fresh', keys: 1, freshUntilMs: NOW_MS + REFRESH })
  })

  test('that fails refuses all who wait, and is not repeated before the back-off', async () => {
    const set = bench()
    set.says.names = down
    const codes = await Promise.all(Array.from({ length: 100 }, () => codeOf(set.keys.current({}))))
    expect(new Set(codes)).toEqual(new Set(['issuer_unavailable']))
    for (let call = 0; call < 100; call++) expect(await codeOf(set.keys.current({}))).toBe('issuer_unavailable')
    expect(set.loads).toHaveLength(1)
    expect(set.keys.state()).toMatchObject({ state: 'down', keys: 0, downSinceMs: NOW_MS })
  })

  test('that fails says when to come back, and how it failed', async () => {
    const set = bench()
    set.says.names = down
    await codeOf(set.keys.current({}))
    await expect(set.keys.current({})).rejects.toMatchObject({
      status: 503,
      retryAfterSeconds: 1,
      detail: expect.stringContaining('ECONNREFUSED'),
    })
  })

  test('that fails is followed by one that succeeds', async () => {
    const set = bench()
    set.says.names = down
    await codeOf(set.keys.current({}))
    set.says.names = ['one']
    set.clock.ms += SECOND
    expect(await currentNames(set)).toEqual(['one'])
    expect(set.keys.state()).toEqual({ state: 'fresh', keys: 1, freshUntilMs: NOW_MS + SECOND + REFRESH })
    expect(set.keys.failing()).toBeUndefined()
  })

  test('of an empty set fails', async () => {
    const set = bench()
    set.says.names = []
    expect(await codeOf(set.keys.current({}))).toBe('issuer_unavailable')
  })
})

describe('while keys are fresh', () => {
  test('nothing is fetched up to 80 %', async () => {
    const set = bench()
    await set.keys.current({})
    set.clock.ms += 0.8 * REFRESH - 1
    await set.keys.current({})
    await settled()
    expect(set.loads).toHaveLength(1)
  })

  test('from 80 % on they are refreshed in the background, once', async () => {
    const set = bench()
    await set.keys.current({})
    set.clock.ms += 0.8 * REFRESH
    set.says.names = ['two']
    const served = await Promise.all(Array.from({ length: 50 }, () => currentNames(set)))
    expect(new Set(served.flat())).toEqual(new Set(['one']))
    await settled()
    expect(set.loads).toHaveLength(2)
    expect(await currentNames(set)).toEqual(['two'])
    await settled()
    expect(set.loads).toHaveLength(2)
  })

  test('a refresh in the background that hangs holds nobody up', async () => {
    const set = bench()
    await set.keys.current({})
    set.clock.ms += 0.9 * REFRESH
    set.says.names = hangs
    expect(await currentNames(set)).toEqual(['one'])
    expect(await currentNames(set)).toEqual(['one'])
    expect(set.loads).toHaveLength(2)
    set.keys.stop()
  })

  test('a verified token starts the refresh as well', async () => {
    const set = bench()
    const snapshot = await set.keys.current({})
    const [held] = snapshot.select('one', 'ES256')
    set.clock.ms += 0.8 * REFRESH
    expect(set.keys.stillHolds(held as VerificationKey, {})).toBe(true)
    await settled()
    expect(set.loads).toHaveLength(2)
  })

  test.each([
    [undefined, REFRESH],
    [0, MINUTE],
    [59, MINUTE],
    [60, MINUTE],
    [120, 2 * MINUTE],
    [599, 599 * SECOND],
    [600, REFRESH],
    [86_400, REFRESH],
    [999_999_999, REFRESH],
  ])('max-age %s makes them fresh for %d ms', async (maxAgeSeconds, freshMs) => {
    const set = bench()
    if (maxAgeSeconds !== undefined) set.says.maxAgeSeconds = maxAgeSeconds
    await set.keys.current({})
    expect(set.keys.state().freshUntilMs).toBe(NOW_MS + freshMs)
    set.clock.ms += freshMs * 0.8 - 1
    await set.keys.current({})
    await settled()
    expect(set.loads).toHaveLength(1)
    set.clock.ms += 1
    await set.keys.current({})
    await settled()
    expect(set.loads).toHaveLength(2)
  })
})

describe('once keys are no longer fresh', () => {
  test('callers wait for new ones, once for all: withdrawn keys must go', async () => {
    const set = bench()
    await set.keys.current({})
    set.clock.ms += REFRESH
    set.says.names = ['two']
    const served = await Promise.all(Array.from({ length: 50 }, () => currentNames(set)))
    expect(new Set(served.flat())).toEqual(new Set(['two']))
    expect(set.loads).toHaveLength(2)
  })

  test('a verified token does not count until they came', async () => {
    const set = bench()
    const [held] = (await set.keys.current({})).select('one', 'ES256')
    set.clock.ms += REFRESH
    expect(set.keys.stillHolds(held as VerificationKey, {})).toBe(false)
    await set.keys.current({})
    expect(set.keys.stillHolds(held as VerificationKey, {})).toBe(true)
  })

  test('the first caller waits for a refresh that fails, and is served the old ones', async () => {
    const set = bench()
    await set.keys.current({})
    set.clock.ms += REFRESH
    set.says.names = down
    expect(await currentNames(set)).toEqual(['one'])
    expect(set.keys.state()).toMatchObject({ state: 'stale', keys: 1, downSinceMs: NOW_MS + REFRESH })
  })

  test('nobody waits while refreshing fails', async () => {
    const set = bench()
    const [held] = (await set.keys.current({})).select('one', 'ES256')
    set.clock.ms += REFRESH
    set.says.names = down
    await set.keys.current({})
    set.says.names = hangs
    set.clock.ms += SECOND
    expect(await currentNames(set)).toEqual(['one'])
    expect(set.keys.stillHolds(held as VerificationKey, {})).toBe(true)
    expect(set.loads).toHaveLength(3)
    set.keys.stop()
  })

  test('an hour of outage costs no more fetches than the back-off allows', async () => {
    const set = bench()
    await set.keys.current({})
    set.clock.ms += REFRESH
    set.says.names = down
    for (let second = 0; second < 3_600; second += 2) {
      expect(await currentNames(set)).toEqual(['one'])
      // Lets the background load fail at this time of the clock.
      for (let turn = 0; turn < 20; turn++) await Promise.resolve()
      set.clock.ms += 2 * SECOND
    }
    expect(set.loads.length).toBeGreaterThan(100)
    expect(set.loads.length).toBeLessThan(180)
  })

  test('they serve until the maximum staleness and not a moment longer', async () => {
    const set = bench()
    const [held] = (await set.keys.current({})).select('one', 'ES256')
    set.says.names = down
    set.clock.ms += 24 * HOUR - 1
    expect(await currentNames(set)).toEqual(['one'])
    expect(set.keys.stillHolds(held as VerificationKey, {})).toBe(true)
    set.clock.ms += 1
    expect(set.keys.stillHolds(held as VerificationKey, {})).toBe(false)
    await expect(set.keys.current({})).rejects.toMatchObject({ code: 'issuer_unavailable', status: 503 })
    expect(set.keys.state()).toMatchObject({ state: 'down', keys: 0 })
    const { retryAfterSeconds } = (await set.keys.current({}).catch((error: unknown) => error)) as {
      retryAfterSeconds: number
    }
    expect(retryAfterSeconds).toBeGreaterThanOrEqual(1)
    expect(retryAfterSeconds).toBeLessThanOrEqual(30)
  })

  test('beyond the maximum staleness callers wait for new ones, as at the start', async () => {
    const set = bench({ maxStaleMs: HOUR })
    await set.keys.current({})
    set.says.names = down
    set.clock.ms += HOUR
    expect(await codeOf(set.keys.current({}))).toBe('issuer_unavailable')
    set.says.names = ['two']
    set.clock.ms += MINUTE
    expect(await currentNames(set)).toEqual(['two'])
  })

  test('an empty set after a good one counts as a failed refresh', async () => {
    const set = bench()
    await set.keys.current({})
    set.says.names = []
    set.clock.ms += REFRESH
    expect(await currentNames(set)).toEqual(['one'])
    expect(set.keys.failing()).toMatchObject({ code: 'issuer_unavailable' })
    expect(set.keys.state()).toMatchObject({ state: 'stale', keys: 1 })
  })

  test('recovery ends the outage', async () => {
    const set = bench()
    await set.keys.current({})
    set.says.names = down
    set.clock.ms += REFRESH
    await set.keys.current({})
    set.says.names = ['two']
    set.clock.ms += SECOND
    await set.keys.current({})
    await settled()
    expect(await currentNames(set)).toEqual(['two'])
    expect(set.keys.state()).toEqual({ state: 'fresh', keys: 1, freshUntilMs: set.clock.ms + REFRESH })
  })
})

describe('back-off', () => {
  test('spaces attempts from 1 s to 30 s, counted from failures', async () => {
    const set = bench()
    set.says.names = down
    for (let step = 0; step < 10 * 60 * 10; step++) {
      await codeOf(set.keys.current({}))
      set.clock.ms += 100
    }
    const gaps = set.loads.slice(1).map((at, index) => at - (set.loads[index] ?? 0))
    for (const [index, gap] of gaps.entries()) {
      const whole = Math.min(30_000, 1_000 * 2 ** index)
      expect(gap).toBeGreaterThanOrEqual(0.75 * whole)
      expect(gap).toBeLessThanOrEqual(whole + 100)
    }
  })

  test('the events name the issuer, the fault and the delay', async () => {
    const set = bench()
    set.says.names = down
    await codeOf(set.keys.current({}))
    expect(set.events).toEqual([
      { type: 'issuer_failed', issuer: ISSUER, detail: 'connect ECONNREFUSED', retryInMs: expect.any(Number) },
    ])
  })
})

describe('newer keys', () => {
  test('are fetched at once for what is not known, and handed to all who ask', async () => {
    const set = bench()
    const seen = await set.keys.current({})
    set.says.names = ['one', 'two']
    const newer = await Promise.all(Array.from({ length: 50 }, () => set.keys.renewed(seen, {})))
    expect(new Set(newer).size).toBe(1)
    expect(namesOf(newer[0])).toEqual(['one', 'two'])
    expect(set.loads).toHaveLength(2)
  })

  test('are fetched once per cooldown', async () => {
    const set = bench()
    await set.keys.renewed(await set.keys.current({}), {})
    for (let second = 0; second < 30; second++) {
      expect(await set.keys.renewed(await set.keys.current({}), {})).toBeUndefined()
      set.clock.ms += SECOND
    }
    expect(set.loads).toEqual([0, 0])
    expect(await set.keys.renewed(await set.keys.current({}), {})).toBeDefined()
    expect(set.loads).toEqual([0, 0, 30 * SECOND])
  })

  test('that came meanwhile are handed out without a fetch', async () => {
    const set = bench()
    const seen = await set.keys.current({})
    await set.keys.renewed(seen, {})
    expect(await set.keys.renewed(seen, {})).toBeDefined()
    expect(set.loads).toHaveLength(2)
  })

  test('an ordinary load does not start the cooldown', async () => {
    const set = bench()
    await set.keys.current({})
    set.clock.ms += REFRESH
    const seen = await set.keys.current({})
    await set.keys.renewed(seen, {})
    expect(set.loads).toEqual([0, REFRESH, REFRESH])
  })

  test('an extra fetch makes keys fresh like any other', async () => {
    const set = bench()
    const seen = await set.keys.current({})
    set.clock.ms += 5 * MINUTE
    await set.keys.renewed(seen, {})
    expect(set.keys.state().freshUntilMs).toBe(NOW_MS + 15 * MINUTE)
  })

  test('are waited for where a load runs already', async () => {
    const set = bench()
    const seen = await set.keys.current({})
    set.clock.ms += 0.8 * REFRESH
    set.says.names = async () => {
      await settled()
      return ['two']
    }
    await set.keys.current({})
    expect(namesOf(await set.keys.renewed(seen, {}))).toEqual(['two'])
    expect(set.loads).toHaveLength(2)
    // It was no extra fetch: the one of the cooldown is left.
    await set.keys.renewed(await set.keys.current({}), {})
    expect(set.loads).toHaveLength(3)
  })

  test('while fetching fails the back-off is the limit, not the cooldown', async () => {
    const set = bench()
    const seen = await set.keys.current({})
    set.says.names = down
    expect(await set.keys.renewed(seen, {})).toBeUndefined()
    for (let call = 0; call < 100; call++) expect(await set.keys.renewed(seen, {})).toBeUndefined()
    expect(set.loads).toHaveLength(2)
    expect(set.keys.failing()).toMatchObject({ code: 'issuer_unavailable' })
    set.says.names = ['two']
    set.clock.ms += SECOND
    expect(namesOf(await set.keys.renewed(seen, {}))).toEqual(['two'])
  })

  test('a clock set back does not stretch the cooldown', async () => {
    const set = bench()
    await set.keys.renewed(await set.keys.current({}), {})
    set.clock.ms -= HOUR
    await set.keys.renewed(await set.keys.current({}), {})
    const before = set.loads.length
    await set.keys.renewed(await set.keys.current({}), {})
    expect(set.loads.length).toBe(before)
    set.clock.ms += 30 * SECOND
    await set.keys.renewed(await set.keys.current({}), {})
    expect(set.loads.length).toBe(before + 1)
  })
})

describe('a clock that jumps', () => {
  test('forward refreshes, and serves on', async () => {
    const set = bench()
    await set.keys.current({})
    set.clock.ms += 365 * 24 * HOUR
    expect(await currentNames(set)).toEqual(['one'])
    expect(set.loads).toHaveLength(2)
  })

  test('back does not make keys fresh for ever', async () => {
    const set = bench()
    await set.keys.current({})
    set.clock.ms -= 365 * 24 * HOUR
    set.says.names = ['two']
    expect(await currentNames(set)).toEqual(['two'])
    await currentNames(set)
    expect(set.loads).toHaveLength(2)
  })

  test('back during an outage does not stop the attempts', async () => {
    const set = bench()
    set.says.names = down
    for (let round = 0; round < 6; round++) {
      await codeOf(set.keys.current({}))
      set.clock.ms += 31 * SECOND
    }
    set.clock.ms -= 365 * 24 * HOUR
    set.says.names = ['one']
    expect(await currentNames(set)).toEqual(['one'])
  })

  test('back does not refuse tokens while the issuer is down', async () => {
    const set = bench()
    const [held] = (await set.keys.current({})).select('one', 'ES256')
    set.says.names = down
    set.clock.ms -= HOUR
    expect(await currentNames(set)).toEqual(['one'])
    expect(set.keys.stillHolds(held as VerificationKey, {})).toBe(true)
  })

  test('back does not let keys serve for ever while the issuer is down', async () => {
    const set = bench()
    set.clock.ms += 10 * 365 * 24 * HOUR
    await set.keys.current({})
    set.says.names = down
    set.clock.ms -= 10 * 365 * 24 * HOUR
    expect(await currentNames(set)).toEqual(['one'])
    // The fresh time was over when the clock was seen to be set back; the rest of the day counts from there.
    set.clock.ms += 24 * HOUR - REFRESH - 1
    expect(await currentNames(set)).toEqual(['one'])
    set.clock.ms += 1
    expect(await codeOf(set.keys.current({}))).toBe('issuer_unavailable')
  })

  test('back refuses nothing where keys may not serve longer than they are fresh', async () => {
    const set = bench({ maxStaleMs: REFRESH })
    await set.keys.current({})
    set.says.names = down
    set.clock.ms -= SECOND
    expect(await currentNames(set)).toEqual(['one'])
  })
})

describe('keys that stay', () => {
  test('are the same objects after a refresh; those withdrawn are gone', async () => {
    const set = bench()
    set.says.names = ['one', 'two']
    const before = await set.keys.current({})
    const [one] = before.select('one', 'ES256')
    const [two] = before.select('two', 'ES256')
    set.says.names = ['two', 'three']
    set.clock.ms += REFRESH
    await set.keys.current({})
    expect(set.keys.stillHolds(one as VerificationKey, {})).toBe(false)
    expect(set.keys.stillHolds(two as VerificationKey, {})).toBe(true)
  })
})

describe('a key set that was stopped', () => {
  test('refuses, loads nothing and holds nothing', async () => {
    const set = bench()
    const snapshot = await set.keys.current({})
    const [held] = snapshot.select('one', 'ES256')
    set.keys.stop()
    expect(await codeOf(set.keys.current({}))).toBe('issuer_unavailable')
    expect(await set.keys.renewed(snapshot, {})).toBeUndefined()
    expect(set.keys.stillHolds(held as VerificationKey, {})).toBe(false)
    expect(set.loads).toHaveLength(1)
  })

  test('refuses those who wait for it', async () => {
    const set = bench()
    set.says.names = hangs
    const waiting = codeOf(set.keys.current({}))
    set.keys.stop()
    expect(await waiting).toBe('issuer_unavailable')
  })
})

describe('a load that hangs', () => {
  test('ends at the timeout, even where nothing hears the signal', async () => {
    const set = bench({ timeoutMs: 100 })
    set.says.names = hangs
    expect(await codeOf(set.keys.current({}))).toBe('issuer_unavailable')
    expect(set.keys.failing()?.detail).toContain('100 ms')
  })

  test('a caller that gives up is refused and leaves the others waiting', async () => {
    const set = bench()
    const answer = Promise.withResolvers<readonly string[]>()
    set.says.names = () => answer.promise
    const controller = new AbortController()
    const impatient = codeOf(set.keys.current({ signal: controller.signal }))
    const patient = set.keys.current({})
    controller.abort()
    expect(await impatient).toBe('issuer_unavailable')
    answer.resolve(['one'])
    expect(namesOf(await patient)).toEqual(['one'])
    expect([set.loads.length, set.keys.failing()]).toEqual([1, undefined])
  })
})
