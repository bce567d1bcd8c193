import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  CallerGone,
  createSharedLoader,
  LoadAbandoned,
  type SharedLoad,
  type SharedLoader,
} from '../../../src/upstream/shared-loader.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

interface Run {
  readonly signal: AbortSignal
  readonly succeed: (value: string) => void
  readonly fail: (fault: Error) => void
}

interface Bench {
  readonly loader: SharedLoader<string>
  /** Every load that was started, to be ended by hand. */
  readonly runs: Run[]
  readonly loaded: string[]
  readonly failed: unknown[]
}

function bench(settings: Partial<SharedLoad<string, string>> = {}): Bench {
  const runs: Run[] = []
  const loaded: string[] = []
  const failed: unknown[] = []
  const loader = createSharedLoader<string, string>({
    load: (signal) =>
      new Promise<string>((succeed, fail) => {
        runs.push({ signal, succeed, fail })
      }),
    loaded(value) {
      loaded.push(value)
      return `<${value}>`
    },
    failed(cause) {
      failed.push(cause)
      return new Error('refused', { cause })
    },
    timeoutMs: 5_000,
    now: () => Date.now(),
    ...settings,
  })
  return { loader, runs, loaded, failed }
}

/**
 * Runs what a request does at once, and returns the request's end as Workers know it: its timers never fire again, and
 * what it waits for never comes.
 */
function mortal(work: () => Promise<unknown>): () => void {
  const later = vi.spyOn(globalThis, 'setTimeout')
  const often = vi.spyOn(globalThis, 'setInterval')
  try {
    work().catch(() => {})
    const timers = [...later.mock.results, ...often.mock.results].map(({ value }) => value as number)
    return () => timers.forEach((timer) => clearTimeout(timer))
  } finally {
    later.mockRestore()
    often.mockRestore()
  }
}

/** What became of a promise so far. */
function watch(promise: Promise<unknown>): { outcome: unknown } {
  const seen: { outcome: unknown } = { outcome: 'pending' }
  promise.then(
    (value) => (seen.outcome = value),
    (error: unknown) => (seen.outcome = error),
  )
  return seen
}

function many<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index))
}

