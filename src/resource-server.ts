import { requireTimely } from './token/access-token.ts'
import { authorizeToken, type Requirement } from './stages/authorize.ts'
import { classifyToken } from './stages/classify.ts'
import { requireTime } from './runtime/clock.ts'
import { requireBinding } from './stages/constrain.ts'
import { BearwardError, forCaller, isDenial } from './errors.ts'
import { describeFault, isA } from './faults.ts'
import {
  extractCredential,
  requireCredentialCharacters,
  requireToken,
  requireTokenCharacters,
} from './stages/extract.ts'
import { readForm } from './parse/form.ts'
import { createHeaderMemo } from './jws/header-memo.ts'
import type { Engine, Services } from './parts.ts'
import { createIssuerRegistry } from './stages/issuer/registry.ts'
import type { ProtectedResourceMetadata } from './options/documents.ts'
import type { ResourceServerOptions } from './options/public.ts'
import { parseOptions } from './options/settings.ts'
import type {
  AccessToken,
  BearwardEvent,
  CallContext,
  Issuer,
  IssuerState,
  JwtClaims,
  OpaqueToken,
  RequestView,
  UnverifiedJwt,
} from './pipeline.ts'
import { buildChallenge, type ChallengeResponse } from './stages/respond.ts'
import { createScopeExpansion, createScopeReader, rememberScopes } from './token/scopes.ts'
import type { SchemaOutput, StandardSchemaV1 } from './token/standard-schema.ts'
import { isThenable } from './runtime/thenable.ts'
import { verifyJwt } from './stages/verify/jwt.ts'
import { type CachedToken, createTokenCache } from './stages/verify/token-cache.ts'

/** The claims that come out of a schema, or plain JSON without one. */
export type ClaimsOf<Schema> = Schema extends StandardSchemaV1 ? SchemaOutput<Schema> : JwtClaims

/** Protects one resource. Make one for a process or isolate and share it: it holds the keys and the verified tokens. */
export interface ResourceServer<Claims = JwtClaims> {
  /** Validates a bare token, as it comes from a queue, a WebSocket or gRPC. @throws {BearwardError} */
  verify(token: string, context?: CallContext): Promise<AccessToken<Claims>>
  /** Finds and validates the token of a request. @throws {BearwardError} */
  authenticate(request: Request | RequestView, context?: CallContext): Promise<AccessToken<Claims>>
  /** Throws the denial of a token that does not permit the operation. @throws {BearwardError} scope_insufficient, access_denied */
  authorize(token: AccessToken<Claims>, requirement: Requirement<Claims>): void
  /** Turns an error into the answer for the client. An error that is not bearward's own is a 500. */
  challenge(
    error: unknown,
    context?: { readonly requirement?: Pick<Requirement, 'scopes'> | undefined },
  ): ChallengeResponse
  /** The protected resource metadata. @see RFC 9728 §2 */
  metadata(): ProtectedResourceMetadata
  /** Path and query at which to serve `metadata()`; `undefined` where it is not advertised. @see RFC 9728 §3.1 */
  readonly metadataPath: string | undefined
  /**
   * Resolves when every listed issuer has what it takes to check its tokens, be it keys or metadata; rejects naming the ones
   * that have not. Stale keys count.
   * @throws {BearwardError} issuer_unavailable
   */
  ready(context?: CallContext): Promise<void>
  /** Forgets that a token was verified, and any answer about it, in the shared tiers too: its next use is verified anew. */
  invalidate(token: string): Promise<void>
  /**
   * Forgets every verified token, every introspection answer, and what an issuer resolver answered. Answers that are in a
   * shared tier by now are not taken from there any more by this process; others go on with them until they are too old.
   */
  invalidateAll(): Promise<void>
  /** The state of every issuer at hand, for a health page. */
  snapshot(): IssuerState[]
  /** Ends what runs in the background. No token is accepted from then on: `issuer_unavailable`. */
  close(): void
}

/**
 * Creates a resource server: the verifier of access tokens for one API. Makes no request and starts no timer until it is used.
 *
 * @throws {BearwardError} configuration_invalid, naming the option, what came and what was expected
 * @example
 * const api = createResourceServer({
 *   resource: 'https://api.example.com',
 *   issuers: [{ issuer: 'https://login.example.com' }],
 * })
 */
