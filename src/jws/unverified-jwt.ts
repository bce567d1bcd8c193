import { BearwardError, quote, unexpectedClaim } from '../errors.ts'
import { type CompactFault, type CompactJws, parseCompact } from './compact.ts'
import type { JsonObject } from '../parse/json.ts'
import type { JwtClaims, Unverified, UnverifiedJwt } from '../pipeline.ts'

// RFC 7515 §2: without padding. Shells and base64 libraries for mail add it.
const PADDED = 'It holds padding (`=`): send it exactly as it was issued'

/**
 * Splits and parses a JWT. Refuses what needs no key to be refused: critical extensions, a header without an algorithm, claims
 * without an issuer.
 *
 * @throws {BearwardError} token_malformed, claim_missing, issuer_untrusted
 * @see RFC 7515 §5.2, RFC 7519 §7.2
 */
export function readUnverifiedJwt(token: string): UnverifiedJwt {
  return readUnverifiedJws(token, parseCompact(token))
}

/** As `readUnverifiedJwt`, for a parsed token. @throws {BearwardError} as `readUnverifiedJwt` */
export function readUnverifiedJws(token: string, jws: CompactJws | CompactFault): UnverifiedJwt {
  if ('fault' in jws) throw malformed(token.includes('=') ? `${jws.fault}. ${PADDED}` : jws.fault)
  const { header, payload, weight } = jws
  if (member(header, 'crit') !== undefined)
    throw malformed('its header demands extensions (`crit`), and bearward supports none')
  if (member(header, 'b64') !== undefined) throw malformed('bearward does not support its payload encoding (`b64`)')
  const algorithm = optionalText(header, 'alg')
  if (algorithm === undefined) throw malformed('its header has no `alg`')
  const type = optionalText(header, 'typ')
  const issuer = member(payload, 'iss')
  if (issuer === undefined || issuer === null) throw new BearwardError('claim_missing', 'the token has no claim `iss`')
  if (typeof issuer !== 'string') throw unexpectedClaim('issuer_untrusted', 'iss', 'a configured issuer', issuer)
  return {
    kind: 'jwt',
    token,
    algorithm,
    keyId: optionalText(header, 'kid'),
    type: type && mediaType(type),
    issuer: issuer as Unverified<string>,
    claims: payload as Unverified<JwtClaims>,
    weight,
    signingInput: jws.signingInput,
    signature: jws.signature,
  }
}

/** Normalizes a media type: RFC 7515 §4.1.9 omits the prefix, and case does not matter. */
function mediaType(type: Unverified<string>): Unverified<string> {
  // The type of nearly every access token.
  if (type === 'at+jwt') return type
  return type.toLowerCase().replace(/^application\//, '') as Unverified<string>
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
