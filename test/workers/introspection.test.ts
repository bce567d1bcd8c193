import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  bundleIntrospectionWorker,
  type IntrospectionIsolate,
  startIntrospectionIsolate,
} from './introspection-isolate.ts'

const ACCEPTED = { status: 200, code: 'accepted' }
const UNAVAILABLE = { status: 503, code: 'issuer_unavailable' }
// Long enough for every bounded wait, so that what takes longer hangs.
const HANG_MS = 15_000

let script = ''
const running: IntrospectionIsolate[] = []

beforeAll(async () => {
  script = await bundleIntrospectionWorker()
})
afterAll(async () => {
  await Promise.all(running.map((worker) => worker.dispose()))
})

async function isolate(): Promise<IntrospectionIsolate> {
  const started = await startIntrospectionIsolate(script)
  running.push(started)
  return started
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

describe('one isolate', () => {
  test('1,000 concurrent requests with one token make at most 5 calls, and none hangs', async () => {
    const { ask, asked, endpoint } = await isolate()
    endpoint.delayMs = 200
    const answers = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) => ask('one', index % 2 ? '/orders' : '/orders?waitUntil')),
    )
    expect(answers.filter(({ code }) => code !== 'accepted')).toEqual([])
    expect(asked.length).toBeGreaterThan(0)
    expect(asked.length).toBeLessThanOrEqual(5)
  })

  test('keeps an answer from request to request', async () => {
    const { ask, asked, endpoint } = await isolate()
    expect(await ask('one')).toEqual(ACCEPTED)
    endpoint.answer = { active: false }
    for (let turn = 0; turn < 10; turn++) expect(await ask('one')).toEqual(ACCEPTED)
    expect(await ask('two')).toEqual({ status: 401, code: 'token_inactive' })
    expect(asked).toEqual(['one', 'two'])
  })

  test('many tokens at once, each answered for itself', async () => {
    const { ask, asked } = await isolate()
    const answers = await Promise.all(Array.from({ length: 200 }, (_, index) => ask(`token-${index}`)))
    expect(answers.filter(({ code }) => code !== 'accepted')).toEqual([])
    expect(new Set(asked).size).toBe(200)
  })
})

describe('a leading client that resets its connection', () => {
  test.each(['/orders', '/orders?waitUntil'])('wedges nobody who waits for the same token: %s', async (path) => {
    const { ask, asked, send, endpoint } = await isolate()
    endpoint.delayMs = 600
    const leader = send('one', path)
    await expect.poll(() => asked.length, { timeout: 5_000 }).toBe(1)
    const followers = Array.from({ length: 100 }, () => ask('one', path))
    await pause(100)
    leader.resetAndDestroy()
    const answers = await Promise.all(followers)
    expect(answers.filter(({ code }) => code !== 'accepted')).toEqual([])
    expect(asked.length).toBeLessThanOrEqual(5)
    const before = asked.length
    expect(await ask('one', path)).toEqual(ACCEPTED)
    expect(asked.length - before, 'the answer was kept').toBe(0)
  })

  test('holds no slot for ever: the next token gets its turn', async () => {
    const { ask, asked, send, endpoint } = await isolate()
    endpoint.hangs = true
    const leader = send('lost', '/narrow')
    await expect.poll(() => asked.length, { timeout: 5_000 }).toBe(1)
    leader.resetAndDestroy()
    endpoint.hangs = false
    // Its slot is a lease of two seconds here.
    await expect.poll(async () => ask('next', '/narrow'), { timeout: HANG_MS, interval: 100 }).toEqual(ACCEPTED)
  })

  test('leaves no trace when it is the only one', async () => {
    const { ask, asked, send, endpoint } = await isolate()
    endpoint.delayMs = 300
    const leader = send('one', '/orders')
    await expect.poll(() => asked.length, { timeout: 5_000 }).toBe(1)
    leader.resetAndDestroy()
    endpoint.delayMs = 0
    expect(await ask('one')).toEqual(ACCEPTED)
    expect(asked.length).toBeLessThanOrEqual(5)
  })

  test('in an outage, its lost probe does not keep the circuit open', async () => {
    const { ask, asked, send, endpoint } = await isolate()
    endpoint.status = 503
    for (let turn = 0; turn < 5; turn++) expect(await ask(`fail-${turn}`, '/hasty')).toEqual(UNAVAILABLE)
    expect(await ask('open', '/hasty')).toEqual(UNAVAILABLE)
    expect(asked).toHaveLength(5)
    await pause(1_500)
    endpoint.hangs = true
    const probe = send('probe', '/hasty')
    await expect.poll(() => asked.length, { timeout: 5_000 }).toBe(6)
    probe.resetAndDestroy()
    endpoint.hangs = false
    endpoint.status = 200
    let turn = 0
    await expect
      .poll(async () => ask(`back-${turn++}`, '/hasty'), { timeout: HANG_MS, interval: 100 })
      .toEqual(ACCEPTED)
  })
})

test('an endpoint that never answers is given up on time', async () => {
  const { ask, asked, endpoint } = await isolate()
  endpoint.hangs = true
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask('one', '/hasty')))
  expect(answers.filter(({ code }) => code !== 'issuer_unavailable')).toEqual([])
  expect(asked.length).toBeLessThanOrEqual(5)
  endpoint.hangs = false
  expect(await ask('one', '/hasty')).toEqual(ACCEPTED)
})
