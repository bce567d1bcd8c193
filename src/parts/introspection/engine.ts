import { withSchema } from '../../token/acceptance.ts'
import { type ReadToken, requireTimely } from '../../token/access-token.ts'
import { BearwardError, shareError } from '../../errors.ts'
import { describeFault, isA, withoutSecrets } from '../../faults.ts'
import { answersFingerprint, termsFingerprint } from '../../options/fingerprint.ts'
import type { Engine, Services, SharedAnswerData, SharedWriting } from '../../parts.ts'
import type { IntrospectionSettings } from './options.ts'
import { weightOf } from '../../parse/json.ts'
import type { AccessToken, CallContext, Issuer } from '../../pipeline.ts'
import { commonScopes, createScopeExpansion, createScopeReader } from '../../token/scopes.ts'
import { createSharedLoaders, type SharedLoaders } from '../../upstream/shared-loaders.ts'
import { readAnswer, requireAgreement } from './answer.ts'
import { createAnswerCache, type Verdict } from '../../upstream/verdict-cache.ts'
import { CircuitOpen } from '../../upstream/circuit.ts'
import { HeldBack, Outage } from '../../upstream/faults.ts'
import type { GuardedEndpoint } from '../../upstream/guarded-endpoint.ts'
import { askAbout, createIntrospectionEndpoint } from './endpoint.ts'
import { requireMeantForUs, requireNotForOthers } from './answer-recipient.ts'

/** Asks issuers about tokens, and remembers what they said. */
export interface IntrospectionEngine extends Engine {
  /**
   * The access token that the issuer makes of a token which is not verified here.
   * @throws {BearwardError} token_inactive, token_type_wrong, issuer_untrusted, audience_mismatch, client_refused,
   *   claim_invalid, binding_mismatch, token_expired, token_not_yet_valid, issuer_unavailable
   */
  readonly introspect: <Claims>(token: string, asked: Asked, context: CallContext) => Promise<AccessToken<Claims>>
  /**
   * Asks whether a JWT that was verified here is active still; what binds it counts from either side.
   * @throws {BearwardError} as `introspect`
   */
  readonly confirm: <Claims>(
    token: string,
    jwt: AccessToken<Claims>,
    asked: Asked,
    context: CallContext,
  ) => Promise<AccessToken<Claims>>
  /** Drops an issuer's answers about a token from the shared tiers. */
  readonly forgetElsewhere: (token: string, asked: Asked) => Promise<void>
}

/** An issuer, and how it is asked. */
export interface Asked {
  readonly issuer: Issuer
  readonly settings: IntrospectionSettings
}

/** What is asked of one issuer under one set of settings. */
interface Inquiries {
  /** As described last: equal but for its functions, so that a rotated credential counts at once. */
  issuer: Issuer
  options: IntrospectionSettings
  readonly endpoint: GuardedEndpoint
  /** One inquiry at a time for each token, by what is made of the answer. */
  readonly verdicts: Readonly<Record<Purpose, SharedLoaders<Verdict>>>
}

type Purpose = 'introspect' | 'confirm'

const MAX_ISSUERS = 10_000

