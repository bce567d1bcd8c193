import { describe, expect, test } from 'vitest'
import { goodAnswer, introspecting, opaque, searchWhatWasEmitted } from '../../fixture/introspection.ts'
import { codeOf } from '../../fixture/server.ts'

searchWhatWasEmitted()

const good = (): Response => Response.json(goodAnswer())

/** A body of JSON that is `bytes` long. */
function answerOf(bytes: number): Response {
  const bare = JSON.stringify(goodAnswer({ filling: '' })).length
  return Response.json(goodAnswer({ filling: 'x'.repeat(bytes - bare) }))
}

const brokenOff = (): Response =>
  new Response(
    new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('{"active":tr'))
        controller.error(new Error('connection reset'))
      },
    }),
    { headers: { 'content-type': 'application/json' } },
  )

describe('an answer that is of no use refuses the token with 503', () => {
  test.each<[string, () => Response, boolean]>([
    [
      'a redirect',
      () => new Response(null, { status: 302, headers: { location: 'https://evil.example.com/' } }),
      false,
    ],
    ['status 500', () => new Response('', { status: 500 }), true],
    ['status 502 with a good answer in it', () => Response.json(goodAnswer(), { status: 502 }), true],
    ['status 503', () => new Response('', { status: 503 }), true],
    ['a body that breaks off', brokenOff, true],
    ['a body that is too large', () => answerOf(64 * 1024 + 1), false],
    ['status 429', () => new Response('', { status: 429 }), false],
  ])('%s', async (_, reply, outage) => {
    const { api, endpoint, events } = await introspecting({ reply })
    expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
    expect(events.filter(({ type }) => type === 'introspection_failed')).toMatchObject([{ outage }])
    expect(endpoint.asked, 'an HTTP answer is no reason to ask again').toHaveLength(1)
    endpoint.reply = good
    expect(await codeOf(api.verify(opaque()))).toBe('accepted')
  })

  test('a body of 64 KiB is read', async () => {
    const { api } = await introspecting({ reply: () => answerOf(64 * 1024) })
    expect(await codeOf(api.verify(opaque()))).toBe('accepted')
  })

  test('what is refused for its status never has its token accepted later from a cache', async () => {
    const { api, endpoint } = await introspecting({ reply: () => Response.json(goodAnswer(), { status: 502 }) })
    await codeOf(api.verify(opaque()))
    await codeOf(api.verify(opaque()))
    expect(endpoint.asked).toHaveLength(2)
  })
})

describe('Retry-After', () => {
  test.each([
    ['17', 17],
    ['1', 1],
    ['0', 1],
    ['86400', 3_600],
    ['-5', 1],
    ['soon', 1],
    ['1.5', 1],
    [undefined, 1],
  ])('a 429 with %s makes %i', async (value, seconds) => {
    const { api } = await introspecting({
      reply: () => new Response('', { status: 429, headers: value === undefined ? {} : { 'retry-after': value } }),
    })
    const error = await api.verify(opaque()).catch((caught: unknown) => caught)
    expect(api.challenge(error)).toMatchObject({ status: 503, headers: { 'Retry-After': String(seconds) } })
  })
})

function failing(times: number): { reply: () => Response } {
  let left = times
  return {
    reply() {
      if (left-- > 0) throw new TypeError('fetch failed')
      return good()
    },
  }
}

describe('a failed connection', () => {
  test('is tried once more', async () => {
    const { api, endpoint, events } = await introspecting(failing(1))
    expect(await codeOf(api.verify(opaque()))).toBe('accepted')
    expect(endpoint.asked).toHaveLength(2)
    expect(events).toEqual([])
  })

  test('and not a third time', async () => {
    const { api, endpoint, events } = await introspecting(failing(2))
    expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
    expect(endpoint.asked).toHaveLength(2)
    expect(events).toMatchObject([{ type: 'introspection_failed', outage: true }, { type: 'token_refused' }])
  })

  test('is not tried again after the time is up', async () => {
    const { api, endpoint } = await introspecting({
      introspection: { timeoutMs: 100 },
      reply: ({ signal }) =>
        new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error))),
    })
    expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
    expect(endpoint.asked).toHaveLength(1)
  })

  test('an endpoint that never answers, under a fetch that ignores its signal, is given up on time', async () => {
    const { api, endpoint, events } = await introspecting({
      introspection: { timeoutMs: 100 },
      reply: () => new Promise(() => {}),
    })
    expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
    expect(endpoint.asked).toHaveLength(1)
    expect(events).toMatchObject([{ type: 'introspection_failed', outage: true }, { type: 'token_refused' }])
  })

  test('a body that never ends is given up on time', async () => {
    const { api } = await introspecting({
      introspection: { timeoutMs: 100 },
      reply: () => new Response(new ReadableStream({}), { headers: { 'content-type': 'application/json' } }),
    })
    expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
  })
})

test('a caller who gives up is refused at once, and the others get their answer', async () => {
  const { promise, resolve } = Promise.withResolvers<Response>()
  const { api, endpoint } = await introspecting({ reply: () => promise })
  const controller = new AbortController()
  const impatient = codeOf(api.verify(opaque(), { signal: controller.signal }))
  const patient = codeOf(api.verify(opaque()))
  controller.abort()
  expect(await impatient).toBe('issuer_unavailable')
  resolve(good())
  expect(await patient).toBe('accepted')
  expect(endpoint.asked).toHaveLength(1)
})
