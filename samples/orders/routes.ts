// Every route of the Orders API, with its requirement and its handler.

import type { Requirement } from 'bearward'
import { refuse } from './answers.ts'
import * as handlers from './handlers.ts'
import type { Call, ProtectedCall } from './handlers.ts'
import { anyToken, readOrders, writeOrders } from './policy.ts'

interface PublicRoute {
  readonly method: string
  readonly path: string
  readonly access: 'public'
  readonly handle: (call: Call) => Response | Promise<Response>
}

interface ProtectedRoute {
  readonly method: string
  readonly path: string
  readonly access: Requirement
  readonly handle: (call: ProtectedCall) => Response | Promise<Response>
}

export type Route = PublicRoute | ProtectedRoute

export const routes: readonly Route[] = [
  { method: 'GET', path: '/healthz', access: 'public', handle: handlers.health },
  { method: 'GET', path: '/readyz', access: 'public', handle: handlers.readiness },
  { method: 'GET', path: '/me', access: anyToken, handle: handlers.whoAmI },
  { method: 'GET', path: '/orders', access: readOrders, handle: handlers.listOrders },
  { method: 'POST', path: '/orders', access: writeOrders, handle: handlers.placeOrder },
  // Only the owner or an administrator: see `deleteOrder` in policy.ts.
  { method: 'DELETE', path: '/orders/:id', access: anyToken, handle: handlers.removeOrder },
]

/** Returns the route for a request, or the answer when there is none. */
export function findRoute(method: string, pathname: string): Route | Response {
  const here = routes.filter((route) => matchPath(route.path, pathname))
  if (here.length === 0) return refuse(404, 'not_found', 'There is nothing here.')
  const allow = here.map((route) => route.method).join(', ')
  return (
    here.find((route) => route.method === method) ??
    refuse(405, 'method_not_allowed', `This takes ${allow}.`, { allow })
  )
}

/** Returns the values of the path where the pattern has `:name`, or `undefined` when they do not match. */
export function matchPath(pattern: string, pathname: string): Record<string, string> | undefined {
  const expected = pattern.split('/')
  const actual = pathname.split('/')
  if (actual.length !== expected.length) return undefined
  const params: Record<string, string> = {}
  for (const [index, part] of expected.entries()) {
    const value = actual[index] ?? ''
    if (part.startsWith(':') && value !== '') params[part.slice(1)] = value
    else if (part !== value) return undefined
  }
  return params
}
