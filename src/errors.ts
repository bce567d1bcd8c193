/** The `error` codes that travel to a client in `WWW-Authenticate`. @see RFC 6750 §3.1 */
export type WireError = 'invalid_request' | 'invalid_token' | 'insufficient_scope'

interface Outcome {
  /** HTTP status of the answer. */
  readonly status: 400 | 401 | 403 | 500 | 503
  /** `error` of the challenge; `undefined` where the RFCs define none. */
  readonly error: WireError | undefined
  /** For the client: the same text for everyone, with nothing of the request or the configuration. */
  readonly description: string
}

/** Every reason for a refusal. */
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

function outcome(status: Outcome['status'], error: WireError | undefined, description: string): Outcome {
  return { status, error, description }
}

function invalidRequest(description: string): Outcome {
  return outcome(400, 'invalid_request', description)
}

function invalidToken(description: string): Outcome {
  return outcome(401, 'invalid_token', description)
}

// RFC 6750 §3 limits the characters of descriptions: printable ASCII without quotes and backslashes.
const outcomes = {
  // RFC 6750 §3.1: a request without credentials made no error. Its challenge says what is required.
  credentials_missing: outcome(401, undefined, 'An access token is required'),
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
  scope_insufficient: outcome(403, 'insufficient_scope', 'The access token lacks a scope that this operation needs'),
  access_denied: outcome(403, undefined, 'The access token does not permit this operation'),
  // An outage is not a bad token. The answer has no challenge, so that the client keeps its token.
  issuer_unavailable: outcome(503, undefined, 'The access token cannot be checked at the moment'),
  configuration_invalid: outcome(500, undefined, 'The server is misconfigured'),
} satisfies Record<ErrorCode, Outcome>

export interface BearwardErrorDetails {
  /** An error of the application's own code; never one of an upstream, which may quote a token or a secret. */
  readonly cause?: unknown
  /** Every scope that the refused operation needs. */
  readonly scopes?: readonly string[] | undefined
  /** Seconds after which another attempt makes sense. */
  readonly retryAfterSeconds?: number | undefined
  /** The requirement that the token does not meet. */
  readonly requirement?: Needed | undefined
  readonly challenge?: ErrorChallenge | undefined
}

/** Adds to the challenge of an error. */
export interface ErrorChallenge {
  /** The authentication scheme that the client used. Default `Bearer`. */
  readonly scheme?: string
  /** Further parameters. Names are tokens, values printable ASCII. @see RFC 9110 §11.2 */
  readonly parameters?: Readonly<Record<string, string>>
}

/** Names the scopes that an operation needs. */
export interface Needed {
  readonly scopes?: readonly string[]
}

type HeadersOf = (error: BearwardError) => Readonly<Record<string, string>> | undefined

let writeHeaders: (error: BearwardError, headers: HeadersOf) => void

/**
 * The only error class of bearward; `code` says what happened.
 *
 * `message` is for clients: one fixed text for each code, because frameworks show it when an error escapes. `detail` is for
 * operators: expected, actual and configured values. Neither contains a token, a secret or a key. Only the message of
 * `configuration_invalid`, thrown when a server is created, names the wrong option.
 *
 * Each caller gets an error object of its own and may write on it. Errors about a request have no stack trace, which would cost
 * more than the check of a token: `code` and `detail` show where they come from.
 */
export class BearwardError extends Error {
  override name = 'BearwardError'
  // Only declared: the constructor assigns each member once, and logs show no empty ones.
  declare readonly code: ErrorCode
  /** HTTP status of the answer. */
  declare readonly status: Outcome['status']
  /** As `status`, under the name that most frameworks read. */
  declare readonly statusCode: Outcome['status']
  /** Tells frameworks not to show this error to the client. Where one does, `message` is safe. */
  declare readonly expose: false
  /** For operators and their logs; never for the client. */
  declare readonly detail: string
  /** `error` of the challenge, where there is one. */
  declare readonly error?: WireError
  /** With `scope_insufficient`: every scope that the operation needs. */
  declare readonly scopes?: readonly string[]
  /** With `scope_insufficient` and `access_denied`: the unmet requirement. Not enumerable, so that logs leave it out. */
  declare readonly requirement?: Needed
  /** Adds to the client's challenge. Not enumerable. */
  declare readonly challenge?: ErrorChallenge
  /** With `issuer_unavailable`: seconds after which another attempt makes sense. */
  declare readonly retryAfterSeconds?: number
  #headers: HeadersOf | undefined

