import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { createResourceServer } from '../../src/entry-points/index.ts'
import { goodClaims, RESOURCE, signingKey, signToken } from '../fixture/issuer.ts'
import { type Answer, loopbackIssuer, type LoopbackIssuer } from '../fixture/loopback-issuer.ts'
import { codeOf } from '../fixture/server.ts'

const TIMEOUT_MS = 300
const LIMIT = 512 * 1024
// Far above timeout + 0.5 s, as the machine may be busy, and far below what a hang would take.
const SOON_MS = 5_000

const running: LoopbackIssuer[] = []
const timers = new Set<NodeJS.Timeout>()
afterAll(async () => {
  for (const timer of timers) clearInterval(timer)
  await Promise.all(running.map((issuer) => issuer.stop()))
})

const json = { 'content-type': 'application/json' }

const hostile: [string, Answer][] = [
  ['hangs', () => {}],
  ['hangs after the head', (response) => response.writeHead(200, json).flushHeaders()],
  [
    'trickles',
    (response) => {
      response.writeHead(200, json)
      const timer = setInterval(() => response.write(' '), 20)
      timers.add(timer)
      response.on('close', () => clearInterval(timer))
    },
  ],
  ['resets the connection', (_, request) => request.socket.resetAndDestroy()],
  [
    'resets the connection within the body',
    (response, request) => {
      response.writeHead(200, { ...json, 'content-length': 1_000 })
      response.write('{"keys":[', () => request.socket.resetAndDestroy())
    },
  ],
  [
    'ends before the announced length',
    (response, request) => {
      response.writeHead(200, { ...json, 'content-length': 1_000 })
      response.write('{"keys":[]}', () => request.socket.end())
    },
  ],
  ['sends 10 MB', (response) => response.writeHead(200, json).end(Buffer.alloc(10 * 1024 * 1024, 0x20))],
  [
    'announces 10 MB',
    (response) => {
      response.writeHead(200, { ...json, 'content-length': 10 * 1024 * 1024 })
      response.write(' '.repeat(1_024))
    },
  ],
  [
    'sends 10 MB in 10 kB',
    (response) => {
      response.writeHead(200, { ...json, 'content-encoding': 'gzip' })
      response.end(gzipSync(Buffer.alloc(10 * 1024 * 1024, 0x20)))
    },
  ],
  ['is no HTTP', (_, request) => request.socket.end('SSH-2.0-OpenSSH_9.6\r\n')],
  ['redirects to itself', (response, { url }) => response.writeHead(302, { location: String(url) }).end()],
  ['answers 500', (response) => response.writeHead(500).end()],
  ['answers 204', (response) => response.writeHead(204).end()],
  ['sends a page', (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')],
  ['sends half of its JSON', (response) => response.writeHead(200, json).end('{"keys":[{"kty"')],
  ['sends an array', (response) => response.writeHead(200, json).end('[]')],
  ['sends deep nesting', (response) => response.writeHead(200, json).end(`{"keys":${'['.repeat(250_000)}`)],
  ['sends a set of null', (response) => response.writeHead(200, json).end('{"keys":[null]}')],
]

/** Hands the body on in chunks as they are asked for, and tells the sizes of those so far. */
function counted(response: Response, tell: (chunks: number[]) => void): Response {
  const chunks: number[] = []
  const reader = response.body?.getReader()
  if (!reader) return response
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        const { done, value } = await reader.read()
        if (done) return controller.close()
        chunks.push(value.length)
        tell(chunks)
        controller.enqueue(value)
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
  return new Response(body, { status: response.status, headers: response.headers })
}

describe.each(['discovery', 'keys'] as const)('an issuer whose %s', (which) => {
  test.each(hostile)('%s is unavailable: typed, soon and within 512 KiB', async (_, answer) => {
    const upstream = await loopbackIssuer([(await signingKey()).jwk])
    running.push(upstream)
    let readBytes: number[] = []
    const clock = { ms: Date.now() }
    const api = createResourceServer({
      resource: RESOURCE,
      issuers: [{ issuer: upstream.issuer }],
      keys: { timeoutMs: TIMEOUT_MS },
      now: () => clock.ms,
      fetch: async (url, init) =>
        counted(await fetch(url, init), (chunks) => {
          readBytes = chunks
        }),
    })
    const now = Math.floor(clock.ms / 1000)
    const token = await signToken(goodClaims({ iss: upstream.issuer, iat: now, exp: now + 3_600 }))

    upstream.answers[which] = answer
    const startMs = performance.now()
    await expect(api.verify(token)).rejects.toMatchObject({ code: 'issuer_unavailable', status: 503 })
    expect(performance.now() - startMs).toBeLessThan(SOON_MS)
    // The chunk that crosses the line is seen, and then no other.
    expect(readBytes.slice(0, -1).reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(LIMIT)

    upstream.answers[which] = undefined
    expect(await codeOf(api.verify(token))).toBe('issuer_unavailable')
    clock.ms += 1_000
    // Lets what the timeout ended end.
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await codeOf(api.verify(token))).toBe('accepted')
  })
})

test('an issuer that turns hostile after warm-up does not disturb tokens under known keys', async () => {
  const upstream = await loopbackIssuer([(await signingKey()).jwk])
  running.push(upstream)
  const clock = { ms: Date.now() }
  const api = createResourceServer({
    resource: RESOURCE,
    issuers: [{ issuer: upstream.issuer }],
    keys: { timeoutMs: TIMEOUT_MS },
    now: () => clock.ms,
  })
  const now = Math.floor(clock.ms / 1000)
  const claims = goodClaims({ iss: upstream.issuer, iat: now, exp: now + 86_400 })
  await api.verify(await signToken(claims))
  for (const [index, [, answer]] of hostile.entries()) {
    upstream.answers.keys = answer
    clock.ms += 11 * 60_000
    expect(await codeOf(api.verify(await signToken({ ...claims, jti: `known-${index}` })))).toBe('accepted')
    expect(await codeOf(api.verify(await signToken({ ...claims, jti: `rotated-${index}` }, { kid: 'rotated' })))).toBe(
      'issuer_unavailable',
    )
  }
})
