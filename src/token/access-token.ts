import { requireTime } from '../runtime/clock.ts'
import { BearwardError, quote } from '../errors.ts'
import { isObject, type JsonObject } from '../parse/json.ts'
import type { AccessToken, Actor, AuthorizationDetail } from '../pipeline.ts'
import type { ScopeReader } from './scopes.ts'

const TEN_YEARS_SECONDS = 10 * 366 * 24 * 60 * 60
/** The most that `clockToleranceSeconds` allows. */
const MAX_SKEW_SECONDS = 60
const NONE: readonly never[] = Object.freeze([])

/** An access token and the one claim that has no member of its own there. */
export interface ReadToken {
  readonly accessToken: AccessToken
  readonly notBeforeSeconds: number | undefined
}

/** A frozen type while it is being written. */
type Draft<T> = { -readonly [Name in keyof T]: T[Name] }

/**
 * Reads the registered claims into an `AccessToken`, each checked for type and bounds, whatever brought them: a JWT or an
 * introspection answer. A claim that is `null` is absent, and so is an empty `sub`, which servers write where a token has no
 * subject. `acr`, `amr` and `auth_time` only inform: a malformed one is left out of `authentication`.
 *
 * Does not check what the claims say: not the issuer, the audience, the client or the clock, save that `exp` is no
 * millisecond value.
 *
 * @throws {BearwardError} claim_invalid
 */
export function readAccessToken(
  claims: JsonObject,
  origin: { format: AccessToken['format']; issuer: string },
  toScopes: ScopeReader,
  nowMs: number,
): ReadToken {
  const subject = member(claims, 'sub') === '' ? undefined : text(claims, 'sub')
  const clientId = readClientId(claims)
  const issuedAtSeconds = time(claims, 'iat')
  const expiresAtSeconds = time(claims, 'exp')
  const notBeforeSeconds = time(claims, 'nbf')
  if (expiresAtSeconds !== undefined && expiresAtSeconds > nowMs / 1000 + TEN_YEARS_SECONDS) {
    throw invalid('exp', 'a time in seconds within the next ten years (are these milliseconds?)', expiresAtSeconds)
  }
  if (expiresAtSeconds !== undefined && issuedAtSeconds !== undefined && issuedAtSeconds > expiresAtSeconds) {
    throw invalid('iat', 'a time before `exp`', issuedAtSeconds)
  }
  const tokenId = text(claims, 'jti')
  const confirmation = readConfirmation(claims)
  const actor: Actor | undefined = object(claims, 'act')
  // Assigned one by one, as a spread for each member that may be absent costs more than all the checks.
  const accessToken: Draft<AccessToken> = {
    format: origin.format,
    issuer: origin.issuer,
    audience: Object.freeze(readAudience(claims)),
    scopes: readScopes(claims, toScopes),
    authentication: readAuthentication(claims, nowMs),
    authorizationDetails: readAuthorizationDetails(claims),
    claims,
  }
  if (subject !== undefined) accessToken.subject = subject
  if (clientId !== undefined) accessToken.clientId = clientId
  if (issuedAtSeconds !== undefined) accessToken.issuedAtSeconds = issuedAtSeconds
  if (expiresAtSeconds !== undefined) accessToken.expiresAtSeconds = expiresAtSeconds
  if (tokenId !== undefined) accessToken.tokenId = tokenId
  if (confirmation) accessToken.confirmation = confirmation
  if (actor) accessToken.actor = actor
  return { accessToken: Object.freeze(accessToken), notBeforeSeconds }
}

/**
 * Checks the clock: refused when now ≥ exp + tolerance; `nbf` and `iat` pass up to now + tolerance. Without a time nothing passes.
 *
 * @throws {BearwardError} token_expired, token_not_yet_valid, issuer_unavailable
 * @see RFC 7519 §4.1.4 to §4.1.6
 */
export function requireTimely(
  token: Pick<AccessToken, 'expiresAtSeconds' | 'issuedAtSeconds'>,
  notBeforeSeconds: number | undefined,
  nowMs: number,
  toleranceSeconds: number,
): void {
  requireTime(nowMs)
  const now = nowMs / 1000
  if (token.expiresAtSeconds !== undefined && !(now < token.expiresAtSeconds + toleranceSeconds)) {
    throw new BearwardError(
      'token_expired',
      `the token expired at ${token.expiresAtSeconds}, now is ${Math.floor(now)}`,
    )
  }
  requireReached('nbf', notBeforeSeconds, now, toleranceSeconds)
  requireReached('iat', token.issuedAtSeconds, now, toleranceSeconds)
}

