import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Check, misconfigured, objectOf, show, withDefault } from '../options/checks.ts'
import type { AccessToken, JwtClaims } from '../pipeline.ts'
import type { ResourceServer } from '../resource-server.ts'
import type { Requirement } from '../stages/authorize.ts'
import { metadataAnswer, metadataPreflightAnswer, refusalAnswer } from './answer.ts'
import { createForwarding, trustedProxies, type TrustedProxies } from './forwarded.ts'
import { createGate, isPreflight } from './gate.ts'
import { viewOf } from './node-request.ts'
import { abortAnswer, addHeaders, sendAnswer } from './node-response.ts'
import { routeChecks, type RouteOptions, splitArguments } from './protect.ts'

/** Receives requests with a verified token; with `optional`, also requests without credentials. */
export type ProtectedHandler<Claims, Token = AccessToken<Claims>> = (
  request: IncomingMessage,
  response: ServerResponse,
  context: { readonly token: Token },
) => void | Promise<void>

/** Options of `protect`. */
export interface ProtectOptions {
  /** Passes requests without credentials on, with `token` undefined. Still refuses bad credentials. Default false. */
  readonly optional?: boolean
  /**
   * Answers CORS preflights, which carry no credentials. Default: a preflight needs a token like any other request. `protect`
   * itself answers those of the metadata document.
   */
  readonly preflight?: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>
  /**
   * Receives each error of the handler that is not a denial; `protect` awaits its promise. Then the client gets a 500; an answer
   * that began is broken off, a complete one stands. Default: `console.error`. With `'reject'`, `protect` answers nothing and its
   * promise rejects, for frameworks that catch it, such as Express 5.
   */
  readonly onError?: 'reject' | ((error: unknown, request: IncomingMessage, response: ServerResponse) => unknown)
  /**
   * Trusted reverse proxies and their trusted fields: `{ addresses: ['10.0.0.7'], fields: ['x-forwarded-proto'] }`. Default: none;
   * requests have the origin of `resource`.
   */
  readonly trustedProxies?: TrustedProxies
}

/** A request listener for `node:http`. Its promise rejects only where `onError` says so. */
export type NodeHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/**
 * Protects a `node:http` handler: calls it only for a verified token that meets the requirement.
 *
 * Turns a denial that `api.authorize` throws inside the handler into its challenge. Gives other errors of the handler to
 * `options.onError`, and answers 500. Serves the protected resource metadata at `api.metadataPath`.
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

  const gate = createGate<Visit, Claims, void>(
    { requirement, optional },
    {
      serverOf: () => api,
      viewOf: ({ request }) => viewOf(request, baseOf(request)),
      preflight: preflight && (({ request, response }) => preflight(request, response)),
      addHeaders: ({ response }, fields) => addHeaders(response, fields),
      handle: ({ request, response }, token) => handler(request, response, { token }),
      hasBegun: ({ response }) => response.headersSent,
      answer: ({ response }, answer) => sendAnswer(response, answer),
    },
  )
  const listener: NodeHandler = (request, response) => gate({ request, response })
  if (onError === 'reject') return listener
  return async (request, response) => {
    try {
      await listener(request, response)
    } catch (error) {
      await report(onError, error, request, response)
      // The handler may still write to its response.
      response.on('error', () => {})
      try {
        if (response.headersSent) abortAnswer(response)
        else sendAnswer(response, refusalAnswer(api.challenge(undefined)))
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

/** Calls `onError` and awaits it. Logs both errors where it fails. */
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

/** Serves the protected resource metadata of an application that protects single routes. @see RFC 9728 §3 */
export function metadataHandler(api: Pick<ResourceServer, 'metadata'>): NodeHandler {
  return async (request, response) =>
    sendAnswer(response, isPreflight(viewOf(request, '')) ? metadataPreflightAnswer() : metadataAnswer(api))
}

function originOf(resource: string): string {
  const { protocol, origin } = new URL(resource)
  return protocol === 'https:' || protocol === 'http:' ? origin : 'http://localhost'
}
