import { describe, expect, test } from 'vitest'
import { bearerToken, introspect } from '../../../../src/entry-points/index.ts'
import {
  gate,
  goodAnswer,
  introspecting,
  type IntrospectionFixture,
  opaque,
  searchWhatWasEmitted,
  SECRET_MARK,
  settle,
} from '../../../fixture/introspection.ts'
import { NOW } from '../../../fixture/issuer.ts'
import { codeOf } from '../../../fixture/server.ts'

searchWhatWasEmitted()

const good = (): Response => Response.json(goodAnswer({ exp: NOW + 36_000 }))
const down = (): Response => new Response('', { status: 503 })
const refused = (): Response => {
  throw new TypeError('fetch failed')
}

/** Asks about as many tokens of different names, one after another. */
async function failOften({ api }: IntrospectionFixture, times = 5, name = 'fail'): Promise<void> {
  for (let turn = 0; turn < times; turn++) await codeOf(api.verify(opaque(`${name}-${turn}`)))
}

async function errorFor({ api }: IntrospectionFixture, token: string): Promise<Record<string, unknown>> {
  const error: unknown = await api.verify(token).catch((caught: unknown) => caught)
  return error as Record<string, unknown>
}

describe('the circuit', () => {
  test.each<[string, () => Response, number]>([
    ['status 5xx', down, 1],
    // A failed connection is tried once more.
    ['failed connections', refused, 2],
  ])('opens after five failures in a row: %s', async (_, reply, each) => {
    const fixture = await introspecting({ reply })
    await failOften(fixture, 4)
    expect(fixture.endpoint.asked).toHaveLength(4 * each)
    await failOften(fixture, 1, 'fifth')
    await failOften(fixture, 100, 'more')
    expect(fixture.endpoint.asked).toHaveLength(5 * each)
  })

  test('refuses with 503 and the seconds until the next attempt, without an event for each', async () => {
    const fixture = await introspecting({ reply: down })
    await failOften(fixture)
    const before = fixture.events.filter(({ type }) => type === 'introspection_failed').length
    const error = await errorFor(fixture, opaque())
    expect(error).toMatchObject({ code: 'issuer_unavailable', status: 503 })
    expect(error['retryAfterSeconds']).toBe(2)
    expect(fixture.api.challenge(error)).toMatchObject({ status: 503, headers: { 'Retry-After': '2' } })
    expect(fixture.events.filter(({ type }) => type === 'introspection_failed')).toHaveLength(before)
  })

  test('sends one probe at a time when the pause is over, and closes when it is answered', async () => {
    const fixture = await introspecting({ reply: down })
    await failOften(fixture)
    fixture.clock.ms += 5_000
    const { promise, open } = gate<Response>()
    fixture.endpoint.reply = () => promise
    const probe = codeOf(fixture.api.verify(opaque('probe')))
    await settle()
    await failOften(fixture, 20, 'beside')
    expect(fixture.endpoint.asked).toHaveLength(6)
    open(good())
    expect(await probe).toBe('accepted')
    fixture.endpoint.reply = good
    expect(await codeOf(fixture.api.verify(opaque('after')))).toBe('accepted')
  })

  test('stays open when the probe fails', async () => {
    const fixture = await introspecting({ reply: down })
    await failOften(fixture)
    fixture.clock.ms += 5_000
    await failOften(fixture, 10, 'probe')
    expect(fixture.endpoint.asked).toHaveLength(6)
  })

  test('is tried again when a probe was lost', async () => {
    const fixture = await introspecting({ introspection: { timeoutMs: 100 }, reply: down })
    await failOften(fixture)
    fixture.clock.ms += 5_000
    fixture.endpoint.reply = () => new Promise(() => {})
    // The request ends before its probe does, and takes its timers along: here the clock alone moves on.
    const lost = codeOf(fixture.api.verify(opaque('lost')))
    await settle()
    fixture.endpoint.reply = good
    fixture.clock.ms += 1_100
    expect(await codeOf(fixture.api.verify(opaque('next')))).toBe('accepted')
    await lost
  })

  test('recovers within 5 s of the clock', async () => {
    const fixture = await introspecting({ reply: down })
    await failOften(fixture)
    for (let probe = 0; probe < 10; probe++) {
      fixture.clock.ms += 5_000
      await failOften(fixture, 1, `probe-${probe}`)
    }
    fixture.endpoint.reply = good
    fixture.clock.ms += 5_000
    expect(await codeOf(fixture.api.verify(opaque()))).toBe('accepted')
  })

  test.each<[string, () => Response]>([
    ['400', () => Response.json({ error: 'invalid_request' }, { status: 400 })],
    ['401', () => Response.json({ error: 'invalid_client' }, { status: 401 })],
    ['403', () => new Response('', { status: 403 })],
    ['404', () => new Response('', { status: 404 })],
    ['429', () => new Response('', { status: 429 })],
    ['a redirect', () => new Response(null, { status: 302, headers: { location: '/login' } })],
    ['HTML', () => new Response('<html>', { headers: { 'content-type': 'text/html' } })],
    ['a malformed answer', () => Response.json({ active: 'yes' })],
  ])('is never opened by what one token can provoke: %s', async (_, reply) => {
    const fixture = await introspecting({ reply })
    await failOften(fixture, 20)
    expect(fixture.endpoint.asked).toHaveLength(20)
    fixture.endpoint.reply = good
    expect(await codeOf(fixture.api.verify(opaque()))).toBe('accepted')
  })

  test('of one issuer leaves another’s alone', async () => {
    const other = 'https://other.example.com'
    const fixture = await introspecting({
      server: {
        issuers: ['https://login.example.com', other].map((issuer, index) => ({
          issuer,
          jwt: false as const,
          introspection: introspect({
            endpoint: `${issuer}/introspect`,
            auth: 'none' as const,
            opaqueTokens: { prefixes: [index === 0 ? 'fail' : 'good'] },
          }),
        })),
      },
      reply: ({ url }) => (url.startsWith(other) ? good() : down()),
    })
    await failOften(fixture, 10)
    expect(await codeOf(fixture.api.verify(opaque('good')))).toBe('accepted')
  })

  test('serves what is cached while it is open', async () => {
    const fixture = await introspecting({ reply: good })
    await fixture.api.verify(opaque())
    fixture.endpoint.reply = down
    await failOften(fixture, 10)
    expect(await codeOf(fixture.api.verify(opaque()))).toBe('accepted')
    fixture.clock.ms += 30_000
    expect(await codeOf(fixture.api.verify(opaque()))).toBe('issuer_unavailable')
  })

  test('is not closed by a request that never reached the endpoint', async () => {
    let sealed = false
    const fixture = await introspecting({
      introspection: {
        auth: bearerToken(() => {
          if (sealed) throw new Error('the vault is sealed')
          return `own-${SECRET_MARK}`
        }),
      },
      reply: down,
    })
    await failOften(fixture)
    fixture.clock.ms += 5_000
    sealed = true
    await failOften(fixture, 1, 'sealed')
    sealed = false
    await failOften(fixture, 20, 'unsealed')
    expect(fixture.endpoint.asked.length - 5, 'requests since then').toBeLessThanOrEqual(1)
  })
})

