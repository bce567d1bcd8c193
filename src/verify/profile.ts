import { BearwardError, quote } from '../errors.ts'
import type { Issuer, JwtClaims, UnverifiedJwt } from '../pipeline.ts'
import { FOREIGN_MEMBERS, FOREIGN_TYPES } from '../token-kind.ts'

/**
 * Checks what the header says the token is. An ID token has no business here, and neither has a DPoP proof, a logout token
 * or a signed introspection answer, all of which an issuer signs with the same keys.
 *
 * @throws {BearwardError} token_type_wrong
 * @see RFC 9068 §2.1 and §4, RFC 8725 §3.11
 */
export function requireTokenType({ type }: UnverifiedJwt, { identifier, profile }: Issuer): void {
  if (type === 'at+jwt') return
  if (profile === 'rfc9068') {
    throw wrongType(
      `the header's \`typ\` is ${quote(type)}, expected "at+jwt" (RFC 9068). If this issuer's access tokens have ` +
        `\`typ\` "JWT" or none, set \`jwt: { profile: 'compatible' }\` for issuer "${identifier}"`,
    )
  }
  if (type !== undefined && type !== 'jwt') {
    throw wrongType(`the header's \`typ\` is ${quote(type)}, expected "JWT", "at+jwt" or none`)
  }
}

const REQUIRED = {
  rfc9068: ['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti'],
  compatible: ['iss', 'exp', 'aud'],
} as const

// In a JWT a `nonce` is an ID token's; introspection answers repeat it for access tokens as well.
const FOREIGN_CLAIMS = ['nonce', ...FOREIGN_MEMBERS]
// What an access token carries and an ID token does not.
const ACCESS_CLAIMS = ['scope', 'scp', 'client_id', 'cid', 'appid', 'azpacr', 'permissions', 'roles']

/**
 * Checks that the claims are those of an access token.
 *
 * @throws {BearwardError} token_type_wrong, claim_missing
 * @see RFC 9068 §2.2
 */
export function requireProfile(claims: JwtClaims, { profile, audience }: Issuer): void {
  if (profile === 'compatible') requireAccessTokenLook(claims)
  for (const name of REQUIRED[profile]) {
    if (name === 'aud' && audience === null) continue
    if (!has(claims, name)) throw new BearwardError('claim_missing', `the token has no claim \`${name}\``)
  }
}

function requireAccessTokenLook(claims: JwtClaims): void {
  const foreign = FOREIGN_CLAIMS.find((name) => has(claims, name))
  if (foreign !== undefined) throw wrongType(`the token has a claim \`${foreign}\`, as ID and logout tokens do`)
  const use = own(claims, 'token_use')
  if (use !== undefined && use !== 'access')
    throw wrongType(`claim \`token_use\`: expected "access", got ${quote(use)}`)
  const type = own(claims, 'typ')
  if (typeof type === 'string' && FOREIGN_TYPES.includes(type.toLowerCase())) {
    throw wrongType(`claim \`typ\`: expected "Bearer", got ${quote(type)}`)
  }
  const looksRight = use === 'access' || type === 'Bearer' || ACCESS_CLAIMS.some((name) => has(claims, name))
  if (!looksRight) throw wrongType(`the token has none of ${ACCESS_CLAIMS.join(', ')}: it may be an ID token`)
}

function own(claims: JwtClaims, name: string): unknown {
  return Object.hasOwn(claims, name) ? (claims[name] ?? undefined) : undefined
}

function has(claims: JwtClaims, name: string): boolean {
  const value = own(claims, name)
  return value !== undefined && !(name === 'sub' && value === '')
}

function wrongType(message: string): BearwardError {
  return new BearwardError('token_type_wrong', message)
}
