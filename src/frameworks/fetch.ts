import type { Requirement } from '../stages/authorize.ts'
import { BearwardError, isDenial } from '../errors.ts'
import { boolean, functionOf, objectOf, optional, withDefault } from '../options/checks.ts'
import type { AccessToken, CallContext, JwtClaims } from '../pipeline.ts'
import type { ResourceServer } from '../resource-server.ts'
import { splitArguments } from './protect.ts'
import { addressesMetadata, type Answer, metadataAnswer, metadataPreflightAnswer, refusalAnswer } from './answer.ts'

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
  const { optional: mayLackToken, preflight } = objectOf<{
    optional: boolean
    preflight: ProtectOptions['preflight']
  }>(options, 'protect()', { optional: withDefault(false, boolean), preflight: optional(functionOf()) })

  return async (request, env, ctx) => {
    const api = resourceServerOf(source, env as Env)
    if (addressesMetadata(api, request.method, request.url)) return respond(metadataAnswer(api), request)
    if (isPreflight(request)) {
      const asked = request.headers.get('Access-Control-Request-Method') ?? ''
      if (addressesMetadata(api, asked, request.url)) return respond(metadataPreflightAnswer(), request)
      if (preflight) return preflight(request)
    }
    const refuse = (error: BearwardError) => respond(refusalAnswer(api.challenge(error, { requirement })), request)
    let token: AccessToken<Claims> | undefined
    try {
      token = await api.authenticate(request, callContext(ctx))
      if (requirement) api.authorize(token, requirement)
    } catch (error) {
      if (!(error instanceof BearwardError)) throw error
      if (!mayLackToken || token || error.code !== 'credentials_missing') return refuse(error)
    }
    try {
      return await handler(request, { token, env: env as Env, ctx })
    } catch (error) {
      if (isDenial(error)) return refuse(error)
      throw error
    }
  }
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

function callContext(ctx: unknown): CallContext {
  const { waitUntil } = (ctx ?? {}) as { waitUntil?: unknown }
  if (typeof waitUntil !== 'function') return {}
  return { waitUntil: (promise) => void waitUntil.call(ctx, promise) }
}

function isPreflight({ method, headers }: Request): boolean {
  return method === 'OPTIONS' && headers.has('Origin') && headers.has('Access-Control-Request-Method')
}

function respond({ status, headers, body }: Answer, { method }: Request): Response {
  return new Response(method === 'HEAD' || status === 204 ? null : body, { status, headers })
}
