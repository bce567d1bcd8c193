// The expected rows of the demo's table, as data. The same rows apply to all APIs, in this order.

import { billingResource, ordersResource } from './authorization-server.ts'
import type { CredentialName } from './credentials.ts'
import { rememberedSeconds } from './settings.ts'

/** Rows that belong together, played after an event. */
export interface Section {
  readonly title: string
  readonly after?: Happening
  /** Which API is called. Default: the one with plain introspection answers. */
  readonly answers?: 'plain' | 'signed'
  readonly rows: readonly Row[]
}

/** Events at the authorization server while the APIs run. */
export type Happening = 'carol signs out' | 'answers are forgotten' | 'outage' | 'recovery'

export interface Row {
  /** The token to send. */
  readonly as: CredentialName
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** `:id` stands for the order that `of` placed last. */
  readonly path: string
  readonly of?: CredentialName
  /** Sent as JSON. */
  readonly body?: object
  readonly expect: Expectation
}

export interface Expectation {
  readonly status: number
  /** The `subject` in the answer. */
  readonly subject?: string
  /** The `clientId` in the answer. */
  readonly clientId?: string
  /** bearward's code of the refusal: `invalid_token` alone says too little. */
  readonly code?: string
  /** Parameters of the challenge, of which `resource_metadata` is always one. None: there must be no challenge. */
  readonly challenge?: { readonly error?: string; readonly scope?: string }
  /** There must be a Retry-After. Otherwise there must be none. */
  readonly retryAfter?: true
}

/** The address of the metadata in the challenges. */
export const metadataUrl = `${ordersResource}/.well-known/oauth-protected-resource`

const book = { item: 'A book about bears', quantity: 1 }

function refused(code: string): Expectation {
  return { status: 401, code, challenge: { error: 'invalid_token', scope: 'orders:read' } }
}

/** The answer during an outage of the issuer: no challenge, so that clients keep their good tokens. */
const unavailable: Expectation = { status: 503, code: 'issuer_unavailable', retryAfter: true }

/** These need no introspection. */
export const jwtRows: readonly Row[] = [
  { as: 'no token', method: 'GET', path: '/healthz', expect: { status: 200 } },
  { as: 'no token', method: 'GET', path: '/readyz', expect: { status: 200 } },
  { as: 'no token', method: 'GET', path: new URL(metadataUrl).pathname, expect: { status: 200 } },

  { as: 'client credentials', method: 'GET', path: '/me', expect: { status: 200, subject: 'nightly-job' } },
  { as: 'client credentials', method: 'GET', path: '/orders', expect: { status: 200 } },
  { as: 'client credentials', method: 'POST', path: '/orders', body: book, expect: { status: 201 } },

  { as: 'code + PKCE', method: 'GET', path: '/me', expect: { status: 200, subject: 'alice' } },
  { as: 'code + PKCE', method: 'GET', path: '/orders', expect: { status: 200 } },
  { as: 'code + PKCE', method: 'POST', path: '/orders', body: book, expect: { status: 201 } },

  { as: 'refresh token', method: 'GET', path: '/me', expect: { status: 200, subject: 'alice' } },
  { as: 'refresh token', method: 'POST', path: '/orders', body: book, expect: { status: 201 } },

  { as: 'device code', method: 'GET', path: '/me', expect: { status: 200, subject: 'bob' } },
  { as: 'device code', method: 'GET', path: '/orders', expect: { status: 200 } },

  // The kiosk was granted orders:read alone.
  {
    as: 'device code',
    method: 'POST',
    path: '/orders',
    body: book,
    expect: {
      status: 403,
      code: 'scope_insufficient',
      challenge: { error: 'insufficient_scope', scope: 'orders:write' },
    },
  },
  // An order is its owner's and the administrators'.
  {
    as: 'device code',
    method: 'DELETE',
    path: '/orders/:id',
    of: 'code + PKCE',
    expect: {
      status: 403,
      code: 'scope_insufficient',
      challenge: { error: 'insufficient_scope', scope: 'orders:admin' },
    },
  },
  { as: 'refresh token', method: 'DELETE', path: '/orders/:id', of: 'code + PKCE', expect: { status: 204 } },
  { as: 'back office', method: 'DELETE', path: '/orders/:id', of: 'client credentials', expect: { status: 204 } },

  { as: 'expired', method: 'GET', path: '/orders', expect: refused('token_expired') },
  { as: 'other audience', method: 'GET', path: '/orders', expect: refused('audience_mismatch') },
  { as: 'tampered', method: 'GET', path: '/orders', expect: refused('signature_invalid') },
  { as: 'ID token', method: 'GET', path: '/orders', expect: refused('token_type_wrong') },
  // A request without credentials gets no `error`, only the scopes.
  {
    as: 'no token',
    method: 'GET',
    path: '/orders',
    expect: { status: 401, code: 'credentials_missing', challenge: { scope: 'orders:read' } },
  },
]

