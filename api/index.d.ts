// The exports of 'bearward' and the types that they need. `npm run api` writes this file.

import { JSONWebKeySet, JWK } from 'jose'

export interface AccessToken<Claims = JwtClaims> {
  readonly format: 'jwt' | 'opaque'
  readonly issuer: string
  readonly subject?: string
  readonly clientId?: string
  readonly audience: readonly string[]
  readonly scopes: readonly string[]
  readonly issuedAtSeconds?: number
  readonly expiresAtSeconds?: number
  readonly tokenId?: string
  readonly confirmation?: {
    readonly jkt?: string
    readonly 'x5t#S256'?: string
  }
  readonly authentication: {
    readonly acr?: string
    readonly amr?: readonly string[]
    readonly authTimeSeconds?: number
  }
  readonly authorizationDetails: readonly AuthorizationDetail[]
  readonly actor?: Actor
  readonly claims: Claims
}

export type Actor = JsonObject & {
  readonly sub?: string
  readonly iss?: string
}

export type AuthorizationDetail = JsonObject & {
  readonly type: string
}

export interface AuthorizationServerMetadata {
  readonly issuer: string
  readonly jwks_uri?: string
  readonly [member: string]: unknown
}

export declare class BearwardError extends Error {
  #private
  override name: string
  readonly code: ErrorCode
  readonly status: Outcome['status']
  readonly statusCode: Outcome['status']
  readonly expose: false
  readonly detail: string
  readonly error?: WireError
  readonly scopes?: readonly string[]
  readonly requirement?: Needed
  readonly challenge?: ErrorChallenge
  readonly retryAfterSeconds?: number
  constructor(code: ErrorCode, detail: string, details?: BearwardErrorDetails)
  get headers(): Readonly<Record<string, string>> | undefined
  set headers(headers: Readonly<Record<string, string>> | undefined)
}

interface BearwardErrorDetails {
  readonly cause?: unknown
  readonly scopes?: readonly string[] | undefined
  readonly retryAfterSeconds?: number | undefined
  readonly requirement?: Needed | undefined
  readonly challenge?: ErrorChallenge | undefined
}

export type BearwardEvent =
  | {
      readonly type: 'keys_loaded'
      readonly issuer: string
      readonly keys: number
      readonly from: 'issuer' | 'tier'
    }
  | {
      readonly type: 'key_ignored'
      readonly issuer: string
      readonly reason: string
    }
  | {
      readonly type: 'issuer_failed'
      readonly issuer: string
      readonly detail: string
      readonly retryInMs: number
    }
  | {
      readonly type: 'metadata_stale'
      readonly issuer: string
      readonly detail: string
    }
  | {
      readonly type: 'introspection_failed'
      readonly issuer: string
      readonly detail: string
      readonly outage: boolean
    }
  | {
      readonly type: 'introspection_stale'
      readonly issuer: string
    }
  | {
      readonly type: 'tier_failed'
      readonly tier: string
      readonly operation: 'get' | 'put' | 'delete'
      readonly detail: string
      readonly retryInMs: number
    }
  | {
      readonly type: 'token_refused'
      readonly code: ErrorCode
      readonly detail: string
    }
  | {
      readonly type: 'operation_denied'
      readonly code: 'scope_insufficient' | 'access_denied'
      readonly detail: string
      readonly scopes?: readonly string[]
    }

export interface CacheTier {
  readonly name: string
  readonly timeoutMs?: number | undefined
  readonly answers?: boolean | undefined
  readonly get: (key: string) => Promise<string | null | undefined>
  readonly put: (key: string, value: string, expiry: TierExpiry) => Promise<unknown>
  readonly delete: (key: string) => Promise<unknown>
}

export interface CallContext {
  readonly signal?: AbortSignal
  readonly waitUntil?: (promise: Promise<unknown>) => void
  readonly responseHeaders?: Headers
}

export interface ChallengeResponse {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: {
    readonly error?: string
    readonly error_description: string
    readonly code?: string
  }
}

