import { BearwardError, isDenial } from '../errors.ts'
import { headerLines } from '../parse/header-lines.ts'
import type { AccessToken, CallContext, RequestView } from '../pipeline.ts'
import type { ResourceServer } from '../resource-server.ts'
import type { Requirement } from '../stages/authorize.ts'
import { type Answer, metadataAnswer, metadataPreflightAnswer, refusalAnswer } from './answer.ts'

/** The rules of one route. */
export interface Rules<Claims> {
  readonly requirement: Requirement<Claims> | undefined
  /** Passes requests without credentials on, without a token. */
  readonly optional: boolean
}

/**
 * Translates between the gate and one framework. A `Visit` is the framework's request with its response and context. A `Reply` is
 * what the framework expects in return, perhaps nothing.
 */
export interface Adapter<Visit, Claims, Reply> {
  readonly serverOf: (visit: Visit) => ResourceServer<Claims>
  readonly viewOf: (visit: Visit) => Request | RequestView
  /** Returns the platform's `waitUntil`, which must work without `this`. */
  readonly waitUntilOf?: (visit: Visit) => CallContext['waitUntil']
  /** Answers a CORS preflight. Default: a preflight is a request like any other. */
  readonly preflight?: ((visit: Visit) => Reply | Promise<Reply>) | undefined
  /**
   * Adds these header fields to whatever answer follows. Called at most once, before `handle` or `answer`, and only with at least
   * one field. The answer's own field wins, except where `isAdditive` allows both.
   */
  readonly addHeaders: (visit: Visit, fields: Headers) => void
  /** Calls the handler, or passes the request on to it, as `next()` does. */
  readonly handle: (visit: Visit, token: AccessToken<Claims> | undefined) => Reply | Promise<Reply>
  /** Whether the handler has sent a part of its answer. Absent where handlers return whole answers. */
  readonly hasBegun?: (visit: Visit) => boolean
  /** Sends an answer of bearward. Leaves the body out for HEAD. */
  readonly answer: (visit: Visit, answer: Answer) => Reply | Promise<Reply>
}

/**
 * Returns the function that decides about each request, alike for every adapter. It serves the metadata document and its preflight,
 * calls the adapter's `preflight`, authenticates and authorizes, and then calls `handle` or answers the refusal. It answers a
 * denial that `handle` throws, and passes on any other error unchanged.
 *
 * Where `handle` calls `next()`, the gate never sees the handler's denial: the framework's error handler then calls `denialAnswer`.
 */
export function createGate<Visit, Claims, Reply>(
  { requirement, optional }: Rules<Claims>,
  adapter: Adapter<Visit, Claims, Reply>,
): (visit: Visit) => Promise<Reply> {
  return async (visit) => {
    const api = adapter.serverOf(visit)
    const view = adapter.viewOf(visit)
    if (addressesMetadata(api, view.method, view.url)) return adapter.answer(visit, metadataAnswer(api))
    if (isPreflight(view)) {
      const method = headerLines(view.headers, 'access-control-request-method').join(', ')
      if (addressesMetadata(api, method, view.url)) return adapter.answer(visit, metadataPreflightAnswer())
      if (adapter.preflight) return adapter.preflight(visit)
    }

    const context = new VisitContext(adapter.waitUntilOf?.(visit))
    let token: AccessToken<Claims> | undefined
    let refusal: BearwardError | undefined
    try {
      token = await api.authenticate(view, context)
      if (requirement) api.authorize(token, requirement)
    } catch (error) {
      if (!(error instanceof BearwardError)) throw error
      if (!optional || token || error.code !== 'credentials_missing') refusal = error
    }
    const fields = context.fields()
    if (fields) adapter.addHeaders(visit, fields)
    if (refusal) return adapter.answer(visit, refusalAnswer(api.challenge(refusal, { requirement })))

    try {
      return await adapter.handle(visit, token)
    } catch (error) {
      const answer = adapter.hasBegun?.(visit) ? undefined : denialAnswer(api, error, requirement)
      if (!answer) throw error
      return adapter.answer(visit, answer)
    }
  }
}

/** Returns the answer to a denial that a handler threw; `undefined` for any other error. */
export function denialAnswer(
  api: Pick<ResourceServer, 'challenge'>,
  error: unknown,
  requirement?: Pick<Requirement, 'scopes'>,
): Answer | undefined {
  return isDenial(error) ? refusalAnswer(api.challenge(error, { requirement })) : undefined
}

/** Whether a request with this path and query asks for the metadata document. */
export function asksForMetadata(api: Pick<ResourceServer, 'metadataPath'>, method: string, path: string): boolean {
  return path === api.metadataPath && (method === 'GET' || method === 'HEAD')
}

// `URL` neither encodes, decodes nor replaces any of these characters.
const PLAIN = /^[\w.~:/?@!$&()*+,;=-]+$/

/** Whether a request with this absolute address asks for the metadata document. */
export function addressesMetadata(api: Pick<ResourceServer, 'metadataPath'>, method: string, url: string): boolean {
  if (api.metadataPath === undefined) return false
  // Nearly every address ends here. Parsing it would take longer than the whole check of a cached token.
  if (!url.endsWith(api.metadataPath) && PLAIN.test(url) && !url.includes('/.')) return false
  const { pathname, search } = new URL(url)
  return asksForMetadata(api, method, pathname + search)
}

/** Whether a request is a CORS preflight. @see https://fetch.spec.whatwg.org/#cors-preflight-request */
export function isPreflight({ method, headers }: Pick<RequestView, 'method' | 'headers'>): boolean {
  return (
    method === 'OPTIONS' &&
    headerLines(headers, 'origin').length > 0 &&
    headerLines(headers, 'access-control-request-method').length > 0
  )
}

/** The context of one call. Makes its `Headers` when first read: most calls add no field to the answer. */
class VisitContext implements CallContext {
  declare readonly waitUntil?: NonNullable<CallContext['waitUntil']>
  #fields: Headers | undefined

  constructor(waitUntil: CallContext['waitUntil']) {
    if (waitUntil) this.waitUntil = waitUntil
  }

  get responseHeaders(): Headers {
    return (this.#fields ??= new Headers())
  }

  /** Returns the added fields; `undefined` where there are none. */
  fields(): Headers | undefined {
    return this.#fields?.keys().next().done === false ? this.#fields : undefined
  }
}
