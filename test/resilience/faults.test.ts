import type { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { BearwardError } from '../../src/entry-points/index.ts'
import { type FaultyServer, faultyServer, pour, trickle } from '../fixture/faulty-server.ts'
import { signingKey } from '../fixture/issuer.ts'
import type { Answer } from '../fixture/loopback-issuer.ts'
import { codeOf } from '../fixture/server.ts'
import { type Bench, benchFor, stopAfterwards, UPSTREAMS } from './upstreams.ts'

const MIB = 1024 * 1024
const POURED = 64 * MIB
// What a server gets rid of beyond what is read: the buffers of two sockets, and those of fetch.
const SLACK = 8 * MIB
const LIMITS = { metadata: MIB / 2, keys: MIB / 2, introspection: MIB / 16 }
const BURSTS = 8
// Where a connection was broken off, the fetch of Node 24 opens a spare one together with the next.
const CONNECTIONS_PER_CALL = 2

/** Whether the connection fails, and may be tried once more; a broken answer is one attempt; a useless one is no outage. */
type Kind = 'no connection' | 'broken answer' | 'useless answer'

interface Fault {
  readonly name: string
  readonly kind: Kind
  readonly begin: (bench: Bench, trap: FaultyServer) => unknown
}

const json = { 'content-type': 'application/json' }
const head = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'

function answers(name: string, kind: Kind, answer: (bench: Bench, trap: FaultyServer) => Answer): Fault {
  return { name, kind, begin: (bench, trap) => (bench.server.answer = answer(bench, trap)) }
}

function whenAsked(answer: (socket: Socket) => void): (socket: Socket) => void {
  return (socket) => void socket.once('data', () => answer(socket))
}

const faults: Fault[] = [
  { name: 'refuses connections', kind: 'no connection', begin: ({ server }) => server.stop() },
  {
    name: 'has a name that nobody resolves',
    kind: 'no connection',
    begin: ({ lead }) => lead('https://issuer.invalid/'),
  },
  {
    name: 'resets what it accepted',
    kind: 'no connection',
    begin: ({ server }) => server.take((socket) => socket.resetAndDestroy()),
  },
  { name: 'accepts and says nothing', kind: 'broken answer', begin: ({ server }) => server.take(() => {}) },
  {
    name: 'accepts and never answers the TLS handshake',
    kind: 'broken answer',
    begin({ server, lead }) {
      lead(server.tlsUrl)
      return server.take(() => {})
    },
  },
  {
    name: 'answers the TLS handshake in plain HTTP',
    kind: 'no connection',
    begin: ({ server, lead }) => lead(server.tlsUrl),
  },
  {
    name: 'trickles its head',
    kind: 'broken answer',
    begin: ({ server }) => server.take(whenAsked((socket) => trickle(socket, `${head}X-Filling: `))),
  },
  {
    name: 'trickles its body',
    kind: 'broken answer',
    begin: ({ server }) =>
      server.take(
        whenAsked((socket) => {
          socket.write(`${head}Content-Length: 1000\r\n\r\n`)
          trickle(socket, '{"keys":[')
        }),
      ),
  },
  {
    name: 'resets the connection within its body',
    kind: 'broken answer',
    begin: ({ server }) =>
      server.take(
        whenAsked((socket) => {
          socket.write(`${head}Content-Length: 1000\r\n\r\n{"keys":[`)
          // Head and body have arrived by then.
          setTimeout(() => socket.resetAndDestroy(), 20)
        }),
      ),
  },
  answers('announces and pours 64 MiB', 'useless answer', ({ server }) =>
    pour(server.seen, POURED, { 'content-length': POURED }),
  ),
  answers('pours 64 MiB in chunks', 'useless answer', ({ server }) => pour(server.seen, POURED, {})),
  ...[301, 302, 303, 307, 308].map((status) =>
    answers(`answers ${status} to where a good answer is`, 'useless answer', (_, trap) => (response) => {
      response.writeHead(status, { ...json, location: trap.url }).end()
    }),
  ),
  answers('sends a page with status 200', 'useless answer', () => (response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Sign in</title>')
  }),
  answers('sends a page that claims to be JSON', 'useless answer', () => (response) => {
    response.writeHead(200, json).end('<!doctype html><title>Sign in</title>')
  }),
  answers('sends a page with status 503', 'broken answer', () => (response) => {
    response.writeHead(503, { 'content-type': 'text/html' }).end('<!doctype html><title>Maintenance</title>')
  }),
]

// One redirect stands for all where keys or answers are at hand.
const tellingFaults = faults.filter(({ name }) => !/answers 30[1237]/.test(name))

/** A fault that hangs takes as long as it is let; in that time a good answer must come even on a busy machine. */
function timeoutFor(name: string): number {
  return /trickles|says nothing|never answers/.test(name) ? 400 : 5_000
}

/** Most calls that `BURSTS` bursts of requests may cost. */
function mostCalls(upstream: (typeof UPSTREAMS)[number], kind: Kind): number {
  // The back-off begins with the first failure; for introspection the circuit opens with the fifth, and a useless answer
  // is a sign of life.
  if (upstream !== 'introspection') return 1
  return { 'no connection': 5 * 2, 'broken answer': 5, 'useless answer': BURSTS }[kind]
}

async function refusal(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'accepted',
    (error: unknown) => error,
  )
}

