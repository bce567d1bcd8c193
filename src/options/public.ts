import type { ClientAuthentication, IntrospectionDialect } from './introspection-contract.ts'
import type { AuthorizationServerMetadata, JsonWebKeySet, ProtectedResourceMetadata } from './documents.ts'
import type { BearwardEvent, CallContext } from '../pipeline.ts'
import type { CacheTier } from '../stores/cache-tier.ts'
import type { StandardSchemaV1 } from '../token/standard-schema.ts'

/** What `createResourceServer` takes. Unknown options are refused. */
export interface ResourceServerOptions<Schema extends StandardSchemaV1 | undefined = undefined> {
  /** This API's resource identifier: an https URL or any absolute URI, without fragment. @see RFC 8707 §2 */
  readonly resource: string
  /** Accepted `aud` values, for issuers that set none of their own. Default: `resource`. */
  readonly audience?: string | readonly string[] | undefined
  /** Whom to trust: a list, or a function where tenants are many. */
  readonly issuers: readonly TrustedIssuer[] | IssuerResolver
  /** Seconds of clock skew allowed. Default 10, 0 to 60. */
  readonly clockToleranceSeconds?: number | undefined
  /** Longest accepted token in bytes. Default 16384, 256 to 1048576. */
  readonly maxTokenBytes?: number | undefined
  /** Also take `access_token` from a form body (RFC 6750 §2.2). Default false. Query strings are never read. */
  readonly form?: boolean | undefined
  /** Cache of verified tokens in this process; `false` verifies every time. */
  readonly tokenCache?: TokenCacheOptions | false | undefined
  /** How issuers' keys are kept. */
  readonly keys?: KeyOptions | undefined
  /** Caches that other processes share, the nearest first: read through, written behind, passed over where they fail. */
  readonly tiers?: readonly CacheTier[] | undefined
  /**
   * Keys that encrypt and authenticate whatever the tiers hold: the first seals, all of them open. Answers about tokens are
   * shared with such a key alone; without one, whoever can write to a tier can put keys of their own there.
   */
  readonly tierEncryption?: readonly TierEncryptionKey[] | undefined
  /** Types and validates the claims: any Standard Schema. Its output becomes `token.claims`. */
  readonly claims?: Schema | undefined
  readonly scopes?: ScopeOptions | undefined
  /**
   * Additions to the protected resource metadata (RFC 9728), which is derived when `resource` is a URL; `false` neither
   * serves it nor names it in challenges.
   */
  readonly resourceMetadata?: false | Partial<ProtectedResourceMetadata> | undefined
  /** `realm` of every challenge: printable ASCII. Default: none. */
  readonly realm?: string | undefined
  /** Hosts (without port) that may be spoken to over plain http, for an issuer in the cluster. Loopback always may. */
  readonly insecureHosts?: readonly string[] | undefined
  /** Makes the requests to issuers. Default: the platform's `fetch`. */
  readonly fetch?: FetchFunction | undefined
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: (() => number) | undefined
  /** Is told what happens behind the scenes. What it throws is ignored. */
  readonly onEvent?: ((event: BearwardEvent) => void) | undefined
}

/** Makes one request; the platform's `fetch` is one. */
export type FetchFunction = (url: string, init: RequestInit) => Promise<Response>

/** Bounds of the cache of verified tokens. */
export interface TokenCacheOptions {
  /** Most tokens kept. Default 10000, 1 to 1000000. */
  readonly max?: number | undefined
  /** Most bytes kept, estimated from the tokens' lengths. Default 32 MiB, 64 KiB to 1 GiB. */
  readonly maxBytes?: number | undefined
  /** Seconds after which a token is verified again, however long it lives. Default 300, 1 to 86400. */
  readonly maxAgeSeconds?: number | undefined
}

/** How an issuer's keys are fetched and for how long they serve. */
export interface KeyOptions {
  /** Seconds for which keys are fresh; an issuer's `max-age` may only shorten that. Default 600, 60 to 86400. */
  readonly refreshSeconds?: number | undefined
  /** Seconds for which keys serve while refreshing fails; then 503. Default 86400, 60 to 604800. */
  readonly maxStaleSeconds?: number | undefined
  /** Seconds between two extra fetches for unknown keys and failed signatures. Default 30, 1 to 3600. */
  readonly cooldownSeconds?: number | undefined
  /** Milliseconds for one load of keys, metadata included. Default 5000, 100 to 30000. */
  readonly timeoutMs?: number | undefined
}

/** A key for AES-256-GCM. */
export interface TierEncryptionKey {
  /** Stands with every entry that the key sealed: up to 64 letters, digits, `-` and `_`. */
  readonly id: string
  /** 32 random bytes, or these in base64 as `openssl rand -base64 32` prints them. */
  readonly secret: string | Uint8Array
}