export type Changing<T> = T | (() => T | Promise<T>)

interface CheckedIntrospection {
  readonly prefixes: readonly string[] | undefined
  readonly requireDistinct: (listed: readonly (CheckedIntrospection | undefined)[]) => void
  readonly needsKeys: boolean
  readonly needsMember: string | undefined
  readonly start: (services: Services) => Inquirer
}

interface CheckedIssuer<Sources extends IssuerSources> {
  readonly identifier: string
  readonly sources: (earlier: Sources | undefined, keysLoaded: () => void) => Sources
  readonly create: (sources: Sources) => TrackedIssuer
}

interface CheckedResolver {
  readonly start: <Sources extends IssuerSources>(stage: IssuerStage<Sources>) => IssuerRegistry
}

interface CheckedTiers {
  readonly start: (services: Pick<Services, 'now' | 'emit'>) => RunningTiers
}

export type ClaimsOf<Schema> = Schema extends StandardSchemaV1 ? SchemaOutput<Schema> : JwtClaims

export interface ClientAuthentication {
  readonly method: string
  readonly clientId?: string
  readonly authenticate: (
    request: UpstreamRequest,
    context: {
      readonly issuer: string
      readonly nowMs: number
      readonly conceal?: (secret: string) => void
    },
  ) => void | Promise<void>
}

export type ClientCertificate =
  | {
      readonly der: Uint8Array
    }
  | {
      readonly sha256: Uint8Array
    }

export interface Denial {
  readonly reason: string
  readonly scopes?: readonly string[]
  readonly parameters?: Readonly<Record<string, string>>
}

interface Engine {
  readonly forget: (token: string) => void
  readonly forgetAll: () => void
  readonly stop: () => void
}

export interface ErrorChallenge {
  readonly scheme?: string
  readonly parameters?: Readonly<Record<string, string>>
}

export type ErrorCode =
  | 'credentials_missing'
  | 'credentials_malformed'
  | 'credentials_ambiguous'
  | 'token_malformed'
  | 'token_too_large'
  | 'token_type_wrong'
  | 'issuer_untrusted'
  | 'algorithm_refused'
  | 'key_unknown'
  | 'signature_invalid'
  | 'token_expired'
  | 'token_not_yet_valid'
  | 'audience_mismatch'
  | 'client_refused'
  | 'claim_missing'
  | 'claim_invalid'
  | 'token_inactive'
  | 'binding_mismatch'
  | 'scope_insufficient'
  | 'access_denied'
  | 'issuer_unavailable'
  | 'configuration_invalid'

export type FetchFunction = (url: string, init: RequestInit) => Promise<Response>

type FetchKeys = (wanted: WantedKeys, signal: AbortSignal, leader: CallContext) => Promise<FetchedKeys>

interface FetchedKeys extends PublishedKeys {
  readonly document: Record<string, unknown>
}

interface Inquirer {
  readonly use: 'opaque' | 'always'
  readonly accepts: (token: string) => boolean
  readonly introspect: <Claims>(token: string, issuer: Issuer, context: CallContext) => Promise<AccessToken<Claims>>
  readonly confirm: <Claims>(
    token: string,
    jwt: AccessToken<Claims>,
    issuer: Issuer,
    context: CallContext,
  ) => Promise<AccessToken<Claims>>
  readonly forget: (token: string, issuer: Issuer) => Promise<void>
}

export interface IntrospectOptions {
  readonly endpoint?: string | undefined
  readonly auth: ClientAuthentication | 'none'
  readonly use?: 'opaque' | 'always' | undefined
  readonly opaqueTokens?:
    | {
        readonly prefixes: readonly string[]
      }
    | undefined
  readonly cacheSeconds?: number | undefined
  readonly audience?: 'assumed' | undefined
  readonly tokens?: 'access-only' | undefined
  readonly signedResponse?: boolean | undefined
  readonly dialect?: IntrospectionDialect | undefined
  readonly timeoutMs?: number | undefined
  readonly maxConcurrent?: number | undefined
  readonly staleOnOutageSeconds?: number | undefined
}

