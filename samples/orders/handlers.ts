// What each route does once it may.

import { BearwardError, type AccessToken, type ResourceServer } from 'bearward'
import { answer, refuse } from './answers.ts'
import { readNewOrder } from './body.ts'
import { deleteOrder } from './policy.ts'
import type { OrderStore } from './store.ts'

/** What a public route is given. */
export interface Call {
  readonly request: Request
  /** What stands in the path where the route has `:name`. */
  readonly params: Readonly<Record<string, string>>
  readonly api: ResourceServer
  readonly orders: OrderStore
}

/** What a protected route is given: never without a verified token. */
export interface ProtectedCall extends Call {
  readonly token: AccessToken
}

/** Says that the process runs. */
export function health(): Response {
  return answer(200, { status: 'ok' })
}

/** Says whether tokens can be checked now, or which issuers' keys are missing for that. */
export async function readiness({ api }: Call): Promise<Response> {
  try {
    await api.ready()
    return answer(200, { status: 'ready' })
  } catch (error) {
    if (!(error instanceof BearwardError)) throw error
    const missing = api.snapshot().filter(({ state }) => state === 'cold' || state === 'down')
    return answer(503, { status: 'not ready', issuers: missing.map(({ issuer }) => issuer) })
  }
}

/** Says what the token says about its bearer. */
export function whoAmI({ token }: ProtectedCall): Response {
  return answer(200, {
    subject: token.subject,
    clientId: token.clientId,
    scopes: token.scopes,
    expiresAt: token.expiresAtSeconds === undefined ? undefined : new Date(token.expiresAtSeconds * 1000).toISOString(),
  })
}

export function listOrders({ orders }: ProtectedCall): Response {
  return answer(200, { orders: orders.list() })
}

export async function placeOrder({ request, token, orders }: ProtectedCall): Promise<Response> {
  const wanted = await readNewOrder(request)
  if (wanted instanceof Response) return wanted
  const order = orders.add(wanted, token.subject)
  return order ? answer(201, order) : refuse(507, 'store_full', 'No further orders can be kept; delete some.')
}

export function removeOrder({ api, token, params, orders }: ProtectedCall): Response {
  const order = orders.find(params['id'] ?? '')
  if (!order) return refuse(404, 'not_found', 'There is no such order.')
  // Throws the denial, which becomes the 403 and its challenge.
  api.authorize(token, deleteOrder(order))
  orders.delete(order.id)
  return new Response(null, { status: 204 })
}