function requireReached(name: string, seconds: number | undefined, now: number, toleranceSeconds: number): void {
  if (seconds !== undefined && !(seconds <= now + toleranceSeconds)) {
    throw new BearwardError('token_not_yet_valid', `\`${name}\` is ${seconds}, now is ${Math.floor(now)}`)
  }
}

function invalid(name: string, expected: string, actual: unknown): BearwardError {
  return new BearwardError('claim_invalid', `claim \`${name}\`: expected ${expected}, got ${quote(actual)}`)
}

function member(claims: JsonObject, name: string): unknown {
  return Object.hasOwn(claims, name) ? (claims[name] ?? undefined) : undefined
}

function text(claims: JsonObject, name: string): string | undefined {
  const value = member(claims, name)
  if (value === undefined) return undefined
  if (!isText(value)) throw invalid(name, 'a non-empty string', value)
  return value
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function time(claims: JsonObject, name: string): number | undefined {
  const value = member(claims, name)
  if (value === undefined) return undefined
  if (!isTime(value)) throw invalid(name, 'a number of seconds', value)
  return value
}

/** Narrows to a number of seconds that JSON carries exactly. */
export function isTime(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER
}

function object(claims: JsonObject, name: string): JsonObject | undefined {
  const value = member(claims, name)
  if (value === undefined) return undefined
  if (!isObject(value)) throw invalid(name, 'an object', value)
  return value as JsonObject
}

function strings(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined
}

function readClientId(claims: JsonObject): string | undefined {
  // Each is checked, so that junk in one is never hidden by another.
  const clientId = text(claims, 'client_id')
  const cid = text(claims, 'cid')
  const appId = text(claims, 'appid')
  const authorizedParty = text(claims, 'azp')
  return clientId ?? cid ?? appId ?? authorizedParty
}

function readAudience(claims: JsonObject): string[] {
  const value = member(claims, 'aud')
  if (value === undefined) return []
  if (typeof value === 'string') return [value]
  const audience = strings(value)
  if (!audience) throw invalid('aud', 'a string or an array of strings', value)
  return [...audience]
}

function readScopes(claims: JsonObject, toScopes: ScopeReader): readonly string[] {
  // `scope` wins over `scp`; a token that holds both is never read as the union.
  const name = member(claims, 'scope') === undefined ? 'scp' : 'scope'
  const value = member(claims, name)
  if (value === undefined) return NONE
  const list = typeof value === 'string' ? value : strings(value)
  if (list === undefined) throw invalid(name, 'a space-delimited string or an array of strings', value)
  return toScopes(list)
}

function readConfirmation(claims: JsonObject): AccessToken['confirmation'] {
  const confirmation = object(claims, 'cnf')
  if (!confirmation) return undefined
  const jkt = text(confirmation, 'jkt')
  const x5t = text(confirmation, 'x5t#S256')
  return Object.freeze({ ...(jkt !== undefined && { jkt }), ...(x5t !== undefined && { 'x5t#S256': x5t }) })
}

/**
 * Reads the claims that only inform; a malformed one is left out. AD FS sends `auth_time` as text, and others send `amr` as
 * one string. A requirement on such a claim then fails closed.
 */
function readAuthentication(claims: JsonObject, nowMs: number): AccessToken['authentication'] {
  const acr = member(claims, 'acr')
  const authTimeSeconds = member(claims, 'auth_time')
  const amr = strings(member(claims, 'amr'))
  const authentication: Draft<AccessToken['authentication']> = {}
  if (isText(acr)) authentication.acr = acr
  if (amr) authentication.amr = amr
  // One that lies ahead, as milliseconds do, would count as recent for ever.
  const isPast = isTime(authTimeSeconds) && authTimeSeconds <= nowMs / 1000 + MAX_SKEW_SECONDS
  if (isPast) authentication.authTimeSeconds = authTimeSeconds
  return Object.freeze(authentication)
}

function readAuthorizationDetails(claims: JsonObject): readonly AuthorizationDetail[] {
  const value = member(claims, 'authorization_details')
  if (value === undefined) return NONE
  if (!Array.isArray(value) || !value.every((detail) => isObject(detail) && typeof detail['type'] === 'string')) {
    throw invalid('authorization_details', 'an array of objects that name their type', value)
  }
  return value as readonly AuthorizationDetail[]
}
