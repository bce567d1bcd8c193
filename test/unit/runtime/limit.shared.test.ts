import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { limit } from '../../../src/runtime/limit.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('a limit', () => {
  test('aborts when its time is up, and not before', () => {
    const { signal } = limit(undefined, 100)
    vi.advanceTimersByTime(99)
    expect(signal.aborted).toBe(false)
    vi.advanceTimersByTime(1)
    expect(signal.aborted).toBe(true)
  })

  test('aborts with the outer signal, for its reason, and leaves that one alone', () => {
    const outer = new AbortController()
    const { signal } = limit(outer.signal, 100)
    outer.abort('why')
    expect([signal.aborted, signal.reason]).toEqual([true, 'why'])
    const own = new AbortController()
    limit(own.signal, 100)
    vi.advanceTimersByTime(100)
    expect(own.signal.aborted).toBe(false)
  })

  test('of a signal that aborted before is over from the start', () => {
    expect(limit(AbortSignal.abort('why'), 100).signal.reason).toBe('why')
  })

  test('that ended listens to nothing and runs no timer', () => {
    const outer = new AbortController()
    const added = vi.spyOn(outer.signal, 'addEventListener')
    const removed = vi.spyOn(outer.signal, 'removeEventListener')
    const { signal, end } = limit(outer.signal, 100)
    end()
    expect(removed.mock.calls[0]?.[1]).toBe(added.mock.calls[0]?.[1])
    expect(vi.getTimerCount()).toBe(0)
    outer.abort()
    expect(signal.aborted).toBe(false)
  })
})
