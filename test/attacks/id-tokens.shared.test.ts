import { describe, expect, test } from 'vitest'
import { ISSUER, NOW, RESOURCE, signToken } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'

type Claims = Readonly<Record<string, unknown>>

const issuers = [{ issuer: ISSUER, jwt: { profile: 'compatible' as const } }]
// Each ID token has the API's audience, as where one registration serves a client and its API.
const common = { iss: ISSUER, aud: RESOURCE, sub: 'user-1', iat: NOW - 10, exp: NOW + 300 }
const CLIENT = 'orders-web'

async function outcome(claims: Claims, header: Claims = { typ: 'JWT' }): Promise<unknown> {
  const { api } = await fixture({ issuers })
  return codeOf(api.verify(await signToken({ ...common, ...claims }, header)))
}

describe('the profile "compatible" refuses the ID token', () => {
  test.each<[string, Claims]>([
    ['of Entra v2 with application roles', { roles: ['Orders.Admin'], oid: 'o', tid: 't', ver: '2.0', rh: 'r' }],
    [
      'of Entra v2 with roles, groups, directory roles and a nonce',
      { nonce: 'n', roles: ['a'], groups: ['g'], wids: ['w'] },
    ],
    [
      'of Entra v2 with every optional claim',
      { nonce: 'n', acct: 0, login_hint: 'h', sid: 's', xms_pl: 'en', ctry: 'DE' },
    ],
    ['of Entra v1', { nonce: 'n', amr: ['pwd'], ipaddr: '203.0.113.7', unique_name: 'u', ver: '1.0', acr: '1' }],
    ['of Azure AD B2C', { nonce: 'n', tfp: 'B2C_1_signin', auth_time: NOW, extension_scp: 'orders.read' }],
    ['of AD FS with allatclaims', { nonce: 'n', scp: 'openid allatclaims', appid: CLIENT, apptype: 'Public' }],
    ['of AD FS with allatclaims, a client that is the API', { nonce: 'n', scp: 'allatclaims', appid: RESOURCE }],
    ['of AD FS with allatclaims and a scope of the API', { nonce: 'n', scp: 'openid orders.read', appid: RESOURCE }],
    ['of AD FS in two names of one client', { nonce: 'n', scp: 'orders.read', azp: CLIENT, appid: RESOURCE }],
    ['of AD FS without a scope', { nonce: 'n', scp: '', appid: CLIENT, auth_time: '2026-01-01T00:00:00.000Z' }],
    ['of Okta', { nonce: 'n', ver: 1, jti: 'ID.4eAW', amr: ['pwd'], idp: '00o1', auth_time: NOW, groups: ['admin'] }],
    ['of Okta without a nonce', { ver: 1, jti: 'ID.4eAW', amr: ['pwd'], idp: '00o1', groups: ['admin'] }],
    [
      'of Auth0 with an organization',
      { nonce: 'n', sid: 's', org_id: 'org_1', 'https://example.com/roles': ['admin'] },
    ],
    ['of Auth0 without a nonce', { sid: 's', nickname: 'bear', 'https://example.com/permissions': ['orders:read'] }],
    ['of Keycloak without `typ`', { nonce: 'n', azp: CLIENT, session_state: 's', realm_access: { roles: ['admin'] } }],
    ['of Google for another client of the project', { nonce: 'n', azp: 'android.apps.googleusercontent.com', hd: 'x' }],
    ['of Google without a nonce', { azp: 'android.apps.googleusercontent.com', email_verified: true, hd: 'x' }],
    ['of PingOne', { nonce: 'n', env: 'env-1', org: 'org-1', acr: 'Single_Factor', sid: 's', 'p1.region': 'EU' }],
    ['of PingFederate with its session', { nonce: 'n', 'pi.sri': 's', auth_time: NOW, scope: 'openid orders.read' }],
    [
      'of Zitadel, whose `aud` holds client and project',
      { nonce: 'n', aud: [CLIENT, RESOURCE], azp: CLIENT, client_id: CLIENT },
    ],
    ['of Zitadel without a client', { aud: [CLIENT, RESOURCE], azp: CLIENT, 'urn:zitadel:iam:org:project:roles': {} }],
    ['of Ory Hydra', { nonce: 'n', aud: [RESOURCE], rat: NOW, sid: 's', amr: ['password'], jti: 'j' }],
    ['of Duende IdentityServer', { nonce: 'n', amr: ['pwd'], idp: 'local', sid: 'F6', role: ['admin'] }],
    ['of Clerk', { azp: 'https://orders.example.com', sid: 'sess_1', fva: [0, -1], org_permissions: ['orders:read'] }],
    ['of LemonLDAP::NG with the API’s audience', { nonce: 'n', aud: [CLIENT, RESOURCE], azp: CLIENT, acr: 'loa-2' }],
    ['of LemonLDAP::NG with no other audience', { nonce: 'n', azp: CLIENT, groups: ['admin'], scope: 'openid' }],
    ['of Dex for another client', { nonce: 'n', aud: [RESOURCE, 'cli'], azp: 'cli', groups: ['admin'] }],
    ['of Firebase', { auth_time: NOW, user_id: 'u', firebase: { sign_in_provider: 'password' }, roles: ['admin'] }],
    ['with a list of OpenID scopes in one text', { nonce: 'n', azp: CLIENT, scp: ['openid profile', ''] }],
    ['with a list of scopes that is malformed', { nonce: 'n', azp: CLIENT, scope: 'a', scp: ['orders.read', null] }],
  ])('%s', async (_, claims) => {
    expect(await outcome({ ...claims, token_use: 'access' })).toBe('accepted')
    expect(await outcome(claims)).toBe('token_type_wrong')
  })

  test.each(['refresh_token', 'id_token'])('of PingAM, which says %s in `tokenName` alone', async (tokenName) => {
    const claims = { scope: 'orders.read', grant_type: 'authorization_code', tokenName }
    expect(await outcome({ ...claims, tokenName: 'access_token' })).toBe('accepted')
    expect(await outcome(claims)).toBe('token_type_wrong')
  })

  test.each<[string, string, Claims]>([
    ['of Entra in the hybrid flow', 'c_hash', { c_hash: 'h', nonce: 'n', roles: ['a'] }],
    ['of Okta in the code flow', 'at_hash', { at_hash: 'h', cid: CLIENT }],
    ['of FAPI', 's_hash', { s_hash: 'h', scope: 'openid' }],
    ['of Keycloak', 'typ', { typ: 'ID', azp: CLIENT, nonce: 'n' }],
    ['of Cognito', 'token_use', { token_use: 'id', 'cognito:roles': ['arn:aws:iam::1:role/a'], nonce: 'n' }],
    ['of Zitadel', 'at_hash', { at_hash: 'h', client_id: CLIENT, azp: CLIENT }],
    ['of nobody, which is a logout token', 'events', { events: {}, sid: 's' }],
  ])('%s by its `%s`, whatever outweighs a nonce', async (_, foreign, claims) => {
    const marks = { scp: 'orders.read', azp: CLIENT, typ: 'Bearer', token_use: 'access' }
    const marked = { ...marks, ...claims }
    const twin = { ...marked, [foreign]: (marks as Claims)[foreign] }
    expect(await outcome(twin, { typ: 'at+jwt' })).toBe('accepted')
    expect(await outcome(marked, { typ: 'at+jwt' })).toBe('token_type_wrong')
  })

  test('though every object inherits what would outweigh its nonce', async () => {
    const polluted = Object.prototype as Record<string, unknown>
    const claims = { nonce: 'n', scope: 'openid' }
    const { api } = await fixture({ issuers })
    const [twin, token] = [
      await signToken({ ...common, ...claims, typ: 'Bearer' }, { typ: 'JWT' }),
      await signToken({ ...common, ...claims }, { typ: 'JWT' }),
    ]
    try {
      Object.defineProperty(polluted, 'typ', { value: 'Bearer', configurable: true })
      expect(await codeOf(api.verify(twin))).toBe('accepted')
      expect(await codeOf(api.verify(token))).toBe('token_type_wrong')
    } finally {
      delete polluted['typ']
    }
  })
})
