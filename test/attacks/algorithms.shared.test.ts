import { exportSPKI } from 'jose'
import { describe, expect, test } from 'vitest'
import { base64url, goodClaims, ISSUER, type SigningKey, signingKey, signToken } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'
import { expectRefused, forge, goodHeader, hmac, join, partsOf } from './forge.ts'

/** The same private key, to be used with another algorithm of its type. */
async function reuse(key: SigningKey, algorithm: string): Promise<SigningKey> {
  const name = algorithm.startsWith('PS') ? 'RSA-PSS' : 'RSASSA-PKCS1-v1_5'
  const { alg: _, ...jwk } = await crypto.subtle.exportKey('jwk', key.privateKey)
  const hash = `SHA-${algorithm.slice(2)}`
  const privateKey = await crypto.subtle.importKey('jwk', jwk, { name, hash }, true, ['sign'])
  return { ...key, algorithm, privateKey }
}

async function publicBytes(key: SigningKey): Promise<readonly Uint8Array<ArrayBuffer>[]> {
  const { alg: _, use: _use, kid: _kid, ...jwk } = key.jwk
  const parameters =
    jwk.kty === 'RSA' ? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } : { name: 'ECDSA', namedCurve: 'P-256' }
  const cryptoKey = await crypto.subtle.importKey('jwk', jwk, parameters, true, ['verify'])
  const pem = await exportSPKI(cryptoKey)
  const text = [pem, `${pem}\n`, pem.trimEnd(), JSON.stringify(jwk), JSON.stringify(key.jwk), jwk.n ?? jwk.x ?? '']
  const encoded = text.map((each) => new TextEncoder().encode(each))
  return [...encoded, new Uint8Array(await crypto.subtle.exportKey('spki', cryptoKey))]
}

describe('a public key is no shared secret (CVE-2016-10555, CVE-2015-9235, GHSA-ww5h-9m49-7xx4)', () => {
  test.each(['RS256', 'ES256'])('refuses HS256 with the bytes of the %s key, in every form', async (algorithm) => {
    const key = await signingKey(algorithm)
    for (const options of [{}, { issuers: [{ issuer: ISSUER, jwt: { profile: 'compatible' as const } }] }]) {
      const { api, upstream } = await fixture(options)
      upstream.publish(key.jwk)
      expect(await codeOf(api.verify(await signToken(goodClaims(), {}, key)))).toBe('accepted')
      for (const secret of await publicBytes(key)) {
        for (const bits of ['256', '384', '512']) {
          const header = await goodHeader({ alg: `HS${bits}`, kid: key.jwk.kid })
          const token = await forge(header, hmac(secret, `SHA-${bits}`))
          expect(await codeOf(api.verify(token))).toBe('algorithm_refused')
        }
      }
    }
  })

  test('refuses HS256 with an empty secret, and with a secret that the key set itself publishes', async () => {
    const secret = new TextEncoder().encode('0123456789abcdef0123456789abcdef')
    const { api, upstream } = await fixture()
    const { jwk } = await signingKey()
    upstream.publish({ kty: 'oct', k: base64url(secret), kid: 'oct', alg: 'HS256', use: 'sig' }, jwk)
    expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
    for (const [kid, sign] of [
      ['oct', hmac(secret)],
      [jwk.kid, hmac(secret)],
      ['oct', hmac(new Uint8Array(1))],
    ] as const) {
      expect(await codeOf(api.verify(await forge(await goodHeader({ alg: 'HS256', kid }), sign)))).toBe(
        'algorithm_refused',
      )
    }
  })
})

describe('"none" is no algorithm (CVE-2015-2951, CVE-2018-1000531)', () => {
  const spellings = ['none', 'None', 'NONE', 'nOnE', 'NoNe', 'none ', ' none', 'none\u0000', 'nоne', '']

  test('refuses it in every casing, with the old signature', async () => {
    const good = await signToken()
    const tokens = await Promise.all(
      spellings.map(async (alg) => {
        const header = base64url(JSON.stringify(await goodHeader({ alg })))
        return join({ ...partsOf(good), header })
      }),
    )
    await expectRefused(good, tokens, 'algorithm_refused')
  })

  test('refuses it in every casing, without a signature', async () => {
    const good = await signToken()
    const tokens = await Promise.all(
      spellings.map(async (alg) => {
        const header = base64url(JSON.stringify(await goodHeader({ alg })))
        return join({ ...partsOf(good), header, signature: '' })
      }),
    )
    await expectRefused(good, tokens, 'token_malformed')
  })

  test('refuses a good header without a signature', async () => {
    const good = await signToken()
    await expectRefused(good, [join({ ...partsOf(good), signature: '' })], 'token_malformed')
  })

  test.each([null, 256, true, ['ES256'], { ES256: 1 }])('refuses `alg` %j', async (alg) => {
    const good = await signToken()
    const header = base64url(JSON.stringify(await goodHeader({ alg })))
    await expectRefused(good, [join({ ...partsOf(good), header })], 'token_malformed')
  })

  test.each([
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'ES256K',
    'ES256 ',
    'es256',
    'RSA-OAEP',
    'dir',
    'RS1',
    'ED25519',
    'Ed448',
  ])('refuses the algorithm %s', async (alg) => {
    const good = await signToken()
    const header = base64url(`{"alg":${JSON.stringify(alg)},"typ":"at+jwt","kid":"ES256-1"}`)
    await expectRefused(good, [join({ ...partsOf(good), header })], 'algorithm_refused')
  })
})

