import { describe, expect, test } from 'vitest'
import { BearwardError, createResourceServer } from '../../src/entry-points/index.ts'
import ed25519 from '../vectors/cookbook/curve25519/jws.json' with { type: 'json' }
import rsaPkcs1 from '../vectors/cookbook/jws/4_1.rsa_v15_signature.json' with { type: 'json' }
import rsaPss from '../vectors/cookbook/jws/4_2.rsa-pss_signature.json' with { type: 'json' }
import ecdsa from '../vectors/cookbook/jws/4_3.ecdsa_signature.json' with { type: 'json' }
import hmac from '../vectors/cookbook/jws/4_4.hmac-sha2_integrity_protection.json' with { type: 'json' }
import detached from '../vectors/cookbook/jws/4_5.signature_with_detached_content.json' with { type: 'json' }
import partlyProtected from '../vectors/cookbook/jws/4_6.protecting_specific_header_fields.json' with { type: 'json' }
import unprotected from '../vectors/cookbook/jws/4_7.protecting_content_only.json' with { type: 'json' }
import several from '../vectors/cookbook/jws/4_8.multiple_signatures.json' with { type: 'json' }
import ecPrivate from '../vectors/cookbook/jwk/3_2.ec_private_key.json' with { type: 'json' }
import ecPublic from '../vectors/cookbook/jwk/3_1.ec_public_key.json' with { type: 'json' }
import rsaPrivate from '../vectors/cookbook/jwk/3_4.rsa_private_key.json' with { type: 'json' }
import rsaPublic from '../vectors/cookbook/jwk/3_3.rsa_public_key.json' with { type: 'json' }
import symmetricMac from '../vectors/cookbook/jwk/3_5.symmetric_key_mac_computation.json' with { type: 'json' }
import symmetricEncryption from '../vectors/cookbook/jwk/3_6.symmetric_key_encryption.json' with { type: 'json' }
import rfc7515 from '../vectors/rfc/rfc7515.json' with { type: 'json' }
import rfc8037 from '../vectors/rfc/rfc8037.json' with { type: 'json' }
import rfc9068 from '../vectors/rfc/rfc9068.json' with { type: 'json' }
import { signingKey, signToken } from '../fixture/issuer.ts'
import { ASYMMETRIC_ALGORITHMS } from '../../src/jws/algorithms.ts'
import { usableKeys } from '../../src/stages/issuer/usable-keys.ts'
import { verifyJws } from './signature-level.ts'

const PRIVATE_MEMBERS = new Set(['d', 'p', 'q', 'dp', 'dq', 'qi'])

/** The public half: the cookbook publishes its examples with the private key. */
function publicPart(jwk: object): object {
  return Object.fromEntries(Object.entries(jwk).filter(([name]) => !PRIVATE_MEMBERS.has(name)))
}

/** Flips one bit in the last whole byte of the signature. */
function tampered(token: string): string {
  const at = token.length - 5
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
}

async function codeOf(token: unknown): Promise<unknown> {
  const { jwk } = await signingKey()
  const api = createResourceServer({
    resource: 'https://rs.example.com/',
    issuers: [{ issuer: 'joe', jwt: { jwks: { keys: [jwk] }, profile: 'compatible' } }],
  })
  return api.verify(token as string).then(
    () => 'accepted',
    (error: unknown) => (error instanceof BearwardError ? error.code : error),
  )
}

describe('RFC 7515 Appendix A', () => {
  const signed = rfc7515.filter(({ jwk }) => jwk !== null && jwk.kty !== 'oct')

  test('three asymmetric examples are at hand', () => {
    expect(signed.map(({ id }) => id)).toEqual(['rfc7515-A2-RS256', 'rfc7515-A3-ES256', 'rfc7515-A4-ES512'])
  })

  test.each(signed)('$id: the signature verifies, and one bit less does not', async ({ token, jwk }) => {
    expect(await verifyJws(token, { keys: [jwk] })).toBe('verified')
    expect(await verifyJws(tampered(token), { keys: [jwk] })).toBe('signature_invalid')
  })

  test('A.1 HS256, A.5 none and Appendix E with an unknown `crit` are refused', async () => {
    const [hs256, none, crit] = ['rfc7515-A1-HS256', 'rfc7515-A5-none', 'rfc7515-E-crit-negative'].map(
      (id) => rfc7515.find((each) => each.id === id)?.token,
    )
    expect(await codeOf(hs256)).toBe('algorithm_refused')
    expect(await codeOf(none)).toBe('token_malformed')
    expect(await codeOf(crit)).toBe('token_malformed')
  })
})

