import type { AuthorizationServerMetadata, JsonWebKeySet, ProtectedResourceMetadata } from './documents.ts'
import type { Introspection, ResolvedIssuers, SharedTiers } from '../parts.ts'
import type { BearwardEvent, FetchFunction } from '../pipeline.ts'
import type { StandardSchemaV1 } from '../token/standard-schema.ts'

/** The options of `createResourceServer`. Unknown options are refused. */
export interface ResourceServerOptions<Schema extends StandardSchemaV1 | undefined = undefined> {
  /** This API's resource identifier: an https URL or any absolute URI, without fragment. @see RFC 8707 §2 */
  readonly resource: string
  /** Accepted `aud` values, for issuers that set none of their own. Default: `resource`. */
  readonly audience?: string | readonly string[] | undefined
  /** The issuers to trust: a list, or `resolveIssuers(…)` for many tenants. */
  readonly issuers: readonly TrustedIssuer[] | ResolvedIssuers
  /** Seconds of clock skew allowed. Default 10, 0 to 60. */
  readonly clockToleranceSeconds?: number | undefined
  /** Longest accepted token in bytes. Default 16384, 256 to 1048576. */
  readonly maxTokenBytes?: number | undefined
  /** Also accept `access_token` from a form body (RFC 6750 §2.2). Default false. Query strings are never read. */
  readonly form?: boolean | undefined
  /** Cache of verified tokens in this process; `false` verifies each token every time. */
  readonly tokenCache?: TokenCacheOptions | false | undefined
  /** How long issuers' keys serve. */
  readonly keys?: KeyOptions | undefined
  /** Caches that other processes share: `sharedTiers([…])`. */
  readonly tiers?: SharedTiers | undefined
  /** Types and validates the claims: any Standard Schema. Its output becomes `token.claims`. */
  readonly claims?: Schema | undefined
  readonly scopes?: ScopeOptions | undefined
  /**
   * Adds to the protected resource metadata (RFC 9728), which bearward derives when `resource` is a URL. With `false` it neither
   * serves the document nor names it in challenges.
   */
  readonly resourceMetadata?: false | Partial<ProtectedResourceMetadata> | undefined
  /** `realm` of every challenge: printable ASCII. Default: none. */
  readonly realm?: string | undefined
  /** Hosts (without port) to which requests may go over plain http, for an issuer in the cluster. Loopback needs no entry. */
  readonly insecureHosts?: readonly string[] | undefined
  /** Makes the requests to issuers. Default: the platform's `fetch`. */
  readonly fetch?: FetchFunction | undefined
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: (() => number) | undefined
  /** Receives events from the background. Its errors are ignored. */
  readonly onEvent?: ((event: BearwardEvent) => void) | undefined
}

/** Bounds of the cache of verified tokens. */
export interface TokenCacheOptions {
  /** Most tokens kept. Default 10000, 1 to 1000000. */
  readonly max?: number | undefined
  /** Most bytes kept, estimated. Default 32 MiB, 64 KiB to 1 GiB. */
  readonly maxBytes?: number | undefined
  /** Seconds after which a token is verified again, whatever its `exp`. Default 300, 1 to 86400. */
  readonly maxAgeSeconds?: number | undefined
}

/** How bearward fetches an issuer's keys, and how long they serve. */
export interface KeyOptions {
  /** Seconds for which keys are fresh; an issuer's `max-age` can only shorten them. Default 600, 60 to 86400. */
  readonly refreshSeconds?: number | undefined
  /** Seconds for which keys serve stale while refreshes fail; then 503. Default 86400, 60 to 604800. */
  readonly maxStaleSeconds?: number | undefined
  /** Seconds between two extra fetches for unknown keys and failed signatures. Default 30, 1 to 3600. */
  readonly cooldownSeconds?: number | undefined
  /** Milliseconds for one load of keys, metadata included. Default 5000, 100 to 30000. */
  readonly timeoutMs?: number | undefined
}

/** The meaning of scopes for this API. */
export interface ScopeOptions {
  /** Further scopes that a scope grants: `{ admin: ['orders:read'] }`. Transitive; cycles are refused. */
  readonly implies?: Readonly<Record<string, readonly string[]>> | undefined
}

/** An authorization server whose tokens this API accepts. */
export interface TrustedIssuer {
  /** Compared with `iss` exactly, code unit by code unit. */
  readonly issuer: string
  /** Accepted `aud` values of this issuer. `null` leaves `aud` unchecked on purpose; then `clients` is required. */
  readonly audience?: string | readonly string[] | null | undefined
  /** Accepted clients (`client_id`, else `cid`, `appid`, `azp`). Default: any. */
  readonly clients?: readonly string[] | undefined
  /** Where the issuer's metadata comes from. Default `'discover'`: RFC 8414, then OpenID Connect Discovery. */
  readonly metadata?: 'discover' | { readonly url: string } | AuthorizationServerMetadata | undefined
  /** How bearward verifies JWTs here; `false` leaves them to `introspection`. */
  readonly jwt?: JwtOptions | false | undefined
  /** Asks the issuer about tokens: `introspect({…})`. Without it opaque tokens are refused. @see RFC 7662 */
  readonly introspection?: Introspection | undefined
}

/** How an issuer's JWTs are verified. @see RFC 9068 */
export interface JwtOptions {
  /** The address of the keys. Default: `jwks_uri` of the metadata. */
  readonly jwksUri?: string | undefined
  /** The keys themselves; they are never refreshed. */
  readonly jwks?: JsonWebKeySet | undefined
  /** Accepted JWS algorithms. Default: every asymmetric one that the runtime verifies. */
  readonly algorithms?: readonly string[] | undefined
  /** Default `'rfc9068'`; `'compatible'` for issuers whose access tokens have `typ` "JWT" or none. */
  readonly profile?: 'rfc9068' | 'compatible' | undefined
}
