import { BearwardError, forCaller, isDenial, withHeaders } from './errors.ts'
import { describeFault, isA } from './faults.ts'
import { createHeaderMemo } from './jws/header-memo.ts'
import type { ProtectedResourceMetadata } from './options/documents.ts'
import type { ResourceServerOptions } from './options/public.ts'
import { parseOptions, type Settings } from './options/settings.ts'
import type { Engine, Services, StageName } from './parts.ts'
import type {
  AccessToken,
  BearwardEvent,
  CallContext,
  Issuer,
  IssuerState,
  JwtClaims,
  Presentation,
  RequestView,
} from './pipeline.ts'
import { requireTime } from './runtime/clock.ts'
import { isAsync, isThenable } from './runtime/thenable.ts'
import { authorizeToken, type Requirement } from './stages/authorize.ts'
import { classifyToken } from './stages/classify.ts'
import { requireBinding, schemeOf } from './stages/constrain.ts'
import { createSchemes, extractCredential, presentToken } from './stages/extract.ts'
import { createIssuerRegistry } from './stages/issuer/registry.ts'
import { buildChallenge, type ChallengeResponse, type ChallengeSettings, errorHeaders } from './stages/respond.ts'
import { verifyJwt } from './stages/verify/jwt.ts'
import { type CachedToken, createTokenCache } from './stages/verify/token-cache.ts'
import { requireTimely } from './token/access-token.ts'
import { createScopeExpansion, createScopeReader, rememberScopes } from './token/scopes.ts'
import type { SchemaOutput, StandardSchemaV1 } from './token/standard-schema.ts'

/** The claims of a token: the output of the schema, or plain JSON without one. */
export type ClaimsOf<Schema> = Schema extends StandardSchemaV1 ? SchemaOutput<Schema> : JwtClaims

/** Protects one resource. Make one for each process or isolate and share it: it caches the keys and the verified tokens. */
export interface ResourceServer<Claims = JwtClaims> {
  /** Validates a token without a request, as a queue, a WebSocket or gRPC brings it. @throws {BearwardError} */
  verify(token: string, context?: CallContext): Promise<AccessToken<Claims>>
  /** Finds and validates the token of a request. @throws {BearwardError} */
  authenticate(request: Request | RequestView, context?: CallContext): Promise<AccessToken<Claims>>
  /** Throws the denial of a token that does not permit the operation. @throws {BearwardError} scope_insufficient, access_denied */
  authorize(token: AccessToken<Claims>, requirement: Requirement<Claims>): void
  /** Turns an error into the answer for the client. Any error that is not bearward's becomes a 500. */
  challenge(
    error: unknown,
    context?: { readonly requirement?: Pick<Requirement, 'scopes'> | undefined },
  ): ChallengeResponse
  /** The protected resource metadata. @see RFC 9728 §2 */
  metadata(): ProtectedResourceMetadata
  /** Path and query at which the application serves `metadata()`; `undefined` where it is switched off. @see RFC 9728 §3.1 */
  readonly metadataPath: string | undefined
  /**
   * Resolves when each listed issuer has the keys or the metadata that its tokens need. Stale keys count. Rejects with the names of
   * the issuers that lack them.
   * @throws {BearwardError} issuer_unavailable
   */
  ready(context?: CallContext): Promise<void>
  /** Forgets a verified token and the issuer's answers about it, in the shared tiers too. Its next use is verified again. */
  invalidate(token: string): Promise<void>
  /**
   * Forgets all verified tokens, all introspection answers and all answers of an issuer resolver. From now on this process ignores
   * older answers in the shared tiers. Other processes use them until they expire.
   */
  invalidateAll(): Promise<void>
  /** The state of each known issuer, for a health page. */
  snapshot(): IssuerState[]
  /** Stops all background work. From then on every token is refused with `issuer_unavailable`. */
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
  return composeStages(parseOptions(options))
}

