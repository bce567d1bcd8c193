import { BearwardError } from '../errors.ts'
import { type CompactFault, type CompactJws, type KnownHeaders, parseCompact } from '../jws/compact.ts'
import { readUnverifiedJws } from '../jws/unverified-jwt.ts'
import { isBearerToken } from '../parse/ascii.ts'
import { decodeBase64url } from '../parse/base64url.ts'
import { isObject } from '../parse/json.ts'
import type { OpaqueToken, Presentation, UnverifiedJwt } from '../pipeline.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Tells a JWT from an opaque token by its shape alone, and takes a JWT apart. Nothing in the result may be believed.
 *
 * @throws {BearwardError} token_malformed, claim_missing, issuer_untrusted; credentials_malformed, where a request's token has
 *   forbidden characters
 * @see RFC 7516 §9 on telling JWS from JWE
 */
export function classifyToken(
  presentation: Pick<Presentation, 'token' | 'scheme' | 'request'>,
  known?: KnownHeaders,
): UnverifiedJwt | OpaqueToken {
  const { token } = presentation
  const jws = parseJws(token, known)
  // The parser has checked every character of a well-formed JWT. Only other tokens still need the check of RFC 6750 §2.1.
  if (!jws || 'fault' in jws) requireCharacters(presentation)
  return classifyParsed(token, jws)
}

/** Takes a token apart that has the shape of a JWT, or says what is wrong with it; `undefined` for any other token. */
export function parseJws(token: string, known?: KnownHeaders): CompactJws | CompactFault | undefined {
  return countDots(token) === 2 && token.startsWith('e') ? parseCompact(token, known) : undefined
}

/**
 * Classifies a token by what `parseJws` made of it. Does not check its characters.
 *
 * @throws {BearwardError} token_malformed, claim_missing, issuer_untrusted
 */
export function classifyParsed(token: string, jws: ReturnType<typeof parseJws>): UnverifiedJwt | OpaqueToken {
  if (jws) return readUnverifiedJws(token, jws)
  const dots = countDots(token)
  // Some libraries write an unsecured JWT without the last dot. It must not reach an issuer as an opaque token.
  if (dots === 1 && isHeaderBeforeDot(token)) {
    throw malformed('it is an unsecured JWT, two parts without a signature: have the issuer sign it')
  }
  // A header's base64url begins with `e`, as its JSON begins with `{`. With white space or a byte-order mark before it, a JWT would
  // count as opaque, and a lenient endpoint could call it active.
  if (dots > 1 && !token.startsWith('e') && isHeaderBeforeDot(token)) {
    throw malformed('its header is not a strict JSON object in strict base64url')
  }
  if (dots < 2 || !token.startsWith('e')) return { kind: 'opaque', token }
  // A lenient endpoint could read a JWT out of it that was not checked here.
  throw malformed(
    dots === 4 ? 'it has five parts: encrypted tokens (JWE) are not accepted' : 'it has neither one part nor three',
  )
}

/** @see RFC 6750 §2.1 */
function requireCharacters({ token, scheme, request }: Pick<Presentation, 'token' | 'scheme' | 'request'>): void {
  if (isBearerToken(token)) return
  const repeatsScheme = new RegExp(String.raw`^${scheme}[\s:]`, 'i').test(token)
  if (request) {
    const what = repeatsScheme
      ? `the scheme ${scheme} stands twice: send it once, before the token`
      : `the ${scheme} token ${describeCharacters(token)}`
    throw new BearwardError('credentials_malformed', what)
  }
  if (token.startsWith('{')) {
    throw new BearwardError('token_malformed', 'the token is a JWS or JWE in JSON serialization, which is not accepted')
  }
  const what = repeatsScheme
    ? 'it begins with "Bearer": give `verify` what comes after that, or the whole request to `authenticate`'
    : `it ${describeCharacters(token)}`
  throw new BearwardError('token_malformed', `the token is malformed: ${what}`)
}

/** Whether the first part is a JWT's header: canonical base64url of a JSON object with `alg`. */
function isHeaderBeforeDot(token: string): boolean {
  const bytes = decodeBase64url(token, 0, token.indexOf('.'))
  if (!bytes) return false
  try {
    const header: unknown = JSON.parse(utf8.decode(bytes))
    return isObject(header) && Object.hasOwn(header, 'alg')
  } catch {
    return false
  }
}

function describeCharacters(token: string): string {
  if (token === '') return 'is empty'
  const what = token.includes('=.') ? 'padding (`=`) within a JWT' : 'characters that RFC 6750 §2.1 forbids'
  return `holds ${what}: send it exactly as it was issued`
}

function malformed(reason: string): BearwardError {
  return new BearwardError('token_malformed', `the token is not an acceptable JWT: ${reason}`)
}

function countDots(token: string): number {
  let dots = 0
  for (let at = token.indexOf('.'); at >= 0 && dots < 5; at = token.indexOf('.', at + 1)) dots++
  return dots
}
