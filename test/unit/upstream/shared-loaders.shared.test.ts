import { describe, expect, test } from 'vitest'
import { CallerGone, LoadAbandoned } from '../../../src/upstream/shared-loader.ts'
import { createSharedLoaders, type SharedLoadsByKey, TooManyLoads } from '../../../src/upstream/shared-loaders.ts'
import { errorOf, settle } from '../../fixture/introspection.ts'

interface Run {
  readonly key: string
  readonly signal: AbortSignal
  readonly succeed: (value: string) => void
  readonly fail: (fault: Error) => void
}

function bench(settings: Partial<SharedLoadsByKey<string, string>> = {}) {
  const runs: Run[] = []
  const loaded: string[] = []
  const failed: string[] = []
  const loaders = createSharedLoaders<string, string>({
    load: (key, signal) => new Promise((succeed, fail) => runs.push({ key, signal, succeed, fail })),
    loaded(key, value) {
      loaded.push(`${key}=${value}`)
      return `<${value}>`
    },
    failed(key, cause) {
      failed.push(key)
      return new Error(`refused ${key}`, { cause })
    },
    max: 3,
    timeoutMs: 5_000,
    now: () => Date.now(),
    ...settings,
  })
  return { loaders, runs, loaded, failed }
}

test('callers of one key share a load', async () => {
  const { loaders, runs, loaded } = bench()
  const callers = Promise.all(Array.from({ length: 1_000 }, () => loaders.join('a', {})))
  expect(runs).toHaveLength(1)
  runs[0]?.succeed('1')
  expect(new Set(await callers)).toEqual(new Set(['<1>']))
  expect(loaded).toEqual(['a=1'])
})

test('callers of different keys do not', async () => {
  const { loaders, runs } = bench()
  const callers = Promise.all([loaders.join('a', {}), loaders.join('b', {})])
  expect(runs.map(({ key }) => key)).toEqual(['a', 'b'])
  runs[1]?.succeed('2')
  runs[0]?.succeed('1')
  expect(await callers).toEqual(['<1>', '<2>'])
})

test('a key is loaded anew after a load ended, well or badly', async () => {
  const { loaders, runs, failed } = bench()
  const first = loaders.join('a', {})
  runs[0]?.succeed('1')
  expect(await first).toBe('<1>')
  const second = errorOf(loaders.join('a', {}))
  runs[1]?.fail(new Error('down'))
  expect(await second).toMatchObject({ message: 'refused a', cause: { message: 'down' } })
  const third = loaders.join('a', {})
  runs[2]?.succeed('3')
  expect(await third).toBe('<3>')
  expect(failed).toEqual(['a'])
})

test('a failure is told once, and refuses all who share the load with the same error', async () => {
  const { loaders, runs, failed } = bench()
  const callers = Array.from({ length: 10 }, () => errorOf(loaders.join('a', {})))
  runs[0]?.fail(new Error('down'))
  expect(new Set(await Promise.all(callers)).size).toBe(1)
  expect(failed).toEqual(['a'])
})

