import { describe, expect, test } from 'vitest'
import { type VerdictCache, createVerdictCache, type Verdict } from '../../../src/upstream/verdict-cache.ts'
import { BearwardError } from '../../../src/entry-points/index.ts'

const terms = 'introspect for https://login.example.com'
const others = 'introspect for https://other.example.com'

function accepted(answeredMs = 0, weight = 1_600): Verdict {
  return {
    terms,
    weight,
    answeredMs,
    accepted: { accessToken: {} as never, notBeforeSeconds: undefined },
  }
}

function refused(answeredMs = 0): Verdict {
  return { terms, weight: 0, answeredMs, refused: new BearwardError('token_inactive', 'inactive') }
}

function cacheAt(): { cache: VerdictCache; clock: { ms: number } } {
  const clock = { ms: 0 }
  return { cache: createVerdictCache(() => clock.ms), clock }
}

function known(cache: VerdictCache, count: number, prefix: string): number {
  let found = 0
  for (let index = 0; index < count; index++) if (cache.get(`${prefix}-${index}`, terms, 30_000)) found++
  return found
}

test('keeps verdicts by the whole token, under the terms on which they were reached', () => {
  const { cache } = cacheAt()
  const verdict = accepted()
  cache.set('token', verdict)
  expect(cache.get('token', terms, 30_000)).toBe(verdict)
  expect(cache.get('tokem', terms, 30_000)).toBeUndefined()
  expect(cache.get('token', others, 30_000), 'under other terms it is none').toBeUndefined()
})

test('a refusal takes the place of a good answer, and the other way round', () => {
  const { cache } = cacheAt()
  cache.set('token', accepted())
  cache.set('token', refused())
  expect(cache.get('token', terms, 30_000)?.accepted).toBeUndefined()
  cache.set('token', accepted())
  expect(cache.get('token', terms, 30_000)?.accepted).toBeDefined()
})

test('an age is counted from the answer, and a clock set back makes none young', () => {
  const { cache, clock } = cacheAt()
  clock.ms = 100_000
  cache.set('token', accepted(90_000))
  expect(cache.get('token', terms, 10_001)).toBeDefined()
  expect(cache.get('token', terms, 10_000)).toBeUndefined()
  clock.ms = 89_999
  expect(cache.get('token', terms, 30_000)).toBeUndefined()
})

describe('what was forgotten', () => {
  test.each(['forget', 'forgetAll'] as const)('%s: an answer from before it is not kept', (method) => {
    const { cache } = cacheAt()
    const epoch = cache.epoch()
    cache[method]('token')
    cache.set('token', accepted(), epoch)
    expect(cache.get('token', terms, 30_000)).toBeUndefined()
    cache.set('token', accepted(), cache.epoch())
    expect(cache.get('token', terms, 30_000)).toBeDefined()
  })
})

describe('bounds', () => {
  test('100,000 refusals push out no good token, and few of them are kept', () => {
    const { cache } = cacheAt()
    for (let index = 0; index < 5_000; index++) cache.set(`good-${index}`, accepted())
    for (let index = 0; index < 100_000; index++) cache.set(`junk-${index}`, refused())
    expect(known(cache, 5_000, 'good')).toBe(5_000)
    expect(known(cache, 100_000, 'junk')).toBeLessThanOrEqual(5_000)
    expect(cache.get('junk-99999', terms, 30_000), 'the newest stays').toBeDefined()
  })

  test('refusals of long tokens are bounded by their bytes', () => {
    const { cache } = cacheAt()
    const long = 'x'.repeat(16_000)
    for (let index = 0; index < 2_000; index++) cache.set(`${long}-${index}`, refused())
    expect(known(cache, 2_000, long) * long.length).toBeLessThanOrEqual(8 * 1024 * 1024)
  })

  test('good answers are bounded by count and bytes', () => {
    const { cache } = cacheAt()
    for (let index = 0; index < 20_000; index++) cache.set(`good-${index}`, accepted())
    expect(known(cache, 20_000, 'good')).toBeLessThanOrEqual(10_000)
    const long = 'x'.repeat(16_000)
    for (let index = 0; index < 4_000; index++) cache.set(`${long}-${index}`, accepted())
    expect(known(cache, 4_000, long) * long.length).toBeLessThanOrEqual(32 * 1024 * 1024)
  })

  test('an answer counts by its own weight as well', () => {
    const { cache } = cacheAt()
    for (let index = 0; index < 2_000; index++) cache.set(`large-${index}`, accepted(0, 480_000))
    const kept = known(cache, 2_000, 'large')
    expect(kept).toBeGreaterThan(10)
    expect(kept * 480_000).toBeLessThanOrEqual(32 * 1024 * 1024)
  })
})
