import { describe, expect, test } from 'vitest'
import {
  type AccessToken,
  claim,
  createResourceServer,
  type Requirement,
  type TrustedIssuer,
} from '../../src/entry-points/index.ts'
import { NOW, NOW_MS, RESOURCE, signingKey, signToken } from '../fixture/issuer.ts'
import { codeOf } from '../fixture/server.ts'

interface Provider {
  readonly name: string
  /** How a user would configure it, keys apart. */
  readonly trusted: TrustedIssuer
  readonly accessToken: { readonly header: Record<string, unknown>; readonly claims: Record<string, unknown> }
  /** What comes out. */
  readonly expected: Partial<AccessToken>
  /** The ID token, or whatever else the provider signs with the same keys for the same client. */
  readonly idToken: { readonly header: Record<string, unknown>; readonly claims: Record<string, unknown> }
  readonly idTokenCode: string
}

const compatible = { profile: 'compatible' } as const
const times = { iat: NOW - 10, exp: NOW + 3600 }
const JWT = { typ: 'JWT' }

const providers: readonly Provider[] = [
  {
    name: 'Auth0',
    trusted: { issuer: 'https://tenant.eu.auth0.com/', jwt: compatible },
    accessToken: {
      header: JWT,
      claims: {
        iss: 'https://tenant.eu.auth0.com/',
        sub: 'auth0|5f7c8ec7c33c6c004bbafe82',
        aud: [RESOURCE, 'https://tenant.eu.auth0.com/userinfo'],
        ...times,
        scope: 'openid profile orders:read',
        azp: 'my_client_id',
        permissions: ['orders:read'],
      },
    },
    expected: {
      subject: 'auth0|5f7c8ec7c33c6c004bbafe82',
      clientId: 'my_client_id',
      scopes: ['openid', 'profile', 'orders:read'],
    },
    idToken: {
      header: JWT,
      claims: {
        iss: 'https://tenant.eu.auth0.com/',
        sub: 'auth0|5f7c8ec7c33c6c004bbafe82',
        aud: 'my_client_id',
        ...times,
        nickname: 'bear',
        email: 'bear@example.com',
        sid: 'session',
        nonce: 'n-0S6_WzA2Mj',
      },
    },
    idTokenCode: 'token_type_wrong',
  },
  {
    name: 'Auth0 with RFC 9068 profile',
    trusted: { issuer: 'https://tenant.eu.auth0.com/' },
    accessToken: {
      header: { typ: 'at+jwt' },
      claims: {
        iss: 'https://tenant.eu.auth0.com/',
        sub: 'my_client_id@clients',
        aud: RESOURCE,
        ...times,
        scope: 'orders:read',
        jti: 'kV2N5cy5n8',
        client_id: 'my_client_id',
      },
    },
    expected: { clientId: 'my_client_id', scopes: ['orders:read'] },
    idToken: {
      header: JWT,
      claims: { iss: 'https://tenant.eu.auth0.com/', sub: 'auth0|1', aud: 'my_client_id', ...times, sid: 'session' },
    },
    idTokenCode: 'token_type_wrong',
  },
  {
    name: 'Okta custom authorization server',
    trusted: { issuer: 'https://example.okta.com/oauth2/default', audience: 'api://default', jwt: compatible },
    accessToken: {
      header: { typ: undefined },
      claims: {
        ver: 1,
        jti: 'AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE',
        iss: 'https://example.okta.com/oauth2/default',
        aud: 'api://default',
        ...times,
        cid: '0oa1234567890',
        uid: '00u1234567890',
        scp: ['openid', 'orders:read'],
        auth_time: NOW - 20,
        sub: 'bear@example.com',
        groups: ['Everyone'],
      },
    },
    expected: {
      subject: 'bear@example.com',
      clientId: '0oa1234567890',
      scopes: ['openid', 'orders:read'],
      authentication: { authTimeSeconds: NOW - 20 },
    },
    idToken: {
      header: { typ: undefined },
      claims: {
        ver: 1,
        jti: 'ID.4eAWJOCMB3SX8XewDfVR',
        iss: 'https://example.okta.com/oauth2/default',
        aud: '0oa1234567890',
        ...times,
        sub: '00u1234567890',
        amr: ['pwd'],
        idp: '00o1',
        at_hash: 'cpqKfdQA5eH891Ff5oJr_Q',
        auth_time: NOW - 20,
      },
    },
    idTokenCode: 'token_type_wrong',
  },
  {
    name: 'Entra ID v2',
    trusted: {
      issuer: 'https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0',
      audience: '00001111-aaaa-2222-bbbb-3333cccc4444',
      jwt: compatible,
    },
    accessToken: {
      header: JWT,
      claims: {
        aud: '00001111-aaaa-2222-bbbb-3333cccc4444',
        iss: 'https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0',
        ...times,
        nbf: NOW - 10,
        aio: 'AVQAq/8TAAAA',
        azp: '11112222-bbbb-3333-cccc-4444dddd5555',
        azpacr: '0',
        name: 'Bear',
        oid: '22223333-cccc-4444-dddd-5555eeee6666',
        preferred_username: 'bear@example.com',
        rh: '0.AXQAo',
        scp: 'Orders.Read Orders.Write',
        sub: 'HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ',
        tid: 'aaaabbbb-0000-cccc-1111-dddd2222eeee',
        uti: 'fqiBqXLPj0eQa82S-IYFAA',
        ver: '2.0',
      },
    },
    expected: {
      clientId: '11112222-bbbb-3333-cccc-4444dddd5555',
      scopes: ['Orders.Read', 'Orders.Write'],
      audience: ['00001111-aaaa-2222-bbbb-3333cccc4444'],
    },
    // The API registered as a client too: its ID tokens have the very same audience.
    idToken: {
      header: JWT,
      claims: {
        aud: '00001111-aaaa-2222-bbbb-3333cccc4444',
        iss: 'https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0',
        ...times,
        nbf: NOW - 10,
        name: 'Bear',
        oid: '22223333-cccc-4444-dddd-5555eeee6666',
        preferred_username: 'bear@example.com',
        sub: 'HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ',
        tid: 'aaaabbbb-0000-cccc-1111-dddd2222eeee',
        ver: '2.0',
      },
    },
    idTokenCode: 'token_type_wrong',
  },
  {
    name: 'Entra ID v2, application permissions',
    trusted: {
      issuer: 'https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0',
      audience: '00001111-aaaa-2222-bbbb-3333cccc4444',
      jwt: compatible,
    },
    accessToken: {
      header: JWT,
      claims: {
        aud: '00001111-aaaa-2222-bbbb-3333cccc4444',
        iss: 'https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0',
        ...times,
        azp: '11112222-bbbb-3333-cccc-4444dddd5555',
        azpacr: '1',
        oid: '33334444-dddd-5555-eeee-6666ffff7777',
        roles: ['Orders.Read.All'],
        sub: '33334444-dddd-5555-eeee-6666ffff7777',
        tid: 'aaaabbbb-0000-cccc-1111-dddd2222eeee',
        ver: '2.0',
      },
    },
    expected: { scopes: [], clientId: '11112222-bbbb-3333-cccc-4444dddd5555' },
    idToken: {
      header: JWT,
      claims: {
        aud: '00001111-aaaa-2222-bbbb-3333cccc4444',
        iss: 'https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0',
        ...times,
        roles: ['Orders.Read.All'],
        sub: 'HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ',
        ver: '2.0',
      },
    },
    // Its client is registered together with the API: neither its audience nor its roles tell it from an access token.
    idTokenCode: 'token_type_wrong',
  },
  {
    name: 'Entra ID v1',
    trusted: {
      issuer: 'https://sts.windows.net/aaaabbbb-0000-cccc-1111-dddd2222eeee/',
      audience: 'api://orders',
      jwt: compatible,
    },
    accessToken: {
      header: { ...JWT, x5t: 'i6lGk3FZzxRcUb2C3nEQ7syHJlY' },
      claims: {
        aud: 'api://orders',
        iss: 'https://sts.windows.net/aaaabbbb-0000-cccc-1111-dddd2222eeee/',
        ...times,
        nbf: NOW - 10,
        acr: '1',
        amr: ['pwd', 'mfa'],
        appid: '11112222-bbbb-3333-cccc-4444dddd5555',
        appidacr: '0',
        ipaddr: '203.0.113.7',
        scp: 'Orders.Read',
        sub: 'l3_roISQU222bULS9yi2k0XpqpOiMz5H3ZACo1GeXA',
        tid: 'aaaabbbb-0000-cccc-1111-dddd2222eeee',
        ver: '1.0',
      },
    },
    expected: {
      clientId: '11112222-bbbb-3333-cccc-4444dddd5555',
      scopes: ['Orders.Read'],
      authentication: { acr: '1', amr: ['pwd', 'mfa'] },
    },
    idToken: {
      header: JWT,
      claims: {
        aud: 'api://orders',
        iss: 'https://sts.windows.net/aaaabbbb-0000-cccc-1111-dddd2222eeee/',
        ...times,
        amr: ['pwd'],
        sub: 'l3_roISQU222bULS9yi2k0XpqpOiMz5H3ZACo1GeXA',
        nonce: '123523',
        ver: '1.0',
      },
    },
    idTokenCode: 'token_type_wrong',
  },
  {
    name: 'Cognito',
    trusted: {
      issuer: 'https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example',
      audience: null,
      clients: ['1example23456789'],
      jwt: compatible,
    },
    accessToken: {
      header: { typ: undefined },
      claims: {
        sub: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
        'cognito:groups': ['admins'],
        iss: 'https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example',
        version: 2,
        client_id: '1example23456789',
        origin_jti: 'dddd',
        token_use: 'access',
        scope: 'orders-api/orders.read openid',
        auth_time: NOW - 10,
        ...times,
        jti: 'eeee',
        username: 'bear',
      },
    },
    expected: { clientId: '1example23456789', scopes: ['orders-api/orders.read', 'openid'], audience: [] },
    idToken: {
      header: { typ: undefined },
      claims: {
        sub: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
        'cognito:groups': ['admins'],
        iss: 'https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example',
        aud: '1example23456789',
        token_use: 'id',
        auth_time: NOW - 10,
        ...times,
        email: 'bear@example.com',
      },
    },
    idTokenCode: 'token_type_wrong',
  },
  {
    name: 'Keycloak',
    trusted: { issuer: 'https://sso.example.com/realms/bears', jwt: compatible },
    accessToken: {
      header: JWT,
      claims: {
        ...times,
        auth_time: NOW - 60,
        jti: 'onrtac:8b0f9e',
        iss: 'https://sso.example.com/realms/bears',
        aud: [RESOURCE, 'account'],
        sub: '5c9b1d36',
        typ: 'Bearer',
        azp: 'orders-web',
        sid: 'c8f3',
        acr: '1',
        'allowed-origins': ['https://orders.example.com'],
        realm_access: { roles: ['offline_access', 'uma_authorization'] },
        resource_access: { account: { roles: ['manage-account'] } },
        scope: 'openid profile orders:read',
        preferred_username: 'bear',
      },
    },
    expected: { clientId: 'orders-web', scopes: ['openid', 'profile', 'orders:read'] },
    idToken: {
      header: JWT,
      claims: {
        ...times,
        jti: '9a1b',
        iss: 'https://sso.example.com/realms/bears',
        aud: RESOURCE,
        sub: '5c9b1d36',
        typ: 'ID',
        azp: 'orders-web',
        sid: 'c8f3',
        at_hash: 'Xk',
        acr: '1',
      },
    },
    idTokenCode: 'token_type_wrong',
  },
  {
    name: 'Keycloak up to 24, which copies the nonce',
    trusted: { issuer: 'https://sso.example.com/realms/bears', jwt: compatible },
    accessToken: {
      header: JWT,
      claims: {
        ...times,
        auth_time: NOW - 60,
        jti: '8b0f9e',
        iss: 'https://sso.example.com/realms/bears',
        aud: [RESOURCE, 'account'],
        sub: '5c9b1d36',
        typ: 'Bearer',
        azp: 'orders-web',
        nonce: 'c1f0a0a2-7a34',
        session_state: 'c8f3',
        acr: '1',
        scope: 'openid profile email',
        sid: 'c8f3',
      },
    },
    expected: { clientId: 'orders-web', scopes: ['openid', 'profile', 'email'] },
    // Without the access token beside it there is no at_hash.
    idToken: {
      header: JWT,
      claims: {
        ...times,
        auth_time: NOW - 60,
        jti: '9a1b',
        iss: 'https://sso.example.com/realms/bears',
        aud: [RESOURCE, 'orders-web'],
        sub: '5c9b1d36',
        typ: 'ID',
        azp: 'orders-web',
        nonce: 'c1f0a0a2-7a34',
        session_state: 'c8f3',
        acr: '1',
        sid: 'c8f3',
      },
    },
    idTokenCode: 'token_type_wrong',
  },
  {
    name: 'Azure AD B2C, which copies the nonce',
    trusted: {
      issuer: 'https://bears.b2clogin.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0/',
      audience: '00001111-aaaa-2222-bbbb-3333cccc4444',
      jwt: compatible,
    },
    accessToken: {
      header: JWT,
      claims: {
        iss: 'https://bears.b2clogin.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0/',
        ...times,
        nbf: NOW - 10,
        aud: '00001111-aaaa-2222-bbbb-3333cccc4444',
        sub: '22223333-cccc-4444-dddd-5555eeee6666',
        name: 'Bear',
        tfp: 'B2C_1_signin',
        nonce: '018fd0a2',
        scp: 'orders.read',
        azp: '11112222-bbbb-3333-cccc-4444dddd5555',
        ver: '1.0',
      },
    },
    expected: { clientId: '11112222-bbbb-3333-cccc-4444dddd5555', scopes: ['orders.read'] },
    // Of a client that is registered together with the API.
    idToken: {
      header: JWT,
      claims: {
        iss: 'https://bears.b2clogin.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0/',
        ...times,
        nbf: NOW - 10,
        aud: '00001111-aaaa-2222-bbbb-3333cccc4444',
        sub: '22223333-cccc-4444-dddd-5555eeee6666',
        name: 'Bear',
        auth_time: NOW - 20,
        tfp: 'B2C_1_signin',
        nonce: '018fd0a2',
        ver: '1.0',
      },
    },
    idTokenCode: 'token_type_wrong',
  },
  {
    name: 'AD FS',
    trusted: {
      issuer: 'http://adfs.example.com/adfs/services/trust',
      audience: 'microsoft:identityserver:orders-api',
      jwt: compatible,
    },
    accessToken: {
      header: JWT,
      claims: {
        aud: 'microsoft:identityserver:orders-api',
        iss: 'http://adfs.example.com/adfs/services/trust',
        ...times,
        nbf: NOW - 10,
        sub: 'XKkU2sZ1',
        apptype: 'Public',
        appid: 'c0ffee00-1111-2222-3333-444455556666',
        authmethod: 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport',
        auth_time: '2025-12-31T23:59:00.000Z',
        ver: '1.0',
        scp: 'openid orders.read',
      },
    },
    expected: {
      clientId: 'c0ffee00-1111-2222-3333-444455556666',
      scopes: ['openid', 'orders.read'],
      authentication: {},
    },
    // `allatclaims` copies an access token's claims here.
    idToken: {
      header: JWT,
      claims: {
        aud: 'microsoft:identityserver:orders-api',
        iss: 'http://adfs.example.com/adfs/services/trust',
        ...times,
        sub: 'XKkU2sZ1',
        upn: 'bear@example.com',
        nonce: '4711',
        apptype: 'Public',
        appid: 'c0ffee00-1111-2222-3333-444455556666',
        auth_time: '2025-12-31T23:59:00.000Z',
        ver: '1.0',
        scp: 'openid allatclaims',
      },
    },
    idTokenCode: 'token_type_wrong',
  },
  {
    name: 'LemonLDAP::NG',
    trusted: { issuer: 'https://auth.example.com', jwt: compatible },
    accessToken: {
      header: JWT,
      claims: {
        iss: 'https://auth.example.com',
        aud: ['orders-web', RESOURCE],
        client_id: 'orders-web',
        ...times,
        sub: null,
        scope: 'openid orders:read',
        jti: 'b5a3',
        sid: 'k8F2',
      },
    },
    expected: { clientId: 'orders-web', scopes: ['openid', 'orders:read'] },
    // Its audience is the API's too.
    idToken: {
      header: JWT,
      claims: {
        iss: 'https://auth.example.com',
        aud: ['orders-web', RESOURCE],
        azp: 'orders-web',
        ...times,
        sub: 'bear',
        acr: 'loa-2',
        auth_time: NOW - 20,
        sid: 'k8F2',
      },
    },
    idTokenCode: 'token_type_wrong',
  },
  {
    name: 'PingOne',
    trusted: { issuer: 'https://auth.pingone.eu/env-1/as' },
    accessToken: {
      header: { typ: 'at+jwt' },
      claims: {
        client_id: 'ping-client',
        iss: 'https://auth.pingone.eu/env-1/as',
        jti: 'b3f1',
        ...times,
        aud: [RESOURCE],
        scope: 'orders:read',
        sub: 'user-7',
        env: 'env-1',
        org: 'org-1',
      },
    },
    expected: { clientId: 'ping-client', scopes: ['orders:read'], subject: 'user-7' },
    idToken: {
      header: { typ: undefined },
      claims: { iss: 'https://auth.pingone.eu/env-1/as', aud: 'ping-client', sub: 'user-7', ...times, acr: 'Single' },
    },
    idTokenCode: 'token_type_wrong',
  },
  {
    name: 'Zitadel',
    trusted: { issuer: 'https://bears.zitadel.cloud', audience: '69234230193872955', jwt: compatible },
    accessToken: {
      header: { typ: undefined },
      claims: {
        iss: 'https://bears.zitadel.cloud',
        sub: '77776025198584418',
        aud: ['69234237810729019@orders', '69234230193872955'],
        ...times,
        nbf: NOW - 10,
        jti: 'ATK-1',
        client_id: '69234237810729019@orders',
        'urn:zitadel:iam:org:project:roles': { admin: { '69234230193872955': 'bears.zitadel.cloud' } },
      },
    },
    expected: { clientId: '69234237810729019@orders', scopes: [] },
    idToken: {
      header: { typ: undefined },
      claims: {
        iss: 'https://bears.zitadel.cloud',
        sub: '77776025198584418',
        aud: ['69234237810729019@orders', '69234230193872955'],
        ...times,
        auth_time: NOW - 20,
        amr: ['password'],
        azp: '69234237810729019@orders',
        at_hash: 'Zk',
      },
    },
    idTokenCode: 'token_type_wrong',
  },
  {
    name: 'Ory Hydra',
    trusted: { issuer: 'https://hydra.example.com/', audience: null, clients: ['hydra-client'], jwt: compatible },
    accessToken: {
      header: JWT,
      claims: {
        aud: [],
        client_id: 'hydra-client',
        ...times,
        nbf: NOW - 10,
        ext: { tenant: 'bears' },
        iss: 'https://hydra.example.com/',
        jti: '6d1c',
        scp: ['openid', 'orders:read'],
        sub: 'user-9',
      },
    },
    expected: { clientId: 'hydra-client', scopes: ['openid', 'orders:read'], audience: [] },
    idToken: {
      header: JWT,
      claims: {
        iss: 'https://hydra.example.com/',
        aud: ['hydra-client'],
        ...times,
        rat: NOW - 20,
        sub: 'user-9',
        sid: 's',
        at_hash: 'Hk',
        jti: '7e2d',
      },
    },
    idTokenCode: 'token_type_wrong',
  },
  {
    name: 'Duende IdentityServer',
    trusted: { issuer: 'https://identity.example.com' },
    accessToken: {
      header: { typ: 'at+jwt' },
      claims: {
        iss: 'https://identity.example.com',
        nbf: NOW - 10,
        ...times,
        aud: RESOURCE,
        scope: ['openid', 'orders.read'],
        amr: ['pwd'],
        client_id: 'interactive',
        sub: '88421113',
        auth_time: NOW - 30,
        idp: 'local',
        jti: '2C56A356A306E64AFC7D2C6399E23A17',
        role: 'admin',
      },
    },
    expected: { clientId: 'interactive', scopes: ['openid', 'orders.read'] },
    idToken: {
      header: JWT,
      claims: {
        iss: 'https://identity.example.com',
        nbf: NOW - 10,
        ...times,
        aud: 'interactive',
        amr: ['pwd'],
        at_hash: 'Dk',
        sid: 'F6',
        sub: '88421113',
      },
    },
    idTokenCode: 'token_type_wrong',
  },
  {
    name: 'Clerk OAuth access token',
    trusted: { issuer: 'https://clerk.example.com', audience: null, clients: ['clerk-client'], jwt: compatible },
    accessToken: {
      header: { typ: 'at+jwt' },
      claims: {
        client_id: 'clerk-client',
        ...times,
        nbf: NOW - 10,
        iss: 'https://clerk.example.com',
        jti: 'oat_1',
        scope: 'profile email',
        sub: 'user_2x',
      },
    },
    expected: { clientId: 'clerk-client', scopes: ['profile', 'email'] },
    // A session token: no audience, no scope, the origin in `azp`.
    idToken: {
      header: JWT,
      claims: {
        azp: 'https://orders.example.com',
        ...times,
        nbf: NOW - 10,
        fva: [0, -1],
        iss: 'https://clerk.example.com',
        sid: 'sess_1',
        sub: 'user_2x',
        v: 2,
      },
    },
    idTokenCode: 'token_type_wrong',
  },
]

