// keycloak/keycloak#26893, #27588, #23727: up to version 24 Keycloak copies the `nonce` of the log-in into access tokens. RFC 8725
// §3.12 wants kinds of tokens told apart: the payload's `typ` does so (Bearer, ID), and the header's `at+jwt` (RFC 9068 §2.1), so that
// a `nonce` beside them decides nothing.
import { expect, test } from 'vitest'
import { introspecting, opaque } from '../fixture/introspection.ts'
import { NOW, openidUpstream, RESOURCE, signingKey, signToken } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'

const REALM = 'https://sso.example.com/realms/shop'
const LOG_IN = {
  iss: REALM,
  sub: 'user-1',
  azp: 'web',
  nonce: 'c1f0a0a2',
  iat: NOW - 5,
  exp: NOW + 300,
  auth_time: NOW - 9,
  jti: 'j',
  session_state: 's',
  sid: 's',
  acr: '1',
}
const ACCESS = { ...LOG_IN, aud: ['orders', 'account'], typ: 'Bearer', scope: 'openid profile email' }

async function orders(claims: Record<string, unknown>, typ = 'JWT'): Promise<unknown> {
  const key = await signingKey('RS256')
  const { api } = await fixture({
    resource: 'urn:orders',
    audience: 'orders',
    issuers: [{ issuer: REALM, jwt: { profile: 'compatible' } }],
    fetch: openidUpstream(REALM, key.jwk).fetch,
  })
  return codeOf(api.verify(await signToken(claims, { typ }, key)))
}

test('accepts an access token with a `nonce`, marked by its payload or by its header', async () => {
  expect(await orders(ACCESS)).toBe('accepted')
  expect(await orders({ ...ACCESS, typ: undefined }, 'at+jwt')).toBe('accepted')
})

test('refuses what has a `nonce` and no such mark', async () => {
  expect(await orders({ ...ACCESS, typ: undefined })).toBe('token_type_wrong')
  expect(await orders({ ...ACCESS, typ: undefined, nonce: undefined })).toBe('accepted')
})

test('refuses the ID token of the same log-in, whoever its audience is', async () => {
  for (const aud of ['web', 'orders']) {
    expect(await orders({ ...LOG_IN, aud, typ: 'ID', at_hash: 'x' })).toBe('token_type_wrong')
    expect(await orders({ ...LOG_IN, aud, typ: 'ID' })).toBe('token_type_wrong')
    // A mark of an access token does not outweigh the claim of an ID token.
    expect(await orders({ ...ACCESS, aud, at_hash: 'x' }, 'at+jwt')).toBe('token_type_wrong')
  }
})

test('accepts the same token by introspection', async () => {
  const answer = { ...ACCESS, iss: undefined, aud: RESOURCE, active: true, token_type: 'Bearer', username: 'a' }
  const { api, endpoint } = await introspecting({ reply: () => Response.json(answer) })
  expect(await codeOf(api.verify(opaque()))).toBe('accepted')
  endpoint.reply = () => Response.json({ ...answer, typ: 'ID' })
  expect(await codeOf(api.verify(opaque('id')))).toBe('token_type_wrong')
})