export function createIntrospection(services: Services): IntrospectionEngine {
  const { now, emit } = services
  const answers = createAnswerCache(now)
  const shared = services.tiers?.answers
  const inquiries = new Map<string, Inquiries>()
  // Claims in the shape that the schema gives them, made once for each answer.
  const shaped = new WeakMap<AccessToken, AccessToken<unknown>>()
  // What the schema's refusal must not repeat: it names members, and their names are the endpoint's.
  const concealed = new WeakMap<AccessToken, readonly string[]>()
  const copies = services.claims ? 2 : 1

  function inquiriesTo({ issuer, settings: options }: Asked): Inquiries {
    // Found by what it says: an issuer that is described twice alike has one endpoint, one circuit and one limit, and one that
    // is described otherwise has verdicts of its own.
    const terms = termsOf(issuer, options)
    const known = inquiries.get(terms)
    if (known) return Object.assign(known, { issuer, options })
    // Tenants come and go; what is lost with the oldest is the memory of an outage.
    if (inquiries.size >= MAX_ISSUERS) inquiries.delete(inquiries.keys().next().value ?? '')
    const endpoint = createIntrospectionEndpoint(options, services)
    const verdicts = (purpose: Purpose) =>
      createSharedLoaders({
        async load(token: string, signal, leader) {
          const epoch = answers.epoch()
          const { cacheMs } = made.options
          const others = cacheMs > 0 ? await shared?.about(token, answersFingerprint(terms, services)) : undefined
          // What no message may repeat; whoever builds the request adds to it.
          const secrets = [token]
          const judged = (answer: SharedAnswerData, answeredMs = now()) =>
            judge(answer, { issuer: made.issuer, settings: made.options }, purpose, { answeredMs, secrets })
          const suffices = (verdict: Verdict) => isCurrent(verdict, cacheMs) && answers.isNews(token, verdict)
          const found = await others?.read(judged, suffices, leader)
          if (found && suffices(found)) return { verdict: found, epoch }
          // Too old to serve, unless the endpoint turns out to be down.
          if (found) answers.bridge(token, found, epoch)
          const asked = { issuer: made.issuer, settings: made.options }
          const answer = await askAbout(token, asked, endpoint, services, { ...leader, signal, secrets })
          const verdict = judged(answer)
          // Refusals are shared with nobody, so that junk fills no store; and what comes after its time is dropped.
          if (!verdict.accepted && found) others?.drop(leader)
          if (verdict.accepted && services.claims) concealed.set(verdict.accepted.accessToken, secrets)
          if (verdict.accepted && !signal.aborted)
            others?.write(answer, sharing(token, verdict, { options: made.options, epoch }), leader)
          return { verdict, epoch }
        },
        loaded(token, { verdict, epoch }) {
          if (made.options.cacheMs > 0) answers.set(token, verdict, epoch)
          return verdict
        },
        failed(_, cause) {
          report(made.issuer, cause)
          return cause
        },
        // Those that wait for a tier do not wait for the endpoint yet.
        max: (shared ? 25 : 5) * options.maxConcurrent,
        // The endpoint keeps its own time. This bound is for what it does not see.
        timeoutMs: (services.tiers?.maxWaitMs ?? 0) + endpoint.longestMs + 1_000,
        now,
      })
    const made: Inquiries = {
      issuer,
      options,
      endpoint,
      verdicts: { introspect: verdicts('introspect'), confirm: verdicts('confirm') },
    }
    inquiries.set(terms, made)
    return made
  }

  /** Runs the checks of an answer; a refusal is a verdict as well, and worth remembering. */
  function judge(
    { claims, bytes }: SharedAnswerData,
    { issuer, settings }: Asked,
    purpose: Purpose,
    { answeredMs, secrets }: { readonly answeredMs: number; readonly secrets: readonly string[] },
  ): Verdict {
    const source = { terms: purpose + termsOf(issuer, settings), answeredMs }
    const expandOwn = createScopeExpansion(settings.dialect?.implies)
    const toScopes = createScopeReader((granted) => services.expandScopes(expandOwn(granted)))
    try {
      const clock = { nowMs: answeredMs, toleranceSeconds: services.clockToleranceSeconds }
      const accepted = readAnswer(claims, issuer, toScopes, clock)
      if (purpose === 'introspect') requireMeantForUs(accepted.accessToken, { issuer, settings })
      // A JWT that was verified here has shown its audience already.
      else requireNotForOthers(accepted.accessToken, issuer)
      return { ...source, accepted, weight: copies * weigh(accepted, bytes) }
    } catch (refused) {
      const safe = withoutSecrets(refused, secrets)
      // One refusal for all who wait. Nothing of the answer is kept but why.
      shareError(safe)
      if (safe instanceof BearwardError) return { ...source, refused: safe, weight: 0 }
      throw safe
    }
  }

  /** The verdict of the cache, else the issuer's, else an old one while the issuer is down and that is allowed. */
  async function verdictOn(token: string, asked: Asked, purpose: Purpose, context: CallContext): Promise<Verdict> {
    const { issuer, settings: options } = asked
    const terms = purpose + termsOf(issuer, options)
    const known = answers.get(token, terms, options.cacheMs)
    if (known && !isOver(known)) return known
    const { endpoint, verdicts } = inquiriesTo(asked)
    try {
      return await verdicts[purpose].join(token, context)
    } catch (cause) {
      const error = unavailable(issuer.identifier, cause, endpoint.retryAfterSeconds(cause))
      // Only the endpoint's own silence: a queue here, however it came about, must not revive old answers.
      const mayBridge = options.staleOnOutageMs > 0 && (isA(cause, Outage) || isA(cause, CircuitOpen))
      const old = mayBridge ? answers.get(token, terms, options.cacheMs + options.staleOnOutageMs) : undefined
      if (!old?.accepted || isOver(old)) throw error
      emit({ type: 'introspection_stale', issuer: issuer.identifier })
      return old
    }
  }

  function report({ identifier }: Issuer, cause: unknown): void {
    if (isA(cause, BearwardError) || isA(cause, HeldBack)) return
    const { detail } = unavailable(identifier, cause)
    emit({ type: 'introspection_failed', issuer: identifier, detail, outage: isA(cause, Outage) })
  }

  /** Whether another process's answer will do in place of one of our own. */
  function isCurrent(verdict: Verdict, cacheMs: number): boolean {
    return verdict.accepted !== undefined && now() - verdict.answeredMs < cacheMs && !isOver(verdict)
  }

  function sharing(
    token: string,
    { accepted, answeredMs }: Verdict,
    { options, epoch }: { readonly options: IntrospectionSettings; readonly epoch: number },
  ): SharedWriting {
    const expires = accepted?.accessToken.expiresAtSeconds ?? Infinity
    const lifeMs = Math.min(options.cacheMs + options.staleOnOutageMs, expires * 1000 - answeredMs)
    // What was forgotten while it was on its way must not stay.
    return { originMs: answeredMs, lifeMs, unless: () => answers.wasForgotten(token, epoch) }
  }

  /** Past its `exp` a token is nobody's to vouch for but the issuer's, who may count differently. */
  function isOver({ accepted }: Verdict): boolean {
    const expires = accepted?.accessToken.expiresAtSeconds
    return expires !== undefined && !(now() / 1000 < expires)
  }

  function running(): readonly Inquiries['verdicts'][] {
    return [...inquiries.values()].map(({ verdicts }) => verdicts)
  }

  function forgetHere(token: string): void {
    answers.forget(token)
    // A question that was put before is not the answer to one that is put now.
    for (const { introspect, confirm } of running()) {
      introspect.forget(token)
      confirm.forget(token)
    }
  }

  /** @throws {BearwardError} claim_invalid */
  async function shape<Claims>(accessToken: AccessToken, token: string): Promise<AccessToken<Claims>> {
    try {
      const made = await withSchema<Claims>(accessToken, services.claims)
      shaped.set(accessToken, made)
      concealed.delete(accessToken)
      return made
    } catch (refused) {
      throw withoutSecrets(refused, concealed.get(accessToken) ?? [token])
    }
  }

  /** @throws {BearwardError} what the verdict refuses with; token_expired, token_not_yet_valid */
  function accept({ accepted, refused }: Verdict): AccessToken {
    if (!accepted) throw refused ?? new BearwardError('token_inactive', 'the token is not active')
    requireTimely(accepted.accessToken, accepted.notBeforeSeconds, now(), services.clockToleranceSeconds)
    return accepted.accessToken
  }

  function agree(jwt: AccessToken<unknown>, answer: AccessToken, issuer: Issuer): void {
    try {
      requireAgreement(jwt, answer, issuer)
    } catch (cause) {
      const error = unavailable(issuer.identifier, cause)
      emit({ type: 'introspection_failed', issuer: issuer.identifier, detail: error.detail, outage: false })
      throw error
    }
  }

  return {
    async introspect<Claims>(token: string, asked: Asked, context: CallContext) {
      const accessToken = accept(await verdictOn(token, asked, 'introspect', context))
      const known = shaped.get(accessToken) as AccessToken<Claims> | undefined
      return known ?? (await shape<Claims>(accessToken, token))
    },

    async confirm(token, jwt, asked, context) {
      const answer = accept(await verdictOn(token, asked, 'confirm', context))
      agree(jwt, answer, asked.issuer)
      // Scopes that the issuer took back since it signed the token are taken back.
      const scopes = hasScopes(answer) ? commonScopes(jwt.scopes, answer.scopes) : jwt.scopes
      if (!answer.confirmation && scopes.length === jwt.scopes.length) return jwt
      const confirmation = answer.confirmation && Object.freeze({ ...jwt.confirmation, ...answer.confirmation })
      return Object.freeze({ ...jwt, scopes: Object.freeze(scopes), ...(confirmation && { confirmation }) })
    },

    forget: forgetHere,

    async forgetElsewhere(token, { issuer, settings }) {
      await (await shared?.about(token, answersFingerprint(termsOf(issuer, settings), services)))?.forget()
      // What was read from there in the meantime goes as well.
      forgetHere(token)
    },
    forgetAll() {
      answers.forgetAll()
      for (const { introspect, confirm } of running()) {
        introspect.forgetAll()
        confirm.forgetAll()
      }
    },
    stop() {
      for (const { introspect, confirm } of running()) {
        introspect.stop()
        confirm.stop()
      }
      inquiries.clear()
    },
  }
}

