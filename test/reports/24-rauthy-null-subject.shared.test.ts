// sebadob/rauthy#1317, authelia/authelia#12372: tokens of client credentials carry `sub: null`, or none. RFC 7519 §4.1.2 makes
// `sub` optional, and null names nobody; RFC 9068 §2.2 requires it.
import { expect, test } from 'vitest'
import { withDetail } from '../fixture/detail.ts'
import { NOW, openidUpstream, signingKey, signToken } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'

const RAUTHY = 'https://iam.example.com/auth/v1'
const MACHINE = { iss: RAUTHY, aud: 'orders', client_id: 'orders', iat: NOW - 5, exp: NOW + 1800, jti: 'j' }

async function orders(profile: 'compatible' | 'rfc9068') {
  const upstream = openidUpstream(RAUTHY, (await signingKey('EdDSA')).jwk)
  const issuers = [{ issuer: RAUTHY, audience: 'orders', jwt: { profile } }]
  return (await fixture({ issuers, fetch: upstream.fetch })).api
}

async function token(changes: Record<string, unknown>, typ = 'at+jwt'): Promise<string> {
  return signToken({ ...MACHINE, ...changes }, { typ }, await signingKey('EdDSA'))
}

test('`compatible` takes null for absent, and accepts a token without a subject', async () => {
  const api = await orders('compatible')
  const claims = { client_id: undefined, azp: 'orders', sub: null, jti: null, typ: 'Bearer', scope: 'read' }
  const accepted = await api.verify(await token(claims, 'JWT'))
  expect(accepted.clientId).toBe('orders')
  expect(accepted).not.toHaveProperty('subject')
  expect(accepted).not.toHaveProperty('tokenId')
})

test.each([
  ['null', null],
  ['absent', undefined],
])('`rfc9068` refuses a `sub` that is %s, and names it', async (_, sub) => {
  const api = await orders('rfc9068')
  const refused = api.verify(await token({ sub }))
  await expect(refused).rejects.toMatchObject({ code: 'claim_missing' })
  await expect(refused).rejects.toThrow(withDetail('`sub`'))
  expect(await codeOf(api.verify(await token({ sub: 'orders' })))).toBe('accepted')
  expect(await codeOf((await orders('compatible')).verify(await token({ sub })))).toBe('accepted')
})
