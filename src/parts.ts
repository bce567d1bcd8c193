import type {
  AccessToken,
  BearwardEvent,
  CallContext,
  FetchFunction,
  Inquirer,
  IssuerRegistry,
  Presentation,
  TrackedIssuer,
  VerificationKey,
} from './pipeline.ts'
import type { JsonObject } from './parse/json.ts'
import type { ScopeExpansion } from './token/scopes.ts'
import type { StandardSchemaV1 } from './token/standard-schema.ts'

// The contracts between the core and its optional parts. A part is a value that brings its code: the core knows these types,
// and bundles nothing that the user did not import. Every part has two steps. `check` reads its options, once, when the server
// is created; `start` gives it what the server has.

/** What a resource server gives to the parts that it starts. */
export interface Services {
  readonly resource: string
  readonly clockToleranceSeconds: number
  readonly insecureHosts: readonly string[]
  readonly claims: StandardSchemaV1 | undefined
  readonly expandScopes: ScopeExpansion
  readonly fetch: FetchFunction
  readonly now: () => number
  readonly emit: (event: BearwardEvent) => void
  readonly tiers: RunningTiers | undefined
  /** Returns the one engine that `create` makes for this server; makes it when it is first asked for. */
  readonly engine: <E extends Engine>(create: (services: Services) => E) => E
}

/** What a part keeps for all issuers of one server: the server makes it forget and ends it. */
export interface Engine {
  /** Forgets what this process keeps of one token. */
  readonly forget: (token: string) => void
  readonly forgetAll: () => void
  readonly stop: () => void
}

/** Checks that the sender of a token is the one that it was issued to. */
export interface Binding {
  /** Checks the options, which errors name by their full path. @throws {BearwardError} configuration_invalid */
  readonly check: (option: string) => CheckedBinding
}

export interface CheckedBinding {
  readonly start: (services: Services) => RunningBinding
}

/** A binding at work. */
export interface RunningBinding {
  /** The member of `cnf` that it checks. @see RFC 7800 §3 */
  readonly confirmation: keyof NonNullable<AccessToken['confirmation']>
  /** The authentication scheme of its tokens; `undefined` where they are Bearer tokens. @see RFC 9110 §11.1 */
  readonly scheme: string | undefined
  /** What each challenge of its scheme says. Names are tokens, values printable ASCII. */
  readonly challengeParameters: Readonly<Record<string, string>>
  /**
   * Called for each token whose `cnf` has the member, presented under the scheme. May add fields to the context's
   * `responseHeaders`.
   * @throws {BearwardError} binding_mismatch
   */
  readonly prove: (presentation: Presentation, token: AccessToken<unknown>) => void | Promise<void>
}

/** A stage of a call, by the name of its file or folder. */
export type StageName = 'extract' | 'classify' | 'issuer' | 'verify' | 'constrain' | 'authorize'

/**
 * Sees each stage of each call. A cached token skips `classify` and `issuer`. `authorize` is a call of its own, without a context.
 * The server ignores what an observer throws.
 */
export interface Observer {
  /** A stage begins. */
  readonly entered: (stage: StageName, context: CallContext | undefined) => void
  /** The stage found something, and the call goes on. */
  readonly passed: (stage: StageName, found: unknown, context: CallContext | undefined) => void
  /** The stage that was entered last refused the call. */
  readonly refused: (error: unknown, context: CallContext | undefined) => void
}

/** Asks an issuer about tokens: the option `introspection` of an issuer. Made by `introspect(…)`. */
export interface Introspection {
  /** The option that takes it. */
  readonly kind: 'introspection'
  /** Checks the options, which errors name by their full path. @throws {BearwardError} configuration_invalid */
  readonly check: (option: string, surroundings: IntrospectionSurroundings) => CheckedIntrospection
}

export interface IntrospectionSurroundings {
  readonly insecureHosts: readonly string[]
}