export interface Introspection {
  readonly kind: 'introspection'
  readonly check: (option: string, surroundings: IntrospectionSurroundings) => CheckedIntrospection
}

export interface IntrospectionDialect {
  readonly name: string
  readonly endpoint?: string
  readonly implies?: Readonly<Record<string, readonly string[]>>
  readonly request: (
    token: string,
    context: {
      readonly endpoint: string
      readonly clientId: string | undefined
    },
  ) => UpstreamRequest
  readonly read: (response: UpstreamResponse) => JsonObject
}

interface IntrospectionSurroundings {
  readonly insecureHosts: readonly string[]
}

interface Issuer {
  readonly identifier: string
  readonly audience: ReadonlySet<string> | null
  readonly clients: ReadonlySet<string> | undefined
  readonly algorithms: ReadonlySet<string>
  readonly profile: 'rfc9068' | 'compatible'
  readonly keys: KeySource
  readonly sources: string
  readonly local: boolean
  readonly verifiesJwts: boolean
  readonly introspection: Inquirer | undefined
  readonly metadata: (context: CallContext) => Promise<Record<string, unknown>>
}

interface IssuerRegistry {
  readonly find: (issuer: Unverified<string>, context: CallContext) => TrackedIssuer | Promise<TrackedIssuer>
  readonly findForOpaque: (token: string, context: CallContext) => TrackedIssuer | Promise<TrackedIssuer>
  readonly trusts: (issuer: Issuer) => boolean
  readonly all: () => readonly TrackedIssuer[]
  readonly forgetAnswers: () => void
  readonly stop: () => void
}

export type IssuerResolver = (
  hint:
    | {
        readonly iss: string
        readonly opaque?: undefined
      }
    | {
        readonly opaque: true
        readonly iss?: undefined
      },
  context: CallContext,
) => TrustedIssuer | undefined | Promise<TrustedIssuer | undefined>

interface IssuerSources {
  readonly keys: KeysInMemory
}

interface IssuerStage<Sources extends IssuerSources> {
  readonly now: () => number
  readonly emit: (event: BearwardEvent) => void
  readonly timeoutMs: number
  readonly maxStaleMs: number
  readonly check: (answer: unknown, option: string) => CheckedIssuer<Sources>
}

export interface IssuerState {
  readonly issuer: string
  readonly state: 'cold' | 'fresh' | 'stale' | 'down'
  readonly keys: number
  readonly freshUntilMs?: number
  readonly downSinceMs?: number
  readonly lastError?: string
}

type Json = string | number | boolean | null | readonly Json[] | JsonObject

type JsonObject = {
  readonly [name: string]: Json | undefined
}

export type JsonWebKeySet = JSONWebKeySet

export type JwtClaims = JsonObject

export interface JwtOptions {
  readonly jwksUri?: string | undefined
  readonly jwks?: JsonWebKeySet | undefined
  readonly algorithms?: readonly string[] | undefined
  readonly profile?: 'rfc9068' | 'compatible' | undefined
}

export interface KeyOptions {
  readonly refreshSeconds?: number | undefined
  readonly maxStaleSeconds?: number | undefined
  readonly cooldownSeconds?: number | undefined
  readonly timeoutMs?: number | undefined
}

interface KeySharing {
  readonly fingerprint: string
  readonly refreshMs: number
  readonly maxStaleMs: number
  readonly cooldownMs: number
  readonly timeoutMs: number
  readonly now: () => number
  readonly usableKeys: (document: unknown, previous: ReadonlyMap<string, VerificationKey>) => Promise<UsableKeys>
  readonly publicSetOf: (document: unknown) => JsonObject
  readonly freshForMs: (maxAgeSeconds: number | undefined, refreshMs: number) => number
}

interface KeySnapshot {
  readonly size: number
  readonly has: (key: VerificationKey) => boolean
  readonly knows: (keyId: string) => boolean
  readonly select: (keyId: string | undefined, algorithm: string) => readonly VerificationKey[]
}