describe('the bound', () => {
  test('refuses one key too many, and not those that are being loaded', async () => {
    const { loaders, runs } = bench()
    const held = ['a', 'b', 'c'].map((key) => loaders.join(key, {}))
    expect(await errorOf(loaders.join('d', {}))).toBeInstanceOf(TooManyLoads)
    const also = loaders.join('b', {})
    expect(runs).toHaveLength(3)
    for (const run of runs) run.succeed(run.key)
    expect(await Promise.all([...held, also])).toEqual(['<a>', '<b>', '<c>', '<b>'])
  })

  test('has room again when a load ended, well or badly', async () => {
    const { loaders, runs } = bench()
    const held = ['a', 'b', 'c'].map((key) => loaders.join(key, {}).catch(() => 'refused'))
    runs[0]?.succeed('1')
    runs[1]?.fail(new Error('down'))
    await settle()
    const later = ['d', 'e'].map((key) => loaders.join(key, {}))
    expect(runs.map(({ key }) => key)).toEqual(['a', 'b', 'c', 'd', 'e'])
    for (const run of runs) run.succeed('1')
    expect(await Promise.all([...held, ...later])).toEqual(['<1>', 'refused', '<1>', '<1>', '<1>'])
  })

  test('10,000 keys one after another leave nothing behind', async () => {
    const { loaders } = bench({ load: async (key) => key })
    for (let index = 0; index < 10_000; index++) await loaders.join(`key-${index}`, {})
    expect(await Promise.all(['x', 'y', 'z'].map((key) => loaders.join(key, {})))).toEqual(['<x>', '<y>', '<z>'])
  })

  test('lost loads do not use it up', async () => {
    let nowMs = 0
    const { loaders, runs } = bench({ now: () => nowMs })
    // Nobody ever hears of these again, as when the requests that ran them ended.
    for (const key of ['a', 'b', 'c']) void loaders.join(key, {}).catch(() => {})
    expect(await errorOf(loaders.join('d', {}))).toBeInstanceOf(TooManyLoads)
    nowMs = 6_001
    const later = loaders.join('d', {})
    expect(runs.at(-1)?.key).toBe('d')
    runs.at(-1)?.succeed('1')
    expect(await later).toBe('<1>')
    loaders.stop()
    for (const run of runs) run.succeed('late')
  })
})

test('one caller who gives up leaves the others unaffected', async () => {
  const { loaders, runs } = bench()
  const controller = new AbortController()
  const impatient = errorOf(loaders.join('a', { signal: controller.signal }))
  const patient = loaders.join('a', {})
  controller.abort()
  expect(await impatient).toBeInstanceOf(CallerGone)
  runs[0]?.succeed('1')
  expect(await patient).toBe('<1>')
})

test('a load that takes too long is given up, and its late answer dropped', async () => {
  const { loaders, runs, loaded } = bench({ timeoutMs: 50 })
  const error = await errorOf(loaders.join('a', {}))
  expect(error.cause).toBeInstanceOf(LoadAbandoned)
  expect(runs[0]?.signal.aborted).toBe(true)
  runs[0]?.succeed('late')
  await settle()
  expect(loaded).toEqual([])
})

test('a load outlives its request where the platform is told', async () => {
  const { loaders, runs } = bench()
  const kept: Promise<unknown>[] = []
  const caller = loaders.join('a', { waitUntil: (promise) => void kept.push(promise) })
  expect(kept).toHaveLength(1)
  runs[0]?.succeed('1')
  await Promise.all(kept)
  expect(await caller).toBe('<1>')
})

test('stop ends also a load that was forgotten while somebody waits for it', async () => {
  // Longer than the test may take, so that nothing but stop() ends it.
  const { loaders, runs } = bench({ timeoutMs: 60_000 })
  const waiting = [errorOf(loaders.join('a', {})), errorOf(loaders.join('b', {}))]
  loaders.forget('a')
  loaders.forgetAll()
  loaders.stop()
  expect((await Promise.all(waiting)).map(({ cause }) => cause)).toEqual([
    expect.any(LoadAbandoned),
    expect.any(LoadAbandoned),
  ])
  expect(runs.map(({ signal }) => signal.aborted)).toEqual([true, true])
})

test('stop ends every load', async () => {
  const { loaders, runs } = bench()
  const callers = ['a', 'b'].map((key) => errorOf(loaders.join(key, {})))
  loaders.stop()
  for (const error of await Promise.all(callers)) expect(error.cause).toBeInstanceOf(LoadAbandoned)
  expect(runs.map(({ signal }) => signal.aborted)).toEqual([true, true])
})

describe('is busy', () => {
  test('while a load runs, and no longer', async () => {
    const { loaders, runs } = bench()
    expect(loaders.busy()).toBe(false)
    const caller = loaders.join('a', {})
    expect(loaders.busy()).toBe(true)
    runs[0]?.succeed('1')
    await caller
    expect(loaders.busy()).toBe(false)
  })

  test('while a load runs that nobody joins any more', async () => {
    const { loaders, runs } = bench()
    const caller = loaders.join('a', {})
    loaders.forget('a')
    expect(loaders.busy()).toBe(true)
    runs[0]?.succeed('1')
    await caller
    expect(loaders.busy()).toBe(false)
  })
})
