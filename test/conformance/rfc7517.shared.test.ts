import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { describe, expect, test } from 'vitest'
import { createResourceServer } from '../../src/entry-points/index.ts'
import { goodClaims, ISSUER, RESOURCE, type SigningKey, signingKey, signToken } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'

/** What a token meets whose issuer publishes these keys. */
async function outcome(keys: readonly unknown[], token: string): Promise<unknown> {
  const { api, upstream } = await fixture()
  upstream.publish(...keys)
  return codeOf(api.verify(token))
}

async function privatePart({ privateKey, jwk }: SigningKey): Promise<JWK> {
  return { ...(await exportJWK(privateKey)), kid: jwk.kid, alg: jwk.alg as string }
}

describe('RFC 7517, keys that are passed over', () => {
  test.each([
    ['§4.2: for encryption', (jwk: JWK) => ({ ...jwk, use: 'enc' })],
    ['§4.2: for an unknown use', (jwk: JWK) => ({ ...jwk, use: 'tls' })],
    ['§4.2: with a use that is no string', (jwk: JWK) => ({ ...jwk, use: 1 })],
    ['§4.3: whose operations lack "verify"', (jwk: JWK) => ({ ...jwk, key_ops: ['encrypt'] })],
    ['§4.3: whose operations are no array', (jwk: JWK) => ({ ...jwk, key_ops: 'verify' })],
    ['§4.1: of an unknown type', (jwk: JWK) => ({ ...jwk, kty: 'XX' })],
    ['§4.1: without a type', (jwk: JWK) => ({ ...jwk, kty: undefined })],
    ['§4.4: with an algorithm for another type', (jwk: JWK) => ({ ...jwk, alg: 'RS256' })],
    ['§4.4: with a symmetric algorithm', (jwk: JWK) => ({ ...jwk, alg: 'HS256' })],
    ['§4.4: with an algorithm for key agreement', (jwk: JWK) => ({ ...jwk, alg: 'ECDH-ES' })],
    ['§4.5: with a `kid` that is no string', (jwk: JWK) => ({ ...jwk, kid: 1 })],
    ['RFC 7518 §6.2.1: without a coordinate', (jwk: JWK) => ({ ...jwk, y: undefined })],
    ['RFC 7518 §6.2.1: with a point off the curve', (jwk: JWK) => ({ ...jwk, y: jwk.x })],
    ['RFC 7518 §6.2.1: with a coordinate that is no string', (jwk: JWK) => ({ ...jwk, x: 1 })],
    ['RFC 7518 §6.2.1: on an unknown curve', (jwk: JWK) => ({ ...jwk, crv: 'P-257' })],
  ])('%s', async (_, change) => {
    const key = await signingKey()
    const neighbour = await signingKey('ES256', 'neighbour')
    const token = await signToken(goodClaims(), {}, key)
    expect(await outcome([neighbour.jwk, key.jwk], token)).toBe('accepted')
    const keys = [change(key.jwk), neighbour.jwk]
    expect(await outcome(keys, token)).toBe('key_unknown')
    // Never fatal for its neighbours.
    expect(await outcome(keys, await signToken(goodClaims(), {}, neighbour))).toBe('accepted')
  })

  test('§9.2: a private key is passed over: whoever can read it can sign', async () => {
    for (const algorithm of ['ES256', 'RS256', 'Ed25519']) {
      const key = await signingKey(algorithm)
      const neighbour = await signingKey('ES384', 'neighbour')
      const token = await signToken(goodClaims(), {}, key)
      expect(await outcome([key.jwk, neighbour.jwk], token)).toBe('accepted')
      expect(await outcome([await privatePart(key), neighbour.jwk], token)).toBe('key_unknown')
    }
  })

  test('RFC 7518 §6.4: symmetric keys are passed over', async () => {
    const secret = { kty: 'oct', k: 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0', kid: 'oct', alg: 'HS256' }
    const neighbour = await signingKey()
    expect(await outcome([secret, neighbour.jwk], await signToken())).toBe('accepted')
    expect(await outcome([secret, neighbour.jwk], await signToken(goodClaims(), { kid: 'oct' }))).toBe('key_unknown')
  })

  test('RFC 7518 §3.3: RSA keys below 2048 bits, and with an exponent of 1 or an even one, are passed over', async () => {
    const key = await signingKey('RS256')
    const token = await signToken(goodClaims(), {}, key)
    const neighbour = await signingKey('ES256', 'neighbour')
    const parameters = { name: 'RSASSA-PKCS1-v1_5', publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }
    const { publicKey } = await crypto.subtle.generateKey({ ...parameters, modulusLength: 1024 }, true, [
      'sign',
      'verify',
    ])
    const weak = { ...(await exportJWK(publicKey)), kid: key.jwk.kid }
    expect(await outcome([key.jwk, neighbour.jwk], token)).toBe('accepted')
    for (const bad of [weak, { ...key.jwk, e: 'AQ' }, { ...key.jwk, e: 'AQAC' }, { ...key.jwk, e: '' }]) {
      expect(await outcome([bad, neighbour.jwk], token)).toBe('key_unknown')
      expect(await outcome([bad, neighbour.jwk], await signToken(goodClaims(), {}, neighbour))).toBe('accepted')
    }
  })

  test.each([[null], ['text'], [1], [[]], [true], [{}]])('§5: a member %j of the set spoils nothing', async (junk) => {
    const { jwk } = await signingKey()
    expect(await outcome([junk, jwk], await signToken())).toBe('accepted')
  })
})

describe('RFC 7517, keys that are used', () => {
  test.each([
    ['§4.2 and §4.3: without `use` and `key_ops`', (jwk: JWK) => ({ ...jwk, use: undefined })],
    ['§4.3: with `key_ops` that hold "verify"', (jwk: JWK) => ({ ...jwk, key_ops: ['verify'] })],
    ['§4.4: without `alg`', (jwk: JWK) => ({ ...jwk, alg: undefined })],
    ['§4: with members that nobody knows', (jwk: JWK) => ({ ...jwk, x_vendor: { a: 1 }, x5t: 'abc', exp: 1 })],
    [
      '§4.7: with a certificate, which is not looked at',
      (jwk: JWK) => ({ ...jwk, x5c: ['junk'], x5u: 'https://evil.example' }),
    ],
  ])('%s', async (_, change) => {
    const { jwk } = await signingKey()
    expect(await outcome([change(jwk)], await signToken())).toBe('accepted')
  })

  test('§4.5: of keys that share a `kid`, each of the right type is tried', async () => {
    const key = await signingKey()
    const [second, third] = [await signingKey('ES256', 'second'), await signingKey('RS256')]
    const kid = key.jwk.kid
    const twins = [{ ...second.jwk, kid }, { ...third.jwk, kid }, key.jwk]
    expect(await outcome(twins, await signToken())).toBe('accepted')
    expect(await outcome(twins, await signToken(goodClaims(), { kid }, third))).toBe('accepted')
    expect(await outcome(twins, await signToken(goodClaims(), { kid }, await signingKey('ES256', 'fourth')))).toBe(
      'signature_invalid',
    )
  })

  test('§4.5: a token without `kid` is tried against the keys of its type', async () => {
    const token = await signToken(goodClaims(), { kid: undefined })
    const others = [(await signingKey('RS256')).jwk, (await signingKey('ES256', 'second')).jwk]
    expect(await outcome([...others, (await signingKey()).jwk], token)).toBe('accepted')
    expect(await outcome(others, token)).toBe('signature_invalid')
  })

  test('§4.5: no more than four keys are tried for one token', async () => {
    const token = await signToken(goodClaims(), { kid: undefined })
    const { jwk } = await signingKey()
    const others = await Promise.all(['a', 'b', 'c', 'd'].map(async (kid) => (await signingKey('ES256', kid)).jwk))
    expect(await outcome([...others.slice(1), jwk], token)).toBe('accepted')
    expect(await outcome([...others, jwk], token)).toBe('signature_invalid')
  })

  test('§4.5: `kid` is case-sensitive', async () => {
    const { jwk } = await signingKey('ES256', 'key-a')
    const key = await signingKey('ES256', 'key-a')
    expect(await outcome([jwk], await signToken(goodClaims(), {}, key))).toBe('accepted')
    expect(await outcome([jwk], await signToken(goodClaims(), { kid: 'KEY-A' }, key))).toBe('key_unknown')
  })

  test.each(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'])(
    'RFC 7518 §3.1, RFC 8037 §3.1: verifies %s',
    async (algorithm) => {
      const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true })
      const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: algorithm }
      const token = await signToken(goodClaims(), {}, { algorithm, privateKey, jwk })
      expect(await outcome([jwk], token)).toBe('accepted')
      expect(await outcome([{ ...jwk, alg: undefined }], token)).toBe('accepted')
      const at = token.length - 20
      const tampered = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
      expect(await outcome([jwk], tampered)).toBe('signature_invalid')
    },
  )
})