async function serverOf(trusted: TrustedIssuer) {
  const { jwk } = await signingKey('RS256')
  return createResourceServer({
    resource: RESOURCE,
    issuers: [{ ...trusted, jwt: { ...trusted.jwt, jwks: { keys: [jwk] } } }],
    insecureHosts: ['adfs.example.com'],
    now: () => NOW_MS,
  })
}

async function sign({ header, claims }: Provider['accessToken']): Promise<string> {
  return signToken(claims, header, await signingKey('RS256'))
}

function entraIssuer(tenant: string): string {
  return `https://login.microsoftonline.com/${tenant}/v2.0`
}

function permission(name: string): Requirement {
  return claim('permissions', (value) => Array.isArray(value) && value.includes(name))
}

function zitadelRole(name: string): Requirement {
  return claim('urn:zitadel:iam:org:project:roles', (value) => Object.hasOwn(value as object, name))
}

describe('what providers really send', () => {
  test.each(providers)('$name: accepts its access token', async ({ trusted, accessToken, expected }) => {
    const api = await serverOf(trusted)
    expect(await api.verify(await sign(accessToken))).toMatchObject({
      issuer: trusted.issuer,
      ...expected,
      claims: JSON.parse(JSON.stringify(accessToken.claims)) as Record<string, unknown>,
    })
  })

  test.each(providers)('$name: refuses its ID token', async ({ trusted, idToken, idTokenCode }) => {
    const api = await serverOf(trusted)
    expect(await codeOf(api.verify(await sign(idToken)))).toBe(idTokenCode)
  })

  test.each(providers)('$name: refuses its access token for another API', async ({ trusted, accessToken }) => {
    const api = await serverOf({
      ...trusted,
      ...(trusted.clients ? { clients: ['somebody-else'] } : { audience: 'https://somebody-else.example.com' }),
    })
    expect(await codeOf(api.verify(await sign(accessToken)))).toBe(
      trusted.clients ? 'client_refused' : 'audience_mismatch',
    )
  })
})