describe('RFC 7520 §4', () => {
  test.each([rsaPkcs1, rsaPss])('$title: the signature verifies, and one bit less does not', async (example) => {
    const { compact } = example.output
    const jwks = { keys: [publicPart(example.input.key)] }
    expect(await verifyJws(compact, jwks)).toBe('verified')
    expect(await verifyJws(tampered(compact), jwks)).toBe('signature_invalid')
  })

  test('4.3 ECDSA: the signature verifies under the key of the example', async () => {
    const jwks = { keys: [publicPart(ecdsa.input.key)] }
    expect(await verifyJws(ecdsa.output.compact, jwks)).toBe('verified')
    expect(await verifyJws(tampered(ecdsa.output.compact), jwks)).toBe('signature_invalid')
  })

  test('4.4 HMAC and 4.5 detached content are refused', async () => {
    expect(await verifyJws(hmac.output.compact, { keys: [hmac.input.key] })).toBe('algorithm_refused')
    expect(await verifyJws(detached.output.compact, { keys: [detached.input.key] })).toBe('algorithm_refused')
    expect(await codeOf(detached.output.compact)).toBe('token_malformed')
  })

  test('4.6 to 4.8, and all JSON serializations of the others, are refused as objects and as text', async () => {
    const serializations = [rsaPkcs1, rsaPss, ecdsa, hmac, detached, partlyProtected, unprotected, several].flatMap(
      ({ output }) => Object.entries(output).flatMap(([name, value]) => (name === 'compact' ? [] : [value])),
    )
    expect(serializations.length).toBeGreaterThanOrEqual(15)
    for (const value of serializations) {
      expect(await codeOf(value)).toBe('token_malformed')
      expect(await codeOf(JSON.stringify(value))).toBe('token_malformed')
    }
  })
})

describe('RFC 7520 §3', () => {
  test('of the example keys the public ones are used, private and symmetric ones passed over', async () => {
    const jwks = { keys: [ecPublic, ecPrivate, rsaPublic, rsaPrivate, symmetricMac, symmetricEncryption] }
    const { keys, ignored } = await usableKeys(jwks, new Set(ASYMMETRIC_ALGORITHMS), new Map())
    expect(keys.map(({ algorithms }) => algorithms[0])).toEqual(['ES512', 'RS256'])
    expect(ignored).toHaveLength(4)
  })
})

describe('RFC 8037', () => {
  test('A.4: the Ed25519 signature verifies, one bit less does not, nor does a key of another algorithm', async () => {
    const example = rfc8037.find(({ id }) => id === 'rfc8037-A4-EdDSA')
    const token = example?.token ?? ''
    expect(await verifyJws(token, { keys: [example?.jwk] })).toBe('verified')
    expect(await verifyJws(tampered(token), { keys: [example?.jwk] })).toBe('signature_invalid')
    expect(await verifyJws(token, { keys: [{ ...example?.jwk, alg: 'Ed25519' }] })).toBe('key_unknown')
  })

  test('the cookbook’s Ed25519 example verifies', async () => {
    expect(await verifyJws(ed25519.output.compact, { keys: [publicPart(ed25519.input.key)] })).toBe('verified')
  })
})

describe('RFC 9068 §2.2', () => {
  test('the header and the claims of the RFC’s example make an access token', async () => {
    const [example] = rfc9068
    const { iss, aud, iat } = example?.claims ?? {}
    const key = await signingKey('RS256')
    const token = await signToken({ ...example?.claims }, { ...example?.header, kid: key.jwk.kid }, key)
    const api = createResourceServer({
      resource: aud ?? '',
      issuers: [{ issuer: iss ?? '', jwt: { jwks: { keys: [key.jwk] } } }],
      now: () => ((iat ?? 0) + 60) * 1000,
    })
    expect(await api.verify(token)).toMatchObject({
      subject: '5ba552d67',
      clientId: 's6BhdRkqt3',
      tokenId: 'dbe39bf3a3ba4238a513f51d6e1691c4',
      scopes: ['openid', 'profile', 'reademail'],
    })
  })
})
