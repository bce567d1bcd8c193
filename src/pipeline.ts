import type { BearwardError, ErrorCode } from './errors.ts'
import type { RequestHeaders } from './parse/header-lines.ts'
import type { JsonObject } from './parse/json.ts'

/** The claims of a token as JSON: nothing but strings, finite numbers, booleans, null, arrays and objects. */
export type JwtClaims = JsonObject

/** One entry of `authorization_details`. @see RFC 9396 §2 */
export type AuthorizationDetail = JsonObject & { readonly type: string }

/** Who acts for the subject; only the outermost actor counts. @see RFC 8693 §4.1 */
export type Actor = JsonObject & { readonly sub?: string; readonly iss?: string }

/**
 * A token that was found genuine and meant for this resource. Deeply frozen, claims included: every request that carries
 * the token shares it.
 */
export interface AccessToken<Claims = JwtClaims> {
  readonly format: 'jwt' | 'opaque'
  /** The configured issuer that answers for the token, exactly as configured. */
  readonly issuer: string
  /** `sub`. Absent only where the issuer's profile allows it. */
  readonly subject?: string
  /** `client_id`, else `cid`, `appid`, `azp`. */
  readonly clientId?: string
  /** `aud`, always as an array. */
  readonly audience: readonly string[]
  /** The granted scopes and what `scopes.implies` adds to them. `claims` holds them as granted. */
  readonly scopes: readonly string[]
  readonly issuedAtSeconds?: number
  readonly expiresAtSeconds?: number
  /** `jti`. */
  readonly tokenId?: string
  /** `cnf`: the key that the sender must prove. @see RFC 7800 §3.1 */
  readonly confirmation?: { readonly jkt?: string; readonly 'x5t#S256'?: string }
  /** How and when the subject authenticated; a malformed claim is left out here. @see RFC 9068 §2.2.1 */
  readonly authentication: {
    readonly acr?: string
    readonly amr?: readonly string[]
    readonly authTimeSeconds?: number
  }
  readonly authorizationDetails: readonly AuthorizationDetail[]
  readonly actor?: Actor
  /** As verified; the output of the `claims` schema where one is configured. */
  readonly claims: Claims
}

/** What one call brings along. Never kept. */
export interface CallContext {
  /** Ends this caller's wait. Work that other callers share goes on. */
  readonly signal?: AbortSignal
  /** Keeps shared work alive when this request ends first; in Workers `ctx.waitUntil`. */
  readonly waitUntil?: (promise: Promise<unknown>) => void
  /**
   * Receives header fields for the answer, whatever the answer is: the caller sends them with successes and refusals alike.
   * Where it is absent, no field can be sent.
   */
  readonly responseHeaders?: Headers
}

/** Makes one request; the platform's `fetch` is one. */
export type FetchFunction = (url: string, init: RequestInit) => Promise<Response>

/**
 * The certificate with which the client proved itself in the TLS handshake: the whole certificate, or only its SHA-256
 * fingerprint (32 bytes) where a platform hands out nothing else.
 *
 * @see RFC 8705 §3.1
 */
export type ClientCertificate = { readonly der: Uint8Array } | { readonly sha256: Uint8Array }

/** A request as every adapter describes it. */
export interface RequestView {
  readonly method: string
  /** Absolute; built from trusted configuration where the framework cannot know it. */
  readonly url: string
  readonly headers: RequestHeaders
  /**
   * Returns the client's certificate, or `undefined` where the connection has none. Called only where something needs it. The
   * chain of trust may be unchecked: a self-signed certificate is a proof as well. @see RFC 8705 §2.2
   */
  readonly certificate?: () => ClientCertificate | undefined
  /** Reads a form body from a copy. Called only where the option `form` is on and the content type says form. */
  readonly form?: () => Promise<URLSearchParams>
}