describe('the limit of concurrent requests', () => {
  test('holds, and those beyond wait their turn', async () => {
    let running = 0
    let most = 0
    const { api } = await introspecting({
      introspection: { maxConcurrent: 3 },
      async reply() {
        most = Math.max(most, ++running)
        await new Promise((resolve) => setTimeout(resolve, 20))
        running--
        return good()
      },
    })
    const outcomes = await Promise.all(Array.from({ length: 12 }, (_, index) => codeOf(api.verify(opaque(`${index}`)))))
    expect(new Set(outcomes)).toEqual(new Set(['accepted']))
    expect(most).toBe(3)
  })

  test('refuses with 503 at once when too many wait, without an event and without opening the circuit', async () => {
    const { promise, open } = gate<Response>()
    const { api, endpoint, events } = await introspecting({
      introspection: { maxConcurrent: 2 },
      reply: async () => (await promise).clone(),
    })
    const held = Array.from({ length: 10 }, (_, index) => codeOf(api.verify(opaque(`held-${index}`))))
    await settle()
    const beyond = await Promise.all(Array.from({ length: 20 }, (_, index) => codeOf(api.verify(opaque(`${index}`)))))
    expect(new Set(beyond)).toEqual(new Set(['issuer_unavailable']))
    expect(endpoint.asked).toHaveLength(2)
    expect(events.filter(({ type }) => type === 'introspection_failed')).toEqual([])
    open(good())
    expect(new Set(await Promise.all(held))).toEqual(new Set(['accepted']))
    expect(await codeOf(api.verify(opaque()))).toBe('accepted')
  })

  test('waiting for one’s turn at an endpoint that answers is no failure of the endpoint', async () => {
    const { api } = await introspecting({
      introspection: { maxConcurrent: 2, timeoutMs: 200 },
      async reply() {
        await new Promise((resolve) => setTimeout(resolve, 150))
        return good()
      },
    })
    await Promise.all(Array.from({ length: 10 }, (_, index) => codeOf(api.verify(opaque(`${index}`)))))
    expect(await codeOf(api.verify(opaque()))).toBe('accepted')
  })

  test('one token that is asked about a thousand times takes one slot', async () => {
    const { promise, open } = gate<Response>()
    const { api, endpoint } = await introspecting({ introspection: { maxConcurrent: 1 }, reply: () => promise })
    const callers = Array.from({ length: 1_000 }, () => codeOf(api.verify(opaque())))
    await settle()
    open(good())
    expect(new Set(await Promise.all(callers))).toEqual(new Set(['accepted']))
    expect(endpoint.asked).toHaveLength(1)
  })
})

