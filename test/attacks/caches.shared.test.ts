import { describe, expect, test } from 'vitest'
import {
  createResourceServer,
  resolveIssuers,
  type ResourceServerOptions,
  type TrustedIssuer,
} from '../../src/entry-points/index.ts'
import {
  base64url,
  fakeUpstream,
  goodClaims,
  ISSUER,
  NOW_MS,
  RESOURCE,
  signingKey,
  signToken,
} from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'
import { bytesOf, join, partsOf } from './forge.ts'

describe('a verified token counts for what was verified and nothing else', () => {
  test.each<[string, Partial<ResourceServerOptions>, string]>([
    ['another audience', { audience: 'https://other.example.com' }, 'audience_mismatch'],
    ['other clients', { issuers: [{ issuer: ISSUER, clients: ['client-2'] }] }, 'client_refused'],
    ['other algorithms', { issuers: [{ issuer: ISSUER, jwt: { algorithms: ['RS256'] } }] }, 'algorithm_refused'],
    ['other issuers', { issuers: [{ issuer: 'https://other.example.com' }] }, 'issuer_untrusted'],
    ['a lower bound on size', { maxTokenBytes: 256 }, 'token_too_large'],
    ['a later clock', { now: () => NOW_MS + 1_000_000 }, 'token_expired'],
  ])('one server’s cache is not another’s: %s (mod_oauth2)', async (_, stricter, code) => {
    const token = await signToken()
    const lenient = await fixture()
    const strict = await fixture(stricter)
    for (let turn = 0; turn < 3; turn++) {
      expect(await codeOf(lenient.api.verify(token))).toBe('accepted')
      expect(await codeOf(strict.api.verify(token))).toBe(code)
    }
  })

  test('the profile of one server does not accept for another', async () => {
    const token = await signToken(goodClaims(), { typ: 'JWT' })
    const lenient = await fixture({ issuers: [{ issuer: ISSUER, jwt: { profile: 'compatible' } }] })
    const strict = await fixture()
    for (let turn = 0; turn < 2; turn++) {
      expect(await codeOf(lenient.api.verify(token))).toBe('accepted')
      expect(await codeOf(strict.api.verify(token))).toBe('token_type_wrong')
    }
  })

  test('two tokens that end alike are two tokens (CVE-2026-35039 fast-jwt, CVE-2025-59936 get-jwks)', async () => {
    const { api } = await fixture()
    const good = await signToken()
    expect(await codeOf(api.verify(good))).toBe('accepted')
    const parts = partsOf(good)
    const claims = base64url(JSON.stringify(goodClaims({ sub: 'admin', scope: 'admin' })))
    const forged = [
      join({ ...parts, payload: claims }),
      join({ ...parts, payload: `${parts.payload}A` }),
      join({
        ...parts,
        signature: base64url(bytesOf(parts.signature).map((byte, index) => (index === 0 ? byte ^ 1 : byte))),
      }),
      `${parts.header}.${claims}.${parts.signature}`,
    ]
    for (const token of forged) {
      expect(token.slice(-32)).toBe(good.slice(-32))
      expect(await codeOf(api.verify(token))).not.toBe('accepted')
      // The forged one has not pushed the good one out, nor taken its place.
      expect((await api.verify(good)).subject).toBe('user-1')
    }
  })

  test('a refused token is never remembered as good, however often and at once it is sent', async () => {
    const { api } = await fixture()
    const forged = await signToken(goodClaims(), { kid: 'ES256-1' }, await signingKey('ES256', 'attacker'))
    const good = await signToken()
    const all = Array.from({ length: 100 }, (_, each) => codeOf(api.verify(each % 2 === 0 ? good : forged)))
    const codes = await Promise.all(all)
    expect(new Set(codes.filter((_, index) => index % 2 === 0))).toEqual(new Set(['accepted']))
    expect(new Set(codes.filter((_, index) => index % 2 === 1))).toEqual(new Set(['signature_invalid']))
  })

  test('a flood of refused tokens pushes no good one out', async () => {
    const made = await fixture({ tokenCache: { max: 10 } })
    const good = await signToken()
    const first = await made.api.verify(good)
    for (let each = 0; each < 200; each++) {
      await codeOf(made.api.verify(await signToken(goodClaims({ jti: `${each}`, aud: 'https://other.example.com' }))))
      await codeOf(made.api.verify(`${good.slice(0, -3)}${String(each).padStart(3, 'A')}`))
    }
    expect(await made.api.verify(good)).toBe(first)
  })

  // Longer than any test goes on: what ends an entry is what the test is about.
  const tokenCache = { maxAgeSeconds: 86_400 }

  test('dies with its key: once a key is withdrawn its tokens are refused', async () => {
    const { api, upstream, clock } = await fixture({ tokenCache })
    const old = await signingKey()
    const next = await signingKey('ES256', 'next')
    const token = await signToken(goodClaims({ exp: NOW_MS / 1000 + 86_400 }), {}, old)
    expect(await codeOf(api.verify(token))).toBe('accepted')
    upstream.publish(next.jwk)
    expect(await codeOf(api.verify(token))).toBe('accepted')
    clock.ms += 601_000
    expect(await codeOf(api.verify(token))).toBe('key_unknown')
    expect(await codeOf(api.verify(await signToken(goodClaims({ exp: NOW_MS / 1000 + 86_400 }), {}, next)))).toBe(
      'accepted',
    )
  })

  test('dies with a key that is replaced under the same name', async () => {
    const { api, upstream, clock } = await fixture({ tokenCache })
    const old = await signingKey()
    const next = await signingKey('ES256', 'next')
    const token = await signToken(goodClaims({ exp: NOW_MS / 1000 + 86_400 }), {}, old)
    expect(await codeOf(api.verify(token))).toBe('accepted')
    upstream.publish({ ...next.jwk, kid: old.jwk.kid })
    clock.ms += 601_000
    expect(await codeOf(api.verify(token))).toBe('signature_invalid')
  })

  test('dies with a key that its issuer now pins to another algorithm', async () => {
    const key = await signingKey('RS256')
    const { alg: _, ...unpinned } = key.jwk
    const { api, upstream, clock } = await fixture({ tokenCache })
    upstream.publish(unpinned)
    const token = await signToken(goodClaims({ exp: NOW_MS / 1000 + 86_400 }), {}, key)
    expect(await codeOf(api.verify(token))).toBe('accepted')
    upstream.publish({ ...unpinned, alg: 'PS256' })
    clock.ms += 601_000
    expect(await codeOf(api.verify(token))).toBe('algorithm_refused')
  })

  test('dies with its issuer: a resolver that no longer answers for it ends its tokens', async () => {
    const { jwk } = await signingKey()
    const upstream = fakeUpstream(ISSUER, jwk)
    let trusted: TrustedIssuer | undefined = { issuer: ISSUER }
    let now = NOW_MS
    const api = createResourceServer({
      resource: RESOURCE,
      issuers: resolveIssuers(() => trusted),
      tokenCache,
      // Keys that grow old would end it too.
      keys: { refreshSeconds: 86_400 },
      fetch: upstream.fetch,
      now: () => now,
    })
    const token = await signToken(goodClaims({ exp: NOW_MS / 1000 + 86_400 }))
    expect(await codeOf(api.verify(token))).toBe('accepted')
    trusted = { issuer: ISSUER, audience: 'https://other.example.com' }
    now += 601_000
    expect(await codeOf(api.verify(token))).toBe('audience_mismatch')
    trusted = { issuer: ISSUER }
    now += 601_000
    expect(await codeOf(api.verify(token))).toBe('accepted')
    trusted = undefined
    expect(await codeOf(api.verify(token))).toBe('accepted')
    now += 601_000
    expect(await codeOf(api.verify(token))).toBe('issuer_untrusted')
  })

  test('dies of age, and when the clock is set back', async () => {
    const { api, clock } = await fixture({ tokenCache: { maxAgeSeconds: 60 } })
    const token = await signToken()
    const first = await api.verify(token)
    clock.ms += 59_999
    expect(await api.verify(token)).toBe(first)
    clock.ms += 1
    const second = await api.verify(token)
    expect(second).not.toBe(first)
    clock.ms -= 1
    expect(await api.verify(token)).not.toBe(second)
  })

  test('dies when it is invalidated, also while it is being verified', async () => {
    const { api, upstream } = await fixture()
    const token = await signToken()
    const held = Promise.withResolvers<void>()
    const jwks = upstream.answers.get(`${ISSUER}/jwks`)
    upstream.answers.set(`${ISSUER}/jwks`, async () => {
      await held.promise
      return (await jwks?.()) ?? new Response()
    })
    const pending = api.verify(token)
    await api.invalidate(token)
    held.resolve()
    const first = await pending
    const second = await api.verify(token)
    expect(second).not.toBe(first)
    expect(await api.verify(token)).toBe(second)
  })

  test('nothing of a closed server is served', async () => {
    const { api } = await fixture()
    const token = await signToken()
    expect(await codeOf(api.verify(token))).toBe('accepted')
    api.close()
    expect(await codeOf(api.verify(token))).toBe('issuer_unavailable')
  })
})
