import { BearwardError } from '../errors.ts'
import { isA, nameOf } from '../faults.ts'
import { isBearerToken } from '../parse/ascii.ts'
import type { Credential, RequestView } from '../pipeline.ts'

export interface ExtractSettings {
  readonly maxTokenBytes: number
  readonly form: boolean
}

const SPACE = 0x20
const TAB = 0x09
const FORM_MS = 10_000
const SCHEME = /^bearer[\s:]/i
const MAY_HAVE_FORM = new Set(['POST', 'PUT', 'PATCH'])
const ANOTHER_CREDENTIAL = /,[ \t]*[A-Za-z][A-Za-z0-9-]*[ \t]+\S/

/**
 * Finds the one credential of a request: in the `Authorization` header, or in a form body where that is switched on.
 * The query string is never looked at. What the token is written with is left to `requireCredentialCharacters`.
 *
 * @throws {BearwardError} credentials_missing, credentials_malformed, credentials_ambiguous, token_too_large
 * @see RFC 6750 §2, RFC 9110 §11.4
 */
export function extractCredential(
  view: RequestView,
  settings: ExtractSettings,
  signal?: AbortSignal,
): Credential | Promise<Credential> {
  const fromHeader = readAuthorization(headerLines(view.headers, 'authorization'), settings)
  if (!settings.form) return theOne(fromHeader, undefined, settings)
  return readForm(view, signal).then((fromForm) => theOne(fromHeader, fromForm, settings))
}

function theOne(fromHeader: string | undefined, fromForm: string | undefined, settings: ExtractSettings): Credential {
  if (fromHeader !== undefined && fromForm !== undefined) {
    throw new BearwardError('credentials_ambiguous', 'the request carries a token in its header and in its form body')
  }
  const token = fromHeader ?? fromForm
  if (token === undefined) {
    throw new BearwardError('credentials_missing', 'the request carries no Bearer credentials')
  }
  requireSize(token, settings)
  return { scheme: 'Bearer', token }
}

/** @throws {BearwardError} credentials_malformed */
export function requireCredentialCharacters(token: string): void {
  if (isBearerToken(token)) return
  const what = SCHEME.test(token)
    ? 'the scheme Bearer stands twice: send it once, before the token'
    : `the Bearer token ${describeCharacters(token)}`
  throw new BearwardError('credentials_malformed', what)
}

/**
 * Checks what came as a bare token, out of a queue or a WebSocket message. What it is written with is left to
 * `requireTokenCharacters`.
 *
 * @throws {BearwardError} token_malformed, token_too_large
 */
export function requireToken(token: unknown, settings: ExtractSettings): asserts token is string {
  if (typeof token !== 'string') {
    throw new BearwardError('token_malformed', `expected the token as a string, got a ${typeof token}`)
  }
  requireSize(token, settings)
}

/** @throws {BearwardError} token_malformed */
export function requireTokenCharacters(token: string): void {
  if (token.startsWith('{')) {
    throw new BearwardError('token_malformed', 'the token is a JWS or JWE in JSON serialization, which is not accepted')
  }
  if (isBearerToken(token)) return
  const what = SCHEME.test(token)
    ? 'it begins with "Bearer": give `verify` what comes after that, or the whole request to `authenticate`'
    : `it ${describeCharacters(token)}`
  throw new BearwardError('token_malformed', `the token is malformed: ${what}`)
}

function describeCharacters(token: string): string {
  if (token === '') return 'is empty'
  const what = token.includes('=.') ? 'padding (`=`) within a JWT' : 'characters that RFC 6750 §2.1 forbids'
  return `holds ${what}: send it exactly as it was issued`
}

function requireSize(token: string, { maxTokenBytes }: ExtractSettings): void {
  if (token.length <= maxTokenBytes) return
  const message = `the token is ${token.length} characters long, option "maxTokenBytes" allows ${maxTokenBytes}`
  throw new BearwardError('token_too_large', message)
}

