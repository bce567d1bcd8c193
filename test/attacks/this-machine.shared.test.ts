import { describe, expect, test } from 'vitest'
import {
  clientSecretBasic,
  createResourceServer,
  introspect,
  type TrustedIssuer,
} from '../../src/entry-points/index.ts'
import { goodClaims, ISSUER, NOW_MS, RESOURCE, signingKey, signToken } from '../fixture/issuer.ts'
import { codeOf } from '../fixture/server.ts'

// Whoever writes an issuer's metadata, a tenant perhaps, must not make us send requests and credentials to this machine.

const INSECURE = 'http://keycloak.internal/realms/tenant-a'

/** Verifies a good token of an issuer whose metadata says this; every address but the metadata's has the keys. */
async function verifying(
  issuer: string,
  metadata: Record<string, unknown>,
  settings: Partial<TrustedIssuer> = {},
): Promise<{ readonly code: unknown; readonly asked: readonly string[] }> {
  const { jwk } = await signingKey()
  const asked: string[] = []
  const api = createResourceServer({
    resource: RESOURCE,
    issuers: [{ issuer, ...settings }],
    insecureHosts: ['keycloak.internal'],
    now: () => NOW_MS,
    async fetch(url) {
      if (url.includes('/.well-known/')) return Response.json({ issuer, ...metadata })
      asked.push(url)
      return Response.json({ keys: [jwk], active: false })
    },
  })
  const token = settings.jwt === false ? 'opaque-token' : await signToken(goodClaims({ iss: issuer }))
  return { code: await codeOf(api.verify(token)), asked }
}

describe('metadata of an issuer elsewhere does not lead to this machine', () => {
  test.each([
    '127.0.0.1',
    '127.8.9.10',
    '127.1',
    '0x7f.1',
    '2130706433',
    '①②⑦.0.0.1',
    '127.0.0.1.',
    '127.0.0.1..',
    '0',
    '0.0.0.0',
    '0.0.0.1',
    'localhost',
    'LOCALHOST',
    'ⓛocalhost',
    'localhost.',
    'localhost..',
    'localhost...',
    'idp.localhost',
    'idp.localhost..',
    'localhost.localdomain',
    'localhost.localdomain.',
    'localhost4',
    'localhost6',
    'localhost6.localdomain6',
    'ip6-localhost',
    'ip6-loopback',
    '[::1]',
    '[0:0:0:0:0:0:0:1]',
    '[::]',
    '[::127.0.0.1]',
    '[::127.255.0.0]',
    '[::ffff:127.0.0.1]',
    '[::ffff:0.0.0.0]',
    '[::ffff:0.0.0.1]',
    '[::ffff:0:127.0.0.1]',
    '[64:ff9b::127.0.0.1]',
  ])('%s', async (host) => {
    const good = await verifying(ISSUER, { jwks_uri: 'https://keys.example.com:8443/jwks' })
    expect(good).toEqual({ code: 'accepted', asked: ['https://keys.example.com:8443/jwks'] })
    const bad = await verifying(ISSUER, { jwks_uri: `https://${host}:8443/jwks` })
    expect(bad).toEqual({ code: 'issuer_unavailable', asked: [] })
  })

  test.each([
    'localhost.example.com',
    'mylocalhost',
    'ip6-localhost.example.com',
    '128.0.0.1',
    '1.0.0.127',
    '[::2]',
    '[::ffff:8.8.8.8]',
    '[2001:db8::7f00:1]',
  ])('%s is another', async (host) => {
    const jwks_uri = `https://${host}:8443/jwks`
    expect(await verifying(ISSUER, { jwks_uri })).toEqual({ code: 'accepted', asked: [jwks_uri] })
  })

  test('a name of thousands of dots is judged, and one of half a megabyte is no address', async () => {
    const jwks_uri = `https://a${'.'.repeat(4_000)}b/jwks`
    expect(await verifying(ISSUER, { jwks_uri })).toEqual({ code: 'accepted', asked: [jwks_uri] })
    for (const dots of [4_000, 400_000]) {
      expect((await verifying(ISSUER, { jwks_uri: `https://localhost${'.'.repeat(dots)}/jwks` })).asked).toEqual([])
    }
  })
})

