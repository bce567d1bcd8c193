import { exportJWK } from 'jose'
import { describe, expect, test } from 'vitest'
import { goodClaims, ISSUER, type SigningKey, signingKey, signToken } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'
import { strayCalls } from './forge.ts'

const EVIL = 'https://evil.example'

async function attacker(): Promise<SigningKey> {
  return signingKey('ES256', 'attacker')
}

describe('a token does not bring its own key (CVE-2018-0114)', () => {
  test.each([
    ['jwk', async () => ({ jwk: (await attacker()).jwk })],
    ['jwk with its private part', async () => ({ jwk: await exportJWK((await attacker()).privateKey) })],
    ['jku', async () => ({ jku: `${EVIL}/jwks` })],
    ['jku at the issuer itself', async () => ({ jku: `${ISSUER}/jwks` })],
    ['x5u', async () => ({ x5u: `${EVIL}/cert.pem` })],
    ['x5c', async () => ({ x5c: ['MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A'] })],
    ['x5t', async () => ({ x5t: 'abc', 'x5t#S256': 'abc' })],
    ['jwk and jku', async () => ({ jwk: (await attacker()).jwk, jku: `${EVIL}/jwks`, x5u: EVIL })],
  ])('neither uses nor fetches what `%s` names', async (_, extra) => {
    const header = await extra()
    const own = (await signingKey()).jwk.kid
    for (const kid of [undefined, own, 'attacker']) {
      const made = await fixture()
      made.upstream.answers.set(`${EVIL}/jwks`, () => Response.json({ keys: [header] }))
      // The twin: the same header on a token that the issuer signed is merely not looked at.
      expect(await codeOf(made.api.verify(await signToken(goodClaims(), header)))).toBe('accepted')
      const forged = await signToken(goodClaims({ sub: 'admin' }), { ...header, kid }, await attacker())
      expect(await codeOf(made.api.verify(forged))).toBe(kid === 'attacker' ? 'key_unknown' : 'signature_invalid')
      expect(strayCalls(made)).toEqual([])
    }
  })

  test('no form of these members that is malformed makes an untyped error', async () => {
    const made = await fixture()
    for (const name of ['jwk', 'jku', 'x5u', 'x5c', 'x5t', 'cty', 'zip', 'enc', 'epk', 'p2c']) {
      for (const value of [null, 1, [], {}, '', 'http://127.0.0.1:1/', { kty: 'EC' }]) {
        expect(await codeOf(made.api.verify(await signToken(goodClaims(), { [name]: value })))).toBe('accepted')
      }
    }
    expect(strayCalls(made)).toEqual([])
  })
})

describe('a `kid` is a name and nothing else', () => {
  test.each([
    'https://evil.example/jwks',
    'file:///etc/passwd',
    '../../../../dev/null',
    '/dev/null',
    '..%2f..%2fjwks',
    "x' UNION SELECT 'key'; --",
    '$(id)',
    '*',
    '.*',
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'undefined',
    'null',
    '0',
    '',
    ' ',
    '\u0000',
    'ES256-1\u0000',
    ' ES256-1',
    'ES256-1 ',
    'es256-1',
    'ES256\u20101',
    'x'.repeat(4_000),
  ])('%j finds no key and reaches nobody', async (kid) => {
    const made = await fixture()
    expect(await codeOf(made.api.verify(await signToken()))).toBe('accepted')
    expect(await codeOf(made.api.verify(await signToken(goodClaims(), { kid })))).toBe('key_unknown')
    expect(strayCalls(made)).toEqual([])
  })

  test.each(['__proto__', 'constructor', 'toString', 'https://keys.example/1', ''])(
    '%j may be the name of a real key',
    async (kid) => {
      const key = await signingKey('ES256', kid)
      const { api, upstream } = await fixture()
      upstream.publish(key.jwk, (await signingKey()).jwk)
      expect(await codeOf(api.verify(await signToken(goodClaims(), {}, key)))).toBe('accepted')
      const forged = await signToken(goodClaims(), { kid }, await attacker())
      expect(await codeOf(api.verify(forged))).toBe('signature_invalid')
    },
  )

  test.each([null, 1, true, ['ES256-1'], { kid: 'ES256-1' }])('%j is no `kid`', async (kid) => {
    const { api } = await fixture()
    expect(await codeOf(api.verify(await signToken(goodClaims(), { kid })))).toBe('token_malformed')
  })

  test('100 unknown ones cost one refetch within the cooldown, and known tokens pass throughout', async () => {
    const made = await fixture({ tokenCache: false })
    const good = await signToken()
    expect(await codeOf(made.api.verify(good))).toBe('accepted')
    const before = made.upstream.calls.length
    for (let each = 0; each < 100; each++) {
      expect(await codeOf(made.api.verify(await signToken(goodClaims(), { kid: `unknown-${each}` })))).toBe(
        'key_unknown',
      )
      expect(await codeOf(made.api.verify(good))).toBe('accepted')
    }
    expect(made.upstream.calls.length - before).toBeLessThanOrEqual(1)
  })
})
