import { BearwardError, type Needed, outcomeOf } from '../errors.ts'
import { isA } from '../faults.ts'
import { isFurtherParameter } from '../parse/challenge-parameter.ts'

/** The whole answer for a client: status, every header field, and a body to be sent as JSON. */
export interface ChallengeResponse {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: { readonly error?: string; readonly error_description: string; readonly code?: string }
}

export interface ChallengeSettings {
  readonly realm: string | undefined
  /** Address of the protected resource metadata. @see RFC 9728 §5.1 */
  readonly resourceMetadataUrl: string | undefined
  /** The authentication schemes that clients may use. */
  readonly schemes: readonly ChallengeScheme[]
}

/** An authentication scheme, and what each of its challenges says. */
interface ChallengeScheme {
  readonly name: string
  readonly parameters: readonly Parameter[]
}

type Parameter = readonly [name: string, value: string | undefined]

const NONE: readonly never[] = []

const OWN_HEADERS = {
  'Content-Type': 'application/json',
  // No shared cache may keep an answer to credentials.
  'Cache-Control': 'private, no-store',
  // Scripts in browsers read these fields only if they are exposed.
  'Access-Control-Expose-Headers': 'WWW-Authenticate, Retry-After',
}

/**
 * Turns any error into an answer. An outage is a 503 without a challenge. An error that is not bearward's is a 500 that says
 * nothing about it.
 *
 * @see RFC 6750 §3, RFC 9110 §11.6.1
 */
export function buildChallenge(
  error: unknown,
  needed: Needed | undefined,
  settings: ChallengeSettings,
): ChallengeResponse {
  try {
    const answer = isA(error, BearwardError) && answerTo(error, needed, settings)
    if (answer) return answer
  } catch {
    // The error is a proxy, or the application wrote on it.
  }
  return { status: 500, headers: { ...OWN_HEADERS }, body: { error_description: 'The server failed' } }
}

/** The header fields of an error, where a framework writes the body and the application the CORS fields. */
export function errorHeaders(error: BearwardError, settings: ChallengeSettings): Readonly<Record<string, string>> {
  const {
    'Content-Type': _type,
    'Access-Control-Expose-Headers': _exposed,
    ...headers
  } = buildChallenge(error, undefined, settings).headers
  return headers
}

function answerTo(
  error: BearwardError,
  needed: Needed | undefined,
  settings: ChallengeSettings,
): ChallengeResponse | undefined {
  const { code } = error
  // The table decides, not the error's other members: the application may have written on them.
  const outcome = outcomeOf(code)
  if (!outcome) return undefined
  const { status, error: wire, description } = outcome
  const body = wire ? { code, error: wire, error_description: description } : { code, error_description: description }
  if (status === 503) return { status, headers: { ...OWN_HEADERS, 'Retry-After': retryAfter(error) }, body }
  // A challenge asks for another token. It is left out where no token helps.
  const { challenge } = error
  const helpsNothing = code === 'access_denied' && !challenge?.parameters
  if (status === 500 || helpsNothing) return { status, headers: { ...OWN_HEADERS }, body }

  // Another server's error may have a scheme that this one does not know.
  const isKnown = challenge?.scheme !== undefined && settings.schemes.some(({ name }) => name === challenge.scheme)
  const used = isKnown ? challenge.scheme : 'Bearer'
  const scope = scopeOf(error, needed)
  let challenges = ''
  for (const { name, parameters } of settings.schemes) {
    // The error stands with the scheme that the client used; the others are offered.
    const isUsed = name === used
    const own: readonly Parameter[] = [
      ['realm', settings.realm],
      ['error', isUsed ? wire : undefined],
      ['error_description', isUsed && wire ? description : undefined],
      ['scope', scope],
      ['resource_metadata', settings.resourceMetadataUrl],
    ]
    const further = isUsed && challenge?.parameters ? furtherParameters(challenge.parameters, parameters) : NONE
    const all = parameters.length + further.length > 0 ? [...own, ...parameters, ...further] : own
    challenges += `${challenges && ', '}${name}${format(all)}`
  }
  return { status, headers: { ...OWN_HEADERS, 'WWW-Authenticate': challenges }, body }
}

/**
 * The parameters that the error brings, and that the scheme does not have. Code that caught the error may have written on it, so
 * each is checked. A challenge says each name once, in whatever case: RFC 9110 §11.2.
 */
function furtherParameters(
  brought: Readonly<Record<string, string>>,
  ofScheme: readonly Parameter[],
): readonly Parameter[] {
  const taken = new Set(ofScheme.map(([name]) => name.toLowerCase()))
  return Object.entries(brought).filter(([name, value]) => {
    const key = name.toLowerCase()
    const isNew = isFurtherParameter(name, value) && !taken.has(key)
    if (isNew) taken.add(key)
    return isNew
  })
}

// Requirements are the application's functions, and `scopes` may hold anything. Only scope names reach the header: RFC 6749 §3.3.
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/** All scopes that the operation needs, whether the token has them or not. */
function scopeOf(error: BearwardError, needed: Needed | undefined): string | undefined {
  const named: unknown = error.scopes ?? (error.requirement ?? needed)?.scopes
  if (!Array.isArray(named)) return undefined
  const scopes = named.filter((name) => typeof name === 'string' && SCOPE.test(name))
  return scopes.length > 0 ? scopes.join(' ') : undefined
}

/** @see RFC 9110 §10.2.3 */
function retryAfter({ retryAfterSeconds: seconds = 1 }: BearwardError): string {
  return seconds >= 1 && Number.isFinite(seconds) ? String(Math.ceil(seconds)) : '1'
}

/** Escapes a value for a quoted string. @see RFC 9110 §5.6.4 */
function escape(value: string): string {
  // Few values need it.
  return /["\\]/.test(value) ? value.replace(/["\\]/g, String.raw`\$&`) : value
}

function format(parameters: readonly Parameter[]): string {
  let text = ''
  for (const [name, value] of parameters) {
    if (value !== undefined) text += `${text === '' ? ' ' : ', '}${name}="${escape(value)}"`
  }
  return text
}