/** What the core must know of how an issuer is asked; the rest is the part's own. */
export interface CheckedIntrospection {
  /** The prefixes of this issuer's opaque tokens; `undefined` for any. */
  readonly prefixes: readonly string[] | undefined
  /**
   * Checks that every opaque token can belong to one issuer alone. Called once, with the introspection of each listed issuer.
   * @throws {BearwardError} configuration_invalid
   */
  readonly requireDistinct: (listed: readonly (CheckedIntrospection | undefined)[]) => void
  /** Needs the issuer's keys, even where JWTs are not verified here. */
  readonly needsKeys: boolean
  /** The member of the issuer's metadata that it needs, where the options give no address. */
  readonly needsMember: string | undefined
  readonly start: (services: Services) => Inquirer
}

/** Finds the issuers of many tenants: stands in the option `issuers`. Made by `resolveIssuers(…)`. */
export interface ResolvedIssuers {
  /** The option that takes it. */
  readonly kind: 'issuers'
  /** Checks the options, which errors name by their full path. @throws {BearwardError} configuration_invalid */
  readonly check: (option: string) => CheckedResolver
}

export interface CheckedResolver {
  readonly start: <Sources extends IssuerSources>(stage: IssuerStage<Sources>) => IssuerRegistry
}

/** What a resolver's answers need of the issuer stage. */
export interface IssuerStage<Sources extends IssuerSources> {
  readonly now: () => number
  readonly emit: (event: BearwardEvent) => void
  /** For one answer. */
  readonly timeoutMs: number
  /** How long an answer counts while the resolver fails. */
  readonly maxStaleMs: number
  /** Checks an answer as strictly as a listed issuer. @throws {BearwardError} configuration_invalid */
  readonly check: (answer: unknown, option: string) => CheckedIssuer<Sources>
}

/** An issuer whose settings were checked. */
export interface CheckedIssuer<Sources extends IssuerSources> {
  readonly identifier: string
  /** Equal for issuers that get their documents from the same places: these can share sources. */
  readonly fingerprint: string
  /** Calls `keysLoaded` whenever the issuer's keys change. */
  readonly createSources: (keysLoaded: () => void) => Sources
  readonly create: (sources: Sources) => TrackedIssuer
}

/** An issuer's metadata and keys. They stay in memory while its other settings change. */
export interface IssuerSources {
  readonly fingerprint: string
  /** Bytes that the keys take in memory, estimated. */
  readonly weight: () => number
  /** Drops the keys from memory. They are loaded again when a token needs them. */
  readonly release: () => void
}

/** Caches that several processes share: the option `tiers`. Made by `sharedTiers(…)`. */
export interface SharedTiers {
  /** The option that takes it. */
  readonly kind: 'tiers'
  /** Checks the options, which errors name by their full path. @throws {BearwardError} configuration_invalid */
  readonly check: (option: string) => CheckedTiers
}

export interface CheckedTiers {
  readonly start: (services: Pick<Services, 'now' | 'emit'>) => RunningTiers
}

/** Shared tiers at work: read through, written behind, passed over where they fail. */
export interface RunningTiers {
  /** The longest that one read takes, where every tier hangs. */
  readonly maxWaitMs: number
  /** Part of the fresh time over which processes that share keys spread their refreshes; `undefined` where none holds keys. */
  readonly spread: number | undefined
  /** Makes a loader of keys that reads the tiers first, and shares what the issuer's own loader fetched. */
  readonly shareKeys: (fetchKeys: FetchKeys, sharing: KeySharing) => LoadKeys
  /** The tiers for one issuer's metadata; `undefined` where none holds any. */
  readonly shareMetadata: <T extends JsonObject>(sharing: MetadataSharing<T>) => SharedMetadata<T> | undefined
  /** The tiers for answers about tokens; `undefined` where none holds any. The server makes them forget, whoever uses them. */
  readonly answers: SharedAnswers | undefined
}

/** What came out of a tier, or goes there. */
export interface SharedEntry<T> {
  readonly value: T
  /** When the issuer said it. */
  readonly originMs: number
}

