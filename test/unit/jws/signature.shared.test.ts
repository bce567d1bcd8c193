import { describe, expect, test, vi } from 'vitest'
import { withDetail } from '../../fixture/detail.ts'
import type { TrustedIssuer } from '../../../src/entry-points/index.ts'
import type { Issuer, UnverifiedJwt, VerificationKey } from '../../../src/pipeline.ts'
import { requireAlgorithm, verifySignature } from '../../../src/jws/signature.ts'
import { base64url, goodClaims, ISSUER, signingKey, signToken } from '../../fixture/issuer.ts'
import { codeOf, type Fixture, fixture } from '../../fixture/server.ts'

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']

function withJwt(jwt: TrustedIssuer['jwt']): Promise<Fixture> {
  return fixture({ issuers: [{ issuer: ISSUER, jwt }] })
}

describe('verifies', () => {
  test.each(ALGORITHMS)('%s', async (algorithm) => {
    const { api, upstream } = await fixture()
    const key = await signingKey(algorithm)
    upstream.publish(key.jwk)
    expect(await codeOf(api.verify(await signToken(goodClaims(), {}, key)))).toBe('accepted')
  })

  test.each(ALGORITHMS)('%s, and not once a bit of its signature is turned', async (algorithm) => {
    const { api, upstream } = await fixture()
    const key = await signingKey(algorithm)
    upstream.publish(key.jwk)
    const token = await signToken(goodClaims(), {}, key)
    const at = token.lastIndexOf('.') + 10
    const turned = token[at] === 'A' ? 'B' : 'A'
    expect(await codeOf(api.verify(token.slice(0, at) + turned + token.slice(at + 1)))).toBe('signature_invalid')
  })
})

describe('the algorithm', () => {
  test.each(['none', 'HS256', 'HS512', 'es256', 'ES256K', 'RSA1_5', 'dir', '', 'ES256 ', 'constructor'])(
    '%j is refused before any key is fetched',
    async (alg) => {
      const { api, upstream } = await fixture()
      const [, payload, signature] = (await signToken()).split('.')
      const header = base64url(JSON.stringify({ alg, kid: 'ES256-1', typ: 'at+jwt' }))
      expect(await codeOf(api.verify(`${header}.${payload}.${signature}`))).toBe('algorithm_refused')
      expect(upstream.calls).toEqual([])
    },
  )

  test('that is not on the issuer’s list is refused before any key is fetched', async () => {
    const { api, upstream } = await withJwt({ algorithms: ['RS256'] })
    expect(await codeOf(api.verify(await signToken()))).toBe('algorithm_refused')
    expect(upstream.calls).toEqual([])
    const twin = await withJwt({ algorithms: ['RS256', 'ES256'] })
    expect(await codeOf(twin.api.verify(await signToken()))).toBe('accepted')
  })

  test('that the named key was not made for is refused: the key decides, not the header', async () => {
    const { api, upstream } = await fixture()
    const key = await signingKey('RS256')
    upstream.publish(key.jwk)
    expect(await codeOf(api.verify(await signToken(goodClaims(), {}, key)))).toBe('accepted')
    const token = await signToken(goodClaims(), { kid: key.jwk.kid }, await signingKey('RS384'))
    expect(await codeOf(api.verify(token))).toBe('algorithm_refused')
  })

  test('of a key that names none may be any that fits its type', async () => {
    const { api, upstream } = await fixture()
    const key = await signingKey('RS384')
    const { alg: _, ...jwk } = key.jwk
    upstream.publish(jwk)
    expect(await codeOf(api.verify(await signToken(goodClaims(), {}, key)))).toBe('accepted')
  })

  test('requireAlgorithm names what came and what was expected', () => {
    const issuer = { algorithms: new Set(['ES256', 'RS256']) } as unknown as Issuer
    const jwt = { algorithm: 'none\n' } as UnverifiedJwt
    expect(() => requireAlgorithm(jwt, issuer)).toThrow(withDetail('`alg` is "none?", expected one of ES256, RS256'))
  })
})

