import { LRUCache } from 'lru-cache'
import { BearwardError, quote, unexpectedClaim } from '../../errors.ts'
import { describeFault, isA } from '../../faults.ts'
import { misconfigured } from '../../options/checks.ts'
import { isObject } from '../../parse/json.ts'
import type { IssuerSources, IssuerStage } from '../../parts.ts'
import type { CallContext, IssuerRegistry, TrackedIssuer, VerificationKey } from '../../pipeline.ts'
import { createSharedLoaders } from '../../upstream/shared-loaders.ts'
import type { IssuerResolver } from './resolve-issuers.ts'

const MAX_TENANTS = 10_000
// Ten thousand tenants with three RSA keys each fit; a hostile tenant weighs as much as a hundred of them.
const MAX_TENANTS_BYTES = 256 * 1024 * 1024
const TENANT_BYTES = 4_096
// What an imported key takes beside its text.
const KEY_BYTES = 4_096
const MAX_REFUSALS = 1_000
const MAX_ASKED_AT_ONCE = 1_000
const MAX_IDENTIFIER_LENGTH = 2_048
const TRUST_MS = 600_000
const REFUSAL_MS = 10_000

interface Tenant<Sources> {
  readonly issuer: TrackedIssuer
  readonly sources: Sources
  readonly answeredMs: number
  /** When the resolver last failed to confirm this answer. */
  readonly failedMs?: number
  /** The epoch of the answer. After it only the sources are of use. */
  readonly epoch: number
}

// Tenants by what the resolver was asked for: an `iss`, or the issuer of tokens that name none.
const OPAQUE = 'opaque'
const NAMED = 'iss:'