/** What scopes mean to this API. */
export interface ScopeOptions {
  /** Scopes that a scope brings along: `{ admin: ['orders:read'] }`. Transitive; cycles are refused. */
  readonly implies?: Readonly<Record<string, readonly string[]>> | undefined
}

/**
 * Answers for an issuer that is not known yet, or with `undefined` for one that is not trusted. Asked once per `iss`:
 * answers are kept for ten minutes, refusals for ten seconds, both bounded. The answer's `issuer` must equal `iss`. For a
 * token that names no issuer the hint is `{ opaque: true }`, and the answer needs `introspection`.
 */
export type IssuerResolver = (
  hint: { readonly iss: string; readonly opaque?: undefined } | { readonly opaque: true; readonly iss?: undefined },
  context: CallContext,
) => TrustedIssuer | undefined | Promise<TrustedIssuer | undefined>

/** An authorization server whose tokens are accepted. */
export interface TrustedIssuer {
  /** Compared with `iss` exactly, code unit by code unit. */
  readonly issuer: string
  /** Accepted `aud` values of this issuer. `null` leaves `aud` unchecked on purpose; then `clients` is required. */
  readonly audience?: string | readonly string[] | null | undefined
  /** Accepted clients (`client_id`, else `cid`, `appid`, `azp`). Default: any. */
  readonly clients?: readonly string[] | undefined
  /** Where the issuer's metadata comes from. Default `'discover'`: RFC 8414, then OpenID Connect Discovery. */
  readonly metadata?: 'discover' | { readonly url: string } | AuthorizationServerMetadata | undefined
  /** How JWTs are verified here; `false` leaves them to `introspection`. */
  readonly jwt?: JwtOptions | false | undefined
  /** Asks the issuer about tokens. Without it opaque tokens are refused. @see RFC 7662 */
  readonly introspection?: IntrospectionOptions | undefined
}

/** How an issuer is asked about tokens. @see RFC 7662 */
export interface IntrospectionOptions {
  /** Where to ask. Default: the dialect's address, else `introspection_endpoint` of the issuer's metadata. */
  readonly endpoint?: string | undefined
  /** Who asks: `clientSecretBasic(…)` and its like, or `'none'`. */
  readonly auth: ClientAuthentication | 'none'
  /**
   * Default `'opaque'`: only tokens that are not verified as JWTs. `'always'` also asks about JWTs that verified locally, so
   * that their revocation counts.
   */
  readonly use?: 'opaque' | 'always' | undefined
  /** Which opaque tokens are this issuer's. Required where several issuers introspect. */
  readonly opaqueTokens?: { readonly prefixes: readonly string[] } | undefined
  /** Seconds for which an answer counts, never beyond the token's `exp`. Default 30, 0 to 3600; 0 asks every time. */
  readonly cacheSeconds?: number | undefined
  /** `'assumed'` accepts answers without `aud`: on purpose, for endpoints that answer for this resource only. */
  readonly audience?: 'assumed' | undefined
  /**
   * `'access-only'` says on purpose that this endpoint calls nothing but access tokens active. Accepts answers that name
   * neither an audience that is checked nor the kind of the token; one that names another kind is refused still. Default:
   * such answers are refused, as they may be about refresh tokens.
   */
  readonly tokens?: 'access-only' | undefined
  /** Ask for signed answers and accept no others. Default false. @see RFC 9701 */
  readonly signedResponse?: boolean | undefined
  /** For an endpoint that does not speak RFC 7662: `googleTokenInfo()`, `githubTokenCheck(…)` or one of your own. */
  readonly dialect?: IntrospectionDialect | undefined
  /** Milliseconds for one exchange. Default 3000, 100 to 30000. */
  readonly timeoutMs?: number | undefined
  /** Most exchanges at once; four times as many may wait. Default 50, 1 to 10000. */
  readonly maxConcurrent?: number | undefined
  /**
   * Seconds by which an answer may outlive `cacheSeconds` while the endpoint is down, never beyond `exp`. A token that was
   * revoked meanwhile is accepted that much longer. Default 0, 0 to 86400.
   */
  readonly staleOnOutageSeconds?: number | undefined
}

/** How an issuer's JWTs are verified. @see RFC 9068 */
export interface JwtOptions {
  /** Where the keys are, when the metadata is not to be asked. */
  readonly jwksUri?: string | undefined
  /** The keys themselves: never fetched, never refreshed. */
  readonly jwks?: JsonWebKeySet | undefined
  /** Accepted JWS algorithms. Default: every asymmetric one that the runtime verifies. */
  readonly algorithms?: readonly string[] | undefined
  /** Default `'rfc9068'`; `'compatible'` for issuers whose access tokens have `typ` "JWT" or none. */
  readonly profile?: 'rfc9068' | 'compatible' | undefined
}