describe('plain http that is permitted puts an issuer nowhere near this machine', () => {
  test.each([
    'http://127.0.0.1:9200/keys',
    'https://127.0.0.1/keys',
    'http://localhost:2375/keys',
    'http://[::1]/keys',
  ])('its keys are not fetched from %s', async (jwks_uri) => {
    const inside = 'http://keycloak.internal/realms/tenant-a/keys'
    expect(await verifying(INSECURE, { jwks_uri: inside })).toEqual({ code: 'accepted', asked: [inside] })
    expect(await verifying(INSECURE, { jwks_uri })).toEqual({ code: 'issuer_unavailable', asked: [] })
  })

  test('our credentials are not sent there', async () => {
    const auth = clientSecretBasic({ clientId: 'orders-api', clientSecret: 'hunter2' })
    const settings = { jwt: false, introspection: introspect({ auth }) } as const
    const inside = 'http://keycloak.internal/introspect'
    expect(await verifying(INSECURE, { introspection_endpoint: inside }, settings)).toEqual({
      code: 'token_inactive',
      asked: [inside],
    })
    expect(await verifying(INSECURE, { introspection_endpoint: 'http://127.0.0.1:6379/' }, settings)).toEqual({
      code: 'issuer_unavailable',
      asked: [],
    })
  })

  test('metadata that is fetched over plain http leads there no more', async () => {
    const metadata = { url: 'http://keycloak.internal/.well-known/metadata' }
    const inside = 'http://keycloak.internal/keys'
    expect((await verifying(ISSUER, { jwks_uri: inside }, { metadata })).code).toBe('accepted')
    expect((await verifying(ISSUER, { jwks_uri: 'http://127.0.0.1/keys' }, { metadata })).code).toBe(
      'issuer_unavailable',
    )
  })

  test('what the operator names may be here, and so may what an issuer here names', async () => {
    const jwksUri = 'http://127.0.0.1:9200/keys'
    expect((await verifying(INSECURE, {}, { jwt: { jwksUri } })).asked).toEqual([jwksUri])
    expect(await verifying('http://localhost:8080/realm', { jwks_uri: jwksUri })).toEqual({
      code: 'accepted',
      asked: [jwksUri],
    })
  })
})

describe('an issuer over plain http that is only compared', () => {
  const ADFS = 'http://adfs.example.com/adfs/services/trust'
  const jwksUri = 'https://adfs.example.com/adfs/discovery/keys'

  test('is never asked, whatever becomes of its keys', async () => {
    const { jwk } = await signingKey()
    const token = await signToken(goodClaims({ iss: ADFS }))
    for (const [keys, expected] of [
      [[jwk], 'accepted'],
      [[], 'issuer_unavailable'],
      [[(await signingKey('ES256', 'other')).jwk], 'key_unknown'],
    ] as const) {
      const asked: string[] = []
      let nowMs = NOW_MS
      const api = createResourceServer({
        resource: RESOURCE,
        issuers: [{ issuer: ADFS, jwt: { jwksUri } }],
        now: () => nowMs,
        async fetch(url) {
          asked.push(url)
          return Response.json({ keys })
        },
      })
      for (let turn = 0; turn < 3; turn++) {
        expect(await codeOf(api.verify(token))).toBe(expected)
        nowMs += 40_000
      }
      expect([...new Set(asked)]).toEqual([jwksUri])
    }
  })

  test('speaks for its own tokens alone', async () => {
    const { jwk } = await signingKey()
    const issuers = [{ issuer: ADFS, jwt: { jwks: { keys: [jwk] } } }]
    const api = createResourceServer({ resource: RESOURCE, issuers, now: () => NOW_MS })
    expect(await codeOf(api.verify(await signToken(goodClaims({ iss: ADFS }))))).toBe('accepted')
    for (const iss of [ADFS.replace('http:', 'https:'), `${ADFS}/`, ADFS.toUpperCase()]) {
      expect(await codeOf(api.verify(await signToken(goodClaims({ iss }))))).toBe('issuer_untrusted')
    }
  })
})