/** Asks a resolver for the issuers of many tenants, checks its answers, and keeps them in bounded memory. */
export function createTenants<Sources extends IssuerSources>(
  resolve: IssuerResolver,
  option: string,
  stage: IssuerStage<Sources>,
): IssuerRegistry {
  const { now, emit, timeoutMs, maxStaleMs } = stage
  const tenants = new LRUCache<string, Tenant<Sources>>({
    max: MAX_TENANTS,
    maxSize: MAX_TENANTS_BYTES,
    sizeCalculation: ({ sources }) => sources.keys.inMemory().reduce(addWeight, TENANT_BYTES),
    // A cached token refers to its issuer: it must not keep the keys of an evicted tenant in memory.
    dispose: ({ sources }, _, reason) => reason === 'evict' && sources.keys.release(),
  })
  // In a cache of their own, so that junk cannot evict tenants.
  const refusals = new LRUCache<string, { readonly answeredMs: number }>({ max: MAX_REFUSALS })
  // `invalidateAll` ends it.
  let epoch = 0

  const questions = {
    async load(hint: string, signal: AbortSignal) {
      const since = epoch
      // The signal ends with the question, not with the caller: others may wait for the same answer.
      const answer = await resolve(hint === OPAQUE ? { opaque: true } : { iss: identifierIn(hint) }, { signal })
      return { answer, since }
    },
    loaded: keep,
    failed: (_: string, cause: unknown) => cause,
    max: MAX_ASKED_AT_ONCE,
    timeoutMs,
    now,
  }
  const firstQuestions = createSharedLoaders(questions)
  // A flood of unknown issuers must not use up the bound for the known ones.
  const renewals = createSharedLoaders(questions)

  function isYounger(entry: { readonly answeredMs: number } | undefined, lifeMs: number): boolean {
    const age = entry ? now() - entry.answeredMs : Number.NaN
    return age >= 0 && age < lifeMs
  }

  function isTrusted(tenant: Tenant<Sources>): boolean {
    return tenant.epoch === epoch && isYounger(tenant, TRUST_MS)
  }

  function mayServeStale(tenant: Tenant<Sources>): boolean {
    return tenant.epoch === epoch && isYounger(tenant, maxStaleMs)
  }

  function keep(
    hint: string,
    { answer, since }: { readonly answer: unknown; readonly since: number },
  ): TrackedIssuer | undefined {
    const isOutdated = since !== epoch
    if (isRefusal(hint, answer)) {
      if (isOutdated) return undefined
      tenants.delete(hint)
      refusals.set(hint, { answeredMs: now() })
      return undefined
    }
    const checked = stage.check(answer, option)
    if (hint !== OPAQUE && checked.identifier !== identifierIn(hint)) {
      throw misconfigured(`${option}.issuer`, quote(checked.identifier), `exactly ${quote(identifierIn(hint))}`)
    }
    const sources = checked.sources(tenants.peek(hint)?.sources, () => weighAgain(hint))
    const issuer = checked.create(sources)
    // Callers that asked before `invalidateAll()` may use an outdated answer; it is not cached.
    if (!isOutdated) tenants.set(hint, { issuer, sources, answeredMs: now(), epoch })
    return issuer
  }

  /** Keys change while their tenant stays. */
  function weighAgain(hint: string): void {
    const tenant = tenants.peek(hint)
    if (tenant) tenants.set(hint, { ...tenant })
  }

  async function ask(hint: string, known: Tenant<Sources> | undefined, context: CallContext): Promise<TrackedIssuer> {
    let issuer: TrackedIssuer | undefined
    try {
      issuer = await (known ? renewals : firstQuestions).join(hint, context)
    } catch (cause) {
      if (!known || !mayServeStale(known)) {
        throw isA(cause, BearwardError) && cause.code === 'issuer_unavailable' ? cause : undecided(hint, cause)
      }
      // While the resolver fails, a trusted issuer stays trusted for as long as its keys would serve.
      tenants.set(hint, { ...known, failedMs: now() })
      emit({ type: 'issuer_failed', issuer: known.issuer.identifier, detail: describeFault(cause), retryInMs: 0 })
      return known.issuer
    }
    if (issuer) return issuer
    throw refused(hint)
  }

  function find(hint: string, context: CallContext): TrackedIssuer | Promise<TrackedIssuer> {
    const tenant = tenants.get(hint)
    if (tenant && isTrusted(tenant)) return tenant.issuer
    // A resolver that hangs must not delay every request.
    if (tenant && mayServeStale(tenant) && isYounger({ answeredMs: tenant.failedMs ?? Number.NaN }, REFUSAL_MS))
      return tenant.issuer
    if (hint.length > NAMED.length + MAX_IDENTIFIER_LENGTH || isYounger(refusals.get(hint), REFUSAL_MS))
      throw refused(hint)
    return ask(hint, tenant, context)
  }

  return {
    find: (identifier, context) => find(NAMED + identifier, context),
    async findForOpaque(token, context) {
      const issuer = await find(OPAQUE, context)
      if (issuer.introspection?.accepts(token)) return issuer
      throw notTaken('it begins with none of the prefixes in `introspection.opaqueTokens.prefixes`')
    },
    trusts(issuer) {
      const tenant = tenants.get(NAMED + issuer.identifier)
      return tenant?.issuer === issuer && isTrusted(tenant)
    },
    all: () => [...tenants.values()].map(({ issuer }) => issuer),
    forgetAnswers() {
      epoch++
      refusals.clear()
      firstQuestions.forgetAll()
      renewals.forgetAll()
    },
    stop() {
      for (const { issuer } of tenants.values()) issuer.stop()
      firstQuestions.stop()
      renewals.stop()
    },
  }
}

function addWeight(bytes: number, { identity }: VerificationKey): number {
  return bytes + identity.length + KEY_BYTES
}

/**
 * Databases answer with null. A resolver that was written for JWTs alone answers for an opaque token with an issuer that does
 * not introspect.
 */
function isRefusal(hint: string, answer: unknown): boolean {
  if (answer === undefined || answer === null) return true
  return hint === OPAQUE && isObject(answer) && answer['introspection'] === undefined
}

function identifierIn(hint: string): string {
  return hint.slice(NAMED.length)
}

function refused(hint: string): BearwardError {
  if (hint === OPAQUE) {
    return notTaken(
      'the resolver names no issuer that introspects. Configure `introspection` for its issuer, or have it issue JWTs for this API',
    )
  }
  return unexpectedClaim('issuer_untrusted', 'iss', 'an issuer that the resolver trusts', identifierIn(hint))
}

function notTaken(why: string): BearwardError {
  return new BearwardError('token_malformed', `the token is not a JWT, and ${why}`)
}

function undecided(hint: string, cause: unknown): BearwardError {
  const asked = hint === OPAQUE ? 'opaque tokens' : `issuer ${quote(identifierIn(hint))}`
  const detail = `the resolver failed for ${asked}: ${describeFault(cause)}`
  return new BearwardError('issuer_unavailable', detail, { retryAfterSeconds: 1 })
}