declare const unverified: unique symbol
/** Marks what came from outside and was not verified yet; only `verify` takes the mark off. */
export type Unverified<T> = T & { readonly [unverified]: true }

/** One request's credential, and all that came with it: extract hands it on, up to constrain. */
export interface Presentation {
  /** The authentication scheme: `Bearer`, or one that a binding brings. */
  readonly scheme: string
  readonly token: string
  /** The request as the adapter described it; `undefined` for a token that came without one. */
  readonly request: RequestView | undefined
  readonly context: CallContext
}

/** classify → issuer: a JWT taken apart, of which nothing may be believed. */
export interface UnverifiedJwt {
  readonly kind: 'jwt'
  readonly token: string
  readonly algorithm: Unverified<string>
  readonly keyId: Unverified<string> | undefined
  /** Media type without `application/`, in lower case. */
  readonly type: Unverified<string> | undefined
  readonly issuer: Unverified<string>
  readonly claims: Unverified<JwtClaims>
  /** Bytes that the claims take in memory beside their text. */
  readonly weight: number
  readonly signingInput: Uint8Array<ArrayBuffer>
  readonly signature: Uint8Array<ArrayBuffer>
}

/** classify → issuer: a string without meaning to us. */
export interface OpaqueToken {
  readonly kind: 'opaque'
  readonly token: string
}

/** A public key that an issuer published and this runtime can use. */
export interface VerificationKey {
  /** The public members in one string: equal for equal keys. */
  readonly identity: string
  readonly keyId: string | undefined
  /** JWS algorithms that this key may verify: the key decides, not the token's header. */
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
   * The keys that count now.
   * @throws {BearwardError} issuer_unavailable
   */
  readonly current: (context: CallContext) => Promise<KeySnapshot>
  /** The keys that `current` would resolve to without a wait, or `undefined`. Starts a refresh that is due. */
  readonly atHand?: (context: CallContext) => KeySnapshot | undefined
  /**
   * Newer keys than `seen`, fetched if the cooldown allows, or `undefined`.
   * The answer of the issuer's outage is `undefined` as well; see `failing`.
   */
  readonly renewed: (seen: KeySnapshot, context: CallContext) => Promise<KeySnapshot | undefined>
  /** Whether a token that `key` verified earlier may count as verified still. Starts a refresh that is due. */
  readonly stillHolds: (key: VerificationKey, context: CallContext) => boolean
  /** The newest attempt to fetch failed: what is missing here may well exist there. */
  readonly failing: () => BearwardError | undefined
}

/** A configured issuer: trusted to speak for its own tokens and no others. */
export interface Issuer {
  readonly identifier: string
  /** Accepted `aud` values; `null` is deliberately unchecked. */
  readonly audience: ReadonlySet<string> | null
  readonly clients: ReadonlySet<string> | undefined
  readonly algorithms: ReadonlySet<string>
  readonly profile: 'rfc9068' | 'compatible'
  readonly keys: KeySource
  /** Says where its documents come from: equal for issuers that get theirs from the same places. */
  readonly sources: string
  /** Its documents may name addresses on this machine. */
  readonly local: boolean
  /** JWTs of this issuer are verified here; otherwise it is asked about them. */
  readonly verifiesJwts: boolean
  /** Asks it about tokens; without one, opaque tokens of this issuer are refused. */
  readonly introspection: Inquirer | undefined
  /** The issuer's own description, fetched where it is not at hand. @throws where it cannot be had */
  readonly metadata: (context: CallContext) => Promise<Record<string, unknown>>
}

/** An issuer that can also be watched and stopped. */
export interface TrackedIssuer extends Issuer {
  /** Resolves when it has what it takes to check tokens. @throws where it cannot get that */
  readonly ready: (context: CallContext) => Promise<void>
  readonly state: () => IssuerState
  readonly stop: () => void
}