/** Composes the stages in the order in which a request meets them. */
export function composeStages<Claims>(settings: Settings): ResourceServer<Claims> {
  const { now, emit, clockToleranceSeconds, resourceMetadata, observer } = settings
  const headers = createHeaderMemo()
  const verified = createTokenCache<Claims>(settings.tokenCache)
  const expandScopes = createScopeExpansion(settings.scopes)
  const toScopes = rememberScopes(createScopeReader(expandScopes))
  const engines = new Map<unknown, Engine>()
  const services: Services = { ...settings, expandScopes, tiers: settings.tiers?.start(settings), engine: engineOf }
  const bindings = settings.bindings.map((binding) => binding.start(services))
  const issuers = createIssuerRegistry({ ...settings, emit: watchKeys }, services)

  const ofBindings = bindings.flatMap(({ scheme: name, challengeParameters: parameters }) =>
    name === undefined ? [] : [{ name, parameters: Object.entries(parameters) }],
  )
  const extracting = { ...settings, schemes: createSchemes(ofBindings.map(({ name }) => name)) }
  const verifying = { ...settings, toScopes }
  // Few requirements read the time.
  const clock = Object.freeze({
    get nowMs() {
      const nowMs = now()
      requireTime(nowMs)
      return nowMs
    },
  })
  const challenging: ChallengeSettings = {
    realm: settings.realm,
    resourceMetadataUrl: resourceMetadata.url,
    schemes: [{ name: 'Bearer', parameters: [] }, ...ofBindings],
  }
  let closed = false

  /** Runs the stages from extract to constrain. */
  async function admit(
    kind: 'request' | 'token',
    source: Request | RequestView | string,
    context: CallContext,
  ): Promise<AccessToken<Claims>> {
    let presentation: Presentation | undefined
    try {
      if (observer) enter('extract', context)
      const presented =
        kind === 'token'
          ? presentToken(source, context, extracting)
          : extractCredential(source as Request | RequestView, context, extracting)
      presentation = isThenable(presented) ? await presented : presented
      if (observer) pass('extract', presentation, context)
      const found = validate(presentation)
      const accessToken = isThenable(found) ? await found : found
      if (observer) pass('verify', accessToken, context)
      if (observer) enter('constrain', context)
      const proof = requireBinding(accessToken, presentation, bindings)
      if (proof) await proof
      if (observer) pass('constrain', accessToken, context)
      return accessToken
    } catch (error) {
      throw refusal(error, context, presentation?.scheme)
    }
  }

  /** Returns the verified token of a presentation. A cached token skips verification; its time, issuer and key are checked again. */
  function validate(presentation: Presentation): AccessToken<Claims> | Promise<AccessToken<Claims>> {
    if (closed) throw new BearwardError('issuer_unavailable', 'this resource server was closed')
    const nowMs = now()
    // Checked before any request: without a time, no answer could be cached.
    requireTime(nowMs)
    const { token, context } = presentation
    const cached = verified.get(token)
    if (!cached || !stillCounts(cached, nowMs, context)) return verifyPresented(presentation)
    if (observer) enter('verify', context)
    requireTimely(cached.accessToken, cached.notBeforeSeconds, nowMs, clockToleranceSeconds)
    return confirm(token, cached.accessToken, cached.issuer, context)
  }

  function stillCounts(cached: CachedToken<Claims>, nowMs: number, context: CallContext): boolean {
    const { issuer, key } = cached
    return !verified.isOld(cached, nowMs) && issuers.trusts(issuer) && issuer.keys.stillHolds(key, context)
  }

  /** Verifies a JWT here or asks its issuer about it, according to that issuer's configuration; asks about any other token. */
  async function verifyPresented(presentation: Presentation): Promise<AccessToken<Claims>> {
    const { token, context } = presentation
    const epoch = verified.epoch()
    enter('classify', context)
    const classified = classifyToken(presentation, headers)
    pass('classify', classified, context)
    enter('issuer', context)
    const found =
      classified.kind === 'jwt' ? issuers.find(classified.issuer, context) : issuers.findForOpaque(token, context)
    // An `await` here would put the parsing of every token at hand before the first signature.
    const issuer = isThenable(found) ? await found : found
    pass('issuer', issuer, context)
    enter('verify', context)
    if (classified.kind === 'opaque' || !issuer.verifiesJwts) return introspect(token, issuer, context)
    const { accessToken, notBeforeSeconds, key } = await verifyJwt<Claims>(classified, issuer, verifying, context)
    headers.keep(token)
    const { weight } = classified
    verified.set({ accessToken, notBeforeSeconds, key, issuer, token, weight, cachedMs: now() }, epoch)
    return confirm(token, accessToken, issuer, context)
  }

  function introspect(token: string, issuer: Issuer, context: CallContext): Promise<AccessToken<Claims>> {
    if (!issuer.introspection) {
      throw new BearwardError('token_malformed', `issuer "${issuer.identifier}" is not asked about tokens`)
    }
    return issuer.introspection.introspect<Claims>(token, issuer, context)
  }

  /** Asks the issuer about a verified JWT too, where its introspection has `use: 'always'`. */
  function confirm(
    token: string,
    jwt: AccessToken<Claims>,
    issuer: Issuer,
    context: CallContext,
  ): AccessToken<Claims> | Promise<AccessToken<Claims>> {
    return issuer.introspection?.use === 'always' ? issuer.introspection.confirm(token, jwt, issuer, context) : jwt
  }

  /** Holds a token against a requirement, and reports a denial. */
  function authorize(token: AccessToken<Claims>, requirement: Requirement<Claims>): void {
    try {
      if (observer) enter('authorize')
      authorizeToken(token, requirement, clock)
      if (observer) pass('authorize', requirement)
    } catch (error) {
      if (!isDenial(error)) throw error
      const denial = withHeaders(forCaller(error, schemeOf(token, bindings)), headersOf)
      if (observer) tryTo(() => observer.refused(denial, undefined))
      const { code, detail, scopes } = error
      emit({ type: 'operation_denied', code, detail, ...(scopes && { scopes }) })
      throw denial
    }
  }

  /** Reports a refusal; returns the error that the caller gets. */
  function refusal(error: unknown, context: CallContext, scheme: string | undefined): unknown {
    const isOurs = isA(error, BearwardError)
    const own = isOurs ? withHeaders(forCaller(error, scheme), headersOf) : error
    if (observer) tryTo(() => observer.refused(own, context))
    if (isOurs) emit({ type: 'token_refused', code: error.code, detail: error.detail })
    return own
  }

  function headersOf(error: BearwardError): Readonly<Record<string, string>> {
    return errorHeaders(error, challenging)
  }

  function enter(stage: StageName, context?: CallContext): void {
    if (observer) tryTo(() => observer.entered(stage, context))
  }

  function pass(stage: StageName, found: unknown, context?: CallContext): void {
    if (observer) tryTo(() => observer.passed(stage, found, context))
  }

  function watchKeys(event: BearwardEvent): void {
    // New keys bring new headers. Those of old keys are dropped with them.
    if (event.type === 'keys_loaded') headers.forgetAll()
    emit(event)
  }

  function engineOf<E extends Engine>(create: (services: Services) => E): E {
    const engine = (engines.get(create) as E | undefined) ?? create(services)
    engines.set(create, engine)
    return engine
  }

  /** Finds the issuer of a token; `undefined` where it has none. @throws {BearwardError} issuer_unavailable */
  async function ownerOf(token: string): Promise<Issuer | undefined> {
    try {
      const classified = classifyToken({ token, scheme: 'Bearer', request: undefined })
      if (classified.kind === 'opaque') return await issuers.findForOpaque(token, {})
      return await issuers.find(classified.issuer, {})
    } catch (error) {
      if (error instanceof BearwardError && error.code !== 'issuer_unavailable') return undefined
      throw error
    }
  }

  return {
    verify(token, given) {
      const context = given ?? {}
      return admit('token', token, context)
    },
    authenticate(request, given) {
      const context = given ?? {}
      return admit('request', request, context)
    },
    authorize,
    challenge: (error, context) => buildChallenge(error, context?.requirement, challenging),
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
      const answers = services.tiers?.answers
      if (!answers) return
      // Where the issuer of the token is unknown, its answers stay in the tiers. This process takes none of them.
      answers.forget(token)
      const owner = await ownerOf(token).catch(() => undefined)
      await owner?.introspection?.forget(token, owner)
    },
    async invalidateAll() {
      verified.forgetAll()
      for (const engine of engines.values()) engine.forgetAll()
      services.tiers?.answers?.forgetAll()
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

/** Calls an observer. Its fault must not become a request's fault. */
function tryTo(work: () => unknown): void {
  try {
    isAsync(work())
  } catch {
    // There is no place to report it.
  }
}

function pathOf(url: string): string {
  const { pathname, search } = new URL(url)
  return pathname + search
}
