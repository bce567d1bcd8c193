import { requireRecipient, withSchema } from '../acceptance.ts'
import { requireTimely } from '../access-token.ts'
import { BearwardError } from '../errors.ts'
import type { IntrospectionSettings } from '../options/introspection.ts'
import type { JsonObject } from '../parse/json.ts'
import type { AccessToken, CallContext, Issuer } from '../pipeline.ts'
import { createScopeExpansion, type ScopeExpansion } from '../scopes.ts'
import type { StandardSchemaV1 } from '../standard-schema.ts'
import { createSharedLoaders, type SharedLoaders } from '../upstream/shared-loaders.ts'
import { readAnswer, requireAgreement } from './answer.ts'
import { createAnswerCache, type Verdict } from './answer-cache.ts'
import { createLine, type Line, type LineSettings, unavailable } from './line.ts'

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

/** What goes on with one issuer. */
interface Inquiries {
  readonly issuer: Issuer
  readonly line: Line
  /** One inquiry at a time for each token. */
  readonly verdicts: SharedLoaders<Verdict>
}

const MAX_ISSUERS = 10_000

export function createIntrospection<Claims>(settings: IntrospectionContext): Introspection<Claims> {
  const { now, emit } = settings
  const answers = createAnswerCache(now)
  const inquiries = new Map<string, Inquiries>()
  // Claims in the shape that the schema gives them, made once for each answer.
  const shaped = new WeakMap<AccessToken, AccessToken<Claims>>()

  function inquiriesTo(issuer: Issuer, options: IntrospectionSettings): Inquiries {
    const known = inquiries.get(issuer.identifier)
    if (known?.issuer === issuer) return known
    // Tenants come and go; what is lost with the oldest is the memory of an outage.
    if (inquiries.size >= MAX_ISSUERS) inquiries.delete(inquiries.keys().next().value ?? '')
    const line = createLine(issuer, options, settings)
    const verdicts = createSharedLoaders({
      async load(token: string, signal) {
        const epoch = answers.epoch()
        return { verdict: judge(await line.ask(token, signal), issuer, options), epoch }
      },
      loaded(token, { verdict, epoch }) {
        line.answered()
        if (options.cacheMs > 0) answers.set(token, verdict, epoch)
        return verdict
      },
      failed: (_, cause) => line.failed(cause),
      max: 5 * options.maxConcurrent,
      timeoutMs: options.timeoutMs,
      now,
    })
    const made = { issuer, line, verdicts }
    inquiries.set(issuer.identifier, made)
    return made
  }

  /** Runs the checks of an answer; a refusal is a verdict as well, and worth remembering. */
  function judge(answer: JsonObject, issuer: Issuer, options: IntrospectionSettings): Verdict {
    const expandOwn = createScopeExpansion(new Map(Object.entries(options.dialect?.implies ?? {})))
    const expandScopes: ScopeExpansion = (granted) => settings.expandScopes(expandOwn(granted))
    const answeredMs = now()
    try {
      return { issuer, answeredMs, accepted: readAnswer(answer, issuer, expandScopes, answeredMs) }
    } catch (refused) {
      if (refused instanceof BearwardError) return { issuer, answeredMs, refused }
      throw refused
    }
  }

  /** The verdict of the cache, else the issuer's, else an old one while the issuer is down and that is allowed. */
  async function verdictOn(token: string, issuer: Issuer, context: CallContext): Promise<Verdict> {
    const options = requireOptions(issuer)
    const known = answers.get(token, issuer, options.cacheMs)
    if (known) return known
    const { line, verdicts } = inquiriesTo(issuer, options)
    try {
      return await verdicts.join(token, context)
    } catch (cause) {
      const error = cause instanceof BearwardError ? cause : unavailable(issuer, cause)
      const mayBridge = options.staleOnOutageMs > 0 && line.isOutage(error)
      const old = mayBridge ? answers.get(token, issuer, options.cacheMs + options.staleOnOutageMs) : undefined
      if (!old?.accepted) throw error
      emit({ type: 'introspection_stale', issuer: issuer.identifier })
      return old
    }
  }

  /** @throws {BearwardError} what the verdict refuses with; token_expired, token_not_yet_valid */
  function accept({ accepted, refused }: Verdict): AccessToken {
    if (!accepted) throw refused ?? new BearwardError('token_inactive', 'the token is not active')
    requireTimely(accepted.accessToken, accepted.notBeforeSeconds, now(), settings.clockToleranceSeconds)
    return accepted.accessToken
  }

  return {
    async introspect(token, issuer, context) {
      const verdict = await verdictOn(token, issuer, context)
      const accessToken = accept(verdict)
      try {
        requireMeantForUs(accessToken, issuer)
      } catch (refused) {
        // Other resources' tokens are no guests of the cache of good ones.
        if (refused instanceof BearwardError) answers.set(token, { ...verdict, accepted: undefined, refused })
        throw refused
      }
      const known = shaped.get(accessToken) ?? (await withSchema<Claims>(accessToken, settings.claims))
      shaped.set(accessToken, known)
      return known
    },

    async confirm(token, jwt, issuer, context) {
      const answer = accept(await verdictOn(token, issuer, context))
      requireAgreement(jwt, answer, issuer)
      if (!answer.confirmation) return jwt
      return Object.freeze({ ...jwt, confirmation: Object.freeze({ ...jwt.confirmation, ...answer.confirmation }) })
    },

    forget: answers.forget,
    forgetAll: answers.forgetAll,
    stop() {
      for (const { verdicts } of inquiries.values()) verdicts.stop()
      inquiries.clear()
    },
  }
}

function requireOptions({ introspection, identifier }: Issuer): IntrospectionSettings {
  if (introspection) return introspection
  throw new BearwardError('token_malformed', `issuer "${identifier}" is not asked about tokens`)
}

function requireMeantForUs(token: AccessToken, issuer: Issuer): void {
  if (token.audience.length > 0 || !issuer.audience) return requireRecipient(token, issuer)
  if (issuer.introspection?.audienceAssumed) return requireRecipient(token, { ...issuer, audience: null })
  throw new BearwardError(
    'audience_mismatch',
    `issuer "${issuer.identifier}" answers without \`aud\`. If its endpoint answers for this resource only, set ` +
      "`introspection: { audience: 'assumed' }`",
  )
}