/** The refusal of a token about which nothing could be learnt. */
function unavailable(identifier: string, cause: unknown, retryAfterSeconds = 1): BearwardError {
  if (isA(cause, BearwardError)) return cause
  const detail = `issuer "${identifier}" cannot be asked about the token: ${describeFault(cause)}`
  return new BearwardError('issuer_unavailable', detail, { retryAfterSeconds })
}

// Short strings take three times as much as their text; and a scope of its own, as cut out of the claim.
const PARSED_FACTOR = 3
const SCOPE_BYTES = 32

/** What an accepted answer takes in memory. An answer costs a request to the issuer, so that its claims may be walked once more. */
function weigh({ accessToken: { claims, scopes } }: ReadToken, bytes: number): number {
  return PARSED_FACTOR * bytes + weightOf(claims) + SCOPE_BYTES * scopes.length
}

function hasScopes({ claims }: AccessToken): boolean {
  return (claims['scope'] ?? claims['scp'] ?? undefined) !== undefined
}

const terms = new WeakMap<Issuer, string>()

/** The settings under which a verdict is reached: equal settings make equal strings. */
function termsOf(issuer: Issuer, introspection: IntrospectionSettings): string {
  const known = terms.get(issuer)
  if (known !== undefined) return known
  const said = termsFingerprint(issuer, { ...introspection, dialect: introspection.dialect?.name })
  terms.set(issuer, said)
  return said
}