/** Finds the configured issuer that an unverified token names. */
export interface IssuerRegistry {
  /** @throws {BearwardError} issuer_untrusted, issuer_unavailable */
  readonly find: (issuer: Unverified<string>, context: CallContext) => TrackedIssuer | Promise<TrackedIssuer>
  /** Finds the issuer that is asked about an opaque token. @throws {BearwardError} token_malformed, issuer_unavailable */
  readonly findForOpaque: (token: string, context: CallContext) => TrackedIssuer | Promise<TrackedIssuer>
  /** Whether an issuer that was found earlier is still trusted. */
  readonly trusts: (issuer: Issuer) => boolean
  /** Every issuer in memory. */
  readonly all: () => readonly TrackedIssuer[]
  readonly forgetAnswers: () => void
  readonly stop: () => void
}

/** Asks one issuer about its tokens. */
export interface Inquirer {
  /** `always`: also asks about JWTs that were verified here. */
  readonly use: 'opaque' | 'always'
  /** Whether an opaque token can be this issuer's. */
  readonly accepts: (token: string) => boolean
  /**
   * The access token that the issuer makes of a token which is not verified here.
   * @throws {BearwardError} token_inactive, token_type_wrong, issuer_untrusted, audience_mismatch, client_refused,
   *   claim_invalid, binding_mismatch, token_expired, token_not_yet_valid, issuer_unavailable
   */
  readonly introspect: <Claims>(token: string, issuer: Issuer, context: CallContext) => Promise<AccessToken<Claims>>
  /**
   * Asks whether a JWT that was verified here is active still. A binding counts from either side.
   * @throws {BearwardError} as `introspect`
   */
  readonly confirm: <Claims>(
    token: string,
    jwt: AccessToken<Claims>,
    issuer: Issuer,
    context: CallContext,
  ) => Promise<AccessToken<Claims>>
  /** Drops what other processes keep of a token of this issuer. */
  readonly forget: (token: string, issuer: Issuer) => Promise<void>
}

/** verify → constrain. */
export interface VerifiedToken<Claims> {
  readonly accessToken: AccessToken<Claims>
  readonly notBeforeSeconds: number | undefined
  /** The key that verified it. */
  readonly key: VerificationKey
}

/** What happened behind the scenes. Never carries a token, a secret, a key or unescaped bytes of a caller. */
export type BearwardEvent =
  | {
      readonly type: 'keys_loaded'
      readonly issuer: string
      readonly keys: number
      /** Who had them: the issuer itself, or a shared tier. */
      readonly from: 'issuer' | 'tier'
    }
  | { readonly type: 'key_ignored'; readonly issuer: string; readonly reason: string }
  | { readonly type: 'issuer_failed'; readonly issuer: string; readonly detail: string; readonly retryInMs: number }
  | { readonly type: 'metadata_stale'; readonly issuer: string; readonly detail: string }
  | {
      readonly type: 'introspection_failed'
      readonly issuer: string
      readonly detail: string
      /** The endpoint is down or slow, as opposed to an answer that is of no use. */
      readonly outage: boolean
    }
  | { readonly type: 'introspection_stale'; readonly issuer: string }
  | {
      /** A shared tier failed, hung or held something unusable; callers do without it. */
      readonly type: 'tier_failed'
      readonly tier: string
      readonly operation: 'get' | 'put' | 'delete'
      readonly detail: string
      /** Until then it is not tried again; 0 where one entry was to blame, and for deletions: these are tried every time. */
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

/** The state of one issuer's keys, for a health page; says nothing of its introspection endpoint. */
export interface IssuerState {
  readonly issuer: string
  /**
   * `cold`: no keys, and none missed. `fresh`: keys serve. `stale`: keys serve, while the newest attempt to fetch failed.
   * `down`: no keys, and the newest attempt failed.
   */
  readonly state: 'cold' | 'fresh' | 'stale' | 'down'
  readonly keys: number
  readonly freshUntilMs?: number
  readonly downSinceMs?: number
  readonly lastError?: string
}
