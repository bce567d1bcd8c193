import { objectOf } from '../options/checks.ts'
import type { AccessToken, CallContext, JwtClaims } from '../pipeline.ts'
import type { ResourceServer } from '../resource-server.ts'
import type { Requirement } from '../stages/authorize.ts'
import { type Answer, isAdditive, metadataAnswer, metadataPreflightAnswer } from './answer.ts'
import { createGate, isPreflight } from './gate.ts'
import { routeChecks, type RouteOptions, splitArguments } from './protect.ts'

/** A resource server, or how to make one of a Worker's `env`: called once in an isolate, however often it is passed. */
export type ResourceServerSource<Claims = JwtClaims, Env = unknown> =
  | ResourceServer<Claims>
  | ((env: Env) => ResourceServer<Claims>)

/** What a handler gets beside the request. */
export interface Protected<Claims, Env, Token = AccessToken<Claims>> {
  readonly token: Token
  readonly env: Env
  readonly ctx: unknown
}

/** A handler that is called only with a verified token; with `optional`, perhaps with none. */
export type ProtectedHandler<Claims, Env, Token = AccessToken<Claims>> = (
  request: Request,
  context: Protected<Claims, Env, Token>,
) => Response | Promise<Response>

/** How `protect` treats requests that are not plain authenticated calls. */
export interface ProtectOptions {
  /** Lets requests without credentials through, with `token` undefined. Bad credentials are still refused. Default false. */
  readonly optional?: boolean
  /**
   * Answers CORS preflights, which carry no credentials. Default: a preflight is a request like any other. The metadata document
   * answers its own.
   */
  readonly preflight?: (request: Request) => Response | Promise<Response>
}

/** The shape of a Worker's, Deno's or Bun's handler. */
export type FetchHandler<Env> = (request: Request, env?: Env, ctx?: unknown) => Promise<Response>

/**
 * Protects a fetch-style handler: it is called only with a verified token that meets the requirement.
 *
 * Denials that `api.authorize` throws inside the handler become their challenge; other errors pass untouched. The protected
 * resource metadata is served at `api.metadataPath`. In Workers the context's `waitUntil` is used by itself.
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
  const pass = createGate<Visit<Env>, Claims, Response>(
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
        return fields ? Promise.resolve(response).then((whole) => withFields(whole, fields)) : response
      },
      answer({ request, fields }, answer) {
        const response = respond(answer, request)
        return fields ? withFields(response, fields) : response
      },
    },
  )
  return (request, env, ctx) => pass({ request, env: env as Env, ctx, fields: undefined })
}

interface Visit<Env> {
  readonly request: Request
  readonly env: Env
  readonly ctx: unknown
  /** What the answer must say beside its own header fields. */
  fields: Headers | undefined
}

/** Serves the protected resource metadata where `protect` stands on single routes. @see RFC 9728 §3 */
export function metadataHandler<Claims, Env>(source: ResourceServerSource<Claims, Env>): FetchHandler<Env> {
  return async (request, env) => {
    const answer = isPreflight(request)
      ? metadataPreflightAnswer()
      : metadataAnswer(resourceServerOf(source, env as Env))
    return respond(answer, request)
  }
}

const made = new WeakMap<object, unknown>()

function resourceServerOf<Claims, Env>(source: ResourceServerSource<Claims, Env>, env: Env): ResourceServer<Claims> {
  if (typeof source !== 'function') return source
  // One for each factory, not for each route: caches are worth most when they are shared.
  const api = (made.get(source) as ResourceServer<Claims> | undefined) ?? source(env)
  made.set(source, api)
  return api
}

function waitUntilOf(ctx: unknown): CallContext['waitUntil'] {
  const { waitUntil } = (ctx ?? {}) as { waitUntil?: unknown }
  return typeof waitUntil === 'function' ? (promise) => void waitUntil.call(ctx, promise) : undefined
}

function respond({ status, headers, body }: Answer, { method }: Request): Response {
  return new Response(method === 'HEAD' || status === 204 ? null : body, { status, headers })
}

/**
 * Returns a copy of the response that has these fields too. A copy, since the headers may be immutable, and since a handler may
 * answer several requests with one object.
 */
function withFields(response: Response, fields: Headers): Response {
  // A response that opens a WebSocket, and `Response.error()`, cannot be copied on every platform.
  if (response.status < 200) return response
  const copy = new Response(response.body, response)
  for (const [name, value] of fields) {
    if (isAdditive(name) || !response.headers.has(name)) copy.headers.append(name, value)
  }
  return copy
}