export function createResourceServer<Schema extends StandardSchemaV1 | undefined = undefined>(
  options: ResourceServerOptions<Schema>,
): ResourceServer<ClaimsOf<Schema>> {
  type Claims = ClaimsOf<Schema>
  const settings = parseOptions(options)
  const { now, emit, clockToleranceSeconds, resourceMetadata } = settings
  const headers = createHeaderMemo()
  const verified = createTokenCache<Claims>(settings.tokenCache)
  const expandScopes = createScopeExpansion(settings.implied)
  const toScopes = rememberScopes(createScopeReader(expandScopes))
  const engines = new Map<unknown, Engine>()
  const services: Services = { ...settings, expandScopes, tiers: settings.tiers?.start(settings), engine: engineOf }
  const issuers = createIssuerRegistry({ ...settings, emit: watchKeys }, services)
  const judging = { ...settings, toScopes }
  const challengeSettings = { realm: settings.realm, resourceMetadataUrl: resourceMetadata.url }
  let closed = false

  /** Verifies a JWT here or asks its issuer about it, as that issuer is configured; asks about any other token. */
  async function verifyToken(
    token: string,
    requireCharacters: (token: string) => void,
    context: CallContext,
  ): Promise<AccessToken<Claims>> {
    const epoch = verified.epoch()
    const classified = classify(token, requireCharacters)
    if (classified.kind === 'opaque') return ask(token, await issuers.findForOpaque(token, context), context)
    const found = issuers.find(classified.issuer, context)
    // An `await` here would put the parsing of every token at hand before the first signature.
    const issuer = isThenable(found) ? await found : found
    if (!issuer.verifiesJwts) return ask(token, issuer, context)
    const { accessToken, notBeforeSeconds, key } = await verifyJwt<Claims>(classified, issuer, judging, context)
    headers.keep(token)
    const { weight } = classified
    verified.set({ accessToken, notBeforeSeconds, key, issuer, token, weight, cachedMs: now() }, epoch)
    return confirmed(token, accessToken, issuer, context)
  }

  /** Where a token is a JWT in every character, none is left to be looked at: only for others it is asked what they hold. */
  function classify(token: string, requireCharacters: (token: string) => void): UnverifiedJwt | OpaqueToken {
    let classified: UnverifiedJwt | OpaqueToken
    try {
      classified = classifyToken(token, headers)
    } catch (fault) {
      requireCharacters(token)
      throw fault
    }
    if (classified.kind === 'opaque') requireCharacters(token)
    return classified
  }

  /**
   * classify → issuer → verify, and constrain left to the caller. A token that was verified before skips verification and
   * nothing else: its time, its issuer and its key are checked again.
   */
  function validate(
    token: string,
    entry: CachedToken<Claims> | undefined,
    requireCharacters: (token: string) => void,
    context: CallContext,
  ): AccessToken<Claims> | Promise<AccessToken<Claims>> {
    if (closed) throw new BearwardError('issuer_unavailable', 'this resource server was closed')
    const nowMs = now()
    // Before anybody is asked: without a time, what is asked for could not be kept.
    requireTime(nowMs)
    if (!entry) return verifyToken(token, requireCharacters, context)
    const { issuer, key, accessToken } = entry
    if (verified.isOld(entry, nowMs) || !issuers.trusts(issuer) || !issuer.keys.stillHolds(key, context)) {
      return verifyToken(token, requireCharacters, context)
    }
    requireTimely(accessToken, entry.notBeforeSeconds, nowMs, clockToleranceSeconds)
    return confirmed(token, accessToken, issuer, context)
  }

  /** Where the issuer wants to be asked about every token, a valid signature is half of an answer. */
  function confirmed(
    token: string,
    jwt: AccessToken<Claims>,
    issuer: Issuer,
    context: CallContext,
  ): AccessToken<Claims> | Promise<AccessToken<Claims>> {
    return issuer.introspection?.use === 'always' ? issuer.introspection.confirm(token, jwt, issuer, context) : jwt
  }

  function ask(token: string, issuer: Issuer, context: CallContext): Promise<AccessToken<Claims>> {
    if (issuer.introspection) return issuer.introspection.introspect(token, issuer, context)
    throw new BearwardError('token_malformed', `issuer "${issuer.identifier}" is not asked about tokens`)
  }

  function engineOf<E extends Engine>(create: (services: Services) => E): E {
    const engine = (engines.get(create) as E | undefined) ?? create(services)
    engines.set(create, engine)
    return engine
  }

  /** The issuer that would be asked about a token; `undefined` where there is none. @throws where that cannot be found out */
  async function ownerOf(token: string): Promise<Issuer | undefined> {
    try {
      const classified = classifyToken(token)
      if (classified.kind === 'opaque') return await issuers.findForOpaque(token, {})
      return await issuers.find(classified.issuer, {})
    } catch (error) {
      if (error instanceof BearwardError && error.code !== 'issuer_unavailable') return undefined
      throw error
    }
  }

  function watchKeys(event: BearwardEvent): void {
    // Headers are forgotten with the keys that they came with, so that those of old keys do not pile up.
    if (event.type === 'keys_loaded') headers.forgetAll()
    emit(event)
  }

  /** Tells who listens what was refused, and why; returns what the caller gets. */
  function refusal(error: unknown): unknown {
    if (!isA(error, BearwardError)) return error
    emit({ type: 'token_refused', code: error.code, detail: error.detail })
    return forCaller(error)
  }

  /** @throws {BearwardError} the denial, of which it tells who listens */
  function authorize(token: AccessToken<Claims>, requirement: Requirement<Claims>): void {
    try {
      authorizeToken(token, requirement)
    } catch (error) {
      if (isDenial(error)) {
        const { code, detail, scopes } = error
        emit({ type: 'operation_denied', code, detail, ...(scopes && { scopes }) })
      }
      throw error
    }
  }

  return {
    async verify(token, given) {
      const context = given ?? {}
      try {
        const entry = typeof token === 'string' ? verified.get(token) : undefined
        // A token that is known, letter by letter, passed this check when it was new.
        if (!entry) requireToken(token, settings)
        const found = validate(token, entry, requireTokenCharacters, context)
        const accessToken = isThenable(found) ? await found : found
        requireBinding(accessToken)
        return accessToken
      } catch (error) {
        throw refusal(error)
      }
    },
    async authenticate(request, given) {
      const context = given ?? {}
      try {
        const extracted = extractCredential(viewOf(request), settings, context.signal)
        const credential = isThenable(extracted) ? await extracted : extracted
        const entry = verified.get(credential.token)
        const found = validate(credential.token, entry, requireCredentialCharacters, context)
        const accessToken = isThenable(found) ? await found : found
        requireBinding(accessToken)
        return accessToken
      } catch (error) {
        throw refusal(error)
      }
    },
    authorize,
    challenge: (error, context) => buildChallenge(error, context?.requirement, challengeSettings),
    metadata: () => resourceMetadata.document,
    metadataPath: resourceMetadata.url && pathOf(resourceMetadata.url),
    async ready(context = {}) {
      if (closed) throw new BearwardError('issuer_unavailable', 'this resource server was closed')
      requireTime(now())
      const outcomes = await Promise.allSettled(issuers.all().map((issuer) => issuer.ready(context)))
      const faults = outcomes
        .filter((outcome) => outcome.status === 'rejected')
        .map(({ reason }) => reason as BearwardError)
      if (faults.length === 0) return
      throw new BearwardError('issuer_unavailable', faults.map((fault) => describeFault(fault)).join('; '), {
        retryAfterSeconds: Math.max(...faults.map(({ retryAfterSeconds }) => retryAfterSeconds ?? 1)),
      })
    },
    async invalidate(token) {
      if (typeof token !== 'string') return
      verified.forget(token)
      for (const engine of engines.values()) engine.forget(token)
      if (![...engines.values()].some(({ isShared }) => isShared)) return
      const owner = await ownerOf(token).catch(() => undefined)
      await owner?.introspection?.forget(token, owner)
    },
    async invalidateAll() {
      verified.forgetAll()
      for (const engine of engines.values()) engine.forgetAll()
      issuers.forgetAnswers()
    },
    snapshot: () => issuers.all().map((issuer) => issuer.state()),
    close() {
      closed = true
      verified.forgetAll()
      for (const engine of engines.values()) {
        engine.stop()
        engine.forgetAll()
      }
      issuers.stop()
    },
  }
}

function viewOf(request: Request | RequestView): RequestView {
  if (!(request instanceof Request)) return requireView(request)
  const { method, url, headers } = request
  return { method, url, headers, form: () => readForm(request.clone()) }
}

function requireView(view: RequestView): RequestView {
  // Callers in plain JavaScript get a typed refusal too.
  if (typeof view?.method === 'string' && typeof view.headers === 'object' && view.headers !== null) return view
  throw new BearwardError('credentials_malformed', 'authenticate() takes a Request, or a method, a url and headers')
}

function pathOf(url: string): string {
  const { pathname, search } = new URL(url)
  return pathname + search
}
