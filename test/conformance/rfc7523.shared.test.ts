import { exportJWK, exportPKCS8, exportSPKI, generateKeyPair, importSPKI, type JWK, jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import { type ClientAuthentication, clientSecretJwt, privateKeyJwt } from '../../src/entry-points/index.ts'
import {
  CLIENT_ID,
  goodAnswer,
  introspecting,
  opaque,
  SECRET_MARK,
  searchWhatWasEmitted,
} from '../fixture/introspection.ts'
import { ISSUER, NOW, NOW_MS } from '../fixture/issuer.ts'
import { codeOf } from '../fixture/server.ts'

searchWhatWasEmitted()

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
// HS512 asks for 64 bytes.
const SECRET = `${SECRET_MARK}-${'s'.repeat(64)}`

async function asking(auth: ClientAuthentication) {
  const made = await introspecting({ introspection: { auth, cacheSeconds: 0 } })
  return {
    ...made,
    assertion: async (): Promise<string> => {
      expect(await codeOf(made.api.verify(opaque()))).toBe('accepted')
      return made.endpoint.asked.at(-1)?.form.get('client_assertion') ?? ''
    },
  }
}

type VerifyKey = Parameters<typeof jwtVerify>[1]

async function requireAssertion(jwt: string, key: VerifyKey, algorithm: string) {
  const { payload, protectedHeader } = await jwtVerify(jwt, key, {
    issuer: CLIENT_ID,
    subject: CLIENT_ID,
    algorithms: [algorithm],
    currentDate: new Date(NOW_MS),
    requiredClaims: ['jti', 'exp', 'iat'],
  })
  // The issuer and nobody else: one of several audiences could pass the assertion on to another.
  expect(payload.aud).toBe(ISSUER)
  expect(payload.exp).toBeGreaterThan(NOW)
  expect(payload.exp).toBeLessThanOrEqual(NOW + 60)
  expect(payload.iat).toBe(NOW)
  expect(payload.jti).toMatch(/^.{16,}$/)
  return { payload, protectedHeader }
}

describe('RFC 7523 §2.2 and §3: client_secret_jwt', () => {
  test.each(['HS256', 'HS384', 'HS512'] as const)('%s', async (algorithm) => {
    const { assertion, endpoint } = await asking(
      clientSecretJwt({ clientId: CLIENT_ID, clientSecret: SECRET, algorithm }),
    )
    await requireAssertion(await assertion(), new TextEncoder().encode(SECRET), algorithm)
    const [asked] = endpoint.asked
    expect(asked?.form.get('client_assertion_type')).toBe(ASSERTION_TYPE)
    expect(asked?.form.get('client_id')).toBe(CLIENT_ID)
    expect(asked?.form.has('client_secret')).toBe(false)
    expect(asked?.headers.has('authorization')).toBe(false)
  })

  test('HS256 by default', async () => {
    const { assertion } = await asking(clientSecretJwt({ clientId: CLIENT_ID, clientSecret: SECRET }))
    await requireAssertion(await assertion(), new TextEncoder().encode(SECRET), 'HS256')
  })
})

describe('RFC 7523 §2.2 and §3: private_key_jwt', () => {
  test.each(['RS256', 'PS256', 'ES256', 'ES384', 'Ed25519', 'EdDSA'])(
    '%s: CryptoKey, JWK and PEM',
    async (algorithm) => {
      const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true })
      const jwk: JWK = { ...(await exportJWK(privateKey)), kid: 'key-1', alg: algorithm }
      for (const key of [privateKey, jwk, await exportPKCS8(privateKey)]) {
        const { assertion, endpoint } = await asking(privateKeyJwt({ clientId: CLIENT_ID, privateKey: key, algorithm }))
        await requireAssertion(await assertion(), publicKey, algorithm)
        expect(endpoint.asked[0]?.form.get('client_assertion_type')).toBe(ASSERTION_TYPE)
        expect(endpoint.asked[0]?.form.get('client_id')).toBe(CLIENT_ID)
      }
    },
  )

  test('a JWK names its own algorithm and key', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
    const jwk = { ...(await exportJWK(privateKey)), kid: 'key-1', alg: 'ES256' }
    const { assertion } = await asking(privateKeyJwt({ clientId: CLIENT_ID, privateKey: jwk }))
    const { protectedHeader } = await requireAssertion(await assertion(), publicKey, 'ES256')
    expect(protectedHeader).toEqual({ alg: 'ES256', kid: 'key-1' })
  })

  test('`keyId` wins over the JWK’s own', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
    const jwk = { ...(await exportJWK(privateKey)), kid: 'key-1', alg: 'ES256' }
    const { assertion } = await asking(privateKeyJwt({ clientId: CLIENT_ID, privateKey: jwk, keyId: 'key-2' }))
    expect((await requireAssertion(await assertion(), publicKey, 'ES256')).protectedHeader.kid).toBe('key-2')
  })

  test('PEM without an algorithm is RS256, and names no key', async () => {
    const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true })
    const { assertion } = await asking(
      privateKeyJwt({ clientId: CLIENT_ID, privateKey: await exportPKCS8(privateKey) }),
    )
    const key = await importSPKI(await exportSPKI(publicKey), 'RS256')
    expect((await requireAssertion(await assertion(), key, 'RS256')).protectedHeader).toEqual({ alg: 'RS256' })
  })

  test('a private key that cannot be exported signs as well', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256')
    const { assertion } = await asking(privateKeyJwt({ clientId: CLIENT_ID, privateKey, algorithm: 'ES256' }))
    await requireAssertion(await assertion(), publicKey, 'ES256')
  })

  test('rotation: a function gives the key of the moment', async () => {
    const pairs = await Promise.all([1, 2].map(() => generateKeyPair('ES256', { extractable: true })))
    const jwks = await Promise.all(
      pairs.map(async ({ privateKey }, index) => ({
        ...(await exportJWK(privateKey)),
        kid: `key-${index}`,
        alg: 'ES256',
      })),
    )
    let present = jwks[0]
    const { assertion } = await asking(privateKeyJwt({ clientId: CLIENT_ID, privateKey: async () => present ?? {} }))
    const before = await assertion()
    present = jwks[1]
    const after = await assertion()
    for (const [index, jwt] of [before, after].entries()) {
      const key = pairs[index]?.publicKey as CryptoKey
      expect((await requireAssertion(jwt, key, 'ES256')).protectedHeader.kid).toBe(`key-${index}`)
    }
    await expect(jwtVerify(after, pairs[0]?.publicKey as CryptoKey, { currentDate: new Date(NOW_MS) })).rejects.toThrow(
      'signature',
    )
  })

  test.each<[string, () => Promise<Parameters<typeof privateKeyJwt>[0]['privateKey']>]>([
    ['a public JWK', async () => exportJWK((await generateKeyPair('ES256', { extractable: true })).publicKey)],
    ['PEM that is none', async () => `-----BEGIN PRIVATE KEY-----\n${btoa(SECRET_MARK)}\n-----END PRIVATE KEY-----`],
    ['a key of another algorithm', async () => (await generateKeyPair('ES384')).privateKey],
    ['a public CryptoKey', async () => (await generateKeyPair('ES256')).publicKey],
  ])('%s is 503, and nothing is sent', async (_, give) => {
    const privateKey = await give()
    const auth = privateKeyJwt({ clientId: CLIENT_ID, privateKey, algorithm: 'ES256' })
    const { api, endpoint } = await introspecting({ introspection: { auth } })
    expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
    expect(endpoint.asked).toEqual([])
  })
})

