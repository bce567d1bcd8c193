// PrefectHQ/fastmcp#4515, jwt/ruby-jwt#743, mpdavis/python-jose#331, opencast/opencast#7897: one key that a verifier does not
// understand makes the whole set unusable, and a token whose `alg` does not fit its key crashes it. RFC 7517 §5: pass over
// what is not understood; RFC 7515 §5.2: such a signature is invalid.
import { expect, test } from 'vitest'
import { fakeUpstream, goodClaims, ISSUER, type SigningKey, signingKey, signToken } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'

async function mixed() {
  const [rsa, ed, ec] = await Promise.all([signingKey('RS256'), signingKey('EdDSA'), signingKey('ES256')])
  const { alg: _, ...anyAlgorithm } = rsa.jwk
  const odd = [
    { kty: 'OKP', crv: 'X25519', kid: 'x25519', use: 'enc', x: ed.jwk.x },
    { kty: 'AKP', kid: 'ml-dsa', alg: 'ML-DSA-44', pub: 'AAAA' },
    { kty: 'AKP', kid: 'slh-dsa', alg: 'SLH-DSA-SHA2-128s', pub: 'AAAA' },
    { kty: 'EC', crv: 'secp256k1', kid: 'secp256k1', x: ec.jwk.x, y: ec.jwk.y },
    { kty: 'RSA', kid: 'certificate-only', use: 'sig', alg: 'RS256', x5c: ['MIIB'] },
    { kid: 'no-type' },
    { kty: 'OCTOPUS', kid: 'from-the-future' },
    null,
    'text',
  ]
  const lenient = [
    { ...anyAlgorithm, kid: 'with-operations', key_ops: ['sign', 'verify'], ext: false, x5t: 'thumbprint' },
    { ...anyAlgorithm, kid: 'odd-certificate', x5c: 'MIIB' },
  ]
  const upstream = fakeUpstream(ISSUER, ...odd, ...lenient, anyAlgorithm, ed.jwk, ec.jwk)
  const { api, events } = await fixture({ fetch: upstream.fetch })
  return { api, events, rsa, ed, ec, odd }
}

function named(key: SigningKey, kid: string): SigningKey {
  return { ...key, jwk: { ...key.jwk, kid } }
}

test('accepts tokens under every key that is understood, and tells of each that is not', async () => {
  const { api, events, rsa, ed, ec, odd } = await mixed()
  for (const key of [rsa, ed, ec, named(rsa, 'with-operations'), named(rsa, 'odd-certificate')]) {
    expect(await codeOf(api.verify(await signToken(goodClaims(), {}, key))), key.jwk.kid).toBe('accepted')
  }
  const ignored = events.filter(({ type }) => type === 'key_ignored')
  // A runtime that knows ML-DSA passes over its key too: it is too short.
  expect(ignored).toHaveLength(odd.length)
})

test('refuses a token whose `alg` does not fit the key that it names', async () => {
  const { api, ec, ed } = await mixed()
  expect(await codeOf(api.verify(await signToken(goodClaims(), {}, named(ec, ed.jwk.kid))))).toBe('algorithm_refused')
  expect(await codeOf(api.verify(await signToken(goodClaims(), {}, ed)))).toBe('accepted')
})
