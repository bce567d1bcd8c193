// All requirements of the routes, in one place.

import { anyOf, claim, granted, scope, type JwtClaims, type Requirement } from 'bearward'
import type { Order } from './store.ts'

/** Any verified token. */
export const anyToken: Requirement = () => granted

export const readOrders: Requirement = scope('orders:read')
export const writeOrders: Requirement = scope('orders:write')

/** Depends on the order, so the handler checks it after finding the order. */
export function deleteOrder(order: Order): Requirement<JwtClaims> {
  const administrator = scope('orders:admin')
  return order.owner === undefined ? administrator : anyOf(claim('sub', order.owner), administrator)
}

/** Administrators have the other scopes too. */
export const scopeHierarchy = { 'orders:admin': ['orders:read', 'orders:write'] } as const

/** The scopes that clients may request; part of the protected resource metadata. */
export const scopesInUse = ['orders:read', 'orders:write', 'orders:admin'] as const