describe('what providers send that is no access token for an API', () => {
  test('Firebase: an ID token is refused, also with the project as audience', async () => {
    const project = 'bears-1234'
    const issuer = `https://securetoken.google.com/${project}`
    const api = await serverOf({ issuer, audience: project, jwt: compatible })
    const claims = {
      iss: issuer,
      aud: project,
      auth_time: NOW - 20,
      user_id: 'u1',
      sub: 'u1',
      ...times,
      email: 'bear@example.com',
      firebase: { identities: { email: ['bear@example.com'] }, sign_in_provider: 'password' },
    }
    expect(await codeOf(api.verify(await sign({ header: JWT, claims })))).toBe('token_type_wrong')
    expect(await codeOf(api.verify(await sign({ header: JWT, claims: { ...claims, scope: 'x' } })))).toBe('accepted')
  })

  test('Google: an ID token is refused, with every scope’s claims and with the API’s client as audience', async () => {
    const issuer = 'https://accounts.google.com'
    const api = await serverOf({ issuer, audience: 'orders.apps.googleusercontent.com', jwt: compatible })
    const claims = {
      iss: issuer,
      azp: 'android.apps.googleusercontent.com',
      aud: 'orders.apps.googleusercontent.com',
      sub: '110169484474386276334',
      ...times,
      email: 'bear@example.com',
      email_verified: true,
      hd: 'example.com',
    }
    expect(await codeOf(api.verify(await sign({ header: JWT, claims })))).toBe('token_type_wrong')
    expect(await codeOf(api.verify(await sign({ header: JWT, claims: { ...claims, scope: 'x' } })))).toBe('accepted')
  })

  test('Cloudflare Access: its application token has nothing of an access token’s and is refused', async () => {
    const issuer = 'https://bears.cloudflareaccess.com'
    const aud = ['32eafc7626e737303bdd1d8a2de3e5b5e3b8d3e8e1a7b4b5c1c4d6a7e8f90123']
    const api = await serverOf({ issuer, audience: aud, jwt: compatible })
    const user = {
      aud,
      email: 'bear@example.com',
      ...times,
      nbf: NOW - 10,
      iss: issuer,
      type: 'app',
      sub: 'u',
      country: 'DE',
    }
    const service = { aud, ...times, iss: issuer, type: 'app', sub: '', common_name: 'e367.access' }
    for (const claims of [user, service]) {
      expect(await codeOf(api.verify(await sign({ header: { typ: undefined }, claims })))).toBe('token_type_wrong')
    }
  })

  test('Okta org server and Google: opaque or foreign tokens are refused, not guessed at', async () => {
    const api = await serverOf({ issuer: 'https://example.okta.com/oauth2/default', jwt: compatible })
    const orgToken = { iss: 'https://example.okta.com', aud: RESOURCE, cid: 'c', scp: ['openid'], sub: 's', ...times }
    expect(await codeOf(api.verify(await sign({ header: {}, claims: orgToken })))).toBe('issuer_untrusted')
    expect(await codeOf(api.verify('ya29.a0AfH6SMBx-example'))).toBe('token_malformed')
  })

  test.each(['ya29.a0AfB_by', 'gho_16C7e42F292c6912E7710c838347Ae178B4a', 'ghs_x', 'ory_at_abc.def', 'oat_2x', 'eyJ'])(
    'the opaque token %s is refused as no JWT',
    async (token) => {
      const api = await serverOf({ issuer: 'https://login.example.com' })
      expect(await codeOf(api.verify(token))).toBe('token_malformed')
    },
  )

  test('Entra ID: another tenant’s issuer is another issuer, and the template of the common metadata is none', async () => {
    const api = await serverOf({ issuer: entraIssuer('aaaabbbb-0000'), audience: 'guid', jwt: compatible })
    const claims = { aud: 'guid', azp: 'c', azpacr: '0', scp: 'Orders.Read', sub: 's', ...times }
    for (const [id, code] of [
      ['aaaabbbb-0000', 'accepted'],
      ['ccccdddd-1111', 'issuer_untrusted'],
      ['{tenantid}', 'issuer_untrusted'],
      ['common', 'issuer_untrusted'],
    ] as const) {
      expect(await codeOf(api.verify(await sign({ header: JWT, claims: { ...claims, iss: entraIssuer(id) } })))).toBe(
        code,
      )
    }
  })

  test('Keycloak: refresh, offline and logout tokens are refused', async () => {
    const issuer = 'https://sso.example.com/realms/bears'
    const api = await serverOf({ issuer, jwt: compatible })
    const claims = { iss: issuer, aud: RESOURCE, sub: 's', azp: 'c', scope: 'orders:read', ...times }
    for (const [typ, code] of [
      ['Bearer', 'accepted'],
      ['Refresh', 'token_type_wrong'],
      ['Offline', 'token_type_wrong'],
      ['Logout', 'token_type_wrong'],
      ['ID', 'token_type_wrong'],
    ]) {
      expect(await codeOf(api.verify(await sign({ header: JWT, claims: { ...claims, typ } })))).toBe(code)
    }
  })

  test('Keycloak: extra members of `cnf` do not turn a bound token into a bearer token', async () => {
    const issuer = 'https://sso.example.com/realms/bears'
    const api = await serverOf({ issuer, jwt: compatible })
    const claims = { iss: issuer, aud: RESOURCE, sub: 's', azp: 'c', scope: 'orders:read', ...times }
    expect(await codeOf(api.verify(await sign({ header: JWT, claims })))).toBe('accepted')
    const bound = { ...claims, cnf: { 'x5t#S256': 'bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2', extra: 1 } }
    expect(await codeOf(api.verify(await sign({ header: JWT, claims: bound })))).toBe('binding_mismatch')
  })

  test('Keycloak: encryption keys in the key set are passed over', async () => {
    const key = await signingKey('RS256')
    const issuer = 'https://sso.example.com/realms/bears'
    const encryption = { ...(await signingKey('RS384')).jwk, kid: 'enc', use: 'enc', alg: 'RSA-OAEP' }
    const api = createResourceServer({
      resource: RESOURCE,
      issuers: [{ issuer, jwt: { ...compatible, jwks: { keys: [encryption, key.jwk] } } }],
      now: () => NOW_MS,
    })
    const claims = { iss: issuer, aud: RESOURCE, sub: 's', azp: 'c', scope: 'orders:read', ...times }
    expect(await codeOf(api.verify(await signToken(claims, JWT, key)))).toBe('accepted')
    expect(api.snapshot()[0]?.keys).toBe(1)
  })

  test('roles in any shape are for `claim`: an array, an object, a nested member', async () => {
    const api = await serverOf({ issuer: 'https://sso.example.com', jwt: compatible })
    const claims = {
      iss: 'https://sso.example.com',
      aud: RESOURCE,
      sub: 's',
      scope: '',
      ...times,
      permissions: ['orders:read'],
      'urn:zitadel:iam:org:project:roles': { admin: {} },
    }
    const token = await api.verify(await sign({ header: JWT, claims }))
    expect(() => api.authorize(token, permission('orders:read'))).not.toThrow()
    expect(() => api.authorize(token, permission('orders:write'))).toThrow(
      expect.objectContaining({ code: 'access_denied' }),
    )
    expect(() => api.authorize(token, zitadelRole('admin'))).not.toThrow()
    expect(() => api.authorize(token, zitadelRole('toString'))).toThrow(
      expect.objectContaining({ code: 'access_denied' }),
    )
  })
})
