import { requireRecipient, withSchema } from '../acceptance.ts'
import { requireTimely } from '../access-token.ts'
import { BearwardError, messageOf } from '../errors.ts'
import type { IntrospectionSettings } from '../options/introspection.ts'
import type { AccessToken, CallContext, Issuer } from '../pipeline.ts'
import { createScopeExpansion, type ScopeExpansion } from '../scopes.ts'
import type { StandardSchemaV1 } from '../standard-schema.ts'
import { createSharedLoaders, type SharedLoaders } from '../upstream/shared-loaders.ts'
import { namesAccessToken, readAnswer, requireAgreement, UselessAnswer } from './answer.ts'
import { createAnswerCache, type Verdict } from './answer-cache.ts'
import { type Answer, createLine, type Line, type LineSettings, maxWaitMs, unavailable } from './line.ts'

/** Asks issuers about tokens, and remembers what they said. */
export interface Introspection<Claims> {
  /**
   * The access token that the issuer makes of a token which is not verified here.
   * @throws {BearwardError} token_inactive, token_type_wrong, issuer_untrusted, audience_mismatch, client_refused,
   *   claim_invalid, binding_mismatch, token_expired, token_not_yet_valid, issuer_unavailable
   */
  readonly introspect: (token: string, issuer: Issuer, context: CallContext) => Promise<AccessToken<Claims>>
  /**
   * Asks whether a JWT that was verified here is active still; what binds it counts from either side.
   * @throws {BearwardError} as `introspect`
   */
  readonly confirm: (
    token: string,
    jwt: AccessToken<Claims>,
    issuer: Issuer,
    context: CallContext,
  ) => Promise<AccessToken<Claims>>
  readonly forget: (token: string) => void
  readonly forgetAll: () => void
  readonly stop: () => void
}

export interface IntrospectionContext extends LineSettings {
  readonly claims: StandardSchemaV1 | undefined
  readonly expandScopes: ScopeExpansion
}

/** What goes on with one issuer, under whichever settings its resolver gave last. */
interface Inquiries {
  issuer: Issuer
  options: IntrospectionSettings
  readonly line: Line
  /** One inquiry at a time for each token, by what is made of the answer. */
  readonly verdicts: Readonly<Record<'introspect' | 'confirm', SharedLoaders<Verdict>>>
}

const MAX_ISSUERS = 10_000

