import { requireTime } from '../runtime/clock.ts'
import { BearwardError, unexpectedClaim } from '../errors.ts'
import { isObject, type JsonObject } from '../parse/json.ts'
import type { AccessToken, Actor, AuthorizationDetail } from '../pipeline.ts'
import type { ScopeReader } from './scopes.ts'

const TEN_YEARS_SECONDS = 10 * 366 * 24 * 60 * 60
/** The most that `clockToleranceSeconds` allows. */
const MAX_SKEW_SECONDS = 60
const NONE: readonly never[] = Object.freeze([])

/** An access token, and the only registered claim without a member in it. */
export interface ReadToken {
  readonly accessToken: AccessToken
  readonly notBeforeSeconds: number | undefined
}

/** A readonly type whose members can be assigned. */
type Draft<T> = { -readonly [Name in keyof T]: T[Name] }

/**
 * Reads the registered claims of a JWT or an introspection answer into an `AccessToken`, and checks the type and the bounds of each.
 * A claim that is `null` is absent, and so is an empty `sub`, which servers send for a token without a subject. `acr`, `amr` and
 * `auth_time` only inform: a malformed one is left out of `authentication`.
 *
 * Does not check issuer, audience, client and clock, except that `exp` is no millisecond value.
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
    throw invalid('exp', 'seconds within the next ten years (are these milliseconds?)', expiresAtSeconds)
  }
  if (expiresAtSeconds !== undefined && issuedAtSeconds !== undefined && issuedAtSeconds > expiresAtSeconds) {
    throw invalid('iat', 'a time before `exp`', issuedAtSeconds)
  }
  const tokenId = text(claims, 'jti')
  const confirmation = readConfirmation(claims)
  const actor: Actor | undefined = object(claims, 'act')
  // Assigned one by one: a spread for each optional member costs more than all the checks.
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
 * Checks the times: refuses when now ≥ exp + tolerance, and `nbf` and `iat` beyond now + tolerance. Without a time no token passes.
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
  return unexpectedClaim('claim_invalid', name, expected, actual)
}

function member(claims: JsonObject, name: string): unknown {
  return Object.hasOwn(claims, name) ? (claims[name] ?? undefined) : undefined
}

/** Returns a claim whose value passes a check; `undefined` where it is absent. */
function claim<T>(
  claims: JsonObject,
  name: string,
  isValid: (value: unknown) => value is T,
  expected: string,
): T | undefined {
  const value = member(claims, name)
  if (value === undefined || isValid(value)) return value
  throw invalid(name, expected, value)
}

function text(claims: JsonObject, name: string): string | undefined {
  return claim(claims, name, isText, 'a non-empty string')
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function time(claims: JsonObject, name: string): number | undefined {
  return claim(claims, name, isTime, 'a number of seconds')
}

/** Narrows to a number of seconds that JSON can represent exactly. */
export function isTime(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER
}

function object(claims: JsonObject, name: string): JsonObject | undefined {
  return claim(claims, name, isObject, 'an object') as JsonObject | undefined
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

function isStringOrStrings(value: unknown): value is string | readonly string[] {
  return typeof value === 'string' || isStrings(value)
}

function readClientId(claims: JsonObject): string | undefined {
  // Checks each: a good one must not hide a malformed one.
  const clientId = text(claims, 'client_id')
  const cid = text(claims, 'cid')
  const appId = text(claims, 'appid')
  const authorizedParty = text(claims, 'azp')
  return clientId ?? cid ?? appId ?? authorizedParty
}

function readAudience(claims: JsonObject): string[] {
  const value = claim(claims, 'aud', isStringOrStrings, 'a string or an array of strings') ?? []
  return typeof value === 'string' ? [value] : [...value]
}

function readScopes(claims: JsonObject, toScopes: ScopeReader): readonly string[] {
  // `scope` wins over `scp`. A token with both never gets the union.
  const name = member(claims, 'scope') === undefined ? 'scp' : 'scope'
  const value = claim(claims, name, isStringOrStrings, 'a space-delimited string or an array of strings')
  return value === undefined ? NONE : toScopes(value)
}

function readConfirmation(claims: JsonObject): AccessToken['confirmation'] {
  const confirmation = object(claims, 'cnf')
  if (!confirmation) return undefined
  const jkt = text(confirmation, 'jkt')
  const x5t = text(confirmation, 'x5t#S256')
  return Object.freeze({ ...(jkt !== undefined && { jkt }), ...(x5t !== undefined && { 'x5t#S256': x5t }) })
}

/**
 * Reads the claims that only inform, and leaves out malformed ones. AD FS sends `auth_time` as text, and other servers send `amr`
 * as one string. A requirement on such a claim then fails closed.
 */
function readAuthentication(claims: JsonObject, nowMs: number): AccessToken['authentication'] {
  const acr = member(claims, 'acr')
  const authTimeSeconds = member(claims, 'auth_time')
  const amr = member(claims, 'amr')
  const authentication: Draft<AccessToken['authentication']> = {}
  if (isText(acr)) authentication.acr = acr
  if (isStrings(amr)) authentication.amr = amr
  // A time in the future, such as milliseconds, would count as recent for ever.
  const isPast = isTime(authTimeSeconds) && authTimeSeconds <= nowMs / 1000 + MAX_SKEW_SECONDS
  if (isPast) authentication.authTimeSeconds = authTimeSeconds
  return Object.freeze(authentication)
}

function readAuthorizationDetails(claims: JsonObject): readonly AuthorizationDetail[] {
  return claim(claims, 'authorization_details', areDetails, 'an array of objects with a `type`') ?? NONE
}

function areDetails(value: unknown): value is readonly AuthorizationDetail[] {
  return Array.isArray(value) && value.every((detail) => isObject(detail) && typeof detail['type'] === 'string')
}
