import { BearwardError } from '../../errors.ts'
import { describeFault, isA } from '../../faults.ts'
import { answersFingerprint } from '../../options/fingerprint.ts'
import type { Services, SharedAnswer, SharedAnswerData } from '../../parts.ts'
import type { AccessToken, CallContext } from '../../pipeline.ts'
import { CircuitOpen } from '../../upstream/circuit.ts'
import { HeldBack, Outage } from '../../upstream/faults.ts'
import { createSharedLoaders } from '../../upstream/shared-loaders.ts'
import { createVerdictCache, type Verdict } from '../../upstream/verdict-cache.ts'
import type { AskedIssuer, Purpose } from './asked-issuer.ts'
import { askAbout, createIntrospectionEndpoint } from './endpoint.ts'
import { createIssuerStates, type IssuerState } from './issuer-states.ts'
import { createJudge } from './judge.ts'

/** Finds the verdict on a token: remembered → shared → endpoint → judge → remember. */
export interface Inquiry {
  /** @throws {BearwardError} issuer_unavailable */
  readonly verdictOn: (token: string, purpose: Purpose, asked: AskedIssuer, context: CallContext) => Promise<Verdict>
  /** Forgets what this process keeps of a token. */
  readonly forget: (token: string) => void
  readonly forgetAll: () => void
  /** Drops an issuer's answers about a token from the shared tiers too. */
  readonly forgetEverywhere: (token: string, asked: AskedIssuer) => Promise<void>
  readonly stop: () => void
}

/** A verdict, and the epoch of the cache in which its question began. */
interface Learnt {
  readonly verdict: Verdict
  readonly epoch: number
}