interface KeySource {
  readonly current: (context: CallContext) => Promise<KeySnapshot>
  readonly atHand?: (context: CallContext) => KeySnapshot | undefined
  readonly renewed: (seen: KeySnapshot, context: CallContext) => Promise<KeySnapshot | undefined>
  readonly stillHolds: (key: VerificationKey, context: CallContext) => boolean
  readonly failing: () => BearwardError | undefined
}

interface KeysInMemory {
  readonly inMemory: () => readonly VerificationKey[]
  readonly release: () => void
}

type LoadKeys = (wanted: WantedKeys, signal: AbortSignal, leader: CallContext) => Promise<PublishedKeys>

type LoadMetadata = (wanted: WantedMetadata, signal: AbortSignal, leader: CallContext) => Promise<PublishedMetadata>

export interface MemoryTierOptions {
  readonly max?: number | undefined
  readonly maxCharacters?: number | undefined
  readonly now?: (() => number) | undefined
}

interface MetadataSharing {
  readonly fingerprint: string
  readonly freshMs: number
  readonly maxStaleMs: number
  readonly timeoutMs: number
  readonly now: () => number
  readonly parse: (data: JsonObject) => PublishedMetadata
}

interface Needed {
  readonly scopes?: readonly string[]
}

interface Outcome {
  readonly status: 400 | 401 | 403 | 500 | 503
  readonly error: WireError | undefined
  readonly description: string
}

export type PrivateKey = CryptoKey | JWK | string

export interface ProtectedResourceMetadata {
  readonly resource: string
  readonly authorization_servers?: readonly string[]
  readonly jwks_uri?: string
  readonly scopes_supported?: readonly string[]
  readonly bearer_methods_supported?: readonly ('header' | 'body')[]
  readonly resource_name?: string
  readonly resource_documentation?: string
  readonly resource_policy_uri?: string
  readonly resource_tos_uri?: string
  readonly [member: string]: unknown
}

interface PublishedKeys extends UsableKeys {
  readonly maxAgeSeconds: number | undefined
  readonly fetchedMs?: number
  readonly extraMs?: number | undefined
}

interface PublishedMetadata {
  readonly url: string
  readonly document: JsonObject
  readonly fetchedMs?: number
}

export type RequestHeaders =
  | Headers
  | Readonly<Record<string, string | readonly string[] | undefined>>
  | ((name: string) => readonly string[])

export interface RequestView {
  readonly method: string
  readonly url: string
  readonly headers: RequestHeaders
  readonly certificate?: () => ClientCertificate | undefined
  readonly form?: () => Promise<URLSearchParams>
}

export interface Requirement<Claims = unknown> {
  (token: AccessToken<Claims>, context: RequirementContext): typeof granted | Denial
  readonly scopes?: readonly string[]
}

export interface RequirementContext {
  readonly nowMs: number
}

export interface ResolvedIssuers {
  readonly kind: 'issuers'
  readonly check: (option: string) => CheckedResolver
}

export interface ResourceServer<Claims = JwtClaims> {
  verify(token: string, context?: CallContext): Promise<AccessToken<Claims>>
  authenticate(request: Request | RequestView, context?: CallContext): Promise<AccessToken<Claims>>
  authorize(token: AccessToken<Claims>, requirement: Requirement<Claims>): void
  challenge(
    error: unknown,
    context?: {
      readonly requirement?: Pick<Requirement, 'scopes'> | undefined
    },
  ): ChallengeResponse
  metadata(): ProtectedResourceMetadata
  readonly metadataPath: string | undefined
  ready(context?: CallContext): Promise<void>
  invalidate(token: string): Promise<void>
  invalidateAll(): Promise<void>
  snapshot(): IssuerState[]
  close(): void
}

