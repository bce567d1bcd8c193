import { BearwardError, shareError } from '../../errors.ts'
import { withoutSecrets } from '../../upstream/concealment.ts'
import { weightOf } from '../../parse/json.ts'
import type { Services, SharedAnswerData } from '../../parts.ts'
import type { ReadToken } from '../../token/access-token.ts'
import { createScopeExpansion, createScopeReader, type ScopeReader } from '../../token/scopes.ts'
import type { Verdict } from '../../upstream/verdict-cache.ts'
import { readAnswer } from './answer.ts'
import { requireMeantForUs, requireNotForOthers } from './answer-recipient.ts'
import type { AskedIssuer, Purpose } from './asked-issuer.ts'

/** An issuer's answer about a token, and when it came. */
interface JudgedAnswer extends SharedAnswerData {
  readonly answeredMs: number
  /** What no refusal may repeat. */
  readonly secrets: readonly string[]
}

/** Reaches the verdict on an answer. A refusal is a verdict too. @throws {UselessAnswer} */
export type Judge = (answer: JudgedAnswer, purpose: Purpose, asked: AskedIssuer) => Verdict

type JudgingServices = Pick<Services, 'claims' | 'clockToleranceSeconds' | 'expandScopes'>

export function createJudge(services: JudgingServices): Judge {
  // The output of a claims schema is kept beside the claims.
  const copies = services.claims ? 2 : 1
  return (answer, purpose, asked) => {
    const { answeredMs, bytes, secrets } = answer
    const source = { terms: asked.terms[purpose], answeredMs }
    try {
      const accepted = accept(answer, purpose, asked, services)
      return { ...source, accepted, weight: copies * weigh(accepted, bytes) }
    } catch (refused) {
      const safe = withoutSecrets(refused, secrets)
      if (!(safe instanceof BearwardError)) throw safe
      // All callers that wait get this refusal. It keeps the reason and nothing else of the answer.
      shareError(safe)
      return { ...source, refused: safe, weight: 0 }
    }
  }
}

/** @throws {UselessAnswer} and {BearwardError}: what refuses the token */
function accept(
  { claims, answeredMs }: JudgedAnswer,
  purpose: Purpose,
  { issuer, settings }: AskedIssuer,
  services: JudgingServices,
): ReadToken {
  const clock = { nowMs: answeredMs, toleranceSeconds: services.clockToleranceSeconds }
  const accepted = readAnswer(claims, issuer, scopeReader(settings.dialect?.implies, services), clock)
  if (purpose === 'introspect') requireMeantForUs(accepted.accessToken, { issuer, settings })
  // A JWT that was verified here has shown its audience already.
  else requireNotForOthers(accepted.accessToken, issuer)
  return accepted
}

/** Adds the scopes that the issuer's scopes imply, then those that this API's do. */
function scopeReader(
  implies: Readonly<Record<string, readonly string[]>> | undefined,
  { expandScopes }: JudgingServices,
): ScopeReader {
  const expandOwn = createScopeExpansion(implies)
  return createScopeReader((granted) => expandScopes(expandOwn(granted)))
}

// Short strings take three times as much as their text; and a scope of its own, as cut out of the claim.
const PARSED_FACTOR = 3
const SCOPE_BYTES = 32

/** Estimates the bytes of an accepted answer in memory. It cost a request, so its claims may be walked once more. */
function weigh({ accessToken: { claims, scopes } }: ReadToken, bytes: number): number {
  return PARSED_FACTOR * bytes + weightOf(claims) + SCOPE_BYTES * scopes.length
}
