import { describe, expect, test } from 'vitest'
import type { StandardSchemaV1 } from '../../../../src/entry-points/index.ts'
import {
  gate,
  goodAnswer,
  introspecting,
  opaque,
  searchWhatWasEmitted,
  settle,
} from '../../../fixture/introspection.ts'
import { NOW } from '../../../fixture/issuer.ts'
import { codeOf } from '../../../fixture/server.ts'

searchWhatWasEmitted()

describe('active answers', () => {
  test.each([[30], [1], [3_600]])('count for cacheSeconds: %i', async (cacheSeconds) => {
    const { api, endpoint, clock } = await introspecting({
      introspection: { cacheSeconds },
      reply: () => Response.json(goodAnswer({ exp: NOW + 36_000 })),
    })
    await api.verify(opaque())
    clock.ms += cacheSeconds * 1000 - 1
    await api.verify(opaque())
    expect(endpoint.asked).toHaveLength(1)
    clock.ms += 1
    await api.verify(opaque())
    expect(endpoint.asked).toHaveLength(2)
  })

  test('count for 30 s by default', async () => {
    const { api, endpoint, clock } = await introspecting()
    await api.verify(opaque())
    clock.ms += 29_999
    await api.verify(opaque())
    expect(endpoint.asked).toHaveLength(1)
    clock.ms += 1
    await api.verify(opaque())
    expect(endpoint.asked).toHaveLength(2)
  })

  test('are never kept with cacheSeconds 0', async () => {
    const { api, endpoint } = await introspecting({ introspection: { cacheSeconds: 0 } })
    for (let turn = 0; turn < 3; turn++) await api.verify(opaque())
    expect(endpoint.asked).toHaveLength(3)
  })

  test('are the same object for every request', async () => {
    const { api } = await introspecting()
    expect(await api.verify(opaque())).toBe(await api.verify(opaque()))
  })

  test('do not outlive `exp` by more than the tolerance', async () => {
    const { api, endpoint, clock } = await introspecting({
      introspection: { cacheSeconds: 3_600 },
      reply: () => Response.json(goodAnswer({ exp: NOW + 5 })),
    })
    expect(await codeOf(api.verify(opaque()))).toBe('accepted')
    clock.ms += 4_999
    expect(await codeOf(api.verify(opaque()))).toBe('accepted')
    expect(endpoint.asked).toHaveLength(1)
    clock.ms += 10_001
    expect(await codeOf(api.verify(opaque()))).toBe('token_expired')
  })

  test('never count beyond `exp`: within the tolerance the issuer is asked', async () => {
    const { api, endpoint, clock } = await introspecting({
      introspection: { cacheSeconds: 3_600 },
      reply: () => Response.json(goodAnswer({ exp: NOW + 5 })),
    })
    await api.verify(opaque())
    clock.ms += 5_000
    endpoint.reply = () => Response.json({ active: false })
    expect(await codeOf(api.verify(opaque()))).toBe('token_inactive')
  })

  test('do not count under a clock that was set back', async () => {
    const { api, endpoint, clock } = await introspecting()
    await api.verify(opaque())
    clock.ms -= 5_000
    await api.verify(opaque())
    expect(endpoint.asked).toHaveLength(2)
  })

  test('tell tokens apart by the whole of them', async () => {
    const { api, endpoint } = await introspecting()
    const end = 'x'.repeat(200)
    for (const start of ['a', 'b', 'c']) await api.verify(`${start}${opaque()}${end}`)
    for (const start of ['a', 'b', 'c']) await api.verify(`${end}${opaque()}${start}`)
    expect(endpoint.asked).toHaveLength(6)
  })
})