export interface ResourceServerOptions<Schema extends StandardSchemaV1 | undefined = undefined> {
  readonly resource: string
  readonly audience?: string | readonly string[] | undefined
  readonly issuers: readonly TrustedIssuer[] | ResolvedIssuers
  readonly clockToleranceSeconds?: number | undefined
  readonly maxTokenBytes?: number | undefined
  readonly form?: boolean | undefined
  readonly tokenCache?: TokenCacheOptions | false | undefined
  readonly keys?: KeyOptions | undefined
  readonly tiers?: SharedTiers | undefined
  readonly claims?: Schema | undefined
  readonly scopes?: ScopeOptions | undefined
  readonly resourceMetadata?: false | Partial<ProtectedResourceMetadata> | undefined
  readonly realm?: string | undefined
  readonly insecureHosts?: readonly string[] | undefined
  readonly fetch?: FetchFunction | undefined
  readonly now?: (() => number) | undefined
  readonly onEvent?: ((event: BearwardEvent) => void) | undefined
}

interface RunningTiers {
  readonly maxWaitMs: number
  readonly spread: number | undefined
  readonly shareKeys: (fetchKeys: FetchKeys, sharing: KeySharing) => LoadKeys
  readonly shareMetadata: (fetchMetadata: LoadMetadata, sharing: MetadataSharing) => LoadMetadata
  readonly answers: SharedAnswers | undefined
}

interface SchemaIssue {
  readonly message: string
  readonly path?:
    | readonly (
        | PropertyKey
        | {
            readonly key: PropertyKey
          }
      )[]
    | undefined
}

type SchemaOutput<Schema extends StandardSchemaV1> = NonNullable<Schema['~standard']['types']>['output']

type SchemaResult<Output> =
  | {
      readonly value: Output
      readonly issues?: undefined
    }
  | {
      readonly issues: readonly SchemaIssue[]
    }

type ScopeExpansion = (granted: readonly string[]) => readonly string[]

export interface ScopeOptions {
  readonly implies?: Readonly<Record<string, readonly string[]>> | undefined
}

interface Services {
  readonly resource: string
  readonly clockToleranceSeconds: number
  readonly insecureHosts: readonly string[]
  readonly claims: StandardSchemaV1 | undefined
  readonly expandScopes: ScopeExpansion
  readonly fetch: FetchFunction
  readonly now: () => number
  readonly emit: (event: BearwardEvent) => void
  readonly tiers: RunningTiers | undefined
  readonly engine: <E extends Engine>(create: (services: Services) => E) => E
}

interface SharedAnswer {
  readonly read: <Verdict>(
    judge: (answer: SharedAnswerData, answeredMs: number) => Verdict,
    suffices: (verdict: Verdict) => boolean,
    context: CallContext,
  ) => Promise<Verdict | undefined>
  readonly write: (answer: SharedAnswerData, writing: SharedWriting, context: CallContext) => void
  readonly forget: () => Promise<void>
  readonly drop: (context: CallContext) => void
}

interface SharedAnswerData {
  readonly claims: JsonObject
  readonly bytes: number
}

interface SharedAnswers {
  readonly about: (token: string, fingerprint: string) => Promise<SharedAnswer>
  readonly forget: (token: string) => void
  readonly forgetAll: () => void
}

export interface SharedTiers {
  readonly kind: 'tiers'
  readonly check: (option: string) => CheckedTiers
}

export interface SharedTiersOptions {
  readonly encryption?: readonly TierEncryptionKey[] | undefined
}

interface SharedWriting {
  readonly originMs: number
  readonly lifeMs: number
  readonly unless?: () => boolean
}

export interface StandardSchemaV1<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?:
      | {
          readonly input: Input
          readonly output: Output
        }
      | undefined
  }
}

export interface TierEncryptionKey {
  readonly id: string
  readonly secret: string | Uint8Array
}

export interface TierExpiry {
  readonly expiresInSeconds: number
}

export interface TokenCacheOptions {
  readonly max?: number | undefined
  readonly maxBytes?: number | undefined
  readonly maxAgeSeconds?: number | undefined
}

