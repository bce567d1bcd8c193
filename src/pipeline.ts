import type { BearwardError, ErrorCode } from './errors.ts'
import type { RequestHeaders } from './parse/header-lines.ts'
import type { JsonObject } from './parse/json.ts'

/** The claims of a token as JSON: strings, finite numbers, booleans, null, arrays and objects. */
export type JwtClaims = JsonObject

/** One entry of `authorization_details`. @see RFC 9396 §2 */
export type AuthorizationDetail = JsonObject & { readonly type: string }

/** Who acts for the subject; only the outermost actor counts. @see RFC 8693 §4.1 */
export type Actor = JsonObject & { readonly sub?: string; readonly iss?: string }

/**
 * A verified token for this resource. Deeply frozen, claims included: all requests with this token share the object.
 */
export interface AccessToken<Claims = JwtClaims> {
  readonly format: 'jwt' | 'opaque'
  /** The issuer, exactly as configured. */
  readonly issuer: string
  /** `sub`. Absent only where the issuer's profile allows it. */
  readonly subject?: string
  /** `client_id`, else `cid`, `appid`, `azp`. */
  readonly clientId?: string
  /** `aud`, always as an array. */
  readonly audience: readonly string[]
  /** The granted scopes, with those that `scopes.implies` adds. `claims` holds the granted ones alone. */
  readonly scopes: readonly string[]
  readonly issuedAtSeconds?: number
  readonly expiresAtSeconds?: number
  /** `jti`. */
  readonly tokenId?: string
  /** `cnf`: the key that the sender must prove. @see RFC 7800 §3.1 */
  readonly confirmation?: { readonly jkt?: string; readonly 'x5t#S256'?: string }
  /** How and when the subject authenticated, without malformed claims. @see RFC 9068 §2.2.1 */
  readonly authentication: {
    readonly acr?: string
    readonly amr?: readonly string[]
    readonly authTimeSeconds?: number
  }
  readonly authorizationDetails: readonly AuthorizationDetail[]
  readonly actor?: Actor
  /** The verified claims; the output of the `claims` schema where one is configured. */
  readonly claims: Claims
}

/** The context of one call. Never outlives it. */
export interface CallContext {
  /** Ends this caller's wait. Work that other callers share continues. */
  readonly signal?: AbortSignal
  /** Keeps shared work alive when this request ends first; in Workers `ctx.waitUntil`. */
  readonly waitUntil?: (promise: Promise<unknown>) => void
  /**
   * Receives header fields for the answer. The caller sends them with successes and refusals alike. Default: no field is sent.
   */
  readonly responseHeaders?: Headers
}

/** Makes one request; the platform's `fetch` is one. */
export type FetchFunction = (url: string, init: RequestInit) => Promise<Response>

/**
 * The client's certificate of the TLS handshake: the whole certificate, or its SHA-256 fingerprint (32 bytes) where the platform
 * gives no more.
 *
 * @see RFC 8705 §3.1
 */
export type ClientCertificate = { readonly der: Uint8Array } | { readonly sha256: Uint8Array }

/** A request as every adapter describes it. */
export interface RequestView {
  readonly method: string
  /** The absolute address. Comes from trusted configuration where the framework does not know it. */
  readonly url: string
  readonly headers: RequestHeaders
  /**
   * Returns the client's certificate, or `undefined` where the connection has none. Called only when a check needs it. Need not
   * check the chain of trust: a self-signed certificate counts too. @see RFC 8705 §2.2
   */
  readonly certificate?: () => ClientCertificate | undefined
  /** Reads a form body from a copy. Called only with the option `form` on, for the content type of forms. */
  readonly form?: () => Promise<URLSearchParams>
}

declare const unverified: unique symbol
/** Marks input that is not verified yet. Only `verify` removes the mark. */
export type Unverified<T> = T & { readonly [unverified]: true }

/** One request's credential with its context. Goes from extract to constrain. */
export interface Presentation {
  /** The authentication scheme: `Bearer`, or one that a binding brings. */
  readonly scheme: string
  readonly token: string
  /** The request as the adapter describes it; `undefined` for a token without a request. */
  readonly request: RequestView | undefined
  readonly context: CallContext
}