describe('the key', () => {
  test('that made the signature is found among several', async () => {
    const { api, upstream } = await fixture()
    const keys = await Promise.all(['a', 'b', 'c'].map((kid) => signingKey('ES256', kid)))
    upstream.publish(...keys.map(({ jwk }) => jwk))
    for (const key of keys) expect(await codeOf(api.verify(await signToken(goodClaims(), {}, key)))).toBe('accepted')
  })

  test('of another name is not tried, though it made the signature', async () => {
    const { api, upstream } = await fixture()
    const [own, other] = await Promise.all(['own', 'other'].map((kid) => signingKey('ES256', kid)))
    upstream.publish(own?.jwk, other?.jwk)
    expect(await codeOf(api.verify(await signToken(goodClaims(), { kid: 'own' }, own)))).toBe('accepted')
    expect(await codeOf(api.verify(await signToken(goodClaims(), { kid: 'other' }, own)))).toBe('signature_invalid')
  })

  test('of an unknown name is key_unknown', async () => {
    const { api } = await fixture()
    expect(await codeOf(api.verify(await signToken(goodClaims(), { kid: 'ES256-1' })))).toBe('accepted')
    expect(await codeOf(api.verify(await signToken(goodClaims(), { kid: 'ES256-2' })))).toBe('key_unknown')
  })

  test('in the header itself is never used', async () => {
    const { api, upstream } = await fixture()
    const evil = await signingKey('ES256', 'evil')
    const header = { kid: 'evil', jwk: evil.jwk, jku: 'https://evil.example/jwks', x5u: 'https://evil.example/x5u' }
    expect(await codeOf(api.verify(await signToken(goodClaims(), header, evil)))).toBe('key_unknown')
    expect(upstream.calls.filter((url) => url.includes('evil'))).toEqual([])
  })

  test('is found for a token without `kid`', async () => {
    const { api } = await fixture()
    expect(await codeOf(api.verify(await signToken(goodClaims(), { kid: undefined })))).toBe('accepted')
  })

  test('is found for a token without `kid` among at most four', async () => {
    const keys = await Promise.all(['1', '2', '3', '4', '5'].map((kid) => signingKey('ES256', kid)))
    for (const [index, key] of keys.entries()) {
      const { api, upstream } = await fixture()
      upstream.publish(...keys.map(({ jwk }) => jwk))
      const code = await codeOf(api.verify(await signToken(goodClaims(), { kid: undefined }, key)))
      expect(code).toBe(index < 4 ? 'accepted' : 'signature_invalid')
    }
  })

  test('is found among several of one name', async () => {
    const { api, upstream } = await fixture()
    const keys = await Promise.all(['1', '2', '3'].map((kid) => signingKey('ES256', kid)))
    upstream.publish(...keys.map(({ jwk }) => ({ ...jwk, kid: 'same' })))
    for (const key of keys) {
      expect(await codeOf(api.verify(await signToken(goodClaims(), { kid: 'same' }, key)))).toBe('accepted')
    }
  })

  test('that came after a rotation is fetched', async () => {
    const { api, upstream } = await fixture()
    await api.verify(await signToken())
    const next = await signingKey('ES256', 'next')
    upstream.publish(next.jwk)
    expect(await codeOf(api.verify(await signToken(goodClaims(), {}, next)))).toBe('accepted')
  })

  test('that took over an old name is fetched', async () => {
    const { api, upstream } = await fixture()
    const old = await signToken()
    await api.verify(old)
    const next = await signingKey('ES256', 'next')
    upstream.publish({ ...next.jwk, kid: 'ES256-1' })
    expect(await codeOf(api.verify(await signToken(goodClaims(), { kid: 'ES256-1' }, next)))).toBe('accepted')
    expect(await codeOf(api.verify(old))).toBe('signature_invalid')
  })

  test('of another issuer is never tried, whatever its name', async () => {
    const other = await signingKey('ES256', 'ES256-1 of the other')
    const jwks = { keys: [{ ...other.jwk, kid: 'ES256-1' }] }
    const second = 'https://other.example.com'
    const { api } = await fixture({ issuers: [{ issuer: ISSUER }, { issuer: second, jwt: { jwks } }] })
    const header = { kid: 'ES256-1' }
    expect(await codeOf(api.verify(await signToken(goodClaims({ iss: second }), header, other)))).toBe('accepted')
    expect(await codeOf(api.verify(await signToken(goodClaims(), header, other)))).toBe('signature_invalid')
    expect(await codeOf(api.verify(await signToken(goodClaims({ iss: second }))))).toBe('signature_invalid')
  })
})

