import { BearwardError, isDenial } from '../errors.ts'
import { headerLines } from '../parse/header-lines.ts'
import type { AccessToken, CallContext, RequestView } from '../pipeline.ts'
import type { ResourceServer } from '../resource-server.ts'
import type { Requirement } from '../stages/authorize.ts'
import { addressesMetadata, type Answer, metadataAnswer, metadataPreflightAnswer, refusalAnswer } from './answer.ts'

/** What a route demands of its callers. */
export interface Rules<Claims> {
  readonly requirement: Requirement<Claims> | undefined
  /** Requests without credentials are let through, without a token. */
  readonly optional: boolean
}

/**
 * Translates between the gate and one framework. A `Visit` is the framework's request with whatever belongs to it: its
 * response, its context. A `Reply` is what the framework wants back, which may be nothing.
 */
export interface Adapter<Visit, Claims, Reply> {
  readonly serverOf: (visit: Visit) => ResourceServer<Claims>
  readonly viewOf: (visit: Visit) => Request | RequestView
  /** The platform's own `waitUntil`, where it has one. It is called without `this`. */
  readonly waitUntilOf?: (visit: Visit) => CallContext['waitUntil']
  /** Answers a CORS preflight. Without it a preflight is a request like any other. */
  readonly preflight?: ((visit: Visit) => Reply | Promise<Reply>) | undefined
  /**
   * Receives header fields that belong to whatever is answered to this visit from now on. Called once at most, before `handle`
   * or `answer`, and not at all where there is none. A field that the answer sets itself stands; `isAdditive` names the
   * fields that stand beside it.
   */
  readonly addHeaders: (visit: Visit, fields: Headers) => void
  /** Lets the request pass: calls the handler, or gives way to it, as `next()` does. */
  readonly handle: (visit: Visit, token: AccessToken<Claims> | undefined) => Reply | Promise<Reply>
  /** Whether an answer has begun, which cannot be taken back. Absent where the handler returns its answer whole. */
  readonly hasBegun?: (visit: Visit) => boolean
  /** Sends an answer of bearward's own, without its body where the method is HEAD. */
  readonly answer: (visit: Visit, answer: Answer) => Reply | Promise<Reply>
}

/**
 * Returns the function that decides about each request, for every adapter alike: the metadata document answers for itself and
 * its preflight, then the adapter's `preflight` answers, then the request is authenticated and authorized. It passes, or is
 * refused. A denial that `handle` throws is answered; any other error passes untouched.
 *
 * Where `handle` only gives way, the handler's denial does not come back here. The framework's error handler then asks
 * `denialAnswer`.
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
      const asked = headerLines(view.headers, 'access-control-request-method').join(', ')
      if (addressesMetadata(api, asked, view.url)) return adapter.answer(visit, metadataPreflightAnswer())
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

/** Returns the answer to a denial that a handler threw; `undefined` for any other error, which is the application's. */
export function denialAnswer(
  api: Pick<ResourceServer, 'challenge'>,
  error: unknown,
  requirement?: Pick<Requirement, 'scopes'>,
): Answer | undefined {
  return isDenial(error) ? refusalAnswer(api.challenge(error, { requirement })) : undefined
}

/** @see https://fetch.spec.whatwg.org/#cors-preflight-request */
export function isPreflight({ method, headers }: Pick<RequestView, 'method' | 'headers'>): boolean {
  return (
    method === 'OPTIONS' &&
    headerLines(headers, 'origin').length > 0 &&
    headerLines(headers, 'access-control-request-method').length > 0
  )
}

/** The context of one call. Most calls add no field to the answer: its `Headers` are made for those that do. */
class VisitContext implements CallContext {
  declare readonly waitUntil?: NonNullable<CallContext['waitUntil']>
  #fields: Headers | undefined

  constructor(waitUntil: CallContext['waitUntil']) {
    if (waitUntil) this.waitUntil = waitUntil
  }

  get responseHeaders(): Headers {
    return (this.#fields ??= new Headers())
  }

  /** The fields that were added, if any were. */
  fields(): Headers | undefined {
    return this.#fields?.keys().next().done === false ? this.#fields : undefined
  }
}
