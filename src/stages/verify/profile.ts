import { BearwardError, quote, unexpectedClaim } from '../../errors.ts'
import type { Issuer, JwtClaims, UnverifiedJwt } from '../../pipeline.ts'
import { FOREIGN_MEMBERS, FOREIGN_TOKEN_NAMES, FOREIGN_TYPES } from '../../token/token-kind.ts'

/**
 * Checks the token's type in its header. The issuer signs ID tokens, DPoP proofs, logout tokens and introspection answers with the
 * same keys: none of them may pass as an access token.
 *
 * @throws {BearwardError} token_type_wrong
 * @see RFC 9068 §2.1 and §4, RFC 8725 §3.11
 */
export function requireTokenType({ type }: UnverifiedJwt, { identifier, profile }: Issuer): void {
  if (type === 'at+jwt') return
  if (profile === 'rfc9068') {
    throw wrongType(
      `the header's \`typ\` is ${quote(type)}, expected "at+jwt" (RFC 9068). For access tokens with "JWT" or none, set ` +
        `\`jwt: { profile: 'compatible' }\` for issuer "${identifier}"`,
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

// Claims of access tokens that ID tokens do not have. `roles` is not among them: Entra puts it into ID tokens.
const ACCESS_CLAIMS = ['scope', 'client_id', 'cid', 'appid', 'azpacr', 'permissions']
const CLIENT_CLAIMS = ['azp', 'appid', 'cid', 'client_id']
// A client can request these without an API. With `allatclaims` AD FS copies the access token's claims into the ID token.
const ID_TOKEN_SCOPES = ['openid', 'profile', 'email', 'address', 'phone', 'offline_access', 'allatclaims']

/**
 * Checks by the claims that the token is an access token, and that it has the required ones.
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
  if (use !== undefined && use !== 'access') throw otherKind('token_use', 'access', use)
  const type = own(claims, 'typ')
  if (typeof type === 'string' && FOREIGN_TYPES.includes(type.toLowerCase())) throw otherKind('typ', 'Bearer', type)
  const tokenName = own(claims, 'tokenName')
  if (typeof tokenName === 'string' && FOREIGN_TOKEN_NAMES.includes(tokenName)) {
    throw otherKind('tokenName', 'access_token', tokenName)
  }
  const saysAccess = use === 'access' || type === 'Bearer'
  // Keycloak before version 25 copies the login's `nonce` into access tokens.
  if (has(claims, 'nonce') && !saysAccess && headerType !== 'at+jwt' && !isForApi(claims)) {
    throw wrongType('the token has a claim `nonce`, as ID tokens do, and no mark of an access token')
  }
  if (saysAccess || ACCESS_CLAIMS.some((name) => has(claims, name)) || scpOf(claims).length > 0) return
  throw wrongType(`the token has none of ${ACCESS_CLAIMS.join(', ')}, scp: it may be an ID token`)
}

/**
 * Whether the token grants scopes of an API to a client outside its audience. An ID token has its client in `aud`, so the token
 * must have an audience and a client, and every client in it must be outside the audience.
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

/** Returns the scopes in `scp`; none where it is malformed. */
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

function otherKind(name: string, expected: string, actual: unknown): BearwardError {
  return unexpectedClaim('token_type_wrong', name, `"${expected}"`, actual)
}

function wrongType(message: string): BearwardError {
  return new BearwardError('token_type_wrong', message)
}
