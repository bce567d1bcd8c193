import { LRUCache } from 'lru-cache'
import { type BearwardError, shareError } from '../errors.ts'
import type { ReadToken } from '../token/access-token.ts'
import { createForgetting } from '../token/forgetting.ts'

/** What an issuer's answer comes to: a token, or why it was refused. */
export interface Verdict {
  /** The settings under which it was reached. Under others it does not count. */
  readonly terms: string
  /** Bytes that it takes in memory. */
  readonly weight: number
  readonly answeredMs: number
  readonly accepted?: ReadToken | undefined
  readonly refused?: BearwardError | undefined
}

/** Caches verdicts by the whole token. Refusals have a cache of their own, so that junk cannot push out good tokens. */
export interface VerdictCache {
  /** Returns a verdict that is young enough: an accepted one up to `lifeMs`, a refusal up to ten seconds. */
  readonly get: (token: string, terms: string, lifeMs: number) => Verdict | undefined
  /** Keeps a verdict; an accepted one unless its token was forgotten since `epoch`. */
  readonly set: (token: string, verdict: Verdict, epoch?: number) => void
  /** Whether a verdict is newer than the one that is kept, however old that is. */
  readonly isNews: (token: string, verdict: Verdict) => boolean
  /** Keeps another process's verdict where it is newer than the one that is kept: while the endpoint is down it may serve. */
  readonly keepStale: (token: string, verdict: Verdict, epoch: number) => void
  /** Read it before the issuer is asked, and hand it to `set` with the verdict. */
  readonly epoch: () => number
  /** Whether a token was forgotten since `epoch`. */
  readonly wasForgotten: (token: string, epoch: number) => boolean
  readonly forget: (token: string) => void
  readonly forgetAll: () => void
}

const MAX_ACCEPTED = 10_000
const MAX_ACCEPTED_BYTES = 32 * 1024 * 1024
const MAX_REFUSED = 5_000
const MAX_REFUSED_BYTES = 8 * 1024 * 1024
const REFUSAL_MS = 10_000
const OVERHEAD_BYTES = 1_024

function weigh({ weight }: Verdict, token: string): number {
  return token.length + weight + OVERHEAD_BYTES
}

export function createVerdictCache(now: () => number): VerdictCache {
  // Made when first used: it takes memory for as many entries as it may hold.
  let kept: Readonly<Record<'accepted' | 'refused', LRUCache<string, Verdict>>> | undefined
  const forgetting = createForgetting()

  function isYoung({ answeredMs }: Verdict, lifeMs: number): boolean {
    const age = now() - answeredMs
    return age >= 0 && age < lifeMs
  }

  function set(token: string, verdict: Verdict, since = forgetting.epoch()): void {
    // Refusals are kept even if the token was forgotten meanwhile: at worst one refuses for ten seconds.
    if (verdict.accepted && forgetting.wasForgotten(token, since)) return
    kept ??= {
      accepted: new LRUCache({ max: MAX_ACCEPTED, maxSize: MAX_ACCEPTED_BYTES, sizeCalculation: weigh }),
      refused: new LRUCache({ max: MAX_REFUSED, maxSize: MAX_REFUSED_BYTES, sizeCalculation: weigh }),
    }
    const { accepted, refused } = kept
    const [into, outOf] = verdict.accepted ? [accepted, refused] : [refused, accepted]
    shareError(verdict.refused)
    into.set(token, verdict)
    outOf.delete(token)
  }

  function isNews(token: string, { answeredMs }: Verdict): boolean {
    const known = kept?.accepted.peek(token) ?? kept?.refused.peek(token)
    return answeredMs > (known?.answeredMs ?? Number.NEGATIVE_INFINITY)
  }

  return {
    get(token, terms, lifeMs) {
      const good = kept?.accepted.get(token)
      if (good?.terms === terms && isYoung(good, lifeMs)) return good
      const bad = kept?.refused.get(token)
      return bad?.terms === terms && isYoung(bad, Math.min(lifeMs, REFUSAL_MS)) ? bad : undefined
    },
    set,
    isNews,
    keepStale(token, verdict, since) {
      if (verdict.accepted && isNews(token, verdict)) set(token, verdict, since)
    },
    epoch: forgetting.epoch,
    wasForgotten: forgetting.wasForgotten,
    forget(token) {
      forgetting.forget(token)
      kept?.accepted.delete(token)
      kept?.refused.delete(token)
    },
    forgetAll() {
      forgetting.forgetAll()
      kept?.accepted.clear()
      kept?.refused.clear()
    },
  }
}
