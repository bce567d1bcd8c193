// What must happen: every row of the demo's table, as data. Both APIs are held to the same rows, in this order.

import { billingResource, ordersResource } from './authorization-server.ts'
import type { CredentialName } from './credentials.ts'

export interface Row {
  /** Which token is presented. */
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
  /** Why it is refused, by bearward's own name for it: one `invalid_token` says too little. */
  readonly code?: string
  /** Parameters of the challenge, of which `resource_metadata` is always one. None: there must be no challenge. */
  readonly challenge?: { readonly error?: string; readonly scope?: string }
}

/** Where the challenges send clients that need to know more. */
export const metadataUrl = `${ordersResource}/.well-known/oauth-protected-resource`

const book = { item: 'A book about bears', quantity: 1 }

function refused(code: string): Expectation {
  return { status: 401, code, challenge: { error: 'invalid_token', scope: 'orders:read' } }
}

export const rows: readonly Row[] = [
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
  // Who sent nothing did nothing wrong: no `error`, only what is needed.
  {
    as: 'no token',
    method: 'GET',
    path: '/orders',
    expect: { status: 401, code: 'credentials_missing', challenge: { scope: 'orders:read' } },
  },
]

/** What stands beside a credential's name where the name does not say it. */
export const notes: Partial<Record<CredentialName, string>> = {
  'client credentials': 'a nightly job, on its own behalf: orders:read orders:write',
  'back office': 'client credentials as well: orders:admin',
  'code + PKCE': 'alice signed in and consented in a browser: orders:read orders:write',
  'refresh token': 'the next access token for alice',
  'device code': 'bob typed the code of a kiosk into a browser: orders:read, signed with ES256',
  'other audience': `issued for ${billingResource}`,
  tampered: "the kiosk's token with orders:admin written into it",
  'ID token': "alice's, which says who signed in and not what may be done",
}
