import { BearwardError } from '../errors.ts'
import { isA, nameOf } from '../faults.ts'
import { readFormBody } from '../parse/form.ts'
import { headerLines } from '../parse/header-lines.ts'
import type { CallContext, Presentation, RequestView } from '../pipeline.ts'
import { waitWithin } from '../runtime/deadline.ts'

export interface ExtractSettings {
  readonly maxTokenBytes: number
  readonly form: boolean
  readonly schemes: Schemes
}

/** The authentication schemes that this server accepts. */
export interface Schemes {
  /** As messages name them. */
  readonly named: string
  /** Name in lower case → its spelling in presentations and challenges. */
  readonly spelled: ReadonlyMap<string, string>
  /** Matches a header value with one of them behind another scheme. */
  readonly hidden: RegExp
  /** Matches a header value that begins with one of them, without a space after it. */
  readonly unspaced: RegExp
}

const SPACE = 0x20
const TAB = 0x09
const FORM_MS = 10_000
const MAY_HAVE_FORM = new Set(['POST', 'PUT', 'PATCH'])
const ANOTHER_CREDENTIAL = /,[ \t]*[A-Za-z][A-Za-z0-9-]*[ \t]+\S/

/** Makes the schemes: `Bearer` and those of the bindings. */
export function createSchemes(ofBindings: readonly string[]): Schemes {
  const names = ['Bearer', ...ofBindings]
  const any = `(${names.join('|')})`
  return {
    named: names.join(' or '),
    spelled: new Map(names.map((name) => [name.toLowerCase(), name])),
    hidden: new RegExp(String.raw`,[ \t]*${any}[ \t]`, 'i'),
    unspaced: new RegExp(`^${any}[^a-z0-9-]`, 'i'),
  }
}

/**
 * Finds the one credential of a request: in the `Authorization` header or, where the option `form` is on, in a form body. Never
 * reads the query string. `classify` checks the characters of the token.
 *
 * @throws {BearwardError} credentials_missing, credentials_malformed, credentials_ambiguous, token_too_large
 * @see RFC 6750 §2, RFC 9110 §11.4
 */
export function extractCredential(
  request: Request | RequestView,
  context: CallContext,
  settings: ExtractSettings,
): Presentation | Promise<Presentation> {
  const view = viewOf(request)
  const presentation = readAuthorization(view, context, settings)
  if (settings.form) return readForm(presentation, view, context, settings)
  return presentation ?? missing(settings)
}

/**
 * Takes a token without a request, as a queue or a WebSocket message carries it. `classify` checks its characters.
 *
 * @throws {BearwardError} token_malformed, token_too_large
 */
export function presentToken(token: unknown, context: CallContext, settings: ExtractSettings): Presentation {
  if (typeof token !== 'string') {
    throw new BearwardError('token_malformed', `expected the token as a string, got a ${typeof token}`)
  }
  requireSize(token, settings)
  return { scheme: 'Bearer', token, request: undefined, context }
}

function missing({ schemes }: ExtractSettings): never {
  throw new BearwardError('credentials_missing', `the request carries no ${schemes.named} credentials`)
}

/** @see RFC 6750 §2.2 */
async function readForm(
  inHeader: Presentation | undefined,
  request: RequestView,
  context: CallContext,
  settings: ExtractSettings,
): Promise<Presentation> {
  const token = await readTokenInForm(request, context.signal)
  if (token === undefined) return inHeader ?? missing(settings)
  if (inHeader) {
    throw new BearwardError('credentials_ambiguous', 'the request carries a token in its header and in its form body')
  }
  requireSize(token, settings)
  return { scheme: 'Bearer', token, request, context }
}

function requireSize(token: string, { maxTokenBytes }: ExtractSettings, scheme = 'Bearer'): void {
  if (token.length <= maxTokenBytes) return
  const message = `the token is ${token.length} characters long, option "maxTokenBytes" allows ${maxTokenBytes}`
  throw new BearwardError('token_too_large', message, { challenge: { scheme } })
}

function viewOf(request: Request | RequestView): RequestView {
  if (!(request instanceof Request)) return requireView(request)
  const { method, url, headers } = request
  return { method, url, headers, form: () => readFormBody(request.clone()) }
}

function requireView(view: RequestView): RequestView {
  // Callers in plain JavaScript get a typed refusal too.
  const kind = typeof view?.headers
  if (typeof view?.method === 'string' && (kind === 'function' || (kind === 'object' && view.headers !== null))) {
    return view
  }
  throw new BearwardError('credentials_malformed', 'authenticate() takes a Request, or a method, a url and headers')
}

/** @see RFC 9110 §11.4 */
function readAuthorization(
  request: RequestView,
  context: CallContext,
  settings: ExtractSettings,
): Presentation | undefined {
  const { spelled, hidden, unspaced } = settings.schemes
  const lines = headerLines(request.headers, 'authorization')
  if (lines.length > 1) {
    throw new BearwardError('credentials_ambiguous', `the request has ${lines.length} Authorization headers`)
  }
  const line = lines[0] ?? ''
  if (typeof line !== 'string') {
    throw new BearwardError('credentials_malformed', 'the Authorization header is not a string')
  }
  const value = trim(line)
  const space = value.indexOf(' ')
  // Nearly every client spells it so: the look-up takes longer.
  const scheme = value.startsWith('Bearer ')
    ? 'Bearer'
    : spelled.get((space < 0 ? value : value.slice(0, space)).toLowerCase())
  if (scheme === undefined) {
    // Other schemes belong to other code. But a second credential behind one makes the request ambiguous.
    if (hidden.test(value)) throw severalCredentials()
    const named = unspaced.exec(value)?.[1]
    if (named !== undefined) {
      const what = `the scheme ${spelled.get(named.toLowerCase())} is not followed by a space and a token`
      throw new BearwardError('credentials_malformed', what)
    }
    return undefined
  }
  let start = space < 0 ? value.length : space
  while (value.charCodeAt(start) === SPACE) start++
  const token = value.slice(start)
  if (token === '') {
    const what = `the scheme ${scheme} stands without a token`
    throw new BearwardError('credentials_malformed', what, { challenge: { scheme } })
  }
  requireSize(token, settings, scheme)
  if (token.includes(',') && ANOTHER_CREDENTIAL.test(token)) throw severalCredentials(scheme)
  return { scheme, token, request, context }
}

function severalCredentials(scheme = 'Bearer'): BearwardError {
  const what = 'the Authorization header holds more than one credential'
  return new BearwardError('credentials_ambiguous', what, { challenge: { scheme } })
}

/** Removes SP and HTAB at both ends (RFC 9110 §5.5). A loop, since `/[ \t]+$/` takes quadratic time. */
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

async function readTokenInForm(view: RequestView, signal: AbortSignal | undefined): Promise<string | undefined> {
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
function inTime<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return waitWithin(work, {
    ms: FORM_MS,
    late() {
      throw new Error(`it did not come within ${FORM_MS} ms`)
    },
    signal,
    gone() {
      throw new Error('the caller gave up')
    },
  })
}
