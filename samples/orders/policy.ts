// Who may do what, in one place. The routes name these requirements and nothing else.

import { anyOf, claim, granted, scope, type JwtClaims, type Requirement } from 'bearward'
import type { Order } from './store.ts'

/** Whoever was authenticated. */
export const anyToken: Requirement = () => granted

export const readOrders: Requirement = scope('orders:read')
export const writeOrders: Requirement = scope('orders:write')

/** Depends on the order, so the handler asks once it has found it. */
export function deleteOrder(order: Order): Requirement<JwtClaims> {
  const administrator = scope('orders:admin')
  return order.owner === undefined ? administrator : anyOf(claim('sub', order.owner), administrator)
}

/** An administrator need not be granted the rest by name. */
export const scopeHierarchy = { 'orders:admin': ['orders:read', 'orders:write'] } as const

/** What clients may ask the authorization server for; stands in the protected resource metadata. */
export const scopesInUse = ['orders:read', 'orders:write', 'orders:admin'] as const