/** The values of a header, one for each line; `Headers` hands several lines over as one, joined by commas. */
function headerLines(headers: RequestView['headers'], name: string): string[] {
  // By what it can do: another realm's or another library's Headers is one as well.
  if (isHeaders(headers)) {
    const value = headers.get(name)
    return value === null ? [] : [value]
  }
  const lines: string[] = []
  for (const key in headers) {
    // The length first, as it rules out nearly all of them.
    if (key.length !== name.length || key.toLowerCase() !== name || !Object.hasOwn(headers, key)) continue
    const value = headers[key] as string | string[] | undefined
    if (Array.isArray(value)) for (const line of value) lines.push(line)
    else if (value !== undefined) lines.push(value)
  }
  return lines
}

function isHeaders(headers: RequestView['headers']): headers is Headers {
  return typeof (headers as Partial<Headers>).get === 'function'
}

function readAuthorization(lines: readonly string[], settings: ExtractSettings): string | undefined {
  if (lines.length > 1) {
    throw new BearwardError('credentials_ambiguous', `the request has ${lines.length} Authorization headers`)
  }
  const line = lines[0] ?? ''
  if (typeof line !== 'string') {
    throw new BearwardError('credentials_malformed', 'the Authorization header is not a string')
  }
  const value = trim(line)
  const space = value.indexOf(' ')
  const scheme = space < 0 ? value : value.slice(0, space)
  if (scheme.toLowerCase() !== 'bearer') {
    // Other schemes are somebody else's; but one that hides a second credential behind it is no clear request.
    if (/,[ \t]*bearer[ \t]/i.test(value)) throw severalCredentials()
    if (/^bearer[^a-z0-9-]/i.test(value)) {
      throw new BearwardError('credentials_malformed', 'the scheme Bearer is not followed by a space and a token')
    }
    return undefined
  }
  let start = space < 0 ? value.length : space
  while (value.charCodeAt(start) === SPACE) start++
  const token = value.slice(start)
  if (token === '') throw new BearwardError('credentials_malformed', 'the scheme Bearer stands without a token')
  requireSize(token, settings)
  if (token.includes(',') && ANOTHER_CREDENTIAL.test(token)) throw severalCredentials()
  return token
}

function severalCredentials(): BearwardError {
  return new BearwardError('credentials_ambiguous', 'the Authorization header holds more than one credential')
}

/** Takes SP and HTAB off both ends: RFC 9110 §5.5 knows no other white space. A loop, since `/[ \t]+$/` is quadratic. */
function trim(value: string): string {
  let start = 0
  let end = value.length
  while (start < end && isBlank(value, start)) start++
  while (end > start && isBlank(value, end - 1)) end--
  return value.slice(start, end)
}

function isBlank(value: string, index: number): boolean {
  const code = value.charCodeAt(index)
  return code === SPACE || code === TAB
}

async function readForm(view: RequestView, signal: AbortSignal | undefined): Promise<string | undefined> {
  if (!view.form || !MAY_HAVE_FORM.has(view.method.toUpperCase())) return undefined
  const types = headerLines(view.headers, 'content-type')
  const type = String(types[0] ?? '').split(';')[0]
  if (types.length !== 1 || type?.trim().toLowerCase() !== 'application/x-www-form-urlencoded') return undefined
  let form: URLSearchParams
  try {
    form = await inTime(view.form(), signal)
  } catch (cause) {
    if (isA(cause, BearwardError)) throw cause
    throw new BearwardError('credentials_malformed', `the form body cannot be read: ${nameOf(cause)}`)
  }
  if (typeof form?.getAll !== 'function') {
    throw new BearwardError('credentials_malformed', 'the form body cannot be read: `form` gave no URLSearchParams')
  }
  const tokens = form.getAll('access_token')
  if (tokens.length > 1) {
    throw new BearwardError('credentials_ambiguous', `the form body holds ${tokens.length} access tokens`)
  }
  return tokens[0]
}

/** A body that never ends must not hold its request for ever. */
async function inTime<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  const limit = new AbortController()
  const timer = setTimeout(() => limit.abort(new Error(`it did not come within ${FORM_MS} ms`)), FORM_MS)
  const giveUp = (): void => limit.abort(new Error('the caller gave up'))
  signal?.addEventListener('abort', giveUp, { once: true })
  if (signal?.aborted) giveUp()
  const late = new Promise<never>((_, reject) => {
    if (limit.signal.aborted) reject(limit.signal.reason)
    limit.signal.addEventListener('abort', () => reject(limit.signal.reason), { once: true })
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', giveUp)
  }
}
