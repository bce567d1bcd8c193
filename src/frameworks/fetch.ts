import { objectOf } from '../options/checks.ts'
import type { AccessToken, CallContext, JwtClaims } from '../pipeline.ts'
import type { ResourceServer } from '../resource-server.ts'
import type { Requirement } from '../stages/authorize.ts'
import { type Answer, isAdditive, metadataAnswer, metadataPreflightAnswer } from './answer.ts'
import { createGate, isPreflight } from './gate.ts'
import { routeChecks, type RouteOptions, splitArguments } from './protect.ts'

/** A resource server, or a function that makes one from a Worker's `env`. Each function is called once in an isolate. */
export type ResourceServerSource<Claims = JwtClaims, Env = unknown> =
  | ResourceServer<Claims>
  | ((env: Env) => ResourceServer<Claims>)

/** What a handler receives with the request. */
export interface Protected<Claims, Env, Token = AccessToken<Claims>> {
  readonly token: Token
  readonly env: Env
  readonly ctx: unknown
}

/** Receives requests with a verified token; with `optional`, also requests without credentials. */
export type ProtectedHandler<Claims, Env, Token = AccessToken<Claims>> = (
  request: Request,
  context: Protected<Claims, Env, Token>,
) => Response | Promise<Response>

/** Options of `protect`. */
export interface ProtectOptions {
  /** Passes requests without credentials on, with `token` undefined. Still refuses bad credentials. Default false. */
  readonly optional?: boolean
  /**
   * Answers CORS preflights, which carry no credentials. Default: a preflight needs a token like any other request. `protect`
   * itself answers those of the metadata document.
   */
  readonly preflight?: (request: Request) => Response | Promise<Response>
}

/** The shape of a Worker's, Deno's or Bun's handler. */
export type FetchHandler<Env> = (request: Request, env?: Env, ctx?: unknown) => Promise<Response>

/**
 * Protects a fetch-style handler: calls it only for a verified token that meets the requirement.
 *
 * Turns a denial that `api.authorize` throws inside the handler into its challenge; other errors of the handler pass unchanged.
 * Serves the protected resource metadata at `api.metadataPath`. In Workers, uses the `waitUntil` of the execution context.
 *
 * @example
 * export default {
 *   fetch: protect(api, scope('orders:read'), (request, { token }) => Response.json({ hello: token.subject })),
 * }
 */
export function protect<Claims, Env>(
  api: ResourceServerSource<Claims, Env>,
  requirement: Requirement<NoInfer<Claims>>,
  handler: ProtectedHandler<Claims, Env>,
  options?: ProtectOptions & { readonly optional?: false },
): FetchHandler<Env>
export function protect<Claims, Env>(
  api: ResourceServerSource<Claims, Env>,
  requirement: Requirement<NoInfer<Claims>>,
  handler: ProtectedHandler<Claims, Env, AccessToken<Claims> | undefined>,
  options: ProtectOptions,
): FetchHandler<Env>
export function protect<Claims, Env>(
  api: ResourceServerSource<Claims, Env>,
  handler: ProtectedHandler<Claims, Env>,
  options?: ProtectOptions & { readonly optional?: false },
): FetchHandler<Env>
export function protect<Claims, Env>(
  api: ResourceServerSource<Claims, Env>,
  handler: ProtectedHandler<Claims, Env, AccessToken<Claims> | undefined>,
  options: ProtectOptions,
): FetchHandler<Env>
export function protect<Claims, Env>(
  source: ResourceServerSource<Claims, Env>,
  ...rest: readonly unknown[]
): FetchHandler<Env> {
  const { requirement, handler, options } = splitArguments<
    Requirement<Claims>,
    ProtectedHandler<Claims, Env, AccessToken<Claims> | undefined>
  >(rest)
  const { optional, preflight } = objectOf<RouteOptions<NonNullable<ProtectOptions['preflight']>>>(
    options,
    'protect()',
    routeChecks(),
  )
  const gate = createGate<Visit<Env>, Claims, Response>(
    { requirement, optional },
    {
      serverOf: ({ env }) => resourceServerOf(source, env),
      viewOf: ({ request }) => request,
      waitUntilOf: ({ ctx }) => waitUntilOf(ctx),
      preflight: preflight && (({ request }) => preflight(request)),
      addHeaders(visit, fields) {
        visit.fields = fields
      },
      handle({ request, env, ctx, fields }, token) {
        const response = handler(request, { token, env, ctx })
        return fields ? Promise.resolve(response).then((answered) => withFields(answered, fields)) : response
      },
      answer({ request, fields }, answer) {
        const response = toResponse(answer, request)
        return fields ? withFields(response, fields) : response
      },
    },
  )
  return (request, env, ctx) => gate({ request, env: env as Env, ctx, fields: undefined })
}

interface Visit<Env> {
  readonly request: Request
  readonly env: Env
  readonly ctx: unknown
  /** Header fields for the answer, beside its own. */
  fields: Headers | undefined
}

/** Serves the protected resource metadata of an application that protects single routes. @see RFC 9728 §3 */
export function metadataHandler<Claims, Env>(source: ResourceServerSource<Claims, Env>): FetchHandler<Env> {
  return async (request, env) => {
    const answer = isPreflight(request)
      ? metadataPreflightAnswer()
      : metadataAnswer(resourceServerOf(source, env as Env))
    return toResponse(answer, request)
  }
}

const createdServers = new WeakMap<object, unknown>()

function resourceServerOf<Claims, Env>(source: ResourceServerSource<Claims, Env>, env: Env): ResourceServer<Claims> {
  if (typeof source !== 'function') return source
  // One server for each function, so that all routes share its caches.
  const api = (createdServers.get(source) as ResourceServer<Claims> | undefined) ?? source(env)
  createdServers.set(source, api)
  return api
}

function waitUntilOf(ctx: unknown): CallContext['waitUntil'] {
  const { waitUntil } = (ctx ?? {}) as { waitUntil?: unknown }
  return typeof waitUntil === 'function' ? (promise) => void waitUntil.call(ctx, promise) : undefined
}

function toResponse({ status, headers, body }: Answer, { method }: Request): Response {
  return new Response(method === 'HEAD' || status === 204 ? null : body, { status, headers })
}

/**
 * Returns a copy of the response with these fields added. The response itself may have immutable headers, or answer other requests
 * too.
 */
function withFields(response: Response, fields: Headers): Response {
  // Some platforms cannot copy `Response.error()` or a response that opens a WebSocket.
  if (response.status < 200) return response
  const copy = new Response(response.body, response)
  for (const [name, value] of fields) {
    if (isAdditive(name) || !response.headers.has(name)) copy.headers.append(name, value)
  }
  return copy
}
