import { BearwardError, type Needed, outcomeOf } from '../errors.ts'
import { isA } from '../faults.ts'

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
  readonly parameters: Readonly<Record<string, string>>
}

const OWN_HEADERS = {
  'Content-Type': 'application/json',
  // Answers to credentials are nobody else's business, least of all a shared cache's.
  'Cache-Control': 'private, no-store',
  // A browser's script sees these fields only where they are exposed.
  'Access-Control-Expose-Headers': 'WWW-Authenticate, Retry-After',
}

/**
 * Turns any error into an answer. What is not bearward's own is a 500 and says nothing; an outage is a 503 without a
 * challenge.
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
    // A proxy, or an error that somebody wrote on.
  }
  return { status: 500, headers: { ...OWN_HEADERS }, body: { error_description: 'The server failed' } }
}

/** The header fields of an error whose body somebody else writes. */
export function errorHeaders(error: BearwardError, settings: ChallengeSettings): Readonly<Record<string, string>> {
  const { 'Content-Type': _, ...headers } = buildChallenge(error, undefined, settings).headers
  return headers
}

function answerTo(
  error: BearwardError,
  needed: Needed | undefined,
  settings: ChallengeSettings,
): ChallengeResponse | undefined {
  const { code } = error
  // Not what else the error says: whoever caught it may have written on it.
  const outcome = outcomeOf(code)
  if (!outcome) return undefined
  const { status, error: wire, description } = outcome
  const body = wire ? { code, error: wire, error_description: description } : { code, error_description: description }
  if (status === 503) return { status, headers: { ...OWN_HEADERS, 'Retry-After': retryAfter(error) }, body }
  // Where no token helps, none is asked for.
  const helpsNothing = code === 'access_denied' && !error.challenge?.parameters
  if (status === 500 || helpsNothing) return { status, headers: { ...OWN_HEADERS }, body }

  const used = error.challenge?.scheme ?? 'Bearer'
  const scope = scopeOf(error, needed)
  const challenges = settings.schemes.map(({ name, parameters }) => {
    // The error stands with the scheme that the client used; the others are offered.
    const isUsed = name === used
    return formatChallenge(name, [
      ['realm', settings.realm],
      ['error', isUsed ? wire : undefined],
      ['error_description', isUsed && wire ? description : undefined],
      ['scope', scope],
      ['resource_metadata', settings.resourceMetadataUrl],
      ...Object.entries(parameters),
      ...(isUsed ? furtherParameters(error) : []),
    ])
  })
  return { status, headers: { ...OWN_HEADERS, 'WWW-Authenticate': challenges.join(', ') }, body }
}

// RFC 9110 §5.6.2 and §5.6.4; those that the answer has anyway are nobody else's.
const PARAMETER = /^(?!(?:realm|error|error_description|scope|resource_metadata)$)[\w!#$%&'*+.^`|~-]+$/
const PRINTABLE = /^[\x20-\x7e]*$/

function furtherParameters(error: BearwardError): readonly (readonly [string, string])[] {
  // Whoever caught the error may have written on it.
  return Object.entries(error.challenge?.parameters ?? {}).filter(
    ([name, value]) => PARAMETER.test(name) && typeof value === 'string' && PRINTABLE.test(value),
  )
}

// A requirement may be any function, with any property: nothing else gets into the header. RFC 6749 §3.3.
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/** The scopes that the operation needs: neither what is missing nor what was granted. */
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

/** As it may stand in a quoted string. @see RFC 9110 §5.6.4 */
function escape(value: string): string {
  // Nearly no value needs it.
  return /["\\]/.test(value) ? value.replace(/["\\]/g, String.raw`\$&`) : value
}

function formatChallenge(
  scheme: string,
  parameters: readonly (readonly [name: string, value: string | undefined])[],
): string {
  let challenge = scheme
  let separator = ' '
  for (const [name, value] of parameters) {
    if (value === undefined) continue
    challenge += `${separator}${name}="${escape(value)}"`
    separator = ', '
  }
  return challenge
}
