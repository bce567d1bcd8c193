import { describe, expect, test } from 'vitest'
import {
  createResourceServer,
  introspect,
  memoryTier,
  type ResourceServerOptions,
  sharedTiers,
} from '../../src/entry-points/index.ts'
import { fakeUpstream, goodClaims, ISSUER, NOW, NOW_MS, RESOURCE, signingKey, signToken } from '../fixture/issuer.ts'
import { codeOf } from '../fixture/server.ts'
import { withDetail } from '../fixture/detail.ts'

// No comparison with NaN holds: a check that asks `now >= exp` lets every token pass where the clock gives no number.

const clocks: readonly (readonly [name: string, now: () => unknown])[] = [
  ['NaN', () => Number.NaN],
  ['nothing', () => undefined],
  ['null', () => null],
  ['Infinity', () => Infinity],
  ['-Infinity', () => -Infinity],
  ['a text', () => 'x'],
  ['a number in a text', () => String(NOW_MS)],
  ['a date', () => new Date(NOW_MS)],
  ['a bigint', () => BigInt(NOW_MS)],
  ['an object that counts as a number', () => ({ valueOf: () => NOW_MS })],
  ['a promise', async () => NOW_MS],
  ['a promise that rejects', () => Promise.reject(new Error('no time'))],
  [
    'an error',
    () => {
      throw new Error('no time')
    },
  ],
]

const OPAQUE = 'opaque-token-without-an-end'

/** An issuer whose keys and answers are at hand, under a clock that a test replaces. */
async function serving(options: Partial<ResourceServerOptions> = {}) {
  const upstream = fakeUpstream(ISSUER, (await signingKey()).jwk)
  // It never ends, and says nothing of when it began.
  const answer = { active: true, token_type: 'Bearer', aud: RESOURCE, sub: 'user-1' }
  upstream.answers.set(`${ISSUER}/introspect`, () => Response.json(answer))
  const clock: { now: () => unknown } = { now: () => NOW_MS }
  const api = createResourceServer({
    resource: RESOURCE,
    issuers: [{ issuer: ISSUER, introspection: introspect({ endpoint: `${ISSUER}/introspect`, auth: 'none' }) }],
    fetch: upstream.fetch,
    now: () => clock.now() as number,
    ...options,
  })
  return { api, upstream, clock }
}

describe.each(clocks)('a clock that gives %s', (_, broken) => {
  test('accepts nothing, asks nobody and is named; the right one accepts again', async () => {
    const { api, upstream, clock } = await serving()
    const good = await signToken()
    const expired = await signToken(goodClaims({ iat: 1, exp: 2 }))
    for (const known of [false, true]) {
      clock.now = broken
      const asked = upstream.calls.length
      for (const token of [expired, good, OPAQUE]) {
        await expect(api.verify(token)).rejects.toThrow(withDetail('option "now"'))
        expect(await codeOf(api.verify(token))).toBe('issuer_unavailable')
      }
      expect(await codeOf(api.ready())).toBe('issuer_unavailable')
      expect([known, upstream.calls.length]).toEqual([known, asked])

      clock.now = () => NOW_MS
      expect(await codeOf(api.verify(good))).toBe('accepted')
      expect(await codeOf(api.verify(OPAQUE))).toBe('accepted')
      expect(await codeOf(api.verify(expired))).toBe('token_expired')
    }
  })
})