describe('RFC 7517 §5, the set', () => {
  test.each([
    ['an empty array', { keys: [] }],
    ['no array', { keys: {} }],
    ['nothing', {}],
    ['a single key', { kty: 'EC' }],
    ['keys that are all unusable', { keys: [{ kty: 'oct', k: 'AAAA' }, null] }],
  ])('§5: a set of %s is the issuer’s fault', async (_, set) => {
    const { api, upstream } = await fixture()
    upstream.answers.set(`${ISSUER}/jwks`, () => Response.json(set))
    expect(await codeOf(api.verify(await signToken()))).toBe('issuer_unavailable')
  })

  test('§5: members that nobody knows are ignored, and so is the media type', async () => {
    const { api, upstream } = await fixture()
    const { jwk } = await signingKey()
    const headers = { 'Content-Type': 'application/octet-stream' }
    const body = JSON.stringify({ keys: [jwk], kid: 'x', extra: [1] })
    upstream.answers.set(`${ISSUER}/jwks`, () => new Response(body, { headers }))
    expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
  })

  test('§5: a set given as data that cannot verify anything is refused at creation', () => {
    expect(() =>
      createResourceServer({
        resource: RESOURCE,
        issuers: [{ issuer: ISSUER, jwt: { jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] } } }],
      }),
    ).toThrow(expect.objectContaining({ code: 'configuration_invalid' }))
  })
})