describe('one load for all', () => {
  test('10,000 callers share one load and its one result', async () => {
    const { loader, runs, loaded } = bench()
    const callers = many(10_000, () => loader.join({}))
    await vi.advanceTimersByTimeAsync(50)
    runs[0]?.succeed('keys')
    const results = await Promise.all(callers)
    expect(new Set(results)).toEqual(new Set(['<keys>']))
    expect([runs.length, loaded]).toEqual([1, ['keys']])
  })

  test('a result is not kept: who asks later starts a load of its own', async () => {
    const { loader, runs } = bench()
    const first = loader.join({})
    runs[0]?.succeed('one')
    expect(await first).toBe('<one>')
    expect(loader.busy()).toBe(false)
    const second = loader.join({})
    runs[1]?.succeed('two')
    expect(await second).toBe('<two>')
  })

  test('a fault reaches every caller as `failed` made it, and `failed` is asked once a load', async () => {
    const { loader, runs, failed } = bench()
    const callers = many(100, () => watch(loader.join({})))
    runs[0]?.fail(new Error('reset'))
    await vi.advanceTimersByTimeAsync(0)
    const outcomes = new Set(callers.map(({ outcome }) => outcome))
    expect(outcomes.size).toBe(1)
    expect([...outcomes][0]).toMatchObject({ message: 'refused', cause: { message: 'reset' } })
    expect(failed).toHaveLength(1)

    const next = watch(loader.join({}))
    runs[1]?.fail(new Error('again'))
    await vi.advanceTimersByTimeAsync(0)
    expect(next.outcome).toMatchObject({ cause: { message: 'again' } })
    expect(failed).toHaveLength(2)
  })

  test('a failed load is not remembered', async () => {
    const { loader, runs } = bench()
    const first = watch(loader.join({}))
    runs[0]?.fail(new Error('reset'))
    await vi.advanceTimersByTimeAsync(0)
    expect(first.outcome).toBeInstanceOf(Error)
    const second = loader.join({})
    runs[1]?.succeed('keys')
    expect(await second).toBe('<keys>')
  })

  test('leaves no timer behind', async () => {
    const { loader, runs } = bench()
    const controller = new AbortController()
    const callers = many(10, () => loader.join({ signal: controller.signal }))
    runs[0]?.succeed('keys')
    await Promise.all(callers)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('is kept alive by the caller that leads, with a promise that never rejects', async () => {
    const { loader, runs } = bench()
    const kept: Promise<unknown>[] = []
    const caller = watch(loader.join({ waitUntil: (promise) => kept.push(promise) }))
    runs[0]?.fail(new Error('reset'))
    await vi.advanceTimersByTimeAsync(0)
    expect(caller.outcome).toBeInstanceOf(Error)
    expect(kept).toHaveLength(1)
    await expect(kept[0]).resolves.toBeUndefined()
  })
})

describe('time', () => {
  test('a load that outlasts the timeout is ended, and its late result dropped', async () => {
    const { loader, runs, loaded, failed } = bench({ timeoutMs: 300 })
    const caller = watch(loader.join({}))
    await vi.advanceTimersByTimeAsync(299)
    expect(caller.outcome).toBe('pending')
    await vi.advanceTimersByTimeAsync(1)
    expect(caller.outcome).toMatchObject({ message: 'refused', cause: expect.any(LoadAbandoned) })
    expect(runs[0]?.signal.aborted).toBe(true)

    runs[0]?.succeed('late')
    await vi.advanceTimersByTimeAsync(10_000)
    expect([loaded, failed.length]).toEqual([[], 1])
  })

  test('a late fault of a load that was ended is not counted again', async () => {
    const { loader, runs, failed } = bench({ timeoutMs: 300 })
    watch(loader.join({}))
    await vi.advanceTimersByTimeAsync(300)
    runs[0]?.fail(new Error('aborted'))
    await vi.advanceTimersByTimeAsync(10_000)
    expect(failed).toHaveLength(1)
  })

  test('a late result does not disturb the load that came after', async () => {
    const { loader, runs, loaded } = bench({ timeoutMs: 300 })
    watch(loader.join({}))
    await vi.advanceTimersByTimeAsync(300)
    const next = watch(loader.join({}))
    runs[0]?.succeed('late')
    await vi.advanceTimersByTimeAsync(10)
    expect([next.outcome, loader.busy()]).toEqual(['pending', true])
    runs[1]?.succeed('fresh')
    await vi.advanceTimersByTimeAsync(0)
    expect([next.outcome, loaded]).toEqual(['<fresh>', ['fresh']])
  })

  test('nobody takes over from a slow leader that is alive', async () => {
    const { loader, runs } = bench()
    const callers = many(200, () => watch(loader.join({})))
    await vi.advanceTimersByTimeAsync(4_900)
    runs[0]?.succeed('keys')
    await vi.advanceTimersByTimeAsync(0)
    expect(runs).toHaveLength(1)
    expect(new Set(callers.map(({ outcome }) => outcome))).toEqual(new Set(['<keys>']))
  })
})

describe('a caller that gives up', () => {
  test('leaves the others and the load unaffected', async () => {
    const { loader, runs, failed } = bench()
    const controller = new AbortController()
    // It leads, and leaves first.
    const impatient = watch(loader.join({ signal: controller.signal }))
    const others = many(10, () => watch(loader.join({})))
    controller.abort(new Error('closed the tab'))
    await vi.advanceTimersByTimeAsync(0)
    expect(impatient.outcome).toBeInstanceOf(CallerGone)
    // The reason is the caller's own, and may quote anything.
    expect(impatient.outcome).not.toHaveProperty('cause')
    expect([runs[0]?.signal.aborted, failed]).toEqual([false, []])
    runs[0]?.succeed('keys')
    await vi.advanceTimersByTimeAsync(0)
    expect(new Set(others.map(({ outcome }) => outcome))).toEqual(new Set(['<keys>']))
    expect(runs).toHaveLength(1)
  })

  test('is refused at once where it had given up before', async () => {
    const { loader } = bench()
    const caller = watch(loader.join({ signal: AbortSignal.abort() }))
    await vi.advanceTimersByTimeAsync(0)
    expect(caller.outcome).toBeInstanceOf(CallerGone)
  })
})

describe('a leader whose request ended', () => {
  test('is succeeded by one follower within bounded time', async () => {
    const { loader, runs, loaded } = bench()
    const end = mortal(() => loader.join({}))
    const followers = many(50, () => watch(loader.join({})))
    await vi.advanceTimersByTimeAsync(100)
    end()
    await vi.advanceTimersByTimeAsync(2_500)
    expect(runs).toHaveLength(2)
    runs[1]?.succeed('keys')
    await vi.advanceTimersByTimeAsync(2_500)
    expect(new Set(followers.map(({ outcome }) => outcome))).toEqual(new Set(['<keys>']))
    expect([runs.length, loaded]).toEqual([2, ['keys']])
  })

  test('is succeeded where the successor ends as well', async () => {
    const { loader, runs } = bench()
    mortal(() => loader.join({}))()
    const second = mortal(() => loader.join({}))
    const follower = watch(loader.join({}))
    await vi.advanceTimersByTimeAsync(100)
    second()
    await vi.advanceTimersByTimeAsync(5_000)
    runs.at(-1)?.succeed('keys')
    await vi.advanceTimersByTimeAsync(2_500)
    expect(follower.outcome).toBe('<keys>')
  })

  test('does not hold up those who come later', async () => {
    const { loader, runs } = bench()
    mortal(() => loader.join({}))()
    await vi.advanceTimersByTimeAsync(3_600_000)
    const newcomers = many(20, () => watch(loader.join({})))
    await vi.advanceTimersByTimeAsync(2_500)
    runs.at(-1)?.succeed('keys')
    await vi.advanceTimersByTimeAsync(2_500)
    expect(new Set(newcomers.map(({ outcome }) => outcome))).toEqual(new Set(['<keys>']))
  })

  test('does not hold up callers for ever that each wait less than a second', async () => {
    const { loader, runs } = bench({ timeoutMs: 300 })
    mortal(() => loader.join({}))()
    for (let caller = 0; caller < 20; caller++) {
      const controller = new AbortController()
      watch(loader.join({ signal: controller.signal }))
      await vi.advanceTimersByTimeAsync(300)
      controller.abort()
    }
    expect(runs.length).toBeGreaterThan(1)
  })

  test('cannot make a follower wait for ever: it leads and is then bound by the timeout', async () => {
    const { loader, runs, failed } = bench({ timeoutMs: 2_000 })
    mortal(() => loader.join({}))()
    const follower = watch(loader.join({}))
    await vi.advanceTimersByTimeAsync(6_000)
    expect(runs).toHaveLength(2)
    expect(follower.outcome).toBeInstanceOf(Error)
    expect(failed).toHaveLength(1)
  })
})

describe('nudge', () => {
  test('starts a load in the background, once', async () => {
    const { loader, runs, loaded } = bench()
    loader.nudge({})
    loader.nudge({})
    expect([loader.busy(), runs.length]).toEqual([true, 1])
    runs[0]?.succeed('keys')
    await vi.advanceTimersByTimeAsync(0)
    expect([loader.busy(), loaded]).toEqual([false, ['keys']])
  })

  test('its load is shared by those who join', async () => {
    const { loader, runs } = bench()
    loader.nudge({})
    const caller = watch(loader.join({}))
    runs[0]?.succeed('keys')
    await vi.advanceTimersByTimeAsync(0)
    expect([caller.outcome, runs.length]).toEqual(['<keys>', 1])
  })

  test('a fault in the background is told to `failed` and to nobody else', async () => {
    const { loader, runs, failed } = bench()
    loader.nudge({})
    runs[0]?.fail(new Error('reset'))
    await vi.advanceTimersByTimeAsync(0)
    expect(failed).toHaveLength(1)
  })

  test('starts anew where the load that ran is overdue', async () => {
    const { loader, runs } = bench({ timeoutMs: 2_000 })
    mortal(async () => loader.nudge({}))()
    await vi.advanceTimersByTimeAsync(2_900)
    loader.nudge({})
    expect(runs).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(200)
    expect(loader.busy()).toBe(false)
    loader.nudge({})
    expect(runs).toHaveLength(2)
  })

  test('starts anew where the clock was set back far', async () => {
    const clock = { ms: 1e12 }
    const { loader, runs } = bench({ now: () => clock.ms })
    mortal(async () => loader.nudge({}))()
    clock.ms -= 3_600_000
    loader.nudge({})
    expect(runs).toHaveLength(2)
  })
})

describe('stop', () => {
  test('ends the load that runs and refuses those who wait', async () => {
    const { loader, runs, loaded, failed } = bench()
    const callers = many(3, () => watch(loader.join({})))
    loader.stop()
    await vi.advanceTimersByTimeAsync(0)
    for (const { outcome } of callers) expect(outcome).toMatchObject({ cause: expect.any(LoadAbandoned) })
    expect([runs[0]?.signal.aborted, loader.busy(), failed.length]).toEqual([true, false, 1])
    runs[0]?.succeed('late')
    await vi.advanceTimersByTimeAsync(0)
    expect([loaded, vi.getTimerCount()]).toEqual([[], 0])
  })

  test('does nothing where no load runs', () => {
    const { loader, failed } = bench()
    loader.stop()
    expect([loader.busy(), failed]).toEqual([false, []])
  })
})
