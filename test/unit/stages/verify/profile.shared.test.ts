import { describe, expect, test } from 'vitest'
import { withDetail } from '../../../fixture/detail.ts'
import { goodClaims, ISSUER, NOW, RESOURCE, signToken } from '../../../fixture/issuer.ts'
import { codeOf, fixture } from '../../../fixture/server.ts'
import type { TrustedIssuer } from '../../../../src/entry-points/index.ts'

type Changes = Record<string, unknown>

async function verifyWith(issuer: Omit<TrustedIssuer, 'issuer'>, claims: Changes, header: Changes): Promise<unknown> {
  const { api } = await fixture({ issuers: [{ issuer: ISSUER, ...issuer }] })
  return codeOf(api.verify(await signToken(goodClaims(claims), header)))
}

function strict(claims: Changes = {}, header: Changes = {}): Promise<unknown> {
  return verifyWith({}, claims, header)
}

function compatible(claims: Changes = {}, header: Changes = { typ: 'JWT' }): Promise<unknown> {
  return verifyWith({ jwt: { profile: 'compatible' } }, claims, header)
}

describe('rfc9068, the default: the type', () => {
  test.each(['at+jwt', 'AT+JWT', 'application/at+jwt', 'Application/At+Jwt'])('%j is accepted', async (typ) => {
    expect(await strict({}, { typ })).toBe('accepted')
  })

  test.each([
    undefined,
    'JWT',
    'jwt',
    '',
    'at+jwt ',
    'at-jwt',
    'dpop+jwt',
    'logout+jwt',
    'secevent+jwt',
    'token-introspection+jwt',
    'id_token+jwt',
    'rt+jwt',
    'application/jwt',
    'text/at+jwt',
  ])('%j is token_type_wrong', async (typ) => {
    expect(await strict({}, { typ: 'at+jwt' })).toBe('accepted')
    expect(await strict({}, { typ })).toBe('token_type_wrong')
  })

  test('the message of the refusal says what to do', async () => {
    const { api } = await fixture()
    const refusal = api.verify(await signToken(goodClaims(), { typ: 'JWT' }))
    await expect(refusal).rejects.toThrow(withDetail(/profile: 'compatible'/))
    await expect(refusal).rejects.toThrow(withDetail(ISSUER))
  })

  test('is refused before any key is fetched', async () => {
    const { api, upstream } = await fixture()
    expect(await codeOf(api.verify(await signToken(goodClaims(), { typ: 'JWT' })))).toBe('token_type_wrong')
    expect(upstream.calls).toEqual([])
  })
})

describe('rfc9068: required claims', () => {
  test.each(['exp', 'aud', 'sub', 'client_id', 'iat', 'jti', 'iss'])(
    'without `%s` it is claim_missing',
    async (name) => {
      expect(await strict()).toBe('accepted')
      expect(await strict({ [name]: undefined })).toBe('claim_missing')
    },
  )

  test.each(['exp', 'aud', 'sub', 'client_id', 'iat', 'jti'])('`%s` that is null is claim_missing', async (name) => {
    expect(await strict({ [name]: null })).toBe('claim_missing')
  })

  test('an empty `sub` is claim_missing', async () => {
    expect(await strict({ sub: ' ' })).toBe('accepted')
    expect(await strict({ sub: '' })).toBe('claim_missing')
    expect(await compatible({ sub: '' })).toBe('accepted')
  })

  test('other names of the client do not stand in for `client_id`', async () => {
    expect(await strict({ client_id: undefined, azp: 'client-1' })).toBe('claim_missing')
  })

  test('claims of other tokens are no reason to refuse what says that it is an access token', async () => {
    expect(await strict({ nonce: 'n', at_hash: 'h', typ: 'ID', token_use: 'id' })).toBe('accepted')
  })
})

