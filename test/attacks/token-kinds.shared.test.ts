import { describe, expect, test } from 'vitest'
import { goodClaims, ISSUER, NOW, signToken } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'

const issuers = [{ issuer: ISSUER, jwt: { profile: 'compatible' as const } }]

/** What both profiles say; the claims are good in all else. */
async function outcomes(claims: Record<string, unknown>, header: Record<string, unknown>): Promise<unknown[]> {
  const token = await signToken(goodClaims(claims), header)
  const [strict, lenient] = [await fixture(), await fixture({ issuers })]
  return [await codeOf(strict.api.verify(token)), await codeOf(lenient.api.verify(token))]
}

describe('a token of another kind, signed by the same issuer with the same key', () => {
  test.each([
    'dpop+jwt',
    'logout+jwt',
    'secevent+jwt',
    'token-introspection+jwt',
    'oauth-authz-req+jwt',
    'client-authentication+jwt',
    'id+jwt',
    'idtoken+jwt',
    'rt+jwt',
    'vc+jwt',
    'dc+sd-jwt',
    'statuslist+jwt',
    'entity-statement+jwt',
    'JOSE',
    'JOSE+JSON',
    'application/dpop+jwt',
    'application/jose',
    'text/at+jwt',
    'at',
    'at+jw',
    'at+jwtx',
    'at+jwt;x=1',
    'at+jwt, jwt',
    'at%2Bjwt',
    'jwtx',
    'application/',
    '',
  ])('is refused by its `typ` %j under both profiles', async (typ) => {
    expect(await outcomes({}, { typ: 'at+jwt' })).toEqual(['accepted', 'accepted'])
    expect(await outcomes({}, { typ })).toEqual(['token_type_wrong', 'token_type_wrong'])
  })

  test.each([null, 1, true, ['at+jwt'], { 'at+jwt': 1 }])(
    'is refused by its `typ` %j, which is no string',
    async (typ) => {
      expect(await outcomes({}, { typ })).toEqual(['token_malformed', 'token_malformed'])
    },
  )

  test.each([
    ['an ID token with a nonce', { nonce: 'n' }],
    ['an ID token with at_hash', { at_hash: 'h' }],
    ['an ID token with c_hash', { c_hash: 'h' }],
    ['an ID token with s_hash', { s_hash: 'h' }],
    ['an empty nonce', { nonce: '' }],
    ['a nonce that is false', { nonce: false }],
    ['a logout token', { events: { 'http://schemas.openid.net/event/backchannel-logout': {} } }],
    ['a security event', { events: {} }],
    ['Cognito’s ID token', { token_use: 'id' }],
    ['a token_use that is a list', { token_use: ['access'] }],
    ['a token_use in capitals', { token_use: 'Access' }],
    ['Keycloak’s ID token', { typ: 'ID' }],
    ['Keycloak’s refresh token', { typ: 'Refresh' }],
    ['Keycloak’s offline token', { typ: 'Offline' }],
    ['Keycloak’s logout token', { typ: 'Logout' }],
    ['a payload typ in other letters', { typ: 'id' }],
  ])('%s is refused in the profile "compatible"', async (_, claims) => {
    expect((await outcomes({}, { typ: 'JWT' }))[1]).toBe('accepted')
    expect((await outcomes(claims, { typ: 'JWT' }))[1]).toBe('token_type_wrong')
  })

  test.each(['nonce', 'at_hash', 'events', 'token_use', 'typ'])('a `%s` that is null is absent', async (name) => {
    expect((await outcomes({ [name]: null }, { typ: 'JWT' }))[1]).toBe('accepted')
  })

  test('an ID token without any mark is refused, since nothing shows that it is an access token', async () => {
    const plain = { iss: ISSUER, aud: 'https://api.example.com', sub: 'user-1', iat: NOW - 10, exp: NOW + 300 }
    const { api } = await fixture({ issuers })
    const marks = [
      { scope: '' },
      { scp: ['a'] },
      { client_id: 'c' },
      { cid: 'c' },
      { appid: 'c' },
      { azpacr: '0' },
      { permissions: [] },
      { token_use: 'access' },
      { typ: 'Bearer' },
    ]
    for (const mark of marks) {
      expect(await codeOf(api.verify(await signToken({ ...plain, ...mark }, { typ: 'JWT' })))).toBe('accepted')
    }
    const noMarks = [
      {},
      { azp: 'c' },
      { email: 'bear@example.com', email_verified: true },
      { scope: null, roles: null, client_id: null },
      { typ: 'bearer' },
      { typ: 1 },
      { name: 'scope' },
      { groups: ['admin'] },
      { roles: ['admin'] },
      { scp: [] },
      { scp: '' },
      { scp: ['a', 1] },
    ]
    for (const other of noMarks) {
      expect([other, await codeOf(api.verify(await signToken({ ...plain, ...other }, { typ: 'JWT' })))]).toEqual([
        other,
        'token_type_wrong',
      ])
    }
  })

  test('marks that an object inherits are none', async () => {
    const { api } = await fixture({ issuers })
    const plain = { iss: ISSUER, aud: 'https://api.example.com', sub: 'user-1', iat: NOW - 10, exp: NOW + 300 }
    const polluted = Object.prototype as Record<string, unknown>
    const token = await signToken(plain, { typ: 'JWT' })
    try {
      Object.defineProperty(polluted, 'scope', { value: 'admin', configurable: true })
      expect(await codeOf(api.verify(token))).toBe('token_type_wrong')
    } finally {
      delete polluted['scope']
    }
  })

  test('a `typ` is not read from the payload, nor from an inherited member', async () => {
    const token = await signToken(goodClaims({ typ: 'at+jwt' }), { typ: undefined })
    const { api } = await fixture()
    expect(await codeOf(api.verify(token))).toBe('token_type_wrong')
  })
})