/** The same with signed and with plain answers. */
const opaqueRows: readonly Row[] = [
  { as: 'opaque: job', method: 'GET', path: '/me', expect: { status: 200, clientId: 'partner-job' } },
  { as: 'opaque: job', method: 'GET', path: '/orders', expect: { status: 200 } },
  { as: 'opaque: alice', method: 'GET', path: '/me', expect: { status: 200, subject: 'alice' } },
  { as: 'opaque: expired', method: 'GET', path: '/orders', expect: refused('token_inactive') },
  { as: 'opaque: made up', method: 'GET', path: '/orders', expect: refused('token_inactive') },
  { as: 'opaque: other audience', method: 'GET', path: '/orders', expect: refused('audience_mismatch') },
  // The authorization server calls it active, but for no audience.
  { as: 'opaque: refresh token', method: 'GET', path: '/orders', expect: refused('audience_mismatch') },
]

/** The whole table. Each section continues after the one before it. */
export const sections: readonly Section[] = [
  { title: 'JWTs, verified by the API itself', rows: jwtRows },
  {
    title: 'Opaque tokens: the API asks the authorization server (RFC 7662), which signs its answers (RFC 9701)',
    answers: 'signed',
    rows: opaqueRows,
  },
  {
    title: `The same with plain answers, each remembered for ${rememberedSeconds} seconds`,
    rows: [
      ...opaqueRows,
      {
        as: 'opaque: job',
        method: 'POST',
        path: '/orders',
        body: book,
        expect: {
          status: 403,
          code: 'scope_insufficient',
          challenge: { error: 'insufficient_scope', scope: 'orders:write' },
        },
      },
      // With any of alice's tokens.
      { as: 'code + PKCE', method: 'POST', path: '/orders', body: book, expect: { status: 201 } },
      { as: 'opaque: alice', method: 'DELETE', path: '/orders/:id', of: 'code + PKCE', expect: { status: 204 } },
      { as: 'opaque: carol', method: 'GET', path: '/me', expect: { status: 200, subject: 'carol' } },
    ],
  },
  {
    title: 'Carol signs out, and the portal revokes her token (RFC 7009): the APIs do not know yet',
    after: 'carol signs out',
    rows: [{ as: 'opaque: carol', method: 'GET', path: '/me', expect: { status: 200, subject: 'carol' } }],
  },
  {
    title: `${rememberedSeconds} seconds later`,
    after: 'answers are forgotten',
    rows: [
      { as: 'opaque: carol', method: 'GET', path: '/orders', expect: refused('token_inactive') },
      { as: 'opaque: alice', method: 'GET', path: '/orders', expect: { status: 200 } },
    ],
  },
  {
    title: 'The authorization server is down: JWTs and remembered answers still count, others get a 503',
    after: 'outage',
    rows: [
      { as: 'opaque: alice', method: 'GET', path: '/orders', expect: { status: 200 } },
      { as: 'opaque: late', method: 'GET', path: '/orders', expect: unavailable },
      { as: 'late', method: 'GET', path: '/orders', expect: { status: 200 } },
    ],
  },
  {
    title: 'The authorization server is back',
    after: 'recovery',
    rows: [
      { as: 'opaque: late', method: 'GET', path: '/me', expect: { status: 200, clientId: 'partner-job' } },
      { as: 'device code', method: 'GET', path: '/orders', expect: { status: 200 } },
    ],
  },
]

/** A remark beside a credential's name. */
export const notes: Partial<Record<CredentialName, string>> = {
  'client credentials': 'a nightly job, on its own behalf: orders:read orders:write',
  'back office': 'client credentials as well: orders:admin',
  'code + PKCE': 'alice signed in and consented in a browser: orders:read orders:write',
  'refresh token': 'the next access token for alice',
  'device code': 'bob typed the code of a kiosk into a browser: orders:read, signed with ES256',
  'other audience': `issued for ${billingResource}`,
  tampered: "the kiosk's token with orders:admin written into it",
  'ID token': "alice's, which says who signed in and not what may be done",
  'opaque: job': "client credentials of a partner's job: orders:read",
  'opaque: alice': "code + PKCE: alice signed in to a partner's portal: orders:read orders:write",
  'opaque: carol': 'carol did so too',
  'opaque: made up': 'never issued by anyone',
  late: 'another one of the nightly job, which the APIs do not see before the outage',
  'opaque: late': "the same of the partner's job",
  'opaque: other audience': `issued for ${billingResource}`,
  'opaque: refresh token': "alice's, which nobody but the authorization server should get to see",
}