/** classify → issuer: a decoded JWT. Nothing in it is verified. */
export interface UnverifiedJwt {
  readonly kind: 'jwt'
  readonly token: string
  readonly algorithm: Unverified<string>
  readonly keyId: Unverified<string> | undefined
  /** Media type without `application/`, in lower case. */
  readonly type: Unverified<string> | undefined
  readonly issuer: Unverified<string>
  readonly claims: Unverified<JwtClaims>
  /** Estimated bytes of the claims in memory, beside their text. */
  readonly weight: number
  readonly signingInput: Uint8Array<ArrayBuffer>
  readonly signature: Uint8Array<ArrayBuffer>
}

/** classify → issuer: a token that is not a JWT. */
export interface OpaqueToken {
  readonly kind: 'opaque'
  readonly token: string
}

/** A public key that an issuer published and this runtime can use. */
export interface VerificationKey {
  /** The public members in one string: equal for equal keys. */
  readonly identity: string
  readonly keyId: string | undefined
  /** JWS algorithms that this key may verify. The key decides, not the token's header. */
  readonly algorithms: readonly string[]
  /** @throws where the runtime cannot import the key for this algorithm. */
  readonly cryptoKey: (algorithm: string) => CryptoKey | Promise<CryptoKey>
}

/** The keys of one issuer at one moment. */
export interface KeySnapshot {
  readonly size: number
  readonly has: (key: VerificationKey) => boolean
  readonly knows: (keyId: string) => boolean
  /** The first four keys that may verify such a token. */
  readonly select: (keyId: string | undefined, algorithm: string) => readonly VerificationKey[]
}

/** The keys of one issuer over time. */
export interface KeySource {
  /**
   * Returns the current keys.
   * @throws {BearwardError} issuer_unavailable
   */
  readonly current: (context: CallContext) => Promise<KeySnapshot>
  /** Returns the keys if `current` needs no wait for them, else `undefined`. Starts a refresh that is due. */
  readonly atHand?: (context: CallContext) => KeySnapshot | undefined
  /**
   * Returns newer keys than `seen`, fetched if the cooldown allows. Returns `undefined` where there are none, and during an outage
   * of the issuer: see `failing`.
   */
  readonly renewed: (seen: KeySnapshot, context: CallContext) => Promise<KeySnapshot | undefined>
  /** Whether a token that `key` verified earlier still counts as verified. Starts a refresh that is due. */
  readonly stillHolds: (key: VerificationKey, context: CallContext) => boolean
  /** Returns the error where the newest fetch failed: the issuer may have keys that are missing here. */
  readonly failing: () => BearwardError | undefined
}

/** A configured issuer: trusted to speak for its own tokens and no others. */
export interface Issuer {
  readonly identifier: string
  /** Accepted `aud` values; `null`: deliberately not checked. */
  readonly audience: ReadonlySet<string> | null
  readonly clients: ReadonlySet<string> | undefined
  readonly algorithms: ReadonlySet<string>
  readonly profile: 'rfc9068' | 'compatible'
  readonly keys: KeySource
  /** Identifies where its documents come from: equal for issuers that fetch the same documents. */
  readonly sources: string
  /** Whether its documents may name addresses on this machine. */
  readonly local: boolean
  /** Whether this server verifies its JWTs itself. Otherwise it asks the issuer about them. */
  readonly verifiesJwts: boolean
  /** Asks the issuer about tokens. Without it, opaque tokens of this issuer are refused. */
  readonly introspection: Inquirer | undefined
  /** Returns the issuer's metadata, fetched where it is not cached. @throws where it is unavailable */
  readonly metadata: (context: CallContext) => Promise<Record<string, unknown>>
}

/** An issuer that reports its state and can be stopped. */
export interface TrackedIssuer extends Issuer {
  /** Resolves when it can check tokens. @throws where its keys or metadata are unavailable */
  readonly ready: (context: CallContext) => Promise<void>
  readonly state: () => IssuerState
  readonly stop: () => void
}

