import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Deadline, runWithin, waitWithin } from '../../../src/runtime/deadline.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

const LATE: Deadline<'late'> = { ms: 100, late: () => 'late' }

function never(): Promise<never> {
  return new Promise(() => {})
}

/** Listens to who listens to a signal. */
function watchedSignal() {
  const controller = new AbortController()
  const { signal } = controller
  const listening = new Set<unknown>()
  vi.spyOn(signal, 'addEventListener').mockImplementation((_, listener) => void listening.add(listener))
  vi.spyOn(signal, 'removeEventListener').mockImplementation((_, listener) => void listening.delete(listener))
  return { controller, signal, listening }
}

describe('a wait', () => {
  test('gives the result that comes in time', async () => {
    expect(await waitWithin(Promise.resolve('result'), LATE)).toBe('result')
  })

  test('throws what the work throws in time', async () => {
    await expect(waitWithin(Promise.reject(new Error('work')), LATE)).rejects.toThrow('work')
  })

  test('takes a value that is no promise, as users’ functions return one', async () => {
    expect(await waitWithin('value', LATE)).toBe('value')
  })

  test('ends when its time is up, and not before', async () => {
    const ended = vi.fn()
    void waitWithin(never(), LATE).then(ended)
    await vi.advanceTimersByTimeAsync(99)
    expect(ended).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1)
    expect(ended).toHaveBeenCalledExactlyOnceWith('late')
  })

  test('throws what `late` throws', async () => {
    const waiting = waitWithin(never(), {
      ms: 100,
      late() {
        throw new Error('too late')
      },
    })
    const thrown = expect(waiting).rejects.toThrow('too late')
    await vi.advanceTimersByTimeAsync(100)
    await thrown
  })

  test('drops what comes late, a rejection too', async () => {
    const { promise, reject } = Promise.withResolvers<never>()
    const waiting = waitWithin(promise, LATE)
    await vi.advanceTimersByTimeAsync(100)
    reject(new Error('dropped: unhandled, it would fail this run'))
    expect(await waiting).toBe('late')
  })

  test('ends with its signal, for the reason of the signal', async () => {
    const controller = new AbortController()
    const waiting = waitWithin(never(), { ...LATE, signal: controller.signal })
    controller.abort('reason')
    await expect(waiting).rejects.toBe('reason')
  })

  test('ends with its signal as `gone` says', async () => {
    const controller = new AbortController()
    const waiting = waitWithin(never(), { ...LATE, signal: controller.signal, gone: () => 'late' })
    controller.abort('reason')
    expect(await waiting).toBe('late')
  })

  test('ends at once where the signal aborted before, even if the result is there', async () => {
    const signal = AbortSignal.abort('reason')
    await expect(waitWithin(Promise.resolve('result'), { ...LATE, signal })).rejects.toBe('reason')
    expect(vi.getTimerCount()).toBe(0)
  })

  test.each<[string, () => Promise<unknown>]>([
    ['a result', () => Promise.resolve()],
    ['a fault', () => Promise.reject(new Error('work'))],
    ['a late end', never],
  ])('listens to nothing and runs no timer after %s', async (_, work) => {
    const { signal, listening } = watchedSignal()
    const waiting = waitWithin(work(), { ...LATE, signal }).catch(() => {})
    expect([listening.size, vi.getTimerCount()]).toEqual([1, 1])
    await vi.advanceTimersByTimeAsync(100)
    await waiting
    expect([listening.size, vi.getTimerCount()]).toEqual([0, 0])
  })
})

describe('10,000 waits for one promise', () => {
  test('each end by themselves, and leave nothing behind', async () => {
    const { signal, listening } = watchedSignal()
    const { promise, resolve } = Promise.withResolvers<'result'>()
    const waiting = Array.from({ length: 10_000 }, (_, at) =>
      waitWithin(promise, { ...LATE, ms: at % 2 ? 100 : 200, signal }),
    )
    await vi.advanceTimersByTimeAsync(100)
    expect([listening.size, vi.getTimerCount()]).toEqual([5_000, 5_000])
    resolve('result')
    const results = await Promise.all(waiting)
    expect(results.filter((each) => each === 'result')).toHaveLength(5_000)
    expect([listening.size, vi.getTimerCount()]).toEqual([0, 0])
  })
})

describe('a wait that keeps no process alive', () => {
  test('lets go of its timer, where the runtime knows that', async () => {
    const unref = vi.fn()
    vi.spyOn(globalThis, 'setTimeout').mockReturnValue({ unref } as unknown as ReturnType<typeof setTimeout>)
    await waitWithin(Promise.resolve(), LATE)
    expect(unref).not.toHaveBeenCalled()
    await waitWithin(Promise.resolve(), { ...LATE, keepsAlive: false })
    expect(unref).toHaveBeenCalledOnce()
  })
})

describe('work under a deadline', () => {
  test('runs under a signal that aborts when the time is up, and not before', async () => {
    let signal: AbortSignal | undefined
    const running = runWithin((own) => {
      signal = own
      return never()
    }, LATE)
    await vi.advanceTimersByTimeAsync(99)
    expect(signal?.aborted).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(signal?.aborted).toBe(true)
    expect(await running, 'though the work ignores its signal').toBe('late')
  })

  test('that throws because it was aborted does not come in place of `late`', async () => {
    const running = runWithin(
      (own) => new Promise((_, reject) => own.addEventListener('abort', () => reject(own.reason as Error))),
      LATE,
    )
    await vi.advanceTimersByTimeAsync(100)
    expect(await running).toBe('late')
  })

  test('aborts with the outer signal, for its reason, and leaves that one alone', async () => {
    const outer = new AbortController()
    let own: AbortSignal | undefined
    const work = (signal: AbortSignal): Promise<never> => {
      own = signal
      return never()
    }
    const running = runWithin(work, { ...LATE, signal: outer.signal })
    const thrown = expect(running).rejects.toBe('why')
    outer.abort('why')
    await thrown
    expect([own?.aborted, own?.reason]).toEqual([true, 'why'])

    const untouched = new AbortController()
    const late = runWithin(work, { ...LATE, signal: untouched.signal })
    await vi.advanceTimersByTimeAsync(100)
    expect([await late, untouched.signal.aborted]).toEqual(['late', false])
  })

  test('does not begin where the outer signal aborted before', async () => {
    const work = vi.fn(never)
    await expect(runWithin(work, { ...LATE, signal: AbortSignal.abort('why') })).rejects.toBe('why')
    expect(work).not.toHaveBeenCalled()
  })

  test('that ended listens to nothing, runs no timer and is not aborted', async () => {
    const { controller, signal, listening } = watchedSignal()
    const own = await runWithin((signalOfWork) => Promise.resolve(signalOfWork), { ...LATE, signal })
    expect([listening.size, vi.getTimerCount()]).toEqual([0, 0])
    controller.abort()
    expect((own as AbortSignal).aborted).toBe(false)
  })
})
