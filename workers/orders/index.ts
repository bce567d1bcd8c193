// The Orders API as a Cloudflare Worker. The API itself is in samples/orders.

import type { ExecutionContext, KVNamespace } from '@cloudflare/workers-types'
import { type CacheTier, createResourceServer, type ResourceServer } from 'bearward'
import { cacheApiTier, kvTier } from 'bearward/cloudflare'
import { metadataHandler, protect } from 'bearward/fetch'
import { refuse } from '../../samples/orders/answers.ts'
import { readConfiguration, type OrdersEnvironment } from '../../samples/orders/configuration.ts'
import { logEvent } from '../../samples/orders/events.ts'
import { findRoute, matchPath, routes, type Route } from '../../samples/orders/routes.ts'
import { createOrderStore } from '../../samples/orders/store.ts'

/** The bindings of wrangler.toml: settings, and perhaps a KV namespace. */
interface Environment extends OrdersEnvironment {
  readonly BEARWARD_CACHE?: KVNamespace | undefined
}

type Handler = (request: Request, env: Environment, context: ExecutionContext) => Promise<Response>

// Both live as long as the isolate. The first request brings the settings.
let created: ResourceServer | undefined
const orders = createOrderStore()

function api(env: Environment): ResourceServer {
  return (created ??= createResourceServer({ ...readConfiguration(env, tiersOf(env)), onEvent: logEvent }))
}

/** The cache of this data centre first, then the KV namespace of all data centres. */
function tiersOf({ BEARWARD_CACHE: namespace }: Environment): readonly CacheTier[] {
  return namespace ? [cacheApiTier(), kvTier(namespace)] : [cacheApiTier()]
}

const handlers = new Map<Route, Handler>(routes.map((route) => [route, serve(route)]))
const metadata = metadataHandler(api)

function serve(route: Route): Handler {
  const call = (request: Request, env: Environment) => {
    const params = matchPath(route.path, new URL(request.url).pathname) ?? {}
    return { request, params, api: api(env), orders }
  }
  if (route.access === 'public') {
    return async (request, env, ctx) => {
      const context = { waitUntil: (work: Promise<unknown>) => ctx.waitUntil(work) }
      return route.handle({ ...call(request, env), context })
    }
  }
  return protect(api, route.access, (request, { token, env }) => route.handle({ ...call(request, env), token }))
}

export default {
  async fetch(request: Request, env: Environment, context: ExecutionContext): Promise<Response> {
    try {
      const { pathname, search } = new URL(request.url)
      if (pathname + search === api(env).metadataPath) return await metadata(request, env)
      const route = findRoute(request.method, pathname)
      return route instanceof Response ? route : await handlers.get(route)!(request, env, context)
    } catch (error) {
      // Invalid settings throw here too. The log names them; callers must not see them.
      console.error(error instanceof Error ? `${error.name}: ${error.message}` : 'a request failed')
      return refuse(500, 'server_error', 'The request could not be served.')
    }
  },
}