describe('compatible: the type', () => {
  test.each([undefined, 'JWT', 'jwt', 'application/jwt', 'at+jwt', 'application/at+jwt', 'AT+JWT'])(
    '%j is accepted',
    async (typ) => {
      expect(await compatible({}, { typ })).toBe('accepted')
    },
  )

  test.each(['', 'dpop+jwt', 'logout+jwt', 'secevent+jwt', 'token-introspection+jwt', 'JOSE', 'JWS', 'id+jwt', 'x'])(
    '%j is token_type_wrong',
    async (typ) => {
      expect(await compatible({}, { typ: 'JWT' })).toBe('accepted')
      expect(await compatible({}, { typ })).toBe('token_type_wrong')
    },
  )
})

describe('compatible: required claims', () => {
  test.each(['jti', 'client_id', 'iat', 'sub'])('`%s` may be absent', async (name) => {
    expect(await strict({ [name]: undefined })).toBe('claim_missing')
    expect(await compatible({ [name]: undefined })).toBe('accepted')
  })

  test('all of them may be absent at once', async () => {
    const none = { jti: undefined, client_id: undefined, iat: undefined, sub: undefined }
    expect(await compatible(none)).toBe('accepted')
  })

  test.each(['exp', 'aud', 'iss'])('`%s` may not', async (name) => {
    expect(await compatible()).toBe('accepted')
    expect(await compatible({ [name]: undefined })).toBe('claim_missing')
  })

  test('nor may `exp` be null', async () => {
    expect(await compatible({ exp: null })).toBe('claim_missing')
  })

  test('the values that are there are checked as ever', async () => {
    expect(await compatible({ aud: 'https://other.example.com' })).toBe('audience_mismatch')
    expect(await compatible({ exp: NOW - 60, iat: NOW - 90 })).toBe('token_expired')
    expect(await compatible({ nbf: NOW + 60 })).toBe('token_not_yet_valid')
    expect(await compatible({ iss: 'https://other.example.com' })).toBe('issuer_untrusted')
  })
})

describe('compatible: what other tokens carry is token_type_wrong', () => {
  test.each(['nonce', 'at_hash', 'c_hash', 's_hash'])('`%s`', async (name) => {
    expect(await compatible({ [name]: null })).toBe('accepted')
    for (const value of ['x', '', 0, false, {}]) expect(await compatible({ [name]: value })).toBe('token_type_wrong')
  })

  test('`events`, as in logout tokens and security events', async () => {
    expect(await compatible({ events: null })).toBe('accepted')
    const events = { 'http://schemas.openid.net/event/backchannel-logout': {} }
    expect(await compatible({ events })).toBe('token_type_wrong')
  })

  test('`token_use` other than access', async () => {
    expect(await compatible({ token_use: 'access' })).toBe('accepted')
    expect(await compatible({ token_use: null })).toBe('accepted')
    for (const use of ['id', 'refresh', 'Access', 'access ', '', ['access'], true]) {
      expect(await compatible({ token_use: use })).toBe('token_type_wrong')
    }
  })

  test('payload `typ` ID, Refresh, Offline or Logout, whatever the case', async () => {
    expect(await compatible({ typ: 'Bearer' })).toBe('accepted')
    expect(await compatible({ typ: null })).toBe('accepted')
    for (const typ of ['ID', 'Refresh', 'Offline', 'Logout', 'id', 'REFRESH']) {
      expect(await compatible({ typ })).toBe('token_type_wrong')
    }
  })
})