describe('RFC 7523 §3: an assertion is good for one request', () => {
  test('every request has a `jti` of its own', async () => {
    const { assertion } = await asking(clientSecretJwt({ clientId: CLIENT_ID, clientSecret: SECRET }))
    const key = new TextEncoder().encode(SECRET)
    const ids = new Set<unknown>()
    for (let turn = 0; turn < 5; turn++) {
      ids.add((await requireAssertion(await assertion(), key, 'HS256')).payload.jti)
    }
    expect(ids.size).toBe(5)
  })

  test('and so has the second attempt after a failed connection', async () => {
    const { endpoint, assertion } = await asking(clientSecretJwt({ clientId: CLIENT_ID, clientSecret: SECRET }))
    let failed = false
    endpoint.reply = () => {
      if (failed) return Response.json(goodAnswer())
      failed = true
      throw new TypeError('fetch failed')
    }
    await assertion()
    const assertions = endpoint.asked.map(({ form }) => form.get('client_assertion'))
    expect(assertions).toHaveLength(2)
    expect(new Set(assertions).size).toBe(2)
  })

  test('its times are those of the request', async () => {
    const { clock, assertion } = await asking(clientSecretJwt({ clientId: CLIENT_ID, clientSecret: SECRET }))
    await assertion()
    clock.ms += 100_000
    const { payload } = await jwtVerify(await assertion(), new TextEncoder().encode(SECRET), {
      currentDate: new Date(clock.ms),
    })
    expect(payload.iat).toBe(NOW + 100)
  })
})
