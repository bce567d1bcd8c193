import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type ConcurrencyLimit, createConcurrencyLimit, LimitReached } from '../../../src/upstream/concurrency-limit.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function limitOf(max: number): ConcurrencyLimit {
  return createConcurrencyLimit({ max, leaseMs: 4_000, maxWaitMs: 3_000, now: () => Date.now() })
}

interface Waiter {
  state: 'waiting' | 'in' | 'refused'
  release: () => void
}

function arrive(limit: ConcurrencyLimit, signal: AbortSignal = new AbortController().signal): Waiter {
  const waiter: Waiter = { state: 'waiting', release() {} }
  limit.acquire(signal).then(
    (release) => Object.assign(waiter, { state: 'in', release }),
    (error: unknown) => {
      if (!(error instanceof LimitReached)) throw error
      waiter.state = 'refused'
    },
  )
  return waiter
}

const states = (waiters: readonly Waiter[]): string[] => waiters.map(({ state }) => state)

test('as many as the limit allows run at once; the next one waits', async () => {
  const limit = limitOf(2)
  const waiters = [arrive(limit), arrive(limit), arrive(limit)]
  await vi.advanceTimersByTimeAsync(1_000)
  expect(states(waiters)).toEqual(['in', 'in', 'waiting'])
  waiters[0]?.release()
  await vi.advanceTimersByTimeAsync(150)
  expect(states(waiters)).toEqual(['in', 'in', 'in'])
})

test('four times as many may wait; one more is refused at once', async () => {
  const limit = limitOf(2)
  const waiters = Array.from({ length: 11 }, () => arrive(limit))
  await vi.advanceTimersByTimeAsync(0)
  expect(states(waiters)).toEqual(['in', 'in', ...Array.from({ length: 8 }, () => 'waiting'), 'refused'])
})

test('waiting is bounded in time', async () => {
  const limit = limitOf(1)
  const waiters = [arrive(limit), arrive(limit)]
  await vi.advanceTimersByTimeAsync(3_100)
  expect(states(waiters)).toEqual(['in', 'refused'])
})

test('a refused waiter leaves room in the queue', async () => {
  const limit = limitOf(1)
  const holder = arrive(limit)
  const first = Array.from({ length: 4 }, () => arrive(limit))
  await vi.advanceTimersByTimeAsync(3_100)
  expect(states(first)).toEqual(Array.from({ length: 4 }, () => 'refused'))
  const second = Array.from({ length: 4 }, () => arrive(limit))
  await vi.advanceTimersByTimeAsync(100)
  expect(states(second)).toEqual(Array.from({ length: 4 }, () => 'waiting'))
  holder.release()
  await vi.advanceTimersByTimeAsync(150)
  expect(states(second).filter((state) => state === 'in')).toHaveLength(1)
})

test('the turns of lost holders end after their lease', async () => {
  const limit = limitOf(2)
  const lost = [arrive(limit), arrive(limit)]
  await vi.advanceTimersByTimeAsync(3_500)
  expect(states(lost)).toEqual(['in', 'in'])
  const waiter = arrive(limit)
  await vi.advanceTimersByTimeAsync(400)
  expect(waiter.state).toBe('waiting')
  await vi.advanceTimersByTimeAsync(200)
  expect(waiter.state).toBe('in')
})

test('a holder that ends its turn late does not end that of another', async () => {
  const limit = limitOf(1)
  const late = arrive(limit)
  await vi.advanceTimersByTimeAsync(4_100)
  const present = arrive(limit)
  await vi.advanceTimersByTimeAsync(150)
  expect(present.state).toBe('in')
  late.release()
  const next = arrive(limit)
  await vi.advanceTimersByTimeAsync(500)
  expect(next.state).toBe('waiting')
})

test('lost waiters do not fill the queue for ever', async () => {
  let nowMs = 0
  const limit = createConcurrencyLimit({ max: 1, leaseMs: 4_000, maxWaitMs: 3_000, now: () => nowMs })
  arrive(limit)
  // Their timers died with their requests.
  for (let waiter = 0; waiter < 4; waiter++) arrive(limit)
  vi.clearAllTimers()
  const refused = arrive(limit)
  await vi.advanceTimersByTimeAsync(0)
  expect(refused.state).toBe('refused')
  nowMs = 7_001
  const waiters = [arrive(limit), arrive(limit)]
  await vi.advanceTimersByTimeAsync(150)
  expect(states(waiters)).toEqual(['in', 'waiting'])
})

test('a turn that is ended twice ends once', async () => {
  const limit = limitOf(1)
  const first = arrive(limit)
  await vi.advanceTimersByTimeAsync(0)
  first.release()
  const second = arrive(limit)
  await vi.advanceTimersByTimeAsync(0)
  first.release()
  const third = arrive(limit)
  await vi.advanceTimersByTimeAsync(100)
  expect(states([second, third])).toEqual(['in', 'waiting'])
})

test('those who wait are served in order of arrival', async () => {
  const limit = limitOf(1)
  const [holder, ...waiters] = Array.from({ length: 5 }, () => arrive(limit))
  await vi.advanceTimersByTimeAsync(10)
  let previous = holder
  for (const [index, waiter] of waiters.entries()) {
    previous?.release()
    await vi.advanceTimersByTimeAsync(0)
    expect(states(waiters)).toEqual(waiters.map((_, at) => (at <= index ? 'in' : 'waiting')))
    previous = waiter
  }
})

test('nobody overtakes those who wait', async () => {
  const limit = limitOf(1)
  const holder = arrive(limit)
  const first = arrive(limit)
  await vi.advanceTimersByTimeAsync(10)
  holder.release()
  const late = arrive(limit)
  await vi.advanceTimersByTimeAsync(0)
  expect(states([first, late])).toEqual(['in', 'waiting'])
})

test('a waiter that was given up takes no turn', async () => {
  const limit = limitOf(1)
  const holder = arrive(limit)
  const controller = new AbortController()
  const given = arrive(limit, controller.signal)
  const next = arrive(limit)
  controller.abort()
  await vi.advanceTimersByTimeAsync(150)
  expect(states([given, next])).toEqual(['refused', 'waiting'])
  holder.release()
  await vi.advanceTimersByTimeAsync(150)
  expect(next.state).toBe('in')
})

test('a lost waiter holds up nobody who comes later', async () => {
  const limit = limitOf(2)
  arrive(limit)
  arrive(limit)
  arrive(limit)
  // All three are lost with their requests: nothing is given back, and nobody looks.
  vi.clearAllTimers()
  await vi.advanceTimersByTimeAsync(4_100)
  const next = arrive(limit)
  await vi.advanceTimersByTimeAsync(150)
  expect(next.state).toBe('in')
  await vi.advanceTimersByTimeAsync(20_000)
  const later = arrive(limit)
  await vi.advanceTimersByTimeAsync(0)
  expect(later.state, 'a turn is free, and nobody alive waits').toBe('in')
})
