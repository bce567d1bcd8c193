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

// The contracts between the core and its optional parts. A part is a value that brings its code: the core knows these types
// alone, and a user bundles no other part. Each part has two steps. `check` checks its options once, when the server is created.
// `start` starts it with the server's services.

/** The services of a resource server for its parts. */
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
  /** Returns the one engine that `create` makes for this server. Makes it at the first call. */
  readonly engine: <E extends Engine>(create: (services: Services) => E) => E
}

/** A part's state for all issuers of one server. The server calls it to forget and to stop. */
export interface Engine {
  /** Forgets what this process caches of one token. */
  readonly forget: (token: string) => void
  readonly forgetAll: () => void
  readonly stop: () => void
}

/** Checks that the sender of a token is its rightful holder. */
export interface Binding {
  /** Checks the options. Errors name an option by its full path. @throws {BearwardError} configuration_invalid */
  readonly check: (option: string) => CheckedBinding
}

export interface CheckedBinding {
  readonly start: (services: Services) => RunningBinding
}

/** A started binding. */
export interface RunningBinding {
  /** The member of `cnf` that this binding checks. @see RFC 7800 §3 */
  readonly confirmation: keyof NonNullable<AccessToken['confirmation']>
  /** The authentication scheme of its tokens; `undefined` where they are Bearer tokens. @see RFC 9110 §11.1 */
  readonly scheme: string | undefined
  /** Parameters of every challenge of its scheme. Names are tokens, values printable ASCII. */
  readonly challengeParameters: Readonly<Record<string, string>>
  /**
   * Checks the sender of each token whose `cnf` has this member, presented under this scheme. May add fields to the context's
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

/** The value of an issuer's option `introspection`: asks the issuer about tokens. Made by `introspect(…)`. */
export interface Introspection {
  /** The option that it is for. */
  readonly kind: 'introspection'
  /** Checks the options. Errors name an option by its full path. @throws {BearwardError} configuration_invalid */
  readonly check: (option: string, surroundings: IntrospectionSurroundings) => CheckedIntrospection
}

interface IntrospectionSurroundings {
  readonly insecureHosts: readonly string[]
}

/** The settings of introspection that the core needs. */
export interface CheckedIntrospection {
  /** The prefixes of this issuer's opaque tokens; `undefined` for any. */
  readonly prefixes: readonly string[] | undefined
  /**
   * Checks that every opaque token can belong to one issuer alone. Called once, with the introspection of each listed issuer.
   * @throws {BearwardError} configuration_invalid
   */
  readonly requireDistinct: (listed: readonly (CheckedIntrospection | undefined)[]) => void
  /** Whether it needs the issuer's keys, even where this server verifies no JWTs. */
  readonly needsKeys: boolean
  /** The member of the issuer's metadata that holds the address, where the options give none. */
  readonly needsMember: string | undefined
  readonly start: (services: Services) => Inquirer
}

/** A value for the option `issuers`: finds the issuers of many tenants. Made by `resolveIssuers(…)`. */
export interface ResolvedIssuers {
  /** The option that it is for. */
  readonly kind: 'issuers'
  /** Checks the options. Errors name an option by its full path. @throws {BearwardError} configuration_invalid */
  readonly check: (option: string) => CheckedResolver
}

export interface CheckedResolver {
  readonly start: <Sources extends IssuerSources>(stage: IssuerStage<Sources>) => IssuerRegistry
}

/** The services of the issuer stage for a resolver. */
export interface IssuerStage<Sources extends IssuerSources> {
  readonly now: () => number
  readonly emit: (event: BearwardEvent) => void
  /** Longest wait for one answer. */
  readonly timeoutMs: number
  /** How long an expired answer serves while the resolver fails. */
  readonly maxStaleMs: number
  /** Checks an answer as strictly as a listed issuer. @throws {BearwardError} configuration_invalid */
  readonly check: (answer: unknown, option: string) => CheckedIssuer<Sources>
}

/** An issuer with checked settings. */
export interface CheckedIssuer<Sources extends IssuerSources> {
  readonly identifier: string
  /** Returns its sources, with what is still of use of the earlier ones. Calls `keysLoaded` whenever the issuer's keys change. */
  readonly sources: (earlier: Sources | undefined, keysLoaded: () => void) => Sources
  readonly create: (sources: Sources) => TrackedIssuer
}

/** An issuer's metadata and keys. They stay cached while its other settings change. */
export interface IssuerSources {
  readonly keys: KeysInMemory
}

export interface KeysInMemory {
  readonly inMemory: () => readonly VerificationKey[]
  /** Drops the keys from memory. They are loaded again when a token needs them. */
  readonly release: () => void
}

/** The value of the option `tiers`: caches that several processes share. Made by `sharedTiers(…)`. */
export interface SharedTiers {
  /** The option that it is for. */
  readonly kind: 'tiers'
  /** Checks the options. Errors name an option by its full path. @throws {BearwardError} configuration_invalid */
  readonly check: (option: string) => CheckedTiers
}

export interface CheckedTiers {
  readonly start: (services: Pick<Services, 'now' | 'emit'>) => RunningTiers
}

/** Started shared tiers. They read in order, write in the background, and skip a tier that fails. */
export interface RunningTiers {
  /** Longest time for one read: every tier hangs. */
  readonly maxWaitMs: number
  /** Processes that share keys spread refreshes over this fraction of the fresh time; `undefined` where no tier holds keys. */
  readonly spread: number | undefined
  /** Makes a loader that reads the tiers first, then calls `fetchKeys` and shares the result. */
  readonly shareKeys: (fetchKeys: FetchKeys, sharing: KeySharing) => LoadKeys
  /** Makes a loader of metadata that reads the tiers first, and shares the metadata that the issuer's own loader fetched. */
  readonly shareMetadata: (fetchMetadata: LoadMetadata, sharing: MetadataSharing) => LoadMetadata
  /** Answers about tokens; `undefined` where no tier holds answers. The server itself calls `forget` and `forgetAll`. */
  readonly answers: SharedAnswers | undefined
}

/** An entry of a tier. */
export interface SharedEntry<T> {
  readonly value: T
  /** When the issuer sent it. */
  readonly originMs: number
}

/** How to write an entry. */
export interface SharedWriting {
  readonly originMs: number
  /** Lifetime, from `originMs` on. */
  readonly lifeMs: number
  /** Called after the write: `true` deletes the entry again. */
  readonly unless?: () => boolean
}

/** The keys of one document that this server can use. */
export interface UsableKeys {
  readonly keys: readonly VerificationKey[]
  /** Why each other key was ignored, one sentence each; at most 16, and the last counts the rest. */
  readonly ignored: readonly string[]
}

/** The keys that an issuer published at one moment. */
export interface PublishedKeys extends UsableKeys {
  readonly maxAgeSeconds: number | undefined
  /** Set where another process fetched them. */
  readonly fetchedMs?: number
  /** When any process last fetched them because a token could not be verified. */
  readonly extraMs?: number | undefined
}

/** Keys from the issuer itself, with their document. */
export interface FetchedKeys extends PublishedKeys {
  readonly document: Record<string, unknown>
}

/** Why a load of keys began, and which keys are cached. */
export interface WantedKeys {
  /** The cached keys. Those that are still published stay. */
  readonly previous: ReadonlyMap<string, VerificationKey>
  /** When the cached keys were published; `undefined` where there are none. */
  readonly heldSinceMs: number | undefined
  /** `due`: no cached keys, or old ones. `unknown`: the cached keys did not verify a token. */
  readonly reason: 'due' | 'unknown'
  /** Receives stale keys from another process. They serve only if the load fails. */
  readonly adopt: (older: PublishedKeys & { readonly fetchedMs: number }) => void
}

/** Loads the keys. `leader`: the context of the request that started the load. */
export type LoadKeys = (wanted: WantedKeys, signal: AbortSignal, leader: CallContext) => Promise<PublishedKeys>

/** Loads the keys from the issuer itself. */
export type FetchKeys = (wanted: WantedKeys, signal: AbortSignal, leader: CallContext) => Promise<FetchedKeys>

/** The services of the issuer stage for shared keys. */
export interface KeySharing {
  /** Equal for issuers that fetch the same keys in the same way. */
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

/** Metadata from one address. */
export interface PublishedMetadata {
  readonly url: string
  readonly document: JsonObject
  /** Set where another process fetched it. */
  readonly fetchedMs?: number
}

/** A request for metadata in place of the cached. */
interface WantedMetadata {
  /** When the cached metadata was fetched; `undefined` where none is cached. */
  readonly heldSinceMs: number | undefined
  /** Receives stale metadata from another process. It serves only if the load fails. */
  readonly adopt: (older: PublishedMetadata) => void
}

/** Loads the metadata. `leader`: the context of the request that started the load. */
export type LoadMetadata = (
  wanted: WantedMetadata,
  signal: AbortSignal,
  leader: CallContext,
) => Promise<PublishedMetadata>

/** The services of the issuer stage for shared metadata. */
export interface MetadataSharing {
  /** Equal for issuers that fetch the same metadata in the same way. */
  readonly fingerprint: string
  readonly freshMs: number
  readonly maxStaleMs: number
  readonly timeoutMs: number
  readonly now: () => number
  /** Reads data from any writer. @throws where this issuer's addresses could not have sent it */
  readonly parse: (data: JsonObject) => PublishedMetadata
}

/** An issuer's answer about a token, and its size. */
export interface SharedAnswerData {
  readonly claims: JsonObject
  readonly bytes: number
}

/** Issuers' answers about tokens in the shared tiers: sealed, under a digest of token and fingerprint. */
export interface SharedAnswers {
  readonly about: (token: string, fingerprint: string) => Promise<SharedAnswer>
  /** From now on this process ignores earlier answers about the token. */
  readonly forget: (token: string) => void
  /** From now on this process ignores all earlier answers. */
  readonly forgetAll: () => void
}

/** The answers about one token in the shared tiers. */
export interface SharedAnswer {
  /** Returns the first verdict that `suffices`, else the verdict on the newest answer. */
  readonly read: <Verdict>(
    judge: (answer: SharedAnswerData, answeredMs: number) => Verdict,
    suffices: (verdict: Verdict) => boolean,
    context: CallContext,
  ) => Promise<Verdict | undefined>
  readonly write: (answer: SharedAnswerData, writing: SharedWriting, context: CallContext) => void
  readonly forget: () => Promise<void>
  /** As `forget`, in the background. */
  readonly drop: (context: CallContext) => void
}
