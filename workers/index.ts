// The Orders API as a Cloudflare Worker. What it does is in samples/orders; here it only meets the platform.

import type { ExecutionContext } from '@cloudflare/workers-types'
import { createResourceServer, type ResourceServer } from 'bearward'
import { metadataHandler, protect } from 'bearward/fetch'
import { refuse } from '../samples/orders/answers.ts'
import { readConfiguration, type OrdersEnvironment } from '../samples/orders/configuration.ts'
import { logEvent } from '../samples/orders/events.ts'
import { findRoute, matchPath, routes, type Route } from '../samples/orders/routes.ts'
import { createOrderStore } from '../samples/orders/store.ts'

type Handler = (request: Request, env: OrdersEnvironment, context: ExecutionContext) => Promise<Response>

// Both live as long as the isolate. The settings come with the first request.
let created: ResourceServer | undefined
const orders = createOrderStore()

function api(env: OrdersEnvironment): ResourceServer {
  return (created ??= createResourceServer({ ...readConfiguration(env), onEvent: logEvent }))
}

const handlers = new Map<Route, Handler>(routes.map((route) => [route, serve(route)]))
const metadata = metadataHandler(api)

function serve(route: Route): Handler {
  const call = (request: Request, env: OrdersEnvironment) => {
    const params = matchPath(route.path, new URL(request.url).pathname) ?? {}
    return { request, params, api: api(env), orders }
  }
  if (route.access === 'public') return async (request, env) => route.handle(call(request, env))
  return protect(api, route.access, (request, { token, env }) => route.handle({ ...call(request, env), token }))
}

export default {
  async fetch(request: Request, env: OrdersEnvironment, context: ExecutionContext): Promise<Response> {
    try {
      const { pathname, search } = new URL(request.url)
      if (pathname + search === api(env).metadataPath) return await metadata(request, env)
      const route = findRoute(request.method, pathname)
      return route instanceof Response ? route : await handlers.get(route)!(request, env, context)
    } catch (error) {
      // Settings that cannot be used end here too. The log says what is wrong; callers need not know.
      console.error(error instanceof Error ? `${error.name}: ${error.message}` : 'a request failed')
      return refuse(500, 'server_error', 'The request could not be served.')
    }
  },
}
