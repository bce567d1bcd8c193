import { createMarks } from '../../token/forgetting.ts'
import type { CallContext } from '../../pipeline.ts'
import { isObject, type JsonObject } from '../../parse/json.ts'
import { ANSWER_SKEW_MS, type SharedCache, sharedName, type SharedWriting } from '../shared-tiers/shared-cache.ts'
import type { Verdict } from '../../upstream/verdict-cache.ts'
import type { Answer } from './line.ts'

/** An issuer's answers about one token in the shared tiers: sealed, and found under a digest of the token and the settings. */
interface SharedAnswer {
  /** What `judge` makes of the first answer that `suffices`, else of the newest there is. */
  readonly read: (
    judge: (answer: Answer, answeredMs: number) => Verdict,
    suffices: (verdict: Verdict) => boolean,
    context: CallContext,
  ) => Promise<Verdict | undefined>
  readonly write: (answer: Answer, writing: SharedWriting, context: CallContext) => void
  readonly forget: () => Promise<void>
  /** As `forget`, behind the caller's back. */
  readonly drop: (context: CallContext) => void
}

/** The answers about all tokens. */
export interface SharedAnswers {
  /** `undefined` where answers are not shared. */
  readonly about: (token: string, terms: string) => Promise<SharedAnswer | undefined>
  /** From now on this process takes no answer about the token that was given before. */
  readonly forget: (token: string) => void
  /** From now on this process takes no answer that was given before. */
  readonly forgetAll: () => void
}

export interface SharedAnswersSettings {
  readonly shared: SharedCache
  readonly insecureHosts: readonly string[]
  readonly now: () => number
}

export function createSharedAnswers({ shared, insecureHosts, now }: SharedAnswersSettings): SharedAnswers {
  let allForgottenMs = Number.NEGATIVE_INFINITY
  const forgottenMs = createMarks()
  // Something was forgotten while the clock told no time: everything counts as forgotten at the first time that it tells.
  let isTimeOwed = false

  function isForgotten(token: string, answeredMs: number): boolean {
    const nowMs = now()
    if (isTimeOwed && Number.isFinite(nowMs)) {
      allForgottenMs = nowMs
      isTimeOwed = false
    }
    const sinceMs = Math.max(allForgottenMs, forgottenMs.of(token))
    return isTimeOwed || !(answeredMs > sinceMs + ANSWER_SKEW_MS)
  }

  return {
    async about(token, terms) {
      if (!shared.holds('answer')) return undefined
      const name = await sharedName('answer', JSON.stringify(insecureHosts), terms, token)
      return {
        async read(judge, suffices, context) {
          const parse = ({ claims }: JsonObject, answeredMs: number): Verdict | undefined => {
            if (!isObject(claims)) throw new TypeError('its answer has not the right shape')
            if (isForgotten(token, answeredMs)) return undefined
            return judge({ claims, bytes: JSON.stringify(claims).length }, answeredMs)
          }
          const entry = await shared.read(name, { parse, suffices: ({ value }) => suffices(value) }, context)
          return entry?.value
        },
        write: ({ claims }, writing, context) => shared.write(name, { claims }, writing, context),
        forget: () => shared.forget(name),
        drop: (context) => shared.drop(name, context),
      }
    },
    forget(token) {
      const nowMs = now()
      if (Number.isFinite(nowMs)) forgottenMs.set(token, nowMs)
      else isTimeOwed = true
    },
    forgetAll() {
      const nowMs = now()
      if (Number.isFinite(nowMs)) allForgottenMs = nowMs
      else isTimeOwed = true
    },
  }
}
