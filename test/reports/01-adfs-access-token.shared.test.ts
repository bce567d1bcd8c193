// aspnet/Security#1852, openid/AppAuth-Android#642, panva/jose#73: AD FS names another issuer in access tokens than in its
// metadata, with an http: identifier, and sends `auth_time` as text. RFC 7519 §4.1.1: `iss` is any StringOrURI, compared;
// RFC 9068 §2.2.1: `auth_time` only informs.
import { expect, test } from 'vitest'
import type { TrustedIssuer } from '../../src/entry-points/index.ts'
import { fakeUpstream, NOW, signingKey, signToken } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'

const ADFS = 'https://sts.contoso.example/adfs'
const ACCESS_TOKEN_ISSUER = 'http://sts.contoso.example/adfs/services/trust'
const AUDIENCE = 'microsoft:identityserver:orders'
const KEYS = `${ADFS}/discovery/keys`

async function adfs(changes: Partial<TrustedIssuer> = {}) {
  const { jwk } = await signingKey('RS256')
  const upstream = fakeUpstream(ADFS)
  upstream.answers.set(KEYS, () => Response.json({ keys: [jwk] }))
  const trusted = {
    issuer: ACCESS_TOKEN_ISSUER,
    audience: AUDIENCE,
    jwt: { profile: 'compatible', jwksUri: KEYS },
  } as const
  const made = await fixture({ issuers: [{ ...trusted, ...changes }], fetch: upstream.fetch })
  return { ...made, upstream }
}

async function accessToken(changes: Record<string, unknown> = {}): Promise<string> {
  const claims = {
    iss: ACCESS_TOKEN_ISSUER,
    aud: AUDIENCE,
    iat: NOW - 5,
    nbf: NOW - 5,
    exp: NOW + 3600,
    apptype: 'Confidential',
    appid: 'orders-web',
    authmethod: 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport',
    auth_time: '2026-01-01T00:00:00.000Z',
    ver: '1.0',
    scp: 'orders.read',
    sub: 'user-1',
  }
  return signToken({ ...claims, ...changes }, { typ: 'JWT', x5t: 'thumbprint' }, await signingKey('RS256'))
}

test('accepts an access token of AD FS whose http: issuer is only compared, without `insecureHosts`', async () => {
  const { api, upstream } = await adfs()
  const token = await api.verify(await accessToken())
  expect(token).toMatchObject({ issuer: ACCESS_TOKEN_ISSUER, clientId: 'orders-web', scopes: ['orders.read'] })
  expect(upstream.calls).toEqual([KEYS])
})

test('leaves an `auth_time` that is text out of `authentication`, and keeps it in the claims', async () => {
  const { api } = await adfs()
  const token = await api.verify(await accessToken())
  expect(token.authentication).toEqual({})
  expect(token.claims['auth_time']).toBe('2026-01-01T00:00:00.000Z')
  const numeric = await api.verify(await accessToken({ auth_time: NOW - 60 }))
  expect(numeric.authentication).toEqual({ authTimeSeconds: NOW - 60 })
})

test('refuses the issuer of the metadata where another one is configured, and a time that decides as text', async () => {
  const { api } = await adfs()
  expect(await codeOf(api.verify(await accessToken({ iss: ADFS })))).toBe('issuer_untrusted')
  expect(await codeOf(api.verify(await accessToken({ exp: '2026-01-01T01:00:00.000Z' })))).toBe('claim_invalid')
})

test('does not discover anything over http: that still takes `insecureHosts`', async () => {
  expect(await codeOf(adfs({ jwt: { profile: 'compatible' } }))).toBe('configuration_invalid')
})
