// glenstack/glenstack#1, hasura/graphql-engine#5520: Cloudflare Access assertions carry no sign of an access token, and those
// of service tokens have `sub: ""`. RFC 7519 §4.1.2: an empty text names nobody. The assertions wait for a profile of their
// own: under `compatible` they could be ID tokens (RFC 8725 §3.12).
import { expect, test } from 'vitest'
import { fakeUpstream, NOW, signingKey, signToken } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'

const TEAM = 'https://team.cloudflareaccess.example'
const APPLICATION = '0f1e2d3c'.repeat(8)
const CERTS = `${TEAM}/cdn-cgi/access/certs`

async function application(profile: 'compatible' | 'rfc9068' = 'compatible') {
  const { jwk } = await signingKey('RS256')
  const upstream = fakeUpstream(TEAM)
  const document = { keys: [jwk], public_cert: { kid: jwk.kid, cert: '-----BEGIN CERTIFICATE-----' }, public_certs: [] }
  upstream.answers.set(CERTS, () => Response.json(document))
  const issuers = [{ issuer: TEAM, audience: APPLICATION, jwt: { profile, jwksUri: CERTS } }]
  return (await fixture({ issuers, fetch: upstream.fetch })).api
}

async function assertion(claims: Record<string, unknown>, typ?: string): Promise<string> {
  const common = { iss: TEAM, aud: APPLICATION, iat: NOW - 5, exp: NOW + 3600, type: 'app' }
  return signToken({ ...common, ...claims }, { typ }, await signingKey('RS256'))
}

test('an empty `sub` is absent where the profile does not ask for one', async () => {
  const api = await application()
  const token = await api.verify(await assertion({ common_name: '1b2c.access', sub: '', scope: 'orders' }))
  expect(token).not.toHaveProperty('subject')
  expect(token.claims['common_name']).toBe('1b2c.access')
  const named = await api.verify(await assertion({ common_name: '1b2c.access', sub: 'service-1', scope: 'orders' }))
  expect(named.subject).toBe('service-1')
})

test('an empty `sub` is missing where the profile asks for one', async () => {
  const api = await application('rfc9068')
  const claims = { client_id: 'client-1', jti: 'token-1' }
  expect(await codeOf(api.verify(await assertion({ ...claims, sub: '' }, 'at+jwt')))).toBe('claim_missing')
  expect(await codeOf(api.verify(await assertion({ ...claims, sub: 'service-1' }, 'at+jwt')))).toBe('accepted')
})

test('assertions without a sign of an access token stay out of `compatible`', async () => {
  const api = await application()
  const user = { email: 'a@example.com', identity_nonce: 'n-1', sub: 'user-1', country: 'GB' }
  expect(await codeOf(api.verify(await assertion(user)))).toBe('token_type_wrong')
  expect(await codeOf(api.verify(await assertion({ common_name: '1b2c.access', sub: '' })))).toBe('token_type_wrong')
  expect(await codeOf(api.verify(await assertion({ ...user, scope: 'orders' })))).toBe('accepted')
})
