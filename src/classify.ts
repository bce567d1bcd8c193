import { BearwardError, quote } from './errors.ts'
import { parseCompact } from './parse/compact.ts'
import type { JsonObject } from './parse/json.ts'
import type { Credential, JwtClaims, OpaqueToken, Unverified, UnverifiedJwt } from './pipeline.ts'

/**
 * Tells a JWT from an opaque token by its shape alone, and takes a JWT apart. Nothing in the result may be believed.
 *
 * What can be refused without a key is refused here: encrypted tokens, critical extensions, a header without an algorithm,
 * claims without an issuer.
 *
 * @throws {BearwardError} token_malformed, claim_missing, issuer_untrusted
 * @see RFC 7516 §9 on telling JWS from JWE
 */
export function classifyToken({ token }: Credential): UnverifiedJwt | OpaqueToken {
  // A header's base64url begins with `e`, as its JSON begins with `{`.
  if (!token.startsWith('e')) return { kind: 'opaque', token }
  const dots = countDots(token)
  if (dots === 4) throw malformed('it has five parts: encrypted tokens (JWE) are not accepted')
  if (dots !== 2) return { kind: 'opaque', token }

  const jws = parseCompact(token)
  if ('fault' in jws) throw malformed(jws.fault)
  const { header, payload } = jws
  if (member(header, 'crit') !== undefined)
    throw malformed('its header demands extensions (`crit`), and none is understood')
  if (member(header, 'b64') !== undefined) throw malformed('its payload encoding (`b64`) is not understood')
  const algorithm = optionalText(header, 'alg')
  if (algorithm === undefined) throw malformed('its header has no `alg`')
  const type = optionalText(header, 'typ')
  const issuer = member(payload, 'iss')
  if (issuer === undefined) throw new BearwardError('claim_missing', 'the token has no claim `iss`')
  if (typeof issuer !== 'string') {
    throw new BearwardError('issuer_untrusted', `claim \`iss\`: expected a configured issuer, got ${quote(issuer)}`)
  }
  return {
    kind: 'jwt',
    token,
    algorithm,
    keyId: optionalText(header, 'kid'),
    type: type && (type.toLowerCase().replace(/^application\//, '') as Unverified<string>),
    issuer: issuer as Unverified<string>,
    claims: payload as Unverified<JwtClaims>,
    signedLength: jws.signedLength,
    signature: jws.signature,
  }
}

function malformed(reason: string): BearwardError {
  return new BearwardError('token_malformed', `the token is not an acceptable JWT: ${reason}`)
}

function member(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined
}

function optionalText(header: JsonObject, name: string): Unverified<string> | undefined {
  const value = member(header, name)
  if (value === undefined) return undefined
  if (typeof value !== 'string') throw malformed(`its header's \`${name}\` is ${quote(value)}, not a string`)
  return value as Unverified<string>
}

function countDots(token: string): number {
  let dots = 0
  for (let at = token.indexOf('.'); at >= 0 && dots < 5; at = token.indexOf('.', at + 1)) dots++
  return dots
}