/** Finds the configured issuer that an unverified token names. */
export interface IssuerRegistry {
  /** @throws {BearwardError} issuer_untrusted, issuer_unavailable */
  readonly find: (issuer: Unverified<string>, context: CallContext) => TrackedIssuer | Promise<TrackedIssuer>
  /** Finds the issuer to ask about an opaque token. @throws {BearwardError} token_malformed, issuer_unavailable */
  readonly findForOpaque: (token: string, context: CallContext) => TrackedIssuer | Promise<TrackedIssuer>
  /** Whether an issuer found earlier is still trusted. */
  readonly trusts: (issuer: Issuer) => boolean
  /** Every issuer in memory. */
  readonly all: () => readonly TrackedIssuer[]
  readonly forgetAnswers: () => void
  readonly stop: () => void
}

/** Asks one issuer about its tokens. */
export interface Inquirer {
  /** `always`: asks about verified JWTs too. */
  readonly use: 'opaque' | 'always'
  /** Whether an opaque token can be this issuer's. */
  readonly accepts: (token: string) => boolean
  /**
   * Asks the issuer about a token, and returns the access token that the answer describes.
   * @throws {BearwardError} token_inactive, token_type_wrong, issuer_untrusted, audience_mismatch, client_refused,
   *   claim_invalid, binding_mismatch, token_expired, token_not_yet_valid, issuer_unavailable
   */
  readonly introspect: <Claims>(token: string, issuer: Issuer, context: CallContext) => Promise<AccessToken<Claims>>
  /**
   * Asks whether a verified JWT is still active. A binding in the JWT or in the answer counts.
   * @throws {BearwardError} as `introspect`
   */
  readonly confirm: <Claims>(
    token: string,
    jwt: AccessToken<Claims>,
    issuer: Issuer,
    context: CallContext,
  ) => Promise<AccessToken<Claims>>
  /** Deletes the shared answers about a token of this issuer. */
  readonly forget: (token: string, issuer: Issuer) => Promise<void>
}

/** verify → constrain. */
export interface VerifiedToken<Claims> {
  readonly accessToken: AccessToken<Claims>
  readonly notBeforeSeconds: number | undefined
  /** The key that verified it. */
  readonly key: VerificationKey
}

/** An event for operators. Never contains a token, a secret, a key or unescaped bytes of a caller. */
export type BearwardEvent =
  | {
      readonly type: 'keys_loaded'
      readonly issuer: string
      readonly keys: number
      /** The source: the issuer itself, or a shared tier. */
      readonly from: 'issuer' | 'tier'
    }
  | { readonly type: 'key_ignored'; readonly issuer: string; readonly reason: string }
  | { readonly type: 'issuer_failed'; readonly issuer: string; readonly detail: string; readonly retryInMs: number }
  | { readonly type: 'metadata_stale'; readonly issuer: string; readonly detail: string }
  | {
      readonly type: 'introspection_failed'
      readonly issuer: string
      readonly detail: string
      /** `true`: the endpoint is down or slow. `false`: its answer is unusable. */
      readonly outage: boolean
    }
  | { readonly type: 'introspection_stale'; readonly issuer: string }
  | {
      /** A shared tier failed, hung or held an unusable entry. Callers got their answer without it. */
      readonly type: 'tier_failed'
      readonly tier: string
      readonly operation: 'get' | 'put' | 'delete'
      readonly detail: string
      /** Milliseconds until the next attempt. 0 for an unusable entry and for deletions, which are tried every time. */
      readonly retryInMs: number
    }
  | { readonly type: 'token_refused'; readonly code: ErrorCode; readonly detail: string }
  | {
      /** A good token does not permit the operation. */
      readonly type: 'operation_denied'
      readonly code: 'scope_insufficient' | 'access_denied'
      readonly detail: string
      /** Every scope that the operation needs, where it needs any. */
      readonly scopes?: readonly string[]
    }

/** The state of one issuer's keys, for a health page. Does not cover its introspection endpoint. */
export interface IssuerState {
  readonly issuer: string
  /**
   * `cold`: no keys yet, and no attempt failed. `fresh`: keys serve. `stale`: keys serve, but the newest attempt to fetch failed.
   * `down`: no keys, and the newest attempt failed.
   */
  readonly state: 'cold' | 'fresh' | 'stale' | 'down'
  readonly keys: number
  readonly freshUntilMs?: number
  readonly downSinceMs?: number
  readonly lastError?: string
}
