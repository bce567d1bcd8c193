import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Check, misconfigured, objectOf, show, withDefault } from '../options/checks.ts'
import type { AccessToken, JwtClaims } from '../pipeline.ts'
import type { ResourceServer } from '../resource-server.ts'
import type { Requirement } from '../stages/authorize.ts'
import { metadataAnswer, metadataPreflightAnswer, refusalAnswer } from './answer.ts'
import { createForwarding, trustedProxies, type TrustedProxies } from './forwarded.ts'
import { createGate, isPreflight } from './gate.ts'
import { viewOf } from './node-request.ts'
import { addHeaders, cutOff, respond } from './node-response.ts'
import { routeChecks, type RouteOptions, splitArguments } from './protect.ts'

/** A handler that is called only with a verified token; with `optional`, perhaps with none. */
export type ProtectedHandler<Claims, Token = AccessToken<Claims>> = (
  request: IncomingMessage,
  response: ServerResponse,
  context: { readonly token: Token },
) => void | Promise<void>

/** How `protect` treats requests that are not plain authenticated calls, and handlers that fail. */
export interface ProtectOptions {
  /** Lets requests without credentials through, with `token` undefined. Bad credentials are still refused. Default false. */
  readonly optional?: boolean
  /**
   * Answers CORS preflights, which carry no credentials. Default: a preflight is a request like any other. The metadata document
   * answers its own.
   */
  readonly preflight?: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>
  /**
   * Receives what the handler throws, other than a denial; a promise of its own is awaited. Where it leaves the request unanswered, the client gets a 500; an
   * answer that was begun is cut off. Default: `console.error`. With `'reject'` nothing is answered and the listener's promise
   * rejects, for a framework that catches it, such as Express 5.
   */
  readonly onError?: 'reject' | ((error: unknown, request: IncomingMessage, response: ServerResponse) => unknown)
  /**
   * Reverse proxies, and the fields in which they are believed:
   * `{ addresses: ['10.0.0.7'], fields: ['x-forwarded-proto'] }`. Default none: the origin is that of `resource`.
   */
  readonly trustedProxies?: TrustedProxies
}

/** A request listener for `node:http`. Its promise rejects only where `onError` says so. */
export type NodeHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/**
 * Protects a `node:http` handler: it is called only with a verified token that meets the requirement.
 *
 * Denials that `api.authorize` throws inside the handler become their challenge; what else the handler throws goes to
 * `options.onError`, and the client gets a 500. The protected resource metadata is served at `api.metadataPath`.
 *
 * @example
 * const hello = protect(api, scope('orders:read'), (request, response, { token }) => response.end(token.subject))
 * createServer(hello).listen(3000)
 */
export function protect<Claims>(
  api: ResourceServer<Claims>,
  requirement: Requirement<NoInfer<Claims>>,
  handler: ProtectedHandler<Claims>,
  options?: ProtectOptions & { readonly optional?: false },
): NodeHandler
export function protect<Claims>(
  api: ResourceServer<Claims>,
  requirement: Requirement<NoInfer<Claims>>,
  handler: ProtectedHandler<Claims, AccessToken<Claims> | undefined>,
  options: ProtectOptions,
): NodeHandler
export function protect<Claims>(
  api: ResourceServer<Claims>,
  handler: ProtectedHandler<Claims>,
  options?: ProtectOptions & { readonly optional?: false },
): NodeHandler
export function protect<Claims>(
  api: ResourceServer<Claims>,
  handler: ProtectedHandler<Claims, AccessToken<Claims> | undefined>,
  options: ProtectOptions,
): NodeHandler
export function protect<Claims = JwtClaims>(api: ResourceServer<Claims>, ...rest: readonly unknown[]): NodeHandler {
  const { requirement, handler, options } = splitArguments<
    Requirement<Claims>,
    ProtectedHandler<Claims, AccessToken<Claims> | undefined>
  >(rest)
  const {
    optional,
    preflight,
    onError,
    trustedProxies: proxies,
  } = objectOf<
    RouteOptions<NonNullable<ProtectOptions['preflight']>> & {
      onError: NonNullable<ProtectOptions['onError']>
      trustedProxies: TrustedProxies
    }
  >(options, 'protect()', {
    ...routeChecks(),
    onError: withDefault<NonNullable<ProtectOptions['onError']>>((error) => console.error(error), errorHandler),
    trustedProxies: withDefault({ addresses: [], fields: [] }, trustedProxies),
  })
  const baseOf = createForwarding(proxies, originOf(api.metadata().resource))

  const pass = createGate<Visit, Claims, void>(
    { requirement, optional },
    {
      serverOf: () => api,
      viewOf: ({ request }) => viewOf(request, baseOf(request)),
      preflight: preflight && (({ request, response }) => preflight(request, response)),
      addHeaders: ({ response }, fields) => addHeaders(response, fields),
      handle: ({ request, response }, token) => handler(request, response, { token }),
      // Half an answer cannot be taken back.
      hasBegun: ({ response }) => response.headersSent,
      answer: ({ response }, answer) => respond(response, answer),
    },
  )
  const listener: NodeHandler = (request, response) => pass({ request, response })
  if (onError === 'reject') return listener
  return async (request, response) => {
    try {
      await listener(request, response)
    } catch (error) {
      await report(onError, error, request, response)
      // The handler may go on writing, to an answer that is not its own any more.
      response.on('error', () => {})
      try {
        if (response.headersSent) cutOff(response)
        else respond(response, refusalAnswer(api.challenge(undefined)))
      } catch {
        response.destroy()
      }
    }
  }
}

const errorHandler: Check<NonNullable<ProtectOptions['onError']>> = (value, option) => {
  if (value === 'reject') return value
  if (typeof value === 'function') return value as Exclude<ProtectOptions['onError'], 'reject' | undefined>
  throw misconfigured(option, show(value), '"reject" or a function')
}

/** Gives an error to its handler and waits for it; where that fails, both errors are logged, so that none is lost. */
async function report(
  onError: Exclude<ProtectOptions['onError'], 'reject' | undefined>,
  error: unknown,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    await onError(error, request, response)
  } catch (fault) {
    try {
      console.error(error, fault)
    } catch {
      console.error('A handler threw an error that cannot be printed.')
    }
  }
}

interface Visit {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** Serves the protected resource metadata where `protect` stands on single routes. @see RFC 9728 §3 */
export function metadataHandler(api: Pick<ResourceServer, 'metadata'>): NodeHandler {
  return async (request, response) =>
    respond(response, isPreflight(viewOf(request, '')) ? metadataPreflightAnswer() : metadataAnswer(api))
}

function originOf(resource: string): string {
  const { protocol, origin } = new URL(resource)
  return protocol === 'https:' || protocol === 'http:' ? origin : 'http://localhost'
}
