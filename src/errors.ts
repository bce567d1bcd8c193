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
  /** An error of the application's own code. Nothing that an upstream threw: it may quote a token or a secret. */
  readonly cause?: unknown
  /** Scopes that the refused operation needs: the whole set. */
  readonly scopes?: readonly string[] | undefined
  /** Seconds after which another attempt makes sense. */
  readonly retryAfterSeconds?: number | undefined
  /** The requirement that a token does not meet. */
  readonly requirement?: Needed | undefined
  readonly challenge?: ErrorChallenge | undefined
}

/** What the challenge of an error says beyond its `error` and its scopes. */
export interface ErrorChallenge {
  /** The authentication scheme that the client used. Default `Bearer`. */
  readonly scheme?: string
  /** Further parameters. Names are tokens, values printable ASCII. @see RFC 9110 §11.2 */
  readonly parameters?: Readonly<Record<string, string>>
}

/** Anything that says which scopes an operation needs. */
export interface Needed {
  readonly scopes?: readonly string[]
}

type HeadersOf = (error: BearwardError) => Readonly<Record<string, string>>

let writeHeaders: (error: BearwardError, headers: HeadersOf) => void

/**
 * The one error class of bearward; `code` says what happened.
 *
 * `message` is for clients: the same words for everyone, since frameworks show it where an error escapes. `detail` is for
 * operators: what was expected, what came, what is configured. Neither ever holds a token, a secret or a key. Only
 * `configuration_invalid`, which is thrown while a server is being set up, says in its message which option is wrong.
 *
 * Each caller gets an error of its own and may write on it. Errors about a request carry no stack trace, which would cost
 * more than the check of a token: `code` and `detail` tell where they come from.
 */
export class BearwardError extends Error {
  override name = 'BearwardError'
  // Declared alone: each member is assigned once, and those that do not apply are absent from logs.
  declare readonly code: ErrorCode
  /** HTTP status of the answer. */
  declare readonly status: Outcome['status']
  /** As `status`, under the name that most frameworks look for. */
  declare readonly statusCode: Outcome['status']
  /** Tells frameworks not to show this error to the client; `message` is safe where one does. */
  declare readonly expose: false
  /** For operators and their logs; never for the client. */
  declare readonly detail: string
  /** `error` of the challenge, where there is one. */
  declare readonly error?: WireError
  /** With `scope_insufficient`: every scope that the operation needs. */
  declare readonly scopes?: readonly string[]
  /** With `scope_insufficient` and `access_denied`: what the token does not meet. Not enumerable: it is no text for a log. */
  declare readonly requirement?: Needed
  /** What the client's challenge says of this error. Not enumerable. */
  declare readonly challenge?: ErrorChallenge
  /** With `issuer_unavailable`: seconds until another attempt makes sense. */
  declare readonly retryAfterSeconds?: number
  #headers: HeadersOf | undefined

  constructor(code: ErrorCode, detail: string, details: BearwardErrorDetails = {}) {
    const isForDevelopers = code === 'configuration_invalid'
    const outcome: Outcome = outcomes[code]
    const plain = withoutControls(detail)
    const message = isForDevelopers ? plain : outcome.description
    const options = 'cause' in details ? { cause: details.cause } : undefined
    // Nothing can throw between these: the limit is that of the whole process.
    const restore = isForDevelopers ? undefined : stopTracing()
    super(message, options)
    restore?.()
    this.code = code
    this.status = outcome.status
    this.statusCode = outcome.status
    if (outcome.error) this.error = outcome.error
    this.expose = false
    this.detail = plain
    if (details.scopes) this.scopes = Object.freeze([...details.scopes])
    if (details.requirement) hide(this, 'requirement', details.requirement)
    if (details.challenge) hide(this, 'challenge', details.challenge)
    if (details.retryAfterSeconds !== undefined) this.retryAfterSeconds = details.retryAfterSeconds
  }

  /** Header fields for the client, such as its challenge: some frameworks send those of an error that nobody handled. */
  get headers(): Readonly<Record<string, string>> | undefined {
    return this.#headers?.(this)
  }

  // Whoever catches an error may write on it.
  set headers(headers: Readonly<Record<string, string>> | undefined) {
    this.#headers = () => headers ?? {}
  }

  static {
    writeHeaders = (error, headers) => {
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

/** Adds a member that is no text for a log. */
function hide(error: BearwardError, name: string, value: unknown): void {
  // The application may have frozen an error that it threw.
  Reflect.defineProperty(error, name, { value, writable: true, configurable: true })
}

/** Whether an error is a denial of `api.authorize`; others of bearward refuse the token itself. */
export function isDenial(
  error: unknown,
): error is BearwardError & { readonly code: 'scope_insufficient' | 'access_denied' } {
  return error instanceof BearwardError && (error.code === 'scope_insufficient' || error.code === 'access_denied')
}

const shared = new WeakSet<object>()

/** Marks an error that is kept for later callers, or given to several: none of them gets the object itself. */
export function shareError(fault: unknown): void {
  if (fault instanceof BearwardError) shared.add(fault)
}

/**
 * Returns the error that one caller gets: an object that nobody else has or will get.
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

/** What the table says of a code; `undefined` for any other value, as an error holds it that somebody wrote on. */
export function outcomeOf(code: unknown): Outcome | undefined {
  return typeof code === 'string' && Object.hasOwn(outcomes, code) ? outcomes[code as ErrorCode] : undefined
}

/** Keeps the runtime from collecting a stack trace; returns what lets it do so again. */
function stopTracing(): (() => void) | undefined {
  const limit: unknown = Error.stackTraceLimit
  // Where the built-in objects are frozen nothing is changed, and errors have their stack trace.
  if (typeof limit !== 'number' || !Reflect.set(Error, 'stackTraceLimit', 0)) return undefined
  return () => (Error.stackTraceLimit = limit)
}

function withoutControls(text: string): string {
  // Nearly every text: this test takes a tenth of the time of the other.
  if (/^[\x20-\x7e]*$/.test(text)) return text
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?')
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

/** Returns the text with user names and passwords of addresses masked. A password may hold `@` and `/`: the last `@` ends it. */
export function maskUserInfo(text: string): string {
  return text.replace(/\/\/\S+/g, (address) => {
    const end = address.lastIndexOf('@')
    return end < 0 ? address : `//***${address.slice(end)}`
  })
}

/** Returns one or two of several values as they may stand in a message, and how many there are beside. */
export function quoteSome(values: ReadonlySet<string>): string {
  // Not all of them: there may be ten thousand, and refusals come often.
  const all = values.values()
  const [first, second] = [quote(all.next().value), quote(all.next().value)]
  if (values.size < 2) return values.size === 0 ? 'none' : first
  return values.size === 2 ? `${first} or ${second}` : `${first}, ${second} or one of ${values.size - 2} more`
}