  constructor(code: ErrorCode, detail: string, details: BearwardErrorDetails = {}) {
    const isForDevelopers = code === 'configuration_invalid'
    const { status, error, description }: Outcome = outcomes[code]
    const plain = withoutControls(detail)
    const options = 'cause' in details ? { cause: details.cause } : undefined
    // Nothing may throw before the limit is restored: it is that of the whole process.
    const restore = isForDevelopers ? undefined : stopTracing()
    super(isForDevelopers ? plain : description, options)
    restore?.()
    this.code = code
    this.status = status
    this.statusCode = status
    if (error) this.error = error
    this.expose = false
    this.detail = plain
    if (details.scopes) this.scopes = Object.freeze([...details.scopes])
    if (details.requirement) hide(this, 'requirement', details.requirement)
    if (details.challenge) hide(this, 'challenge', details.challenge)
    if (details.retryAfterSeconds !== undefined) this.retryAfterSeconds = details.retryAfterSeconds
  }

  /** Header fields for the client, such as its challenge. Some frameworks send them with an unhandled error. */
  get headers(): Readonly<Record<string, string>> | undefined {
    // A proxy of an error, and an object that inherits from one, have none.
    return #headers in this ? this.#headers?.(this) : undefined
  }

  // A caller may write on its error.
  set headers(headers: Readonly<Record<string, string>> | undefined) {
    if (#headers in this) this.#headers = () => headers
    else hide(this, 'headers', headers)
  }

  static {
    writeHeaders = (error: BearwardError, headers: HeadersOf): void => {
      // A proxy of an error has no private member.
      if (#headers in error) error.#headers = headers
    }
  }
}

/** Gives an error its `headers`, made when they are read. */
export function withHeaders(error: BearwardError, headers: HeadersOf): BearwardError {
  writeHeaders(error, headers)
  return error
}

/** Adds a member that logs leave out. */
function hide(error: BearwardError, name: string, value: unknown): void {
  // The application may have frozen an error that it threw.
  Reflect.defineProperty(error, name, { value, writable: true, configurable: true })
}

/** Whether an error is a denial of `api.authorize`. bearward's other errors refuse the token itself. */
export function isDenial(
  error: unknown,
): error is BearwardError & { readonly code: 'scope_insufficient' | 'access_denied' } {
  return error instanceof BearwardError && (error.code === 'scope_insufficient' || error.code === 'access_denied')
}

const shared = new WeakSet<object>()

/** Marks an error that several callers get: `forCaller` copies it for each. */
export function shareError(fault: unknown): void {
  if (fault instanceof BearwardError) shared.add(fault)
}

/**
 * Returns the error object for one caller alone: a copy where others get the same error.
 *
 * @param scheme the authentication scheme that the caller used
 */
export function forCaller(error: BearwardError, scheme = 'Bearer'): BearwardError {
  const own = shared.has(error) ? copyOf(error) : error
  if (scheme !== 'Bearer' && own.challenge?.scheme === undefined) hide(own, 'challenge', { ...own.challenge, scheme })
  return own
}

function copyOf({ code, detail, scopes, retryAfterSeconds, challenge }: BearwardError): BearwardError {
  return new BearwardError(code, detail, { scopes, retryAfterSeconds, challenge })
}

/** Returns the table's row of a code. A caller may have written any other value on its error: then `undefined`. */
export function outcomeOf(code: unknown): Outcome | undefined {
  return typeof code === 'string' && Object.hasOwn(outcomes, code) ? outcomes[code as ErrorCode] : undefined
}

/** Stops the runtime from collecting stack traces; returns the function that lets it collect them again. */
function stopTracing(): (() => void) | undefined {
  const limit: unknown = Error.stackTraceLimit
  // Frozen built-in objects stay as they are, and errors keep their stack trace.
  if (typeof limit !== 'number' || !Reflect.set(Error, 'stackTraceLimit', 0)) return undefined
  return () => (Error.stackTraceLimit = limit)
}

function withoutControls(text: string): string {
  // Nearly every text passes this test, which takes a tenth of the time of the other.
  if (/^[\x20-\x7e]*$/.test(text)) return text
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?')
}

/** Returns `value` for a message: shortened, quoted, in plain printable ASCII. */
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

/** Returns the error about a claim with another value than expected. */
export function unexpectedClaim(code: ErrorCode, name: string, expected: string, actual: unknown): BearwardError {
  return new BearwardError(code, `claim \`${name}\`: expected ${expected}, got ${quote(actual)}`)
}

/** Masks user names and passwords of addresses in a text. A password may contain `@` and `/`: the last `@` ends it. */
export function maskUserInfo(text: string): string {
  return text.replace(/\/\/\S+/g, (address) => {
    const end = address.lastIndexOf('@')
    return end < 0 ? address : `//***${address.slice(end)}`
  })
}

/** Returns the first two of several values for a message, and the number of the others. */
export function quoteSome(values: ReadonlySet<string>): string {
  // There may be ten thousand, and refusals are frequent.
  const all = values.values()
  const [first, second] = [quote(all.next().value), quote(all.next().value)]
  if (values.size < 2) return values.size === 0 ? 'none' : first
  return values.size === 2 ? `${first} or ${second}` : `${first}, ${second} or one of ${values.size - 2} more`
}