/** How long an entry is of use. */
export interface SharedWriting {
  readonly originMs: number
  /** Counts from `originMs` on. */
  readonly lifeMs: number
  /** Asked at the end: where it answers `true`, the entry goes again. */
  readonly unless?: () => boolean
}

/** The keys that one document holds for this server. */
export interface UsableKeys {
  readonly keys: readonly VerificationKey[]
  /** Why the others were passed over, one sentence each; 16 at most, of which the last says how many more there are. */
  readonly ignored: readonly string[]
}

/** Keys as they were published at some moment. */
export interface PublishedKeys extends UsableKeys {
  readonly maxAgeSeconds: number | undefined
  /** Set where another process fetched them. */
  readonly fetchedMs?: number
  /** When any process last fetched them because a token could not be verified. */
  readonly extraMs?: number | undefined
}

/** Keys from the issuer itself, with the document that they came in. */
export interface FetchedKeys extends PublishedKeys {
  readonly document: Record<string, unknown>
}

/** What the keys at hand are wanted to be replaced by. */
export interface WantedKeys {
  /** Those at hand, to be kept where they are still published. */
  readonly previous: ReadonlyMap<string, VerificationKey>
  /** When those at hand were published; `undefined` where there are none. */
  readonly heldSinceMs: number | undefined
  /** `due`: none at hand, or old ones. `unknown`: those at hand did not verify a token. */
  readonly reason: 'due' | 'unknown'
  /** Takes keys of another process that are too old to serve, unless the load fails. */
  readonly adopt: (older: PublishedKeys & { readonly fetchedMs: number }) => void
}

/** Gets the keys, on behalf of the request that leads. */
export type LoadKeys = (wanted: WantedKeys, signal: AbortSignal, leader: CallContext) => Promise<PublishedKeys>

/** Gets the keys from the issuer itself. */
export type FetchKeys = (wanted: WantedKeys, signal: AbortSignal, leader: CallContext) => Promise<FetchedKeys>

/** What shared keys need of the issuer stage. */
export interface KeySharing {
  /** Equal where keys would be fetched alike, and from the same places. */
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

/** What shared metadata needs of the issuer stage. */
export interface MetadataSharing<T> {
  /** Equal where metadata would be fetched alike, and from the same places. */
  readonly fingerprint: string
  readonly timeoutMs: number
  /** Reads what anybody may have written. @throws where it is not what this issuer's addresses could have answered */
  readonly parse: (data: JsonObject) => T
  readonly suffices: (entry: SharedEntry<T>) => boolean
}

/** The metadata of one issuer in the shared tiers. */
export interface SharedMetadata<T> {
  /** The first entry that suffices, else the newest; it never rejects. */
  readonly read: (context: CallContext) => Promise<SharedEntry<T> | undefined>
  /** Writes behind the caller's back. */
  readonly write: (value: T, writing: SharedWriting, context: CallContext) => void
}

/** An issuer's answer about a token, and how much of it there is. */
export interface SharedAnswerData {
  readonly claims: JsonObject
  readonly bytes: number
}

/** Issuers' answers about tokens in the shared tiers: sealed, found under a digest of token and fingerprint. */
export interface SharedAnswers {
  readonly about: (token: string, fingerprint: string) => Promise<SharedAnswer>
  /** From now on this process takes no answer about the token that was given before. */
  readonly forget: (token: string) => void
  /** From now on this process takes no answer that was given before. */
  readonly forgetAll: () => void
}

/** The answers about one token in the shared tiers. */
export interface SharedAnswer {
  /** The verdict on the first answer whose verdict `suffices`, else on the newest answer there is. */
  readonly read: <Verdict>(
    judge: (answer: SharedAnswerData, answeredMs: number) => Verdict,
    suffices: (verdict: Verdict) => boolean,
    context: CallContext,
  ) => Promise<Verdict | undefined>
  readonly write: (answer: SharedAnswerData, writing: SharedWriting, context: CallContext) => void
  readonly forget: () => Promise<void>
  /** As `forget`, behind the caller's back. */
  readonly drop: (context: CallContext) => void
}