describe('compatible: a token must look like an access token', () => {
  // What an ID token has: who, for whom, when.
  const bare = { scope: undefined, client_id: undefined, jti: undefined }

  test('with none of the marks it is token_type_wrong', async () => {
    expect(await compatible(bare)).toBe('token_type_wrong')
    expect(await compatible({ ...bare, azp: 'client-1', email: 'a@example.com' })).toBe('token_type_wrong')
  })

  test.each<[string, Changes]>([
    ['scope', { scope: 'openid' }],
    ['an empty scope', { scope: '' }],
    ['scp', { scp: ['a'] }],
    ['client_id', { client_id: 'client-1' }],
    ['cid', { cid: 'client-1' }],
    ['appid', { appid: 'client-1' }],
    ['azpacr', { azpacr: '1' }],
    ['permissions', { permissions: [] }],
    ['token_use: "access"', { token_use: 'access' }],
    ['payload typ: "Bearer"', { typ: 'Bearer' }],
  ])('%s is one', async (_, mark) => {
    expect(await compatible(bare)).toBe('token_type_wrong')
    expect(await compatible({ ...bare, ...mark })).toBe('accepted')
  })

  test.each(['scope', 'scp', 'client_id', 'cid', 'appid', 'azpacr', 'permissions'])(
    '`%s` that is null is none',
    async (name) => {
      expect(await compatible({ ...bare, [name]: null })).toBe('token_type_wrong')
    },
  )

  test.each([
    ['payload typ in another case', { typ: 'bearer' }],
    ['payload typ that is a list', { typ: ['Bearer'] }],
    ['groups', { groups: ['a'] }],
    ['roles, which ID tokens of Entra carry too', { roles: ['reader'] }],
    ['an empty scp', { scp: '' }],
    ['an scp of spaces', { scp: '  ' }],
    ['an scp that lists nothing', { scp: [] }],
    ['an scp that lists an empty text', { scp: [''] }],
    ['an scp with something else in it', { scp: ['a', 1] }],
    ['an scp that is an object', { scp: { a: 1 } }],
  ])('%s is none', async (_, mark) => {
    expect(await compatible({ ...bare, ...mark })).toBe('token_type_wrong')
  })
})