async function cachedThenDown(
  staleOnOutageSeconds: number | undefined,
  reply: () => Response,
  exp = NOW + 36_000,
): Promise<IntrospectionFixture> {
  const fixture = await introspecting({
    introspection: { staleOnOutageSeconds },
    reply: () => Response.json(goodAnswer({ exp })),
  })
  expect(await codeOf(fixture.api.verify(opaque()))).toBe('accepted')
  fixture.clock.ms += 30_000
  fixture.endpoint.reply = reply
  return fixture
}

describe('staleOnOutageSeconds', () => {
  test.each<[string, number | undefined]>([
    ['off by default', undefined],
    ['off with 0', 0],
  ])('%s', async (_, seconds) => {
    const { api } = await cachedThenDown(seconds, down)
    expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
  })

  test.each<[string, () => Response]>([
    ['status 5xx', down],
    ['a failed connection', refused],
  ])('bridges an outage, and says so: %s', async (_, reply) => {
    const { api, events } = await cachedThenDown(60, reply)
    expect(await codeOf(api.verify(opaque()))).toBe('accepted')
    expect(events.map(({ type }) => type)).toEqual(['introspection_failed', 'introspection_stale'])
  })

  test('bridges it while the circuit is open, too', async () => {
    const fixture = await cachedThenDown(60, down)
    await failOften(fixture)
    expect(await codeOf(fixture.api.verify(opaque()))).toBe('accepted')
    expect(await codeOf(fixture.api.verify(opaque('unknown')))).toBe('issuer_unavailable')
  })

  test('not for a queue here: who floods the API must not revive what was revoked', async () => {
    const fixture = await introspecting({
      introspection: { staleOnOutageSeconds: 60, maxConcurrent: 1, timeoutMs: 500 },
      reply: good,
    })
    expect(await codeOf(fixture.api.verify(opaque()))).toBe('accepted')
    fixture.clock.ms += 30_000
    fixture.endpoint.reply = () => new Promise(() => {})
    const hanging = Array.from({ length: 20 }, (_, index) => codeOf(fixture.api.verify(opaque(`${index}`))))
    await settle()
    expect(await codeOf(fixture.api.verify(opaque()))).toBe('issuer_unavailable')
    await Promise.all(hanging)
  })

  test('no longer than it says', async () => {
    const { api, clock } = await cachedThenDown(60, down)
    clock.ms += 59_999
    expect(await codeOf(api.verify(opaque()))).toBe('accepted')
    clock.ms += 1
    expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
  })

  test('never beyond `exp`', async () => {
    const { api, clock } = await cachedThenDown(3_600, down, NOW + 40)
    clock.ms += 9_999
    expect(await codeOf(api.verify(opaque()))).toBe('accepted')
    clock.ms += 10_001
    expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
  })

  test.each<[string, () => Response]>([
    ['401: our own credentials are wrong', () => Response.json({ error: 'invalid_client' }, { status: 401 })],
    ['403', () => new Response('', { status: 403 })],
    ['429', () => new Response('', { status: 429 })],
    ['a malformed answer', () => Response.json({ active: 'yes' })],
  ])('not for what is no outage: %s', async (_, reply) => {
    const { api } = await cachedThenDown(60, reply)
    expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
  })

  test('not for a token that was refused meanwhile', async () => {
    const fixture = await cachedThenDown(60, () => Response.json({ active: false }))
    expect(await codeOf(fixture.api.verify(opaque()))).toBe('token_inactive')
    fixture.endpoint.reply = down
    fixture.clock.ms += 10_000
    expect(await codeOf(fixture.api.verify(opaque()))).toBe('issuer_unavailable')
  })

  test('not for a token that was invalidated', async () => {
    const { api } = await cachedThenDown(60, down)
    await api.invalidate(opaque())
    expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
  })

  test('an old refusal is not bridged into a refusal: 503, not 401', async () => {
    const fixture = await introspecting({
      introspection: { staleOnOutageSeconds: 60 },
      reply: () => Response.json({ active: false }),
    })
    expect(await codeOf(fixture.api.verify(opaque()))).toBe('token_inactive')
    fixture.clock.ms += 10_000
    fixture.endpoint.reply = down
    expect(await codeOf(fixture.api.verify(opaque()))).toBe('issuer_unavailable')
  })
})
