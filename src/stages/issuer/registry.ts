import { LRUCache } from 'lru-cache'
import { BearwardError, quote, quoteSome } from '../../errors.ts'
import { describeFault, isA } from '../../faults.ts'
import { misconfigured } from '../../options/checks.ts'
import type { IssuerSettings } from '../../options/issuer.ts'
import type { IssuerResolver } from '../../options/public.ts'
import type { Settings } from '../../options/settings.ts'
import { isObject } from '../../parse/json.ts'
import type { CallContext, Issuer, Unverified } from '../../pipeline.ts'
import { createSharedLoaders } from '../../upstream/shared-loaders.ts'
import { sourcesFingerprint } from '../../options/fingerprint.ts'
import type { Services } from '../../parts.ts'
import { createIssuer, createSources, type IssuerSources, type TrackedIssuer } from './issuer.ts'

/** Finds the configured issuer that an unverified token names. */
export interface IssuerRegistry {
  /** @throws {BearwardError} issuer_untrusted, issuer_unavailable */
  readonly find: (issuer: Unverified<string>, context: CallContext) => TrackedIssuer | Promise<TrackedIssuer>
  /** The issuer that is asked about a token which names none. @throws {BearwardError} token_malformed, issuer_unavailable */
  readonly findForOpaque: (token: string, context: CallContext) => TrackedIssuer | Promise<TrackedIssuer>
  /** Whether an issuer found earlier is trusted still. */
  readonly trusts: (issuer: Issuer) => boolean
  /** Every issuer at hand. */
  readonly all: () => readonly TrackedIssuer[]
  readonly forgetAnswers: () => void
  readonly stop: () => void
}

export function createIssuerRegistry(settings: Settings, services: Services): IssuerRegistry {
  const { issuers } = settings
  return typeof issuers === 'function'
    ? resolvedIssuers(issuers, settings, services)
    : listedIssuers(issuers, settings, services)
}

function listedIssuers(listed: readonly IssuerSettings[], settings: Settings, services: Services): IssuerRegistry {
  const byIdentifier = new Map(
    listed.map((issuer) => [
      issuer.identifier,
      createIssuer(issuer, createSources(issuer, settings, services), services),
    ]),
  )
  const introspecting = [...byIdentifier.values()].filter(({ introspection }) => introspection)
  const configured = quoteSome(new Set(byIdentifier.keys()))

  /** What was expected in place of an unknown issuer: most often nothing but a slash is wrong. */
  function expectedFor(identifier: string): string {
    const twin = identifier.endsWith('/') ? identifier.slice(0, -1) : `${identifier}/`
    return byIdentifier.has(twin) ? `${quote(twin)} (note the slash at the end)` : configured
  }

  return {
    find(identifier) {
      const issuer = byIdentifier.get(identifier)
      if (issuer) return issuer
      throw untrusted(identifier, expectedFor(identifier))
    },
    findForOpaque(token) {
      // Prefixes were checked to be distinct: at most one issuer fits, and none is tried after another.
      const issuer = introspecting.find(({ introspection }) => takes(introspection?.prefixes, token))
      if (issuer) return issuer
      throw notTaken(introspecting.length)
    },
    trusts: () => true,
    all: () => [...byIdentifier.values()],
    forgetAnswers() {},
    stop: () => byIdentifier.forEach((issuer) => issuer.stop()),
  }
}

function takes(prefixes: readonly string[] | undefined, token: string): boolean {
  return prefixes === undefined || prefixes.some((prefix) => token.startsWith(prefix))
}

const MAX_TENANTS = 10_000
// Ten thousand with three RSA keys each; a hostile one weighs as much as a hundred.
const MAX_TENANTS_BYTES = 256 * 1024 * 1024
const TENANT_BYTES = 4_096
const MAX_REFUSALS = 1_000
const MAX_ASKED_AT_ONCE = 1_000
const MAX_IDENTIFIER_LENGTH = 2_048
const TRUST_MS = 600_000
const REFUSAL_MS = 10_000

interface Tenant {
  readonly issuer: TrackedIssuer
  readonly sources: IssuerSources
  readonly answeredMs: number
  /** When the resolver last failed to say more. */
  readonly failedMs?: number
  /** Which epoch's answer it is: of one that has ended the sources are worth keeping, the answer is not to be relied on. */
  readonly epoch: number
}

// What the resolver was asked for: an `iss`, or the issuer of tokens that name none.
const OPAQUE = 'opaque'
const NAMED = 'iss:'

