import { BearwardError, quote } from '../../errors.ts'
import type { Issuer, JwtClaims, UnverifiedJwt } from '../../pipeline.ts'
import { FOREIGN_MEMBERS, FOREIGN_TOKEN_NAMES, FOREIGN_TYPES } from '../../token/token-kind.ts'

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

// What an access token carries and an ID token does not. `roles` is none of them: Entra puts it into ID tokens.
const ACCESS_CLAIMS = ['scope', 'client_id', 'cid', 'appid', 'azpacr', 'permissions']
const CLIENT_CLAIMS = ['azp', 'appid', 'cid', 'client_id']
// A client may ask for these without naming an API. `allatclaims` has AD FS copy an access token's claims into the ID token.
const ID_TOKEN_SCOPES = ['openid', 'profile', 'email', 'address', 'phone', 'offline_access', 'allatclaims']

/**
 * Checks that the token is an access token by its claims, and that the required ones are there.
 *
 * @throws {BearwardError} token_type_wrong, claim_missing
 * @see RFC 9068 §2.2
 */
export function requireProfile({ type, claims }: UnverifiedJwt, { profile, audience }: Issuer): void {
  if (profile === 'compatible') requireAccessTokenLook(claims, type)
  for (const name of REQUIRED[profile]) {
    if (name === 'aud' && audience === null) continue
    if (!has(claims, name)) throw new BearwardError('claim_missing', `the token has no claim \`${name}\``)
  }
}

function requireAccessTokenLook(claims: JwtClaims, headerType: string | undefined): void {
  const foreign = FOREIGN_MEMBERS.find((name) => has(claims, name))
  if (foreign !== undefined) throw wrongType(`the token has a claim \`${foreign}\`, as ID and logout tokens do`)
  const use = own(claims, 'token_use')
  if (use !== undefined && use !== 'access')
    throw wrongType(`claim \`token_use\`: expected "access", got ${quote(use)}`)
  const type = own(claims, 'typ')
  if (typeof type === 'string' && FOREIGN_TYPES.includes(type.toLowerCase())) {
    throw wrongType(`claim \`typ\`: expected "Bearer", got ${quote(type)}`)
  }
  const tokenName = own(claims, 'tokenName')
  if (typeof tokenName === 'string' && FOREIGN_TOKEN_NAMES.includes(tokenName)) {
    throw wrongType(`claim \`tokenName\`: expected "access_token", got ${quote(tokenName)}`)
  }
  const saysAccess = use === 'access' || type === 'Bearer'
  // Keycloak before version 25 copies the `nonce` of the log-in into access tokens.
  if (has(claims, 'nonce') && !saysAccess && headerType !== 'at+jwt' && !isForApi(claims)) {
    throw wrongType('the token has a claim `nonce`, as ID tokens do, and nothing shows that it is an access token')
  }
  if (saysAccess || ACCESS_CLAIMS.some((name) => has(claims, name)) || scpOf(claims).length > 0) return
  throw wrongType(`the token has none of ${ACCESS_CLAIMS.join(', ')}, scp: it may be an ID token`)
}

/**
 * Whether the token grants scopes of an API, to a client outside its audience. The `aud` of an ID token holds its client:
 * so there must be an audience, and every client that is named must be outside it.
 *
 * @see OpenID Connect Core 1.0 §2
 */
function isForApi(claims: JwtClaims): boolean {
  if (scpOf(claims).every((scope) => ID_TOKEN_SCOPES.includes(scope))) return false
  const aud = own(claims, 'aud')
  const audience: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  const clients = CLIENT_CLAIMS.map((name) => own(claims, name)).filter((client) => client !== undefined)
  const isIssuedToSome = clients.length > 0 && !clients.some((client) => audience.includes(client))
  return isIssuedToSome && audience.some((each) => typeof each === 'string')
}

/** The scopes in `scp`; none where it is malformed. */
function scpOf(claims: JwtClaims): readonly string[] {
  const value = own(claims, 'scp')
  const parts: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (!parts.every((part) => typeof part === 'string')) return []
  return parts
    .join(' ')
    .split(' ')
    .filter((scope) => scope !== '')
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