describe.each(UPSTREAMS)('%s whose server', (upstream) => {
  test.each(faults)(
    '$name is an outage: typed, bounded, and over soon after the fault',
    async ({ name, kind, begin }) => {
      const bench = await benchFor(upstream, { timeoutMs: timeoutFor(name) })
      const { api, server, clock, calls, token, lead } = bench
      const trap = stopAfterwards(await faultyServer(bench.document))
      const good = await token()
      await begin(bench, trap)
      for (let burst = 0; burst < BURSTS; burst++) {
        const errors = await Promise.all(Array.from({ length: 20 }, () => refusal(api.verify(good))))
        for (const error of errors) {
          expect(error).toBeInstanceOf(BearwardError)
          expect(error).toMatchObject({ code: 'issuer_unavailable', status: 503 })
          expect(api.challenge(error).headers).not.toHaveProperty('WWW-Authenticate')
        }
      }
      expect(calls()).toBeLessThanOrEqual(mostCalls(upstream, kind))
      expect(server.seen.requests).toBeLessThanOrEqual(calls())
      expect(server.seen.connections).toBeLessThanOrEqual(CONNECTIONS_PER_CALL * calls())
      expect(server.seen.sentBytes).toBeLessThanOrEqual(calls() * (LIMITS[upstream] + SLACK))
      expect(trap.seen, 'where a redirect leads').toMatchObject({ connections: 0, requests: 0 })

      lead(undefined)
      await server.heal()
      // The longest first delay of the back-off, and the longest pause of the circuit.
      clock.ms += upstream === 'introspection' ? 5_000 : 1_000
      expect(await codeOf(api.verify(good))).toBe('accepted')
    },
  )
})

test.each(tellingFaults)('keys whose server $name, once at hand, go on verifying', async ({ name, begin }) => {
  const bench = await benchFor('keys', { timeoutMs: timeoutFor(name) })
  const { api, calls, clock, token } = bench
  const seenBefore = await token()
  expect(await codeOf(api.verify(seenBefore))).toBe('accepted')
  const now = Math.floor(clock.ms / 1000)
  const [fresh, expired, rotated] = [
    await token(),
    await token({ iat: now - 600, exp: now - 300 }),
    await token({}, await signingKey('ES256', 'rotated')),
  ]
  const trap = stopAfterwards(await faultyServer(bench.document))
  await begin(bench, trap)
  // Old enough for a refresh.
  clock.ms += 11 * 60_000
  for (let turn = 0; turn < 3; turn++) {
    expect(await codeOf(api.verify(seenBefore))).toBe('accepted')
    expect(await codeOf(api.verify(fresh))).toBe('accepted')
    expect(await codeOf(api.verify(expired))).toBe('token_expired')
    expect(await codeOf(api.verify(rotated))).toBe('issuer_unavailable')
  }
  expect(calls(), 'the first load, and the refresh').toBe(2)
  expect(trap.seen.connections).toBe(0)
  clock.ms += 50 * 60_000
  expect([await codeOf(api.verify(seenBefore)), await codeOf(api.verify(fresh))]).toEqual([
    'token_expired',
    'token_expired',
  ])
})

test.each(tellingFaults)(
  'metadata whose server $name, once at hand, leads to new keys still',
  async ({ name, begin }) => {
    const bench = await benchFor('metadata', { timeoutMs: timeoutFor(name) })
    const { api, calls, published, clock, token } = bench
    const [first, second] = [await signingKey(), await signingKey('ES256', 'rotated')]
    const long = { exp: Math.floor(clock.ms / 1000) + 86_400 }
    const [old, rotated] = [await token(long, first), await token(long, second)]
    expect(await codeOf(api.verify(old))).toBe('accepted')
    await begin(bench, stopAfterwards(await faultyServer(bench.document)))
    published.keys = [second]
    clock.ms += 61 * 60_000
    expect(await codeOf(api.verify(rotated))).toBe('accepted')
    expect(await codeOf(api.verify(old)), 'its key was withdrawn').toBe('key_unknown')
    expect(calls(), 'the first load, and the refresh in the background').toBe(2)
  },
)

test.each(faults.filter(({ kind }) => kind !== 'useless answer'))(
  'answers of an endpoint that $name: they serve on for as long as the option says, never past exp',
  async ({ name, begin }) => {
    const bench = await benchFor('introspection', {
      timeoutMs: timeoutFor(name),
      introspection: { staleOnOutageSeconds: 86_400 },
    })
    const { api, clock, token } = bench
    const [known, unknown] = [await token(), await token()]
    expect(await codeOf(api.verify(known))).toBe('accepted')
    await begin(bench, stopAfterwards(await faultyServer(bench.document)))
    clock.ms += 60_000
    expect(await codeOf(api.verify(known))).toBe('accepted')
    expect(await codeOf(api.verify(unknown))).toBe('issuer_unavailable')
    clock.ms += 3_600_000
    expect(await codeOf(api.verify(known))).toBe('issuer_unavailable')
  },
)