/** Many tenants: a resolver is asked, and its answers are kept, bounded and checked. */
function resolvedIssuers(resolve: IssuerResolver, settings: Settings, services: Services): IssuerRegistry {
  const { now, emit } = settings
  const tenants = new LRUCache<string, Tenant>({
    max: MAX_TENANTS,
    maxSize: MAX_TENANTS_BYTES,
    sizeCalculation: ({ sources }) => TENANT_BYTES + sources.keys.weight(),
    // Cached tokens know their issuer: they must not hold the keys of one that went.
    dispose: ({ sources }, _, reason) => reason === 'evict' && sources.keys.release(),
  })
  // In a part of their own, so that junk cannot push tenants out.
  const refusals = new LRUCache<string, { readonly answeredMs: number }>({ max: MAX_REFUSALS })
  // Ends with `invalidateAll`.
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
    timeoutMs: settings.keys.timeoutMs,
    now,
  }
  const asked = createSharedLoaders(questions)
  // A flood of unknown issuers must not use up the bound for the known ones.
  const renewed = createSharedLoaders(questions)

  const watched: Settings = {
    ...settings,
    emit(event) {
      if (event.type === 'keys_loaded') weighAgain(event.issuer)
      emit(event)
    },
  }

  /** Keys come and go while their tenant stays. */
  function weighAgain(identifier: string): void {
    for (const hint of [NAMED + identifier, OPAQUE]) {
      const tenant = tenants.peek(hint)
      if (tenant?.issuer.identifier === identifier) tenants.set(hint, { ...tenant })
    }
  }

  function isYounger(entry: { readonly answeredMs: number } | undefined, lifeMs: number): boolean {
    const age = entry ? now() - entry.answeredMs : Number.NaN
    return age >= 0 && age < lifeMs
  }

  function isTrusted(tenant: Tenant): boolean {
    return tenant.epoch === epoch && isYounger(tenant, TRUST_MS)
  }

  function mayBridge(tenant: Tenant): boolean {
    return tenant.epoch === epoch && isYounger(tenant, settings.keys.maxStaleMs)
  }

  function keep(
    hint: string,
    { answer, since }: { readonly answer: unknown; readonly since: number },
  ): TrackedIssuer | undefined {
    const isOutdated = since !== epoch
    if (isNobody(hint, answer)) {
      if (isOutdated) return undefined
      tenants.delete(hint)
      refusals.set(hint, { answeredMs: now() })
      return undefined
    }
    const parsed = settings.parseIssuer(answer)
    if (hint !== OPAQUE && parsed.identifier !== identifierIn(hint)) {
      throw misconfigured('issuers().issuer', quote(parsed.identifier), `exactly ${quote(identifierIn(hint))}`)
    }
    const before = tenants.peek(hint)?.sources
    const sources = before?.said === sourcesFingerprint(parsed) ? before : createSources(parsed, watched, services)
    const issuer = createIssuer(parsed, sources, services)
    // Good for who asked before, and not to be relied on by anybody else.
    if (!isOutdated) tenants.set(hint, { issuer, sources, answeredMs: now(), epoch })
    return issuer
  }

  async function ask(hint: string, known: Tenant | undefined, context: CallContext): Promise<TrackedIssuer> {
    let issuer: TrackedIssuer | undefined
    try {
      issuer = await (known ? renewed : asked).join(hint, context)
    } catch (cause) {
      if (!known || !mayBridge(known)) {
        throw isA(cause, BearwardError) && cause.code === 'issuer_unavailable' ? cause : undecided(hint, cause)
      }
      // Who was trusted stays so while nobody can say otherwise, as long as their keys would.
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
    // A resolver that hangs must not hold up every request.
    if (tenant && mayBridge(tenant) && isYounger({ answeredMs: tenant.failedMs ?? Number.NaN }, REFUSAL_MS))
      return tenant.issuer
    if (hint.length > NAMED.length + MAX_IDENTIFIER_LENGTH || isYounger(refusals.get(hint), REFUSAL_MS))
      throw refused(hint)
    return ask(hint, tenant, context)
  }

  return {
    find: (identifier, context) => find(NAMED + identifier, context),
    async findForOpaque(token, context) {
      const issuer = await find(OPAQUE, context)
      if (takes(issuer.introspection?.prefixes, token)) return issuer
      throw notTaken(1)
    },
    trusts(issuer) {
      const tenant = tenants.get(NAMED + issuer.identifier)
      return tenant?.issuer === issuer && isTrusted(tenant)
    },
    all: () => [...tenants.values()].map(({ issuer }) => issuer),
    forgetAnswers() {
      epoch++
      refusals.clear()
      asked.forgetAll()
      renewed.forgetAll()
    },
    stop() {
      for (const { issuer } of tenants.values()) issuer.stop()
      asked.stop()
      renewed.stop()
    },
  }
}

/** Databases say null; and a resolver that thinks of JWTs alone answers for a token without `iss` with an issuer that is not asked. */
function isNobody(hint: string, answer: unknown): boolean {
  if (answer === undefined || answer === null) return true
  return hint === OPAQUE && isObject(answer) && answer['introspection'] === undefined
}

function identifierIn(hint: string): string {
  return hint.slice(NAMED.length)
}

function refused(hint: string): BearwardError {
  if (hint === OPAQUE) return notTaken(0)
  return untrusted(identifierIn(hint), 'one that the option "issuers" answers for')
}

function notTaken(introspecting: number): BearwardError {
  const why =
    introspecting === 0
      ? 'no configured issuer introspects. Configure `introspection` for its issuer, or have it issue JWTs for this API'
      : 'it begins with none of the configured prefixes. Look at `introspection.opaqueTokens.prefixes`'
  return new BearwardError('token_malformed', `the token is not a JWT, and ${why}`)
}

function untrusted(identifier: string, expected: string): BearwardError {
  return new BearwardError('issuer_untrusted', `claim \`iss\`: expected ${expected}, got ${quote(identifier)}`)
}

function undecided(hint: string, cause: unknown): BearwardError {
  const asked = hint === OPAQUE ? 'an issuer of opaque tokens' : `issuer ${quote(identifierIn(hint))}`
  const detail = `it cannot be decided whether ${asked} is trusted: ${describeFault(cause)}`
  return new BearwardError('issuer_unavailable', detail, { retryAfterSeconds: 1 })
}
