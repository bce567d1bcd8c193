// The handlers of the routes.

import { BearwardError, type AccessToken, type CallContext, type ResourceServer } from 'bearward'
import { answer, refuse } from './answers.ts'
import { readNewOrder } from './body.ts'
import { deleteOrder } from './policy.ts'
import type { OrderStore } from './store.ts'

/** The input of a public route. */
export interface Call {
  readonly request: Request
  /** The values of the path where the route has `:name`. */
  readonly params: Readonly<Record<string, string>>
  readonly api: ResourceServer
  readonly orders: OrderStore
  /** Lets work continue after the answer; Node needs none. */
  readonly context?: CallContext
}

/** The input of a protected route, with a verified token. */
export interface ProtectedCall extends Call {
  readonly token: AccessToken
}

/** Answers that the process runs. */
export function health(): Response {
  return answer(200, { status: 'ok' })
}

/**
 * Answers whether the API can check tokens now, with the state of each issuer's keys; fetches missing keys. The reason of an
 * outage goes to the log only: it may name internal addresses.
 */
export async function readiness({ api, context }: Call): Promise<Response> {
  try {
    await api.ready(context)
    return answer(200, { status: 'ready', issuers: issuersOf(api) })
  } catch (error) {
    if (!(error instanceof BearwardError)) throw error
    console.warn(`not ready: ${error.detail}`)
    const { status, headers } = api.challenge(error)
    return answer(status, { status: 'not ready', issuers: issuersOf(api) }, headers)
  }
}

function issuersOf(api: ResourceServer): readonly object[] {
  return api.snapshot().map(({ issuer, state, downSinceMs }) => ({
    issuer,
    state,
    ...(downSinceMs !== undefined && { downSince: new Date(downSinceMs).toISOString() }),
  }))
}

/** Answers with the token's subject, client and scopes. */
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
  // Throws a denial, which `protect` turns into a 403 with its challenge.
  api.authorize(token, deleteOrder(order))
  orders.delete(order.id)
  return new Response(null, { status: 204 })
}