describe('the signature', () => {
  test.each([
    ['zeros (CVE-2022-21449)', 64, 'signature_invalid'],
    ['a byte too few', 63, 'signature_invalid'],
    ['a byte too many', 65, 'signature_invalid'],
    ['one byte', 1, 'signature_invalid'],
  ])('of %s is refused', async (_, length, code) => {
    const { api } = await fixture()
    const token = await signToken()
    const forged = token.slice(0, token.lastIndexOf('.') + 1) + base64url(new Uint8Array(length))
    expect(await codeOf(api.verify(token))).toBe('accepted')
    expect(await codeOf(api.verify(forged))).toBe(code)
  })

  test('over another payload is refused', async () => {
    const { api } = await fixture()
    const [header, , signature] = (await signToken()).split('.')
    const [, payload] = (await signToken(goodClaims({ scope: 'admin' }))).split('.')
    expect(await codeOf(api.verify(`${header}.${payload}.${signature}`))).toBe('signature_invalid')
  })

  test('over another header is refused', async () => {
    const { api } = await fixture()
    const [, payload, signature] = (await signToken()).split('.')
    const [header] = (await signToken(goodClaims(), { extra: 1 })).split('.')
    expect(await codeOf(api.verify(`${header}.${payload}.${signature}`))).toBe('signature_invalid')
  })
})

describe('an outage', () => {
  test('is issuer_unavailable, never a bad token', async () => {
    const { api, upstream } = await fixture()
    upstream.answers.clear()
    upstream.answers.set(`${ISSUER}/.well-known/oauth-authorization-server`, () => new Response('', { status: 503 }))
    expect(await codeOf(api.verify(await signToken()))).toBe('issuer_unavailable')
  })

  test('leaves an unknown key undecided: it may exist there', async () => {
    const { api, upstream } = await fixture()
    await api.verify(await signToken())
    upstream.answers.set(`${ISSUER}/jwks`, () => new Response('', { status: 500 }))
    const next = await signingKey('ES256', 'next')
    expect(await codeOf(api.verify(await signToken(goodClaims(), {}, next)))).toBe('issuer_unavailable')
    expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
  })
})

test('no more than four keys are tried for one token, refetched ones included', async () => {
  const tried = vi.fn<(algorithm: string) => Promise<CryptoKey>>(() => Promise.reject(new TypeError('unusable')))
  const keys = Array.from({ length: 4 }, (_, index): VerificationKey => {
    return { identity: String(index), keyId: undefined, algorithms: ['ES256'], cryptoKey: tried }
  })
  const snapshot = { size: 4, has: () => true, knows: () => true, select: () => keys }
  const issuer = {
    identifier: ISSUER,
    keys: { current: async () => snapshot, renewed: async () => ({ ...snapshot }), failing: () => undefined },
  } as unknown as Issuer
  const jwt = {
    token: 'a.b.c',
    algorithm: 'ES256',
    signingInput: new Uint8Array(3),
    signature: new Uint8Array(64),
  } as UnverifiedJwt
  expect(await codeOf(verifySignature(jwt, issuer, {}))).toBe('signature_invalid')
  // Keys that were tried already are not tried again when they come back.
  expect(tried).toHaveBeenCalledTimes(4)
})
