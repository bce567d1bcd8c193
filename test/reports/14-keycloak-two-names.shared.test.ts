// DLC-link/decentralization-manager#188, keycloak/keycloak#11130, sascharau/djangorestframework-keycloak#10: tokens name the
// public host, and the API reaches Keycloak under an internal one. RFC 7519 §4.1.1: `iss` is compared, not resolved. Plain http
// counts only where the operator said so (RFC 8414 §2 wants https).
import { expect, test } from 'vitest'
import { createResourceServer, type TrustedIssuer } from '../../src/entry-points/index.ts'
import { withDetail } from '../fixture/detail.ts'
import { fakeUpstream, type FakeUpstream, NOW, signingKey, signToken, wellKnown } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'

const PUBLIC = 'https://sso.example.com/realms/shop'
const INTERNAL = 'http://keycloak:8080/realms/shop'
const CERTS = '/protocol/openid-connect/certs'
const BACKCHANNEL = { issuer: PUBLIC, jwks_uri: INTERNAL + CERTS }
const compatible = { profile: 'compatible' } as const

async function keycloak(): Promise<FakeUpstream> {
  const { jwk } = await signingKey('RS256')
  const upstream = fakeUpstream(PUBLIC)
  upstream.answers.clear()
  upstream.answers.set(INTERNAL + CERTS, () =>
    Response.json({ keys: [jwk, { ...jwk, kid: 'encryption', use: 'enc', alg: 'RSA-OAEP' }] }),
  )
  return upstream
}

async function orders(upstream: FakeUpstream, trusted: Partial<TrustedIssuer>, insecureHosts: string[] = ['keycloak']) {
  const issuers = [{ issuer: PUBLIC, jwt: compatible, ...trusted }]
  return (await fixture({ resource: 'urn:orders', audience: 'orders', insecureHosts, issuers, fetch: upstream.fetch }))
    .api
}

async function accessToken(): Promise<string> {
  const claims = {
    iss: PUBLIC,
    aud: ['orders', 'account'],
    sub: 'u',
    azp: 'web',
    typ: 'Bearer',
    iat: NOW - 5,
    exp: NOW + 300,
  }
  return signToken(
    { ...claims, scope: 'profile', jti: 'j', sid: 's', acr: '1' },
    { typ: 'JWT' },
    await signingKey('RS256'),
  )
}

test('metadata from the internal address that leads to internal keys', async () => {
  const upstream = await keycloak()
  const { openid } = wellKnown(INTERNAL)
  upstream.answers.set(openid, () => Response.json(BACKCHANNEL))
  const api = await orders(upstream, { metadata: { url: openid } })
  expect(await codeOf(api.verify(await accessToken()))).toBe('accepted')
})

test('internal keys by `jwksUri`', async () => {
  const upstream = await keycloak()
  const api = await orders(upstream, { jwt: { ...compatible, jwksUri: INTERNAL + CERTS } })
  expect(await codeOf(api.verify(await accessToken()))).toBe('accepted')
  expect(upstream.calls).toEqual([INTERNAL + CERTS])
})

test('metadata that leads to public keys which cannot be reached is an outage: address and cause are named', async () => {
  const upstream = await keycloak()
  const { openid } = wellKnown(INTERNAL)
  upstream.answers.set(openid, () => Response.json({ issuer: PUBLIC, jwks_uri: PUBLIC + CERTS }))
  upstream.answers.set(PUBLIC + CERTS, () =>
    Promise.reject(new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED 10.0.0.1:443') })),
  )
  const api = await orders(upstream, { metadata: { url: openid } })
  const refused = api.verify(await accessToken())
  await expect(refused).rejects.toMatchObject({ code: 'issuer_unavailable', status: 503 })
  await expect(refused).rejects.toThrow(withDetail(/sso\.example\.com.*ECONNREFUSED/))
})

test('an internal address without `insecureHosts` is refused at creation, and the option is named', () => {
  const issuers = [{ issuer: PUBLIC, jwt: { ...compatible, jwksUri: INTERNAL + CERTS } }]
  expect(() => createResourceServer({ resource: 'urn:orders', issuers })).toThrow(/insecureHosts/)
  expect(() => createResourceServer({ resource: 'urn:orders', issuers, insecureHosts: ['keycloak'] })).not.toThrow()
})

test('public metadata that leads to an internal address is an outage: host and remedy are named', async () => {
  const upstream = await keycloak()
  upstream.answers.set(wellKnown(PUBLIC).openid, () => Response.json(BACKCHANNEL))
  const refused = (await orders(upstream, {}, [])).verify(await accessToken())
  await expect(refused).rejects.toMatchObject({ code: 'issuer_unavailable' })
  await expect(refused).rejects.toThrow(withDetail(/keycloak:8080.*insecureHosts/))
  expect(await codeOf((await orders(upstream, {})).verify(await accessToken()))).toBe('accepted')
})