describe('refusals', () => {
  test.each<[string, Record<string, unknown>, string]>([
    ['inactive', { active: false }, 'token_inactive'],
    ['another audience', goodAnswer({ aud: 'https://other.example.com' }), 'audience_mismatch'],
    ['a refresh token', goodAnswer({ token_type: 'refresh_token' }), 'token_type_wrong'],
    ['another issuer', goodAnswer({ iss: 'https://other.example.com' }), 'issuer_untrusted'],
    ['expired', goodAnswer({ exp: NOW - 10, iat: NOW - 600 }), 'token_expired'],
    ['expired before it was issued', goodAnswer({ exp: 0 }), 'token_expired'],
  ])('count for 10 s: %s', async (_, answer, code) => {
    const { api, endpoint, clock } = await introspecting({ reply: () => Response.json(answer) })
    expect(await codeOf(api.verify(opaque()))).toBe(code)
    endpoint.reply = () => Response.json(goodAnswer())
    clock.ms += 9_999
    expect(await codeOf(api.verify(opaque()))).toBe(code)
    expect(endpoint.asked).toHaveLength(1)
    clock.ms += 1
    expect(await codeOf(api.verify(opaque()))).toBe('accepted')
    expect(endpoint.asked).toHaveLength(2)
  })

  test('of an expired token do not count under a clock that was set back', async () => {
    const { api, endpoint, clock } = await introspecting({ reply: () => Response.json(goodAnswer({ exp: NOW + 60 })) })
    clock.ms += 120_000
    expect(await codeOf(api.verify(opaque()))).toBe('token_expired')
    clock.ms -= 120_000
    expect(await codeOf(api.verify(opaque()))).toBe('accepted')
    expect(endpoint.asked).toHaveLength(2)
  })

  test('of an expired token take the place of the answer that was accepted before', async () => {
    const { api, endpoint, clock } = await introspecting({ reply: () => Response.json(goodAnswer({ exp: NOW + 5 })) })
    expect(await codeOf(api.verify(opaque()))).toBe('accepted')
    clock.ms += 15_000
    for (let turn = 0; turn < 20; turn++) expect(await codeOf(api.verify(opaque()))).toBe('token_expired')
    expect(endpoint.asked).toHaveLength(2)
  })

  test.each([
    [0, 2],
    [3, 1],
  ])('and no longer than cacheSeconds: %i', async (cacheSeconds, calls) => {
    const { api, endpoint, clock } = await introspecting({
      introspection: { cacheSeconds },
      reply: () => Response.json({ active: false }),
    })
    await codeOf(api.verify(opaque()))
    await codeOf(api.verify(opaque()))
    expect(endpoint.asked).toHaveLength(calls)
    clock.ms += 3_000
    await codeOf(api.verify(opaque()))
    expect(endpoint.asked).toHaveLength(calls + 1)
  })

  test('that came of a useless answer are not kept', async () => {
    const { api, endpoint } = await introspecting({ reply: () => Response.json({ active: 'true' }) })
    expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
    endpoint.reply = () => Response.json(goodAnswer())
    expect(await codeOf(api.verify(opaque()))).toBe('accepted')
  })

  test('take the place of a good answer', async () => {
    const { api, endpoint, clock } = await introspecting()
    await api.verify(opaque())
    endpoint.reply = () => Response.json({ active: false })
    clock.ms += 30_000
    expect(await codeOf(api.verify(opaque()))).toBe('token_inactive')
    clock.ms += 10_000
    expect(await codeOf(api.verify(opaque()))).toBe('token_inactive')
  })
})

describe('concurrent requests', () => {
  test.each([
    [200, 'accepted'],
    [500, 'issuer_unavailable'],
  ])('1,000 with one token make one call: status %i', async (status, outcome) => {
    const { promise, open } = gate<Response>()
    const { api, endpoint, events } = await introspecting({ reply: () => promise })
    const callers = Array.from({ length: 1_000 }, () => codeOf(api.verify(opaque())))
    await settle()
    open(Response.json(goodAnswer(), { status }))
    expect(new Set(await Promise.all(callers))).toEqual(new Set([outcome]))
    expect(endpoint.asked).toHaveLength(1)
    const failures = events.filter(({ type }) => type === 'introspection_failed')
    expect(failures).toHaveLength(status === 200 ? 0 : 1)
  })

  test('share a call with cacheSeconds 0, too', async () => {
    const { promise, open } = gate<Response>()
    const { api, endpoint } = await introspecting({ introspection: { cacheSeconds: 0 }, reply: () => promise })
    const callers = Array.from({ length: 100 }, () => codeOf(api.verify(opaque())))
    await settle()
    open(Response.json(goodAnswer()))
    expect(new Set(await Promise.all(callers))).toEqual(new Set(['accepted']))
    expect(endpoint.asked).toHaveLength(1)
  })
})