/** @param conceal Called for an accepted token, with what no later message about it may repeat. */
export function createInquiry(
  services: Services,
  conceal: (accessToken: AccessToken, secrets: readonly string[]) => void,
): Inquiry {
  const { now, emit, tiers } = services
  const cache = createVerdictCache(now)
  const judge = createJudge(services)
  const states = createIssuerStates(createState)

  async function verdictOn(
    token: string,
    purpose: Purpose,
    asked: AskedIssuer,
    context: CallContext,
  ): Promise<Verdict> {
    const remembered = recall(token, purpose, asked)
    if (remembered) return remembered
    const { questions, endpoint } = states.of(asked)
    try {
      return await questions[purpose].join(token, context)
    } catch (cause) {
      const stale = isDown(cause) ? recallStale(token, purpose, asked) : undefined
      if (stale) return stale
      throw unavailable(asked, cause, endpoint.retryAfterSeconds(cause))
    }
  }

  function recall(token: string, purpose: Purpose, { terms, settings }: AskedIssuer, extraMs = 0): Verdict | undefined {
    const verdict = cache.get(token, terms[purpose], settings.cacheMs + extraMs)
    return verdict && !isExpired(verdict) ? verdict : undefined
  }

  /** Learns a verdict in the request that leads. Others that wait for the same token share it. */
  async function learn(
    token: string,
    purpose: Purpose,
    state: IssuerState,
    signal: AbortSignal,
    leader: CallContext,
  ): Promise<Learnt> {
    const { asked } = state
    const epoch = cache.epoch()
    const tier = await tierFor(token, asked)
    const shared = await tier?.read(
      (answer, answeredMs) => judge({ ...answer, answeredMs, secrets: [token] }, purpose, asked),
      (verdict) => isCurrent(token, verdict, asked),
      leader,
    )
    if (shared && isCurrent(token, shared, asked)) return { verdict: shared, epoch }
    // Too old to serve, unless the endpoint turns out to be down.
    if (shared) cache.keepStale(token, shared, epoch)
    const secrets = [token]
    const answer = await askAbout(token, state.asked, state.endpoint, services, { ...leader, signal, secrets })
    const verdict = judge({ ...answer, answeredMs: now(), secrets }, purpose, asked)
    if (verdict.accepted) conceal(verdict.accepted.accessToken, secrets)
    // Refusals are not shared, so that junk fills no store. An answer that comes after its time is dropped.
    if (verdict.accepted && !signal.aborted) share(token, answer, { verdict, epoch }, asked, tier, leader)
    if (verdict.refused && shared) tier?.drop(leader)
    return { verdict, epoch }
  }

  /** The place of a token's answer in the shared tiers. */
  async function tierFor(token: string, { fingerprint, settings }: AskedIssuer): Promise<SharedAnswer | undefined> {
    if (settings.cacheMs === 0) return undefined
    return tiers?.answers?.about(token, answersFingerprint(fingerprint, services))
  }

  /** Whether another process's answer will do in place of one of our own. */
  function isCurrent(token: string, verdict: Verdict, { settings }: AskedIssuer): boolean {
    const isYoung = now() - verdict.answeredMs < settings.cacheMs
    return verdict.accepted !== undefined && isYoung && !isExpired(verdict) && cache.isNews(token, verdict)
  }

  function share(
    token: string,
    answer: SharedAnswerData,
    { verdict, epoch }: Learnt,
    { settings }: AskedIssuer,
    tier: SharedAnswer | undefined,
    leader: CallContext,
  ): void {
    const originMs = verdict.answeredMs
    const expires = verdict.accepted?.accessToken.expiresAtSeconds ?? Infinity
    const lifeMs = Math.min(settings.cacheMs + settings.staleOnOutageMs, expires * 1000 - originMs)
    // What was forgotten while it was on its way must not stay.
    tier?.write(answer, { originMs, lifeMs, unless: () => cache.wasForgotten(token, epoch) }, leader)
  }

  function remember(token: string, { verdict, epoch }: Learnt, { settings }: AskedIssuer): Verdict {
    if (settings.cacheMs > 0) cache.set(token, verdict, epoch)
    return verdict
  }

  /** An old verdict, for as long as the options allow while the endpoint is down. */
  function recallStale(token: string, purpose: Purpose, asked: AskedIssuer): Verdict | undefined {
    const { staleOnOutageMs } = asked.settings
    const verdict = staleOnOutageMs > 0 ? recall(token, purpose, asked, staleOnOutageMs) : undefined
    if (!verdict?.accepted) return undefined
    emit({ type: 'introspection_stale', issuer: asked.issuer.identifier })
    return verdict
  }

  /** After `exp` no cached answer counts: only the issuer, whose clock may differ, can still call the token active. */
  function isExpired({ accepted }: Verdict): boolean {
    const expires = accepted?.accessToken.expiresAtSeconds
    return expires !== undefined && !(now() / 1000 < expires)
  }

  function createState(asked: AskedIssuer): IssuerState {
    const endpoint = createIntrospectionEndpoint(asked.settings, services)
    const loaders = (purpose: Purpose) =>
      createSharedLoaders<Learnt, Verdict>({
        load: (token, signal, leader) => learn(token, purpose, state, signal, leader),
        loaded: (token, learnt) => remember(token, learnt, asked),
        failed(_, cause) {
          report(asked, cause)
          return cause
        },
        // Questions that wait for a tier do not wait for the endpoint yet.
        max: (tiers?.answers ? 25 : 5) * asked.settings.maxConcurrent,
        // The endpoint keeps its own time. This bound is for what it does not see.
        timeoutMs: (tiers?.maxWaitMs ?? 0) + endpoint.longestMs + 1_000,
        now,
      })
    const questions = { introspect: loaders('introspect'), confirm: loaders('confirm') }
    const state: IssuerState = { asked, endpoint, questions }
    return state
  }

  function report(asked: AskedIssuer, cause: unknown): void {
    if (isA(cause, BearwardError) || isA(cause, HeldBack)) return
    const { detail } = unavailable(asked, cause)
    const issuer = asked.issuer.identifier
    emit({ type: 'introspection_failed', issuer, detail, outage: isA(cause, Outage) })
  }

  function forget(token: string): void {
    cache.forget(token)
    // The answer to an earlier question is no answer to one that is asked now.
    states.forget(token)
  }

  return {
    verdictOn,
    forget,
    forgetAll() {
      cache.forgetAll()
      states.forgetAll()
    },
    async forgetEverywhere(token, asked) {
      const { fingerprint } = asked
      await (await tiers?.answers?.about(token, answersFingerprint(fingerprint, services)))?.forget()
      // What was read from there in the meantime goes as well.
      forget(token)
    },
    stop: states.stop,
  }
}

/** Only the endpoint's own silence counts: a full queue here must not revive old answers. */
function isDown(cause: unknown): boolean {
  return isA(cause, Outage) || isA(cause, CircuitOpen)
}

/** The refusal of a token about which nothing could be learnt. */
function unavailable({ issuer }: AskedIssuer, cause: unknown, retryAfterSeconds = 1): BearwardError {
  if (isA(cause, BearwardError)) return cause
  const detail = `issuer "${issuer.identifier}" cannot be asked about the token: ${describeFault(cause)}`
  return new BearwardError('issuer_unavailable', detail, { retryAfterSeconds })
}