describe('compatible: a `nonce` is outweighed', () => {
  // What an ID token of the code flow has, and nothing else.
  const bare = { scope: undefined, client_id: undefined, jti: undefined, nonce: 'n' }
  const foreignScope = { ...bare, scp: 'openid orders.read' }

  test.each<[string, Changes, Changes]>([
    ['header `typ` "at+jwt"', { ...bare, scope: 'openid' }, { typ: 'at+jwt' }],
    ['header `typ` "Application/AT+JWT"', { ...bare, scope: 'openid' }, { typ: 'Application/AT+JWT' }],
    ['payload `typ` "Bearer"', { ...bare, typ: 'Bearer' }, { typ: 'JWT' }],
    ['`token_use` "access"', { ...bare, token_use: 'access' }, { typ: 'JWT' }],
    ['a foreign scope in a text and azp', { ...foreignScope, azp: 'web' }, { typ: 'JWT' }],
    ['a foreign scope in a list and appid', { ...bare, scp: ['orders.read'], appid: 'web' }, { typ: 'JWT' }],
    ['a foreign scope and cid', { ...foreignScope, cid: 'web' }, { typ: 'JWT' }],
    ['a foreign scope and client_id', { ...foreignScope, client_id: 'web' }, { typ: 'JWT' }],
    ['a foreign scope and two clients', { ...foreignScope, azp: 'web', appid: 'mobile' }, { typ: 'JWT' }],
    [
      'a foreign scope, and several audiences without the client',
      { ...foreignScope, azp: 'web', aud: [RESOURCE, 'b'] },
      {},
    ],
  ])('by %s', async (_, claims, header) => {
    expect(await compatible(bare)).toBe('token_type_wrong')
    expect(await compatible(claims, { typ: 'JWT', ...header })).toBe('accepted')
  })

  test.each<[string, Changes]>([
    ['a `scope`, in which ID tokens of some issuers repeat what was asked for', { scope: 'openid orders.read' }],
    ['permissions', { permissions: ['orders.read'] }],
    ['a client', { azp: 'web' }],
    ['a client that must be outside `aud` beside no scope', { appid: 'web', azpacr: '1' }],
    ['a foreign scope without a client', foreignScope],
    ['scopes of OpenID alone', { scp: 'openid profile email address phone offline_access allatclaims', azp: 'web' }],
    ['scopes of OpenID alone, in one item of a list', { scp: ['openid profile'], azp: 'web' }],
    ['an empty scp', { scp: '', azp: 'web' }],
    ['an scp that lists nothing', { scp: [], azp: 'web' }],
    ['an scp that is null', { scp: null, azp: 'web' }],
    ['an scp with something else in it', { scp: ['orders.read', 1], azp: 'web', scope: 'a' }],
    ['an scp that is an object', { scp: { 'orders.read': true }, azp: 'web', scope: 'a' }],
    ['a client that is the audience', { ...foreignScope, azp: RESOURCE }],
    ['a client that is among the audiences', { ...foreignScope, azp: 'web', aud: [RESOURCE, 'web'] }],
    ['one client outside `aud` and one inside', { ...foreignScope, azp: RESOURCE, appid: 'web' }],
    ['one client inside `aud` and one outside', { ...foreignScope, azp: 'web', client_id: RESOURCE }],
    ['a client that is null', { ...foreignScope, azp: null }],
    ['payload `typ` in another case', { typ: 'bearer' }],
    ['payload `typ` in a list', { typ: ['Bearer'] }],
    ['payload `typ` "JWT"', { typ: 'JWT' }],
    ['payload `typ` "at+jwt"', { typ: 'at+jwt' }],
  ])('not by %s', async (_, claims) => {
    expect(await compatible({ ...bare, ...claims, token_use: 'access' })).toBe('accepted')
    expect(await compatible({ ...bare, ...claims })).toBe('token_type_wrong')
  })

  test.each<[string, Changes]>([
    ['at_hash', { at_hash: 'h' }],
    ['c_hash', { c_hash: 'h' }],
    ['s_hash', { s_hash: 'h' }],
    ['events', { events: {} }],
    ['token_use "id"', { token_use: 'id' }],
    ['typ "ID"', { typ: 'ID' }],
    ['typ "Refresh"', { typ: 'refresh' }],
  ])('and %s refuses whatever else is there', async (_, foreign) => {
    const marks = { ...foreignScope, typ: 'Bearer', token_use: 'access', azp: 'web' }
    expect(await compatible(marks, { typ: 'at+jwt' })).toBe('accepted')
    expect(await compatible({ ...marks, ...foreign }, { typ: 'at+jwt' })).toBe('token_type_wrong')
  })

  test('with `audience: null` a token without `aud` shows nothing', async () => {
    const unchecked = { audience: null, clients: ['web'], jwt: { profile: 'compatible' as const } }
    const claims = { ...foreignScope, azp: 'web' }
    expect(await verifyWith(unchecked, { ...claims, aud: 'elsewhere' }, { typ: 'JWT' })).toBe('accepted')
    for (const aud of [undefined, null, []]) {
      expect(await verifyWith(unchecked, { ...claims, nonce: undefined, aud }, { typ: 'JWT' })).toBe('accepted')
      expect(await verifyWith(unchecked, { ...claims, aud }, { typ: 'JWT' })).toBe('token_type_wrong')
    }
  })
})

describe('audience: null', () => {
  const unchecked = { audience: null, clients: ['client-1'] }

  test.each([
    ['rfc9068', { typ: 'at+jwt' }],
    ['compatible', { typ: 'JWT' }],
  ] as const)('leaves `aud` unchecked on purpose, in profile %s', async (profile, header) => {
    const elsewhere = { aud: 'https://other.example.com' }
    expect(await verifyWith({ jwt: { profile } }, elsewhere, header)).toBe('audience_mismatch')
    expect(await verifyWith({ jwt: { profile }, ...unchecked }, elsewhere, header)).toBe('accepted')
    expect(await verifyWith({ jwt: { profile }, ...unchecked }, { aud: undefined }, header)).toBe('accepted')
  })

  test('an `aud` of the wrong type is claim_invalid still', async () => {
    expect(await verifyWith(unchecked, { aud: RESOURCE }, {})).toBe('accepted')
    expect(await verifyWith(unchecked, { aud: [RESOURCE, 1] }, {})).toBe('claim_invalid')
  })

  test('other clients are refused', async () => {
    expect(await verifyWith(unchecked, { client_id: 'client-1' }, {})).toBe('accepted')
    expect(await verifyWith(unchecked, { client_id: 'client-2' }, {})).toBe('client_refused')
  })
})