describe('the key decides, not the header (CVE-2026-22817, CVE-2026-22818 hono)', () => {
  const families = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']

  test.each(families)('an RSA key pinned to %s verifies nothing else', async (pinned) => {
    const key = await signingKey('RS256')
    const { api, upstream } = await fixture()
    upstream.publish({ ...key.jwk, alg: pinned })
    for (const used of families) {
      const token = await signToken(goodClaims({ jti: used }), {}, await reuse(key, used))
      expect([used, await codeOf(api.verify(token))]).toEqual([
        used,
        used === pinned ? 'accepted' : 'algorithm_refused',
      ])
    }
  })

  test('an RSA key without `alg` verifies RSA signatures as their header says, and no other way', async () => {
    const key = await signingKey('RS256')
    const { alg: _, ...unpinned } = key.jwk
    const { api, upstream } = await fixture()
    upstream.publish(unpinned)
    for (const used of families) {
      expect(await codeOf(api.verify(await signToken(goodClaims(), {}, await reuse(key, used))))).toBe('accepted')
      for (const claimed of families) {
        const header = await goodHeader({ alg: claimed, kid: key.jwk.kid })
        const { privateKey } = await reuse(key, used)
        const name = used.startsWith('PS')
          ? { name: 'RSA-PSS', saltLength: Number(used.slice(2)) / 8 }
          : { name: 'RSASSA-PKCS1-v1_5' }
        const token = await forge(header, async (input) => {
          return new Uint8Array(await crypto.subtle.sign(name, privateKey, input))
        })
        expect([used, claimed, await codeOf(api.verify(token))]).toEqual([
          used,
          claimed,
          used === claimed ? 'accepted' : 'signature_invalid',
        ])
      }
    }
  })

  test('a salt of another length than the hash’s is no PS256 signature', async () => {
    const key = await signingKey('RS256')
    const { alg: _, ...unpinned } = key.jwk
    const { api, upstream } = await fixture()
    upstream.publish(unpinned)
    const { privateKey } = await reuse(key, 'PS256')
    for (const [saltLength, code] of [
      [32, 'accepted'],
      [0, 'signature_invalid'],
      [20, 'signature_invalid'],
      [64, 'signature_invalid'],
    ] as const) {
      const token = await forge(await goodHeader({ alg: 'PS256', kid: key.jwk.kid }), async (input) => {
        return new Uint8Array(await crypto.subtle.sign({ name: 'RSA-PSS', saltLength }, privateKey, input))
      })
      expect([saltLength, await codeOf(api.verify(token))]).toEqual([saltLength, code])
    }
  })

  test.each(['RS256', 'PS256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'ML-DSA-44'])(
    'an EC key of P-256 verifies no %s, whether its JWK names an algorithm or not',
    async (alg) => {
      const { jwk } = await signingKey()
      const { alg: _, ...unpinned } = jwk
      for (const published of [jwk, unpinned]) {
        const { api, upstream } = await fixture()
        upstream.publish(published)
        const good = await signToken()
        expect(await codeOf(api.verify(good))).toBe('accepted')
        const header = base64url(JSON.stringify(await goodHeader({ alg })))
        expect(await codeOf(api.verify(join({ ...partsOf(good), header })))).toBe('algorithm_refused')
      }
    },
  )

  test('an algorithm that is good elsewhere is refused where the issuer’s list lacks it, before any key is fetched', async () => {
    const { api, upstream } = await fixture({ issuers: [{ issuer: ISSUER, jwt: { algorithms: ['RS256'] } }] })
    expect(await codeOf(api.verify(await signToken()))).toBe('algorithm_refused')
    expect(upstream.calls).toEqual([])
    const rsa = await signingKey('RS256')
    upstream.publish(rsa.jwk)
    expect(await codeOf(api.verify(await signToken(goodClaims(), {}, rsa)))).toBe('accepted')
  })
})
