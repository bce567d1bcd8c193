/** The `error` codes that travel to a client in `WWW-Authenticate`. @see RFC 6750 §3.1 */
export type WireError = 'invalid_request' | 'invalid_token' | 'insufficient_scope'

interface Outcome {
  /** HTTP status that the client gets. */
  readonly status: 400 | 401 | 403 | 500 | 503
  /** `error` of the challenge; `undefined` where the RFCs want none. */
  readonly error: WireError | undefined
  /** What the client may read: the same words for everyone, nothing of the request or the configuration. */
  readonly description: string
}

/** Every reason for which bearward says no. */
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

function invalidToken(description: string): Outcome {
  return { status: 401, error: 'invalid_token', description }
}

function invalidRequest(description: string): Outcome {
  return { status: 400, error: 'invalid_request', description }
}

// Descriptions hold only what RFC 6750 §3 allows in error_description: no quote, no backslash, printable ASCII.
const outcomes = {
  // RFC 6750 §3.1: a request without credentials is told what to bring, not that it made an error.
  credentials_missing: { status: 401, error: undefined, description: 'An access token is required' },
  credentials_malformed: invalidRequest('The credentials of the request are malformed'),
  credentials_ambiguous: invalidRequest('The request carries more than one credential'),
  token_malformed: invalidToken('The access token is malformed'),
  token_too_large: invalidToken('The access token is too large'),
  token_type_wrong: invalidToken('The token is not an access token of the expected type'),
  issuer_untrusted: invalidToken('The access token comes from an issuer that is not trusted here'),
  algorithm_refused: invalidToken('The access token is signed with an algorithm that is not accepted'),
  key_unknown: invalidToken('The access token is signed with an unknown key'),
  signature_invalid: invalidToken('The signature of the access token is invalid'),
  token_expired: invalidToken('The access token expired'),
  token_not_yet_valid: invalidToken('The access token is not valid yet'),
  audience_mismatch: invalidToken('The access token is meant for another resource'),
  client_refused: invalidToken('The access token was issued to a client that is not accepted'),
  claim_missing: invalidToken('The access token lacks a required claim'),
  claim_invalid: invalidToken('The access token holds an invalid claim'),
  token_inactive: invalidToken('The access token is not active'),
  binding_mismatch: invalidToken('The access token is bound to a sender that was not proven'),
  scope_insufficient: {
    status: 403,
    error: 'insufficient_scope',
    description: 'The access token lacks a scope that this operation needs',
  },
  access_denied: { status: 403, error: undefined, description: 'The access token does not permit this operation' },
  // An outage is not a bad token: no challenge, so that no client throws a good token away.
  issuer_unavailable: {
    status: 503,
    error: undefined,
    description: 'The access token cannot be checked at the moment',
  },
  configuration_invalid: { status: 500, error: undefined, description: 'The server is misconfigured' },
} as const satisfies Record<ErrorCode, Outcome>

export interface BearwardErrorDetails {
  readonly cause?: unknown
  /** Scopes that the refused operation needs: the whole set. */
  readonly scopes?: readonly string[]
  /** Seconds after which another attempt makes sense. */
  readonly retryAfterSeconds?: number
}

/**
 * The one error class of bearward; `code` says what happened. Immutable.
 *
 * `message` is for operators: what was expected, what came. `description` is for clients. Neither ever holds a token, a
 * secret or a key.
 */
export class BearwardError extends Error {
  override readonly name = 'BearwardError'
  readonly code: ErrorCode
  /** HTTP status of the answer. */
  readonly status: Outcome['status']
  /** `error` of the challenge, where there is one. */
  readonly error: WireError | undefined
  /** Safe to show to the client. */
  readonly description: string
  /** With `scope_insufficient`: every scope that the operation needs. */
  readonly scopes: readonly string[] | undefined
  /** With `issuer_unavailable`: seconds until another attempt makes sense. */
  readonly retryAfterSeconds: number | undefined

  constructor(code: ErrorCode, message: string, details: BearwardErrorDetails = {}) {
    super(
      message.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?'),
      'cause' in details ? { cause: details.cause } : undefined,
    )
    const outcome: Outcome = outcomes[code]
    this.code = code
    this.status = outcome.status
    this.error = outcome.error
    this.description = outcome.description
    this.scopes = details.scopes && Object.freeze([...details.scopes])
    this.retryAfterSeconds = details.retryAfterSeconds
    Object.freeze(this)
  }
}

/** Returns `value` as it may stand in a message: shortened, quoted, with nothing but plain printable ASCII left. */
export function quote(value: unknown): string {
  if (typeof value === 'string') {
    const plain = value.slice(0, 80).replace(/[^\x20-\x7e]|["\\]/g, '?')
    return `"${plain}${value.length > 80 ? '…' : ''}"`
  }
  if (typeof value === 'number' || typeof value === 'boolean' || value === null || value === undefined) {
    return String(value)
  }
  if (Array.isArray(value)) return `an array of ${value.length}`
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

/** Returns an error's message, or what stands in for one. It may be a stranger's: plain printable ASCII is left of it. */
export function messageOf(fault: unknown): string {
  try {
    // A stranger's error may have any message, and even none that can be read.
    const message: unknown = fault instanceof Error ? fault.message : undefined
    if (typeof message === 'string') return message.replace(/[^\x20-\x7e…]/g, '?')
  } catch {
    // As good as no message.
  }
  return 'unknown reason'
}

/** Returns the kind of an error whose message may quote a secret. */
export function nameOf(fault: unknown): string {
  return fault instanceof Error ? fault.name : 'unknown reason'
}

/** Returns why a request failed, with the reason that `fetch` hides behind its own. */
export function fetchFault(fault: unknown): string {
  const hidden = fault instanceof Error && fault.cause instanceof Error ? ` (${messageOf(fault.cause)})` : ''
  return messageOf(fault) + hidden
}