describe('invalidate', () => {
  test('forgets one token', async () => {
    const { api, endpoint } = await introspecting()
    await api.verify(opaque('one'))
    await api.verify(opaque('two'))
    await api.invalidate(opaque('one'))
    await api.verify(opaque('two'))
    expect(endpoint.asked).toHaveLength(2)
    await api.verify(opaque('one'))
    expect(endpoint.asked).toHaveLength(3)
  })

  test('forgets a refusal', async () => {
    const { api, endpoint } = await introspecting({ reply: () => Response.json({ active: false }) })
    expect(await codeOf(api.verify(opaque()))).toBe('token_inactive')
    endpoint.reply = () => Response.json(goodAnswer())
    await api.invalidate(opaque())
    expect(await codeOf(api.verify(opaque()))).toBe('accepted')
  })

  test('All forgets every token', async () => {
    const { api, endpoint } = await introspecting()
    for (const name of ['one', 'two']) await api.verify(opaque(name))
    await api.invalidateAll()
    for (const name of ['one', 'two']) await api.verify(opaque(name))
    expect(endpoint.asked).toHaveLength(4)
  })

  test.each([
    ['invalidate', goodAnswer()],
    ['invalidateAll', goodAnswer()],
  ] as const)('during a call: its answer is not kept (%s)', async (method, answer) => {
    const { promise, open } = gate<Response>()
    const { api, endpoint } = await introspecting({ reply: () => promise })
    const before = codeOf(api.verify(opaque()))
    await settle()
    await api[method](opaque())
    open(Response.json(answer))
    await before
    endpoint.reply = () => Response.json({ active: false })
    expect(await codeOf(api.verify(opaque()))).toBe('token_inactive')
    expect(endpoint.asked).toHaveLength(2)
  })

  test('during a call: who comes after it does not get the answer from before it', async () => {
    const { promise, open } = gate<Response>()
    const { api, endpoint } = await introspecting({ reply: () => promise })
    const before = codeOf(api.verify(opaque()))
    await settle()
    await api.invalidate(opaque())
    endpoint.reply = () => Response.json({ active: false })
    const after = codeOf(api.verify(opaque()))
    await settle()
    open(Response.json(goodAnswer()))
    expect(await before).toBe('accepted')
    expect(await after).toBe('token_inactive')
  })
})

test('two servers share nothing', async () => {
  const [one, two] = await Promise.all([introspecting(), introspecting()])
  two.endpoint.reply = () => Response.json({ active: false })
  expect(await codeOf(one.api.verify(opaque()))).toBe('accepted')
  expect(await codeOf(two.api.verify(opaque()))).toBe('token_inactive')
  expect(await codeOf(one.api.verify(opaque()))).toBe('accepted')
  expect([one.endpoint.asked.length, two.endpoint.asked.length]).toEqual([1, 1])
})

test('a closed server refuses, and forgets what it knew', async () => {
  const { api, endpoint } = await introspecting()
  await api.verify(opaque())
  api.close()
  expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
  expect(endpoint.asked).toHaveLength(1)
})

function schema(validate: StandardSchemaV1['~standard']['validate']): never {
  return { '~standard': { version: 1, vendor: 'test', validate } } as never
}

describe('the claims schema', () => {
  test('is applied to the answer: its output becomes `claims`', async () => {
    let calls = 0
    const { api } = await introspecting({
      server: {
        claims: schema(async (value) => {
          calls++
          return { value: { tenant: String((value as { sub: string }).sub) } }
        }),
      },
    })
    const token = await api.verify(opaque())
    expect(token).toMatchObject({ subject: 'user-1', claims: { tenant: 'user-1' } })
    expect(Object.isFrozen(token.claims)).toBe(true)
    expect(await api.verify(opaque())).toBe(token)
    expect(calls).toBe(1)
  })

  test('refuses what does not fit', async () => {
    const { api, endpoint } = await introspecting({
      server: { claims: schema(() => ({ issues: [{ message: 'no', path: ['tenant'] }] })) },
    })
    const error = await api.verify(opaque()).catch((caught: unknown) => caught)
    expect(error).toMatchObject({
      code: 'claim_invalid',
      status: 401,
      detail: expect.stringContaining('tenant') as string,
    })
    expect(await codeOf(api.verify(opaque()))).toBe('claim_invalid')
    expect(endpoint.asked).toHaveLength(1)
  })

  test('that throws refuses as well', async () => {
    const { api } = await introspecting({
      server: {
        claims: schema(() => {
          throw new Error('broken')
        }),
      },
    })
    expect(await codeOf(api.verify(opaque()))).toBe('claim_invalid')
  })
})