export function createIntrospection<Claims>(settings: IntrospectionContext): Introspection<Claims> {
  const { now, emit } = settings
  const answers = createAnswerCache(now)
  const inquiries = new Map<string, Inquiries>()
  // Claims in the shape that the schema gives them, made once for each answer.
  const shaped = new WeakMap<AccessToken, AccessToken<Claims>>()

  function inquiriesTo(issuer: Issuer, options: IntrospectionSettings): Inquiries {
    // Found by name: the same issuer described twice has one endpoint, one circuit and one limit.
    const known = inquiries.get(issuer.identifier)
    if (known) return Object.assign(known, { issuer, options })
    // Tenants come and go; what is lost with the oldest is the memory of an outage.
    if (inquiries.size >= MAX_ISSUERS) inquiries.delete(inquiries.keys().next().value ?? '')
    const line = createLine(issuer.identifier, options, settings)
    const verdicts = (check: (token: AccessToken, issuer: Issuer) => void) =>
      createSharedLoaders({
        async load(token: string, signal) {
          const epoch = answers.epoch()
          const answer = await line.ask(token, made.issuer, made.options, signal)
          return { verdict: judge(token, answer, made.issuer, check), epoch }
        },
        loaded(token, { verdict, epoch }) {
          line.answered()
          if (made.options.cacheMs > 0) answers.set(token, verdict, epoch)
          return verdict
        },
        failed: (_, cause) => line.failed(cause),
        max: 5 * options.maxConcurrent,
        // The line keeps the time; this bound is for what it does not see.
        timeoutMs: maxWaitMs(options) + options.timeoutMs + 1_000,
        now,
      })
    const made: Inquiries = {
      issuer,
      options,
      line,
      // A JWT that was verified here has shown its audience already.
      verdicts: { introspect: verdicts(requireMeantForUs), confirm: verdicts(requireNotForOthers) },
    }
    inquiries.set(issuer.identifier, made)
    return made
  }

  /** Runs the checks of an answer; a refusal is a verdict as well, and worth remembering. */
  function judge(
    token: string,
    { claims, bytes }: Answer,
    issuer: Issuer,
    check: (token: AccessToken, issuer: Issuer) => void,
  ): Verdict {
    const source = { issuer: issuer.identifier, answeredMs: now(), bytes }
    const expandOwn = createScopeExpansion(issuer.introspection?.dialect?.implies)
    const expandScopes: ScopeExpansion = (granted) => settings.expandScopes(expandOwn(granted))
    try {
      const accepted = readAnswer(claims, issuer, expandScopes, source.answeredMs)
      check(accepted.accessToken, issuer)
      return { ...source, accepted }
    } catch (refused) {
      if (refused instanceof BearwardError) return { ...source, refused: withoutToken(refused, token) }
      if (repeats(refused, token)) throw new UselessAnswer('it repeats the token in a member that is invalid')
      throw refused
    }
  }

  /** The verdict of the cache, else the issuer's, else an old one while the issuer is down and that is allowed. */
  async function verdictOn(
    token: string,
    issuer: Issuer,
    purpose: 'introspect' | 'confirm',
    context: CallContext,
  ): Promise<Verdict> {
    const options = requireOptions(issuer)
    const known = answers.get(token, issuer, options.cacheMs)
    if (known && !isOver(known)) return known
    const { line, verdicts } = inquiriesTo(issuer, options)
    try {
      return await verdicts[purpose].join(token, context)
    } catch (cause) {
      const error = cause instanceof BearwardError ? cause : unavailable(issuer.identifier, cause)
      const mayBridge = options.staleOnOutageMs > 0 && line.isOutage(error)
      const old = mayBridge ? answers.get(token, issuer, options.cacheMs + options.staleOnOutageMs) : undefined
      if (!old?.accepted || isOver(old)) throw error
      emit({ type: 'introspection_stale', issuer: issuer.identifier })
      return old
    }
  }

  /** Past its `exp` a token is nobody's to vouch for but the issuer's, who may count differently. */
  function isOver({ accepted }: Verdict): boolean {
    const expires = accepted?.accessToken.expiresAtSeconds
    return expires !== undefined && now() / 1000 >= expires
  }

  function running(): readonly Inquiries['verdicts'][] {
    return [...inquiries.values()].map(({ verdicts }) => verdicts)
  }

  /** @throws {BearwardError} what the verdict refuses with; token_expired, token_not_yet_valid */
  function accept({ accepted, refused }: Verdict): AccessToken {
    if (!accepted) throw refused ?? new BearwardError('token_inactive', 'the token is not active')
    requireTimely(accepted.accessToken, accepted.notBeforeSeconds, now(), settings.clockToleranceSeconds)
    return accepted.accessToken
  }

  function agree(jwt: AccessToken<Claims>, answer: AccessToken, issuer: Issuer): void {
    try {
      requireAgreement(jwt, answer, issuer)
    } catch (cause) {
      emit({ type: 'introspection_failed', issuer: issuer.identifier, message: messageOf(cause), outage: false })
      throw cause
    }
  }

  return {
    async introspect(token, issuer, context) {
      const accessToken = accept(await verdictOn(token, issuer, 'introspect', context))
      // Again, since a resolver may have changed its mind while the verdict was remembered.
      requireMeantForUs(accessToken, issuer)
      const known = shaped.get(accessToken) ?? (await withSchema<Claims>(accessToken, settings.claims))
      shaped.set(accessToken, known)
      return known
    },

    async confirm(token, jwt, issuer, context) {
      const answer = accept(await verdictOn(token, issuer, 'confirm', context))
      requireNotForOthers(answer, issuer)
      agree(jwt, answer, issuer)
      // What the issuer took back since it signed the token is taken back.
      const scopes = hasScopes(answer) ? jwt.scopes.filter((scope) => answer.scopes.includes(scope)) : jwt.scopes
      if (!answer.confirmation && scopes.length === jwt.scopes.length) return jwt
      const confirmation = answer.confirmation && Object.freeze({ ...jwt.confirmation, ...answer.confirmation })
      return Object.freeze({ ...jwt, scopes: Object.freeze(scopes), ...(confirmation && { confirmation }) })
    },

    forget(token) {
      answers.forget(token)
      // A question that was put before is not the answer to one that is put now.
      for (const { introspect, confirm } of running()) {
        introspect.forget(token)
        confirm.forget(token)
      }
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

function hasScopes({ claims }: AccessToken): boolean {
  return (claims['scope'] ?? claims['scp'] ?? undefined) !== undefined
}

function requireOptions({ introspection, identifier }: Issuer): IntrospectionSettings {
  if (introspection) return introspection
  throw new BearwardError('token_malformed', `issuer "${identifier}" is not asked about tokens`)
}

/** @throws {BearwardError} audience_mismatch, client_refused, token_type_wrong */
function requireMeantForUs(token: AccessToken, issuer: Issuer): void {
  const { identifier, audience, introspection } = issuer
  if (token.audience.length > 0 && audience) return requireRecipient(token, issuer)
  if (audience && !introspection?.audienceAssumed) {
    throw new BearwardError(
      'audience_mismatch',
      `issuer "${identifier}" answers without \`aud\`. If its endpoint answers for this resource only, set ` +
        "`introspection: { audience: 'assumed' }`",
    )
  }
  requireRecipient(token, { ...issuer, audience: null })
  // Without an audience nothing else tells an access token from a refresh token.
  if (namesAccessToken(token.claims)) return
  throw new BearwardError(
    'token_type_wrong',
    `issuer "${identifier}" answers with neither \`aud\` nor \`token_type\`: it may be a refresh token`,
  )
}

/** @throws {BearwardError} audience_mismatch */
function requireNotForOthers(token: AccessToken, issuer: Issuer): void {
  if (token.audience.length > 0) requireRecipient(token, { ...issuer, clients: undefined })
}

// As much of a token as a message would show.
const SHOWN = 40

function repeats(fault: unknown, token: string): boolean {
  return fault instanceof Error && fault.message.includes(token.slice(0, SHOWN))
}

/** Some endpoints repeat the token in their answer; no message of ours does. */
function withoutToken(refused: BearwardError, token: string): BearwardError {
  return repeats(refused, token)
    ? new BearwardError(refused.code, 'the issuer repeats the token in a member that is not acceptable')
    : refused
}
