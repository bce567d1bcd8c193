import { connect, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { convertV4MiniflareOptions, Miniflare, Response } from 'miniflare'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { build } from 'vite'
import { goodAnswer } from '../fixture/introspection.ts'

const ACCEPTED = { status: 200, code: 'accepted' }
const UNAVAILABLE = { status: 503, code: 'issuer_unavailable' }
// Long enough for every bounded wait, so that what takes longer hangs.
const HANG_MS = 15_000

/** The test Worker in a fresh isolate, and the only world that it can reach: one introspection endpoint. */
interface Isolate {
  /** Tokens that were asked about, in order. */
  readonly asked: string[]
  /** What the endpoint does from now on. */
  readonly endpoint: { answer: Record<string, unknown>; status: number; delayMs: number; hangs: boolean }
  readonly ask: (token: string, path?: string) => Promise<{ status: number; code: string }>
  /** Sends a request on a connection of its own and does not wait for the answer. */
  readonly send: (token: string, path: string) => Socket
}

let script = ''
const running: Miniflare[] = []

beforeAll(async () => {
  const built = await build({
    configFile: false,
    logLevel: 'silent',
    build: {
      write: false,
      minify: false,
      target: 'esnext',
      lib: {
        entry: fileURLToPath(new URL('introspection-worker.ts', import.meta.url)),
        formats: ['es'],
        fileName: 'worker',
      },
    },
  })
  const [output] = Array.isArray(built) ? built : [built]
  if (!output || !('output' in output)) throw new Error('the test Worker was not bundled')
  script = output.output[0].code
})

afterAll(async () => {
  await Promise.all(running.map((miniflare) => miniflare.dispose()))
})

async function isolate(): Promise<Isolate> {
  const asked: string[] = []
  const now = Math.floor(Date.now() / 1000)
  const endpoint: Isolate['endpoint'] = {
    answer: goodAnswer({ iat: now - 10, exp: now + 3_600 }),
    status: 200,
    delayMs: 0,
    hangs: false,
  }
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      modules: true,
      script,
      compatibilityDate: '2026-10-01',
      compatibilityFlags: ['no_nodejs_compat', 'no_nodejs_compat_v2'],
      host: '127.0.0.1',
      port: 0,
      cf: false,
      async outboundService(request: { readonly text: () => Promise<string> }) {
        const form = new URLSearchParams(await request.text())
        asked.push(form.get('token') ?? '')
        const { answer, status, delayMs, hangs } = endpoint
        if (hangs) await new Promise(() => {})
        await pause(delayMs)
        return Response.json(answer, { status })
      },
    }),
  )
  running.push(miniflare)
  const { origin, port } = await miniflare.ready
  return {
    asked,
    endpoint,
    async ask(token, path = '/orders') {
      const response = await fetch(origin + path, {
        headers: { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(HANG_MS),
      })
      const { code } = (await response.json()) as { code: string }
      return { status: response.status, code }
    },
    send(token, path) {
      const socket = connect(Number(port), '127.0.0.1')
      socket.on('error', () => {})
      socket.write(`GET ${path} HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer ${token}\r\n\r\n`)
      return socket
    },
  }
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
