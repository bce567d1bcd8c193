import { errors, importJWK, type JWK, jwtVerify } from 'jose'
import { bytesOf } from '../bytes.ts'
import { FOREIGN, isForeignType } from './kinds.ts'
import {
  bindingReasons,
  type ExpectedToken,
  expectedToken,
  firstReasons,
  given,
  invalidClaims,
  type Reasons,
  recipientReasons,
  timeReasons,
} from './claims.ts'
import { readStrictObject, type StrictJson, type StrictObject } from './strict-json.ts'

/** An issuer as the oracle knows it. */
export interface OracleIssuer {
  readonly identifier: string
  readonly profile: 'rfc9068' | 'compatible'
  readonly audience: readonly string[] | null
  readonly clients?: readonly string[]
  readonly algorithms?: readonly string[]
  readonly jwks: readonly JWK[]
}

export interface OracleSettings {
  readonly issuers: readonly OracleIssuer[]
  readonly now: number
  readonly tolerance: number
  readonly maxBytes: number
}

/** What must come out: a token, or one of these refusals. */
export interface Judgement {
  readonly reasons: Reasons
  readonly token?: ExpectedToken
}

export function refuse(...reasons: readonly string[]): Judgement {
  return { reasons: new Set(reasons) }
}

interface Parts {
  readonly token: string
  readonly header: StrictObject
  readonly claims: StrictObject
}

/**
 * Judges a bare token, stage by stage in the order of docs/request-lifecycle.md. jose decides over the signature and holds
 * the claims against the standards; what the design forbids beyond that is decided here.
 */
export async function judgeToken(token: string, settings: OracleSettings): Promise<Judgement> {
  if (token.length > settings.maxBytes) return refuse('token_too_large')
  const parts = takeApart(token)
  if (!parts) return refuse('token_malformed')
  const { header, claims } = parts
  const iss = given(claims, 'iss')
  const shapeless = [
    ...(hasGoodShape(header) ? [] : ['token_malformed']),
    ...(iss === undefined ? ['claim_missing'] : typeof iss === 'string' ? [] : ['issuer_untrusted']),
  ]
  if (shapeless.length > 0) return refuse(...shapeless)
  const issuer = settings.issuers.find(({ identifier }) => identifier === iss)
  if (!issuer) return refuse('issuer_untrusted')
  const unfit = await headerReasons(header, issuer)
  if (unfit.size > 0) return { reasons: unfit }

  const signature = await joseVerdict(parts, issuer, settings)
  if (signature.reasons.size > 0) return signature
  const reasons = firstReasons(
    () => profileReasons(header, claims, issuer),
    () => new Set(invalidClaims(claims, settings.now).length > 0 ? ['claim_invalid'] : []),
    () => timeReasons(claims, settings.now, settings.tolerance),
    () => recipientReasons(claims, issuer),
    () => bindingReasons(claims),
  )
  if (reasons.size > 0) return { reasons }
  // What jose refuses is refused, whatever is written above.
  if (signature.joseRefuses) return refuse(`jose refuses: ${signature.joseRefuses}`)
  return { reasons, token: expectedToken(claims, issuer.identifier, settings.now) }
}

