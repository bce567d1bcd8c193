import { BearwardError } from '../errors.ts'
import { decodeBase64url } from '../parse/base64url.ts'
import type { KnownHeaders } from '../jws/compact.ts'
import { isObject } from '../parse/json.ts'
import type { OpaqueToken, UnverifiedJwt } from '../pipeline.ts'
import { readUnverifiedJwt } from '../jws/unverified-jwt.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Tells a JWT from an opaque token by its shape alone, and takes a JWT apart. Nothing in the result may be believed.
 *
 * @throws {BearwardError} token_malformed, claim_missing, issuer_untrusted
 * @see RFC 7516 §9 on telling JWS from JWE
 */
export function classifyToken(token: string, known?: KnownHeaders): UnverifiedJwt | OpaqueToken {
  const dots = countDots(token)
  // Some libraries write an unsecured JWT without the last dot. As an opaque token it would go to an issuer.
  if (dots === 1 && isHeaderBeforeDot(token)) {
    throw malformed('it is an unsecured JWT, two parts without a signature: have the issuer sign it')
  }
  // A header's base64url begins with `e`, as its JSON begins with `{`. White space or a byte-order mark before it would make an
  // opaque token of the JWT, and a lenient endpoint would answer for it.
  if (dots > 1 && !token.startsWith('e') && isHeaderBeforeDot(token)) {
    throw malformed('its header is not strict base64url over a strict JSON object')
  }
  if (dots < 2 || !token.startsWith('e')) return { kind: 'opaque', token }
  if (dots === 2) return readUnverifiedJwt(token, known)
  // A lenient endpoint might read a JWT out of it, past all that is checked here.
  throw malformed(
    dots === 4 ? 'it has five parts: encrypted tokens (JWE) are not accepted' : 'it has neither one part nor three',
  )
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

function malformed(reason: string): BearwardError {
  return new BearwardError('token_malformed', `the token is not an acceptable JWT: ${reason}`)
}

function countDots(token: string): number {
  let dots = 0
  for (let at = token.indexOf('.'); at >= 0 && dots < 5; at = token.indexOf('.', at + 1)) dots++
  return dots
}
