import {
  audienceOf,
  bindingReasons,
  expectedToken,
  firstReasons,
  given,
  invalidClaims,
  isTime,
  type Reasons,
  type Recipient,
  recipientReasons,
  timeReasons,
} from './claims.ts'
import { FOREIGN, isForeignType } from './kinds.ts'
import { readStrictObject, type StrictJson, type StrictObject } from './strict-json.ts'
import { type Judgement, refuse } from './token.ts'

/** What an endpoint answered, as it went over the wire. */
export interface SeenAnswer {
  readonly status: number
  readonly contentType: string | undefined
  readonly body: Uint8Array
  /** The connection failed, or broke off. */
  readonly fails: boolean
}

export interface AnsweringIssuer extends Recipient {
  readonly identifier: string
  readonly audienceAssumed: boolean
  /** The endpoint is known to call nothing but access tokens active. */
  readonly accessTokensOnly: boolean
}

const UNAVAILABLE = 'issuer_unavailable'
const MAX_ANSWER_BYTES = 64 * 1024

/** Judges what must become of an opaque token about which this was answered. @see docs/introspection.md, "What is accepted" */
export function judgeAnswer(seen: SeenAnswer, issuer: AnsweringIssuer, now: number, tolerance: number): Judgement {
  const mediaType = seen.contentType?.split(';')[0]?.trim().toLowerCase()
  // RFC 6839 §3.1: the suffix says JSON as well.
  const isJson = /^application\/(?:[^\s/]+\+)?json$/.test(mediaType ?? '')
  // Whatever is wrong with the answer itself is the issuer's fault, and never the caller's 401.
  if (seen.fails || seen.status !== 200 || !isJson || seen.body.length > MAX_ANSWER_BYTES) return refuse(UNAVAILABLE)
  const answer = readStrictObject(seen.body)
  const active = answer?.get('active')
  if (!answer || typeof active !== 'boolean') return refuse(UNAVAILABLE)
  if (!active) return refuse('token_inactive')
  if (isOver(answer, now, tolerance)) return refuse('token_expired')
  const reasons = firstReasons(
    () => answerReasons(answer, issuer, now),
    () => meantForOthers(answer, issuer),
    () => timeReasons(answer, now, tolerance),
    () => bindingReasons(answer),
  )
  return reasons.size > 0 ? { reasons } : { reasons, token: expectedToken(answer, issuer.identifier, now) }
}

/** Past its `exp` a token is expired, whatever else is said of it; an `iat` that makes no sense costs it the tolerance. */
function isOver(answer: StrictObject, now: number, tolerance: number): boolean {
  const [exp, iat] = [given(answer, 'exp'), given(answer, 'iat')]
  // Whatever the number: one that is past is past.
  if (typeof exp !== 'number' || exp >= 2 ** 53) return false
  const makesSense = iat === undefined || (isTime(iat) && exp >= iat)
  return now - (makesSense ? tolerance : 0) >= exp
}

function answerReasons(answer: StrictObject, { identifier }: AnsweringIssuer, now: number): Reasons {
  const reasons = new Set<string>()
  const words = ['token_type', 'token_use', 'iss'].map((name) => given(answer, name))
  const areWords = words.every((word) => word === undefined || typeof word === 'string')
  if (!areWords || invalidClaims(answer, now).length > 0) reasons.add(UNAVAILABLE)
  const [type, use, iss] = words
  const isForeign =
    (typeof type === 'string' && !isWord(type, 'bearer', 'dpop')) ||
    (typeof use === 'string' && !isWord(use, 'access', 'access_token')) ||
    isForeignType(given(answer, 'typ')) ||
    FOREIGN.some((name) => given(answer, name) !== undefined)
  if (isForeign) reasons.add('token_type_wrong')
  if (typeof iss === 'string' && iss !== identifier) reasons.add('issuer_untrusted')
  if (isWord(type, 'dpop') && given(answer, 'cnf') === undefined) reasons.add('binding_mismatch')
  return reasons
}

function meantForOthers(answer: StrictObject, issuer: AnsweringIssuer): Reasons {
  const { audience, audienceAssumed, accessTokensOnly } = issuer
  const namesAudience = audienceOf(answer).length > 0
  if (audience && namesAudience) return recipientReasons(answer, issuer)
  const reasons = new Set(recipientReasons(answer, { ...issuer, audience: null }))
  if (audience && !audienceAssumed) reasons.add('audience_mismatch')
  const namesKind =
    isWord(given(answer, 'token_type'), 'bearer', 'dpop') ||
    isWord(given(answer, 'token_use'), 'access', 'access_token') ||
    isWord(given(answer, 'typ'), 'bearer', 'at+jwt')
  const isSilent = ['token_type', 'token_use', 'typ'].every((name) => given(answer, name) === undefined)
  if (!namesKind && !(accessTokensOnly && isSilent)) reasons.add('token_type_wrong')
  // Without an audience the first is what is told, whatever else is missing.
  return audience && !audienceAssumed ? new Set(['audience_mismatch']) : reasons
}

function isWord(value: StrictJson | undefined, ...words: readonly string[]): boolean {
  return typeof value === 'string' && words.includes(value.toLowerCase())
}