/** Strict in every layer: RFC 6750 §2.1's alphabet, RFC 7515 §7.1's form, RFC 4648 §3.5's one spelling, strict JSON. */
function takeApart(token: string): Parts | undefined {
  if (!/^e[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+$/.test(token)) return undefined
  const [head, body] = token.split('.').map(readCanonical)
  const signature = readCanonical(token.slice(token.lastIndexOf('.') + 1))
  const header = head && readStrictObject(head)
  const claims = body && readStrictObject(body)
  if (!header || !claims || !signature) return undefined
  return { token, header, claims }
}

/** @see RFC 7515 §4.1: no extension is understood, and each member has one type */
function hasGoodShape(header: StrictObject): boolean {
  const words = ['alg', 'typ', 'kid'].map((name) => header.get(name))
  const areTexts = words.every((word) => word === undefined || typeof word === 'string')
  return header.has('alg') && areTexts && !header.has('crit') && !header.has('b64')
}

/** Bytes of a part, where writing them down again gives the same part. */
function readCanonical(part: string): Uint8Array | undefined {
  if (part.length % 4 === 1) return undefined
  const binary = atob(part.replaceAll('-', '+').replaceAll('_', '/'))
  const again = btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
  return again === part ? bytesOf(binary) : undefined
}

const VERIFIABLE = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
/** Those that not every runtime has, with the length of a key in bytes. @see FIPS 204 §4, table 2 */
const PERHAPS_VERIFIABLE = new Map([
  ['ML-DSA-44', 1312],
  ['ML-DSA-65', 1952],
  ['ML-DSA-87', 2592],
])

async function runtimeHas(name: string): Promise<boolean> {
  const length = PERHAPS_VERIFIABLE.get(name)
  if (length === undefined) return true
  const pub = btoa('\x01'.repeat(length)).replaceAll('=', '').replaceAll('+', '-').replaceAll('/', '_')
  const jwk = { kty: 'AKP', alg: name, pub } as JsonWebKey
  return crypto.subtle.importKey('jwk', jwk, { name }, true, ['verify']).then(
    () => true,
    () => false,
  )
}

async function headerReasons(header: StrictObject, { profile, algorithms }: OracleIssuer): Promise<Reasons> {
  const reasons = new Set<string>()
  const alg = header.get('alg') as string
  const isAccepted = (algorithms ?? [...VERIFIABLE, ...PERHAPS_VERIFIABLE.keys()]).includes(alg)
  if (!isAccepted || !(await runtimeHas(alg))) reasons.add('algorithm_refused')
  const type = (header.get('typ') as string | undefined)?.toLowerCase()
  // RFC 7515 §4.1.9: the prefix may be left out.
  const typ = type?.startsWith('application/') ? type.slice('application/'.length) : type
  const isJwt = profile === 'compatible' && (typ === undefined || typ === 'jwt')
  if (typ !== 'at+jwt' && !isJwt) reasons.add('token_type_wrong')
  return reasons
}

/** The JWS algorithms of a published key: its own, else all of its type. @see RFC 7518 §3.1, RFC 8037, RFC 9864 */
export function algorithmsOf({ kty, crv, alg }: JWK): readonly string[] {
  const able =
    kty === 'RSA'
      ? VERIFIABLE.filter((name) => /^[RP]S/.test(name))
      : kty === 'EC'
        ? { 'P-256': ['ES256'], 'P-384': ['ES384'], 'P-521': ['ES512'] }[crv ?? '']
        : kty === 'OKP' && crv === 'Ed25519'
          ? ['EdDSA', 'Ed25519']
          : []
  return (able ?? []).filter((name) => alg === undefined || alg === name)
}

const imported = new Map<string, Promise<CryptoKey | Uint8Array>>()

export function importOnce(jwk: JWK, algorithm: string): Promise<CryptoKey | Uint8Array> {
  const name = JSON.stringify([algorithm, jwk])
  const known = imported.get(name)
  if (known) return known
  // Key sets are mutated without end.
  if (imported.size > 1_000) imported.clear()
  const made = importJWK(jwk, algorithm)
  imported.set(name, made)
  return made
}

async function joseVerdict(
  { token, header, claims }: Parts,
  issuer: OracleIssuer,
  { now, tolerance }: OracleSettings,
): Promise<Judgement & { readonly joseRefuses?: string }> {
  const [alg, kid] = [header.get('alg') as string, header.get('kid') as string | undefined]
  const named = issuer.jwks.filter((jwk) => kid === undefined || jwk.kid === kid)
  const fitting = named.filter((jwk) => algorithmsOf(jwk).includes(alg)).slice(0, 4)
  if (fitting.length === 0) return refuse(kid !== undefined && named.length > 0 ? 'algorithm_refused' : 'key_unknown')
  for (const jwk of fitting) {
    try {
      await jwtVerify(token, await importOnce(jwk, alg), {
        algorithms: [alg],
        issuer: issuer.identifier,
        ...(issuer.audience && { audience: [...issuer.audience] }),
        ...(issuer.profile === 'rfc9068' && {
          typ: 'at+jwt',
          requiredClaims: ['exp', 'iat', 'sub', 'jti', 'client_id'],
        }),
        clockTolerance: tolerance,
        currentDate: new Date(now * 1000),
      })
      return refuse()
    } catch (fault) {
      const isSigned = fault instanceof errors.JWTClaimValidationFailed || fault instanceof errors.JWTExpired
      // The one known difference: jose takes a `null` for a time of the wrong type, the design for one that is absent.
      const isNullTime = isSigned && ['iat', 'nbf'].includes(fault.claim) && claims.get(fault.claim) === null
      if (isSigned) return { ...refuse(), ...(!isNullTime && { joseRefuses: fault.message }) }
    }
  }
  return refuse('signature_invalid')
}

const ACCESS_CLAIMS = ['scope', 'client_id', 'cid', 'appid', 'azpacr', 'permissions']
const OPENID_SCOPES = /^(?:openid|profile|email|address|phone|offline_access|allatclaims)$/

/** @see RFC 9068 §2.2; DESIGN.md, settled: compatible */
function profileReasons(header: StrictObject, claims: StrictObject, { profile, audience }: OracleIssuer): Reasons {
  const reasons = new Set<string>()
  const has = (name: string): boolean => given(claims, name) !== undefined
  const required = ['iss', 'exp', ...(audience ? ['aud'] : [])]
  if (profile === 'rfc9068') required.push('sub', 'client_id', 'iat', 'jti')
  if (!required.every(has)) reasons.add('claim_missing')
  if (profile === 'rfc9068') return reasons
  const [use, typ] = [given(claims, 'token_use'), given(claims, 'typ')]
  const scp = scopesIn(given(claims, 'scp'))
  const looksRight = use === 'access' || typ === 'Bearer' || ACCESS_CLAIMS.some(has) || scp.length > 0
  const isForeign = FOREIGN.some(has) || (use !== undefined && use !== 'access') || isForeignType(typ)
  // An ID token's `nonce` weighs less than each of these; an ID token's `aud` holds its client.
  const outweighsNonce =
    /^(?:application\/)?at\+jwt$/i.test((header.get('typ') as string | undefined) ?? '') ||
    use === 'access' ||
    typ === 'Bearer' ||
    (scp.some((scope) => !OPENID_SCOPES.test(scope)) && isClientApart(claims))
  if (isForeign || !looksRight || (has('nonce') && !outweighsNonce)) reasons.add('token_type_wrong')
  return reasons
}

/** Scopes in a list or a text; none where there is anything else in it. */
function scopesIn(value: StrictJson | undefined): readonly string[] {
  const items = typeof value === 'string' ? [value] : Array.isArray(value) ? value : []
  if (items.some((item) => typeof item !== 'string')) return []
  return items.flatMap((item) => (item as string).split(' ')).filter((scope) => scope.length > 0)
}

/** Whether a client is named, and an audience, and no client is part of it. */
function isClientApart(claims: StrictObject): boolean {
  const named = ['client_id', 'appid', 'azp', 'cid'].map((name) => given(claims, name))
  const clients = new Set(named.filter((client) => client !== undefined))
  const aud = given(claims, 'aud')
  const audience = (Array.isArray(aud) ? aud : [aud]).filter((each) => typeof each === 'string')
  return clients.size > 0 && audience.length > 0 && !audience.some((each) => clients.has(each))
}
