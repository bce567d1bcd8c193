import type { StrictJson, StrictObject } from './strict-json.ts'

// The rules of DESIGN.md and docs/, written anew: nothing of src/ may be imported here.

/** Why a token must be refused: codes of docs/errors.md. Several where one stage has several reasons. */
export type Reasons = ReadonlySet<string>

/** What must come out of a token that is accepted. */
export interface ExpectedToken {
  readonly issuer: string
  readonly subject: string | undefined
  readonly clientId: string | undefined
  readonly audience: readonly string[]
  readonly scopes: readonly string[]
  readonly expiresAtSeconds: number | undefined
  readonly authentication: {
    readonly acr: string | undefined
    readonly amr: readonly string[] | undefined
    readonly authTimeSeconds: number | undefined
  }
}

export interface Recipient {
  readonly audience: readonly string[] | null
  readonly clients?: readonly string[]
}

// `acr`, `amr` and `auth_time` only inform: nothing is decided by them, and so nothing is refused for them.
const TEXTS = ['sub', 'jti', 'client_id', 'cid', 'appid', 'azp']
const TIMES = ['exp', 'iat', 'nbf']
const TEN_YEARS_SECONDS = 10 * 366 * 86_400

/** A claim that is `null` is absent, and so is a `sub` that is empty. */
export function given(claims: StrictObject, name: string): StrictJson | undefined {
  const value = claims.get(name) ?? undefined
  return name === 'sub' && value === '' ? undefined : value
}

function isText(value: StrictJson | undefined): value is string {
  return typeof value === 'string' && value !== ''
}

function isTexts(value: StrictJson | undefined): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}

export function isTime(value: StrictJson): value is number {
  return typeof value === 'number' && Math.abs(value) <= 2 ** 53 - 1
}

function isDetail(value: StrictJson): boolean {
  return value instanceof Map && typeof value.get('type') === 'string'
}

/** Registered claims that have the wrong type or are out of bounds. @see DESIGN.md, settled: scopes, times */
export function invalidClaims(claims: StrictObject, now: number): readonly string[] {
  const scope = given(claims, 'scope') === undefined ? 'scp' : 'scope'
  const rules: readonly (readonly [readonly string[], (value: StrictJson) => boolean])[] = [
    [TEXTS, isText],
    [TIMES, isTime],
    [['aud', scope], (value) => typeof value === 'string' || isTexts(value)],
    [['act'], (value) => value instanceof Map],
    [['cnf'], (value) => value instanceof Map && ['jkt', 'x5t#S256'].every((name) => isTextOrAbsent(value, name))],
    [['authorization_details'], (value) => Array.isArray(value) && value.every(isDetail)],
  ]
  const wrong = rules.flatMap(([names, fits]) =>
    names.filter((name) => {
      const value = given(claims, name)
      return value !== undefined && !fits(value)
    }),
  )
  const [exp, iat] = [given(claims, 'exp'), given(claims, 'iat')]
  if (typeof exp === 'number' && exp > now + TEN_YEARS_SECONDS) wrong.push('exp')
  if (typeof exp === 'number' && typeof iat === 'number' && iat > exp) wrong.push('iat')
  return wrong
}

function isTextOrAbsent(claims: StrictObject, name: string): boolean {
  const value = given(claims, name)
  return value === undefined || isText(value)
}

/** @see DESIGN.md, settled: times; RFC 7519 §4.1.4 to §4.1.6 */
export function timeReasons(claims: StrictObject, now: number, tolerance: number): Reasons {
  const reasons = new Set<string>()
  const [exp, nbf, iat] = ['exp', 'nbf', 'iat'].map((name) => given(claims, name) as number | undefined)
  if (exp !== undefined && now - tolerance >= exp) reasons.add('token_expired')
  if ([nbf, iat].some((time) => time !== undefined && time - tolerance > now)) reasons.add('token_not_yet_valid')
  return reasons
}

/** @see RFC 9068 §4, DESIGN.md, settled: clientId */
export function recipientReasons(claims: StrictObject, { audience, clients }: Recipient): Reasons {
  const reasons = new Set<string>()
  if (audience && !audienceOf(claims).some((each) => audience.includes(each))) reasons.add('audience_mismatch')
  if (clients && !clients.includes(clientOf(claims) ?? '')) reasons.add('client_refused')
  return reasons
}

/** No proof of possession is checked yet: what is bound is refused. */
export function bindingReasons(claims: StrictObject): Reasons {
  return new Set(given(claims, 'cnf') === undefined ? [] : ['binding_mismatch'])
}

export function audienceOf(claims: StrictObject): readonly string[] {
  const value = given(claims, 'aud')
  return isTexts(value) ? value : typeof value === 'string' ? [value] : []
}

function clientOf(claims: StrictObject): string | undefined {
  return ['client_id', 'cid', 'appid', 'azp'].map((name) => given(claims, name)).find(isText)
}

/** What an accepted token says. @see DESIGN.md, "One result" */
export function expectedToken(claims: StrictObject, issuer: string, now: number): ExpectedToken {
  const scope = given(claims, 'scope') ?? given(claims, 'scp')
  const words = typeof scope === 'string' ? scope.split(' ') : isTexts(scope) ? scope : []
  return {
    issuer,
    subject: given(claims, 'sub') as string | undefined,
    clientId: clientOf(claims),
    audience: audienceOf(claims),
    scopes: [...new Set(words.filter((word) => word !== ''))],
    expiresAtSeconds: given(claims, 'exp') as number | undefined,
    authentication: authenticationOf(claims, now),
  }
}

const MINUTE_SECONDS = 60

/** What only informs is left out where it is malformed, and so is a log-in that is yet to come. */
function authenticationOf(claims: StrictObject, now: number): ExpectedToken['authentication'] {
  const [acr, amr, time] = ['acr', 'amr', 'auth_time'].map((name) => given(claims, name))
  return {
    acr: isText(acr) ? acr : undefined,
    amr: isTexts(amr) ? amr : undefined,
    authTimeSeconds: time !== undefined && isTime(time) && time - MINUTE_SECONDS <= now ? time : undefined,
  }
}

/** The reasons of the first stage that has some. */
export function firstReasons(...stages: readonly (() => Reasons)[]): Reasons {
  for (const stage of stages) {
    const reasons = stage()
    if (reasons.size > 0) return reasons
  }
  return new Set()
}
