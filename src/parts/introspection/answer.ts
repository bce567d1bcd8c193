import { isTime, readAccessToken, type ReadToken, requireTimely } from '../../token/access-token.ts'
import { BearwardError, quote } from '../../errors.ts'
import { describeFault } from '../../faults.ts'
import type { JsonObject } from '../../parse/json.ts'
import type { AccessToken, Issuer } from '../../pipeline.ts'
import type { ScopeReader } from '../../token/scopes.ts'
import { UselessAnswer } from '../../upstream/faults.ts'
import { FOREIGN_MEMBERS, FOREIGN_TOKEN_NAMES, FOREIGN_TYPES } from '../../token/token-kind.ts'

const ACCESS_USES = ['access', 'access_token']

/** When an answer came, and by how much the issuer's clock may differ. */
interface AnswerClock {
  readonly nowMs: number
  readonly toleranceSeconds: number
}

/**
 * Reads an introspection answer as an access token. Only the boolean `true` is active. Refresh and ID tokens are active too: they
 * are refused wherever the answer tells their kind. Of the times only `exp` is checked.
 *
 * @throws {UselessAnswer} for an answer that breaks the rules
 * @throws {BearwardError} token_inactive, token_expired, token_type_wrong, issuer_untrusted, binding_mismatch
 * @see RFC 7662 §2.2 and §4
 */
export function readAnswer(answer: JsonObject, issuer: Issuer, toScopes: ScopeReader, clock: AnswerClock): ReadToken {
  const { active } = answer
  if (typeof active !== 'boolean') throw new UselessAnswer(`its member \`active\` is ${quote(active)}, not a boolean`)
  if (!active)
    throw new BearwardError('token_inactive', `issuer "${issuer.identifier}" says that the token is not active`)
  requireUnexpired(answer, clock)
  requireAccessToken(answer)
  const iss = text(answer, 'iss')
  if (iss !== undefined && iss !== issuer.identifier) {
    throw new BearwardError('issuer_untrusted', `member \`iss\`: expected "${issuer.identifier}", got ${quote(iss)}`)
  }
  const read = readClaims(answer, issuer, toScopes, clock)
  if (isDpop(answer) && !read.accessToken.confirmation) {
    throw new BearwardError(
      'binding_mismatch',
      'the token is of type DPoP, and the issuer does not say to which key it is bound',
    )
  }
  return read
}

function readClaims(
  answer: JsonObject,
  { identifier }: Issuer,
  toScopes: ScopeReader,
  { nowMs }: AnswerClock,
): ReadToken {
  try {
    return readAccessToken(answer, { format: 'opaque', issuer: identifier }, toScopes, nowMs)
  } catch (cause) {
    throw new UselessAnswer(describeFault(cause))
  }
}

/**
 * Checks `exp` first, so that the refusal of an expired token is cached. Some servers answer `exp: 0` and a later `iat` for a
 * token that never expires. Read as a malformed answer, that would be an outage at every request.
 */
function requireUnexpired({ exp, iat }: JsonObject, { nowMs, toleranceSeconds }: AnswerClock): void {
  // Any number in the past counts: some servers answer with the least number that they know.
  if (typeof exp !== 'number' || exp > Number.MAX_SAFE_INTEGER) return
  const isSound = iat === undefined || iat === null || (isTime(iat) && iat <= exp)
  // Different clocks explain an `exp` just past. They do not explain an `exp` before `iat`.
  requireTimely({ expiresAtSeconds: exp }, undefined, nowMs, isSound ? toleranceSeconds : 0)
}

function requireAccessToken(answer: JsonObject): void {
  const type = text(answer, 'token_type')
  if (type !== undefined && !isOneOf(type, ['bearer', 'dpop'])) {
    throw wrongType(`member \`token_type\`: expected Bearer or DPoP, got ${quote(type)}`)
  }
  const use = text(answer, 'token_use')
  if (use !== undefined && !isOneOf(use, ACCESS_USES)) {
    throw wrongType(`member \`token_use\`: expected "access", got ${quote(use)}`)
  }
  if (isOneOf(answer['typ'], FOREIGN_TYPES)) {
    throw wrongType(`member \`typ\`: expected "Bearer", got ${quote(answer['typ'])}`)
  }
  if (isOneOf(answer['tokenName'], FOREIGN_TOKEN_NAMES)) {
    throw wrongType(`member \`tokenName\`: expected "access_token", got ${quote(answer['tokenName'])}`)
  }
  const foreign = FOREIGN_MEMBERS.find((name) => answer[name] !== undefined && answer[name] !== null)
  if (foreign !== undefined) throw wrongType(`the token has a member \`${foreign}\`, as ID and logout tokens do`)
}

/**
 * Whether an answer names its token as an access token. Refresh tokens are active as well, and some servers mark them only by
 * leaving members out.
 */
export function namesAccessToken({ token_type: type, token_use: use, typ }: JsonObject): boolean {
  return isOneOf(type, ['bearer', 'dpop']) || isOneOf(use, ACCESS_USES) || isOneOf(typ, ['bearer', 'at+jwt'])
}

function text(answer: JsonObject, name: string): string | undefined {
  const value = answer[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw new UselessAnswer(`its member \`${name}\` is ${quote(value)}, not a string`)
  return value
}

function isDpop({ token_type: type }: JsonObject): boolean {
  return isOneOf(type, ['dpop'])
}

function isOneOf(value: unknown, words: readonly string[]): boolean {
  return typeof value === 'string' && words.includes(value.toLowerCase())
}

function wrongType(message: string): BearwardError {
  return new BearwardError('token_type_wrong', message)
}

/**
 * Checks that the answer about a JWT speaks of the same token as the JWT itself.
 *
 * @throws {BearwardError} issuer_unavailable: the issuer contradicts itself
 */
export function requireAgreement(jwt: AccessToken<unknown>, answer: AccessToken, { identifier }: Issuer): void {
  const pairs = [
    // Elsewhere an empty `sub` counts as absent. Here it would hide that the issuer took the JWT's subject away.
    ['sub', jwt.subject, answer.claims['sub'] ?? undefined],
    ['client_id', jwt.clientId, answer.clientId],
    ['exp', jwt.expiresAtSeconds, answer.expiresAtSeconds],
    ['cnf.jkt', jwt.confirmation?.jkt, answer.confirmation?.jkt],
    ['cnf.x5t#S256', jwt.confirmation?.['x5t#S256'], answer.confirmation?.['x5t#S256']],
  ] as const
  for (const [name, inJwt, inAnswer] of pairs) {
    if (inJwt === undefined || inAnswer === undefined || inJwt === inAnswer) continue
    // The message repeats neither value: an endpoint may answer with the token, or with our own secret.
    const detail = `issuer "${identifier}" answers with a \`${name}\` that contradicts the token's own`
    throw new BearwardError('issuer_unavailable', detail)
  }
}