interface TrackedIssuer extends Issuer {
  readonly ready: (context: CallContext) => Promise<void>
  readonly state: () => IssuerState
  readonly stop: () => void
}

export interface TrustedIssuer {
  readonly issuer: string
  readonly audience?: string | readonly string[] | null | undefined
  readonly clients?: readonly string[] | undefined
  readonly metadata?:
    | 'discover'
    | {
        readonly url: string
      }
    | AuthorizationServerMetadata
    | undefined
  readonly jwt?: JwtOptions | false | undefined
  readonly introspection?: Introspection | undefined
}

type Unverified<T> = T & {
  readonly [unverified]: true
}

export interface UpstreamRequest {
  url: string
  readonly method: 'GET' | 'POST'
  readonly headers: Headers
  body: URLSearchParams | string | undefined
}

export interface UpstreamResponse {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array
}

interface UsableKeys {
  readonly keys: readonly VerificationKey[]
  readonly ignored: readonly string[]
}

interface VerificationKey {
  readonly identity: string
  readonly keyId: string | undefined
  readonly algorithms: readonly string[]
  readonly cryptoKey: (algorithm: string) => CryptoKey | Promise<CryptoKey>
}

interface WantedKeys {
  readonly previous: ReadonlyMap<string, VerificationKey>
  readonly heldSinceMs: number | undefined
  readonly reason: 'due' | 'unknown'
  readonly adopt: (
    older: PublishedKeys & {
      readonly fetchedMs: number
    },
  ) => void
}

interface WantedMetadata {
  readonly heldSinceMs: number | undefined
  readonly adopt: (older: PublishedMetadata) => void
}

export type WireError = 'invalid_request' | 'invalid_token' | 'insufficient_scope'

export declare function allOf<Claims>(...requirements: readonly Requirement<Claims>[]): Requirement<Claims>

export declare function anyOf<Claims>(...requirements: readonly Requirement<Claims>[]): Requirement<Claims>

export declare function anyScope(...names: readonly [string, ...string[]]): Requirement

export declare function bearerToken(token: Changing<string>): ClientAuthentication

export declare function claim(
  name: string,
  expected: string | number | boolean | ((value: unknown) => boolean),
): Requirement

export declare function clientSecretBasic(options: {
  readonly clientId: string
  readonly clientSecret: Changing<string>
}): ClientAuthentication

export declare function clientSecretJwt(options: {
  readonly clientId: string
  readonly clientSecret: Changing<string>
  readonly algorithm?: 'HS256' | 'HS384' | 'HS512'
}): ClientAuthentication

export declare function clientSecretPost(options: {
  readonly clientId: string
  readonly clientSecret: Changing<string>
}): ClientAuthentication

export declare function createResourceServer<Schema extends StandardSchemaV1 | undefined = undefined>(
  options: ResourceServerOptions<Schema>,
): ResourceServer<ClaimsOf<Schema>>

export declare function deny(
  reason: string,
  options?: {
    readonly scopes?: readonly string[]
    readonly parameters?: Readonly<Record<string, string>>
  },
): Denial

export declare function githubTokenCheck(options: {
  readonly clientId: string
  readonly apiUrl?: string
}): IntrospectionDialect

export declare function googleTokenInfo(): IntrospectionDialect

export declare const granted: unique symbol

export declare function introspect(options: IntrospectOptions): Introspection

export declare function memoryTier(options?: MemoryTierOptions): CacheTier

export declare function privateKeyJwt(options: {
  readonly clientId: string
  readonly privateKey: Changing<PrivateKey>
  readonly algorithm?: string
  readonly keyId?: string
}): ClientAuthentication

export declare function resolveIssuers(resolve: IssuerResolver): ResolvedIssuers

export declare function scope(...names: readonly [string, ...string[]]): Requirement

export declare function sharedTiers(tiers: readonly CacheTier[], options?: SharedTiersOptions): SharedTiers

export declare function tlsClientAuth(options: { readonly clientId: string }): ClientAuthentication

declare const unverified: unique symbol
