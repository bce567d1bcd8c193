import { BearwardError } from './errors.ts'
import type { KnownHeaders } from './parse/compact.ts'
import type { OpaqueToken, UnverifiedJwt } from './pipeline.ts'
import { readUnverifiedJwt } from './unverified-jwt.ts'

/**
 * Tells a JWT from an opaque token by its shape alone, and takes a JWT apart. Nothing in the result may be believed.
 *
 * @throws {BearwardError} token_malformed, claim_missing, issuer_untrusted
 * @see RFC 7516 §9 on telling JWS from JWE
 */
export function classifyToken(token: string, known?: KnownHeaders): UnverifiedJwt | OpaqueToken {
  // A header's base64url begins with `e`, as its JSON begins with `{`.
  if (!token.startsWith('e')) return { kind: 'opaque', token }
  const dots = countDots(token)
  if (dots === 2) return readUnverifiedJwt(token, known)
  if (dots < 2) return { kind: 'opaque', token }
  // A lenient endpoint might read a JWT out of it, past all that is checked here.
  const what =
    dots === 4 ? 'it has five parts: encrypted tokens (JWE) are not accepted' : 'it has neither one part nor three'
  throw new BearwardError('token_malformed', `the token is not an acceptable JWT: ${what}`)
}

function countDots(token: string): number {
  let dots = 0
  for (let at = token.indexOf('.'); at >= 0 && dots < 5; at = token.indexOf('.', at + 1)) dots++
  return dots
}
