import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Requirement } from '../stages/authorize.ts'
import { BearwardError, isDenial } from '../errors.ts'
import {
  boolean,
  type Check,
  functionOf,
  misconfigured,
  objectOf,
  optional,
  show,
  withDefault,
} from '../options/checks.ts'
import type { AccessToken, JwtClaims } from '../pipeline.ts'
import type { ResourceServer } from '../resource-server.ts'
import { splitArguments } from './protect.ts'
import { addressesMetadata, metadataAnswer, metadataPreflightAnswer, refusalAnswer } from './answer.ts'
import { createForwarding, trustedProxies, type TrustedProxies } from './forwarded.ts'
import { viewOf } from './node-request.ts'
import { cutOff, respond } from './node-response.ts'

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
    optional: mayLackToken,
    preflight,
    onError,
    trustedProxies: proxies,
  } = objectOf<{
    optional: boolean
    preflight: ProtectOptions['preflight']
    onError: NonNullable<ProtectOptions['onError']>
    trustedProxies: TrustedProxies
  }>(options, 'protect()', {
    optional: withDefault(false, boolean),
    preflight: optional(functionOf()),
    onError: withDefault<NonNullable<ProtectOptions['onError']>>((error) => console.error(error), errorHandler),
    trustedProxies: withDefault({ addresses: [], fields: [] }, trustedProxies),
  })
  const baseOf = createForwarding(proxies, originOf(api.metadata().resource))

  const listener: NodeHandler = async (request, response) => {
    const view = viewOf(request, baseOf(request))
    if (addressesMetadata(api, view.method, view.url)) return respond(response, metadataAnswer(api))
    if (isPreflight(request)) {
      const asked = String(request.headers['access-control-request-method'])
      if (addressesMetadata(api, asked, view.url)) return respond(response, metadataPreflightAnswer())
      if (preflight) return preflight(request, response)
    }
    const refuse = (error: BearwardError) => respond(response, refusalAnswer(api.challenge(error, { requirement })))
    let token: AccessToken<Claims> | undefined
    try {
      token = await api.authenticate(view)
      if (requirement) api.authorize(token, requirement)
    } catch (error) {
      if (!(error instanceof BearwardError)) throw error
      if (!mayLackToken || token || error.code !== 'credentials_missing') return refuse(error)
    }
    try {
      await handler(request, response, { token })
    } catch (error) {
      // Half an answer cannot be taken back.
      if (!isDenial(error) || response.headersSent) throw error
      refuse(error)
    }
  }
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

/** Serves the protected resource metadata where `protect` stands on single routes. @see RFC 9728 §3 */
export function metadataHandler(api: Pick<ResourceServer, 'metadata'>): NodeHandler {
  return async (request, response) =>
    respond(response, isPreflight(request) ? metadataPreflightAnswer() : metadataAnswer(api))
}

function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === 'OPTIONS' && 'origin' in headers && 'access-control-request-method' in headers
}

function originOf(resource: string): string {
  const { protocol, origin } = new URL(resource)
  return protocol === 'https:' || protocol === 'http:' ? origin : 'http://localhost'
}
