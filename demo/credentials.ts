// The demo's credentials: a token of each flow, and tokens that the APIs must refuse.

import { randomBytes } from 'node:crypto'
import { billingResource, clients, ordersResource } from './authorization-server.ts'
import {
  authorizationCode,
  clientCredentials,
  deviceCode,
  refresh,
  requireRefreshToken,
  type Endpoints,
} from './flows.ts'

/** Tokens by their name in the table; `undefined` sends none. */
export type Credentials = Readonly<Record<OpaqueName, string> & Record<CredentialName, string | undefined>>

export type CredentialName =
  | 'client credentials'
  | 'back office'
  | 'code + PKCE'
  | 'refresh token'
  | 'device code'
  | 'late'
  | 'expired'
  | 'other audience'
  | 'ID token'
  | 'tampered'
  | 'no token'
  | OpaqueName

/** The opaque ones. */
type OpaqueName =
  | 'opaque: job'
  | 'opaque: alice'
  | 'opaque: carol'
  | 'opaque: late'
  | 'opaque: expired'
  | 'opaque: other audience'
  | 'opaque: refresh token'
  | 'opaque: made up'

/** Obtains them all. The authorization server issues them, except one altered and one invented token. */
export async function obtainCredentials(endpoints: Endpoints): Promise<Credentials> {
  const resource = ordersResource
  const opaque = await obtainOpaqueCredentials(endpoints)
  // First, so that its second has passed when the demo sends it.
  const expired = await clientCredentials(endpoints, clients.hasty, { resource, scope: 'orders:read' })
  const [job, late, backOffice, shop, kiosk, billing] = await Promise.all([
    clientCredentials(endpoints, clients.job, { resource, scope: 'orders:read orders:write' }),
    clientCredentials(endpoints, clients.job, { resource, scope: 'orders:read' }),
    clientCredentials(endpoints, clients.backOffice, { resource, scope: 'orders:admin' }),
    authorizationCode(endpoints, clients.shop, { resource, scope: 'orders:read orders:write' }, 'alice'),
    deviceCode(endpoints, clients.kiosk, { resource, scope: 'orders:read' }, 'bob'),
    clientCredentials(endpoints, clients.job, { resource: billingResource, scope: 'billing:read' }),
  ])
  const refreshed = await refresh(endpoints, clients.shop, shop, resource)
  await untilExpired(expired.accessToken)
  return {
    'client credentials': job.accessToken,
    'back office': backOffice.accessToken,
    'code + PKCE': shop.accessToken,
    'refresh token': refreshed.accessToken,
    'device code': kiosk.accessToken,
    late: late.accessToken,
    expired: expired.accessToken,
    'other audience': billing.accessToken,
    'ID token': shop.idToken,
    tampered: tamper(kiosk.accessToken),
    'no token': undefined,
    ...opaque,
  }
}

/** One second later the short-lived token has expired. */
async function obtainOpaqueCredentials(endpoints: Endpoints): Promise<Record<OpaqueName, string>> {
  const read = { resource: ordersResource, scope: 'orders:read' }
  const write = { resource: ordersResource, scope: 'orders:read orders:write' }
  const [job, late, billing, expired, alice, carol] = await Promise.all([
    clientCredentials(endpoints, clients.partner, read),
    clientCredentials(endpoints, clients.partner, read),
    clientCredentials(endpoints, clients.partner, { resource: billingResource, scope: 'billing:read' }),
    clientCredentials(endpoints, clients.hastyPartner, read),
    authorizationCode(endpoints, clients.portal, write, 'alice'),
    authorizationCode(endpoints, clients.portal, write, 'carol'),
  ])
  return {
    'opaque: job': job.accessToken,
    'opaque: alice': alice.accessToken,
    'opaque: carol': carol.accessToken,
    'opaque: late': late.accessToken,
    'opaque: expired': expired.accessToken,
    'opaque: other audience': billing.accessToken,
    'opaque: refresh token': requireRefreshToken(alice),
    'opaque: made up': randomBytes(32).toString('base64url'),
  }
}

/** Adds a scope to the token and keeps the signature. */
function tamper(token: string): string {
  const [header, , signature] = token.split('.')
  const claims = { ...readClaims(token), scope: 'orders:read orders:write orders:admin' }
  return [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.')
}

/** Returns the claims without any check, as any holder of the token can. */
export function readClaims(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>
}

async function untilExpired(token: string): Promise<void> {
  const remaining = Number(readClaims(token)['exp']) * 1000 - Date.now()
  // Timers may end a moment early.
  if (remaining > 0) await new Promise((resolve) => setTimeout(resolve, remaining + 10))
}