describe('a clock that fails now and then', () => {
  test('never accepts what expired, and what is good is accepted or a 503', async () => {
    const good = await signToken(goodClaims({ exp: NOW + 3_000 }))
    const expired = await signToken(goodClaims({ iat: NOW - 900, exp: NOW - 600 }))
    const future = await signToken(goodClaims({ iat: NOW, nbf: NOW + 2_000, exp: NOW + 3_000 }))
    // Every pattern of eight readings: whichever check it is that finds no time.
    for (let pattern = 0; pattern < 256; pattern++) {
      const { api, clock } = await serving()
      let reading = 0
      clock.now = () => ((pattern >> (reading++ % 8)) & 1 ? Number.NaN : NOW_MS)
      for (let turn = 0; turn < 3; turn++) {
        expect(['accepted', 'issuer_unavailable', 'token_expired', 'token_not_yet_valid']).toContain(
          await codeOf(api.verify(good)),
        )
        expect(await codeOf(api.verify(expired))).not.toBe('accepted')
        expect(await codeOf(api.verify(future))).not.toBe('accepted')
      }
      clock.now = () => NOW_MS + 60_000
      expect([pattern, await codeOf(api.verify(good))]).toEqual([pattern, 'accepted'])
    }
  })

  test('makes one load at a time, and none where loads fail', async () => {
    const tokens = await Promise.all(
      Array.from({ length: 100 }, async (_, index) =>
        signToken(goodClaims({ jti: `t${index}` }), { kid: index % 2 ? 'unknown' : 'ES256-1' }),
      ),
    )
    for (const failing of [false, true]) {
      const { api, upstream, clock } = await serving()
      if (failing) upstream.answers.set(`${ISSUER}/jwks`, () => new Response('', { status: 503 }))
      let seed = 1
      clock.now = () => {
        seed = (seed * 48_271) % 2_147_483_647
        return seed % 2 === 0 ? NOW_MS : Number.NaN
      }
      for (const token of tokens) await codeOf(api.verify(token))
      expect(upstream.calls.length).toBeLessThanOrEqual(failing ? 4 : tokens.length)
      const asked = upstream.calls.length
      await Promise.all(tokens.map((token) => codeOf(api.verify(token))))
      expect(upstream.calls.length - asked).toBeLessThanOrEqual(4)
    }
  })

  test('hangs nobody where it fails for good while the keys are on their way', async () => {
    const { api, upstream, clock } = await serving()
    const token = await signToken()
    const { promise, resolve } = Promise.withResolvers<Response>()
    upstream.answers.set(`${ISSUER}/jwks`, () => promise)
    const first = codeOf(api.verify(token))
    clock.now = () => Number.NaN
    const later = Array.from({ length: 100 }, () => codeOf(api.verify(token)))
    resolve(Response.json({ keys: [(await signingKey()).jwk] }))
    expect(new Set(await Promise.all([first, ...later]))).toEqual(new Set(['issuer_unavailable']))
    expect(upstream.calls.length).toBeLessThanOrEqual(2)
  })
})

test('a shared tier under such a clock is no way around it', async () => {
  const tier = memoryTier({ now: () => NOW_MS })
  const encryption = [{ id: 'k', secret: new Uint8Array(32) }]
  const first = await serving({ tiers: sharedTiers([tier], { encryption }) })
  expect(await codeOf(first.api.verify(OPAQUE))).toBe('accepted')
  const second = await serving({ tiers: sharedTiers([tier], { encryption }) })
  // At `invalidateAll` there is no time: what others were told before may be from any.
  second.clock.now = () => Number.NaN
  await second.api.invalidateAll()
  second.clock.now = () => NOW_MS + 3_000
  expect(await codeOf(second.api.verify(OPAQUE))).toBe('accepted')
  expect(second.upstream.calls).toEqual([`${ISSUER}/introspect`])
  // What is told from then on counts again.
  first.clock.now = () => NOW_MS + 40_000
  second.clock.now = () => NOW_MS + 40_000
  expect(await codeOf(first.api.verify(OPAQUE))).toBe('accepted')
  expect(await codeOf(second.api.verify(OPAQUE))).toBe('accepted')
  expect(second.upstream.calls).toHaveLength(1)
})

test('a memory tier whose own clock gives no number keeps nothing', async () => {
  const tier = memoryTier({ now: () => Number.NaN })
  await tier.put('a', 'b', { expiresInSeconds: 10 })
  expect(await tier.get('a')).toBeUndefined()
})
