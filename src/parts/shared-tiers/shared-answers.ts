import { Fault } from '../../faults.ts'
import type { SharedAnswers } from '../../parts.ts'
import { isObject, type JsonObject } from '../../parse/json.ts'
import { createMarks } from '../../token/forgetting.ts'
import { ANSWER_SKEW_MS, type SharedCache, sharedName } from './shared-cache.ts'

export interface SharedAnswersSettings {
  readonly now: () => number
}

/** Keeps issuers' answers about tokens in the shared tiers. Ignores answers from before the token was forgotten. */
export function createSharedAnswers(cache: SharedCache, { now }: SharedAnswersSettings): SharedAnswers {
  let allForgottenMs = Number.NEGATIVE_INFINITY
  const forgottenMs = createMarks()
  // Something was forgotten while the clock had no time: then everything counts as forgotten at the clock's next time.
  let isTimeMissing = false

  function isForgotten(token: string, answeredMs: number): boolean {
    const nowMs = now()
    if (isTimeMissing && Number.isFinite(nowMs)) {
      allForgottenMs = nowMs
      isTimeMissing = false
    }
    const sinceMs = Math.max(allForgottenMs, forgottenMs.of(token))
    return isTimeMissing || !(answeredMs > sinceMs + ANSWER_SKEW_MS)
  }

  return {
    async about(token, fingerprint) {
      const name = await sharedName('answer', fingerprint, token)
      return {
        async read(judge, suffices, context) {
          type Verdict = ReturnType<typeof judge>
          const parse = ({ claims }: JsonObject, answeredMs: number): Verdict | undefined => {
            if (!isObject(claims)) throw new Fault('the answer has the wrong shape')
            if (isForgotten(token, answeredMs)) return undefined
            return judge({ claims, bytes: JSON.stringify(claims).length }, answeredMs)
          }
          const entry = await cache.read(name, { parse, suffices: ({ value }) => suffices(value) }, context)
          return entry?.value
        },
        write: ({ claims }, writing, context) => cache.write(name, { claims }, writing, context),
        forget: () => cache.forget(name),
        drop: (context) => cache.drop(name, context),
      }
    },
    forget(token) {
      const nowMs = now()
      if (Number.isFinite(nowMs)) forgottenMs.set(token, nowMs)
      else isTimeMissing = true
    },
    forgetAll() {
      const nowMs = now()
      if (Number.isFinite(nowMs)) allForgottenMs = nowMs
      else isTimeMissing = true
    },
  }
}
