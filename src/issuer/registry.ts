import { LRUCache } from 'lru-cache'
import { BearwardError, messageOf, quote } from '../errors.ts'
import { misconfigured } from '../options/checks.ts'
import type { IssuerSettings } from '../options/issuer.ts'
import type { IssuerResolver } from '../options/public.ts'
import type { Settings } from '../options/settings.ts'
import type { CallContext, Issuer, Unverified } from '../pipeline.ts'
import { createSharedLoaders } from '../upstream/shared-loaders.ts'
import { createIssuer, createSources, describeSources, type IssuerSources, type TrackedIssuer } from './issuer.ts'

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

export function createIssuerRegistry(settings: Settings): IssuerRegistry {
  const { issuers } = settings
  return typeof issuers === 'function' ? resolvedIssuers(issuers, settings) : listedIssuers(issuers, settings)
}

function listedIssuers(listed: readonly IssuerSettings[], settings: Settings): IssuerRegistry {
  const byIdentifier = new Map(
    listed.map((issuer) => [issuer.identifier, createIssuer(issuer, createSources(issuer, settings))]),
  )
  const introspecting = [...byIdentifier.values()].filter(({ introspection }) => introspection)
  return {
    find(identifier) {
      const issuer = byIdentifier.get(identifier)
      if (issuer) return issuer
      throw untrusted(identifier, `one of the ${byIdentifier.size} configured`)
    },
    findForOpaque(token) {
      // Prefixes were checked to be distinct: at most one issuer fits, and none is tried after another.
      const issuer = introspecting.find(({ introspection }) => takes(introspection?.prefixes, token))
      if (issuer) return issuer
      throw notTaken()
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
const MAX_REFUSALS = 1_000
const MAX_ASKED_AT_ONCE = 1_000
const MAX_IDENTIFIER_LENGTH = 2_048
const TRUST_MS = 600_000
const REFUSAL_MS = 10_000

interface Tenant {
  readonly issuer: TrackedIssuer
  readonly sources: IssuerSources
  readonly untilMs: number
}

// What the resolver was asked for: an `iss`, or the issuer of tokens that name none.
const OPAQUE = 'opaque'
const NAMED = 'iss:'

/** Many tenants: a resolver is asked, and its answers are kept, bounded and checked. */
function resolvedIssuers(resolve: IssuerResolver, settings: Settings): IssuerRegistry {
  const { now } = settings
  const tenants = new LRUCache<string, Tenant>({ max: MAX_TENANTS })
  // In a part of their own, so that junk cannot push tenants out.
  const refusals = new LRUCache<string, { readonly untilMs: number }>({ max: MAX_REFUSALS })

  const asked = createSharedLoaders({
    // The signal ends with the question, not with the caller: others may wait for the same answer.
    load: async (hint, signal) => resolve(hint === OPAQUE ? { opaque: true } : { iss: identifierIn(hint) }, { signal }),
    loaded: keep,
    failed: (_, cause) => cause,
    max: MAX_ASKED_AT_ONCE,
    timeoutMs: settings.keys.timeoutMs,
    now,
  })

  function isCurrent(entry: { readonly untilMs: number } | undefined, lifeMs: number): boolean {
    // The second half catches a clock that was set back.
    return entry !== undefined && now() < entry.untilMs && entry.untilMs - now() <= lifeMs
  }

  function keep(hint: string, answer: unknown): TrackedIssuer | undefined {
    if (answer === undefined) {
      tenants.delete(hint)
      refusals.set(hint, { untilMs: now() + REFUSAL_MS })
      return undefined
    }
    const parsed = settings.parseIssuer(answer)
    if (hint === OPAQUE ? !parsed.introspection : parsed.identifier !== identifierIn(hint)) {
      const expected = hint === OPAQUE ? 'an issuer with "introspection"' : `exactly ${quote(identifierIn(hint))}`
      throw misconfigured('issuers().issuer', quote(parsed.identifier), expected)
    }
    const before = tenants.peek(hint)?.sources
    const sources = before?.said === describeSources(parsed) ? before : createSources(parsed, settings)
    const issuer = createIssuer(parsed, sources)
    tenants.set(hint, { issuer, sources, untilMs: now() + TRUST_MS })
    return issuer
  }

  async function ask(hint: string, context: CallContext): Promise<TrackedIssuer> {
    let issuer: TrackedIssuer | undefined
    try {
      issuer = await asked.join(hint, context)
    } catch (cause) {
      if (cause instanceof BearwardError && cause.code === 'issuer_unavailable') throw cause
      throw undecided(hint, messageOf(cause), cause)
    }
    if (issuer) return issuer
    throw refused(hint)
  }

  function find(hint: string, context: CallContext): TrackedIssuer | Promise<TrackedIssuer> {
    const tenant = tenants.get(hint)
    if (tenant && isCurrent(tenant, TRUST_MS)) return tenant.issuer
    if (hint.length > MAX_IDENTIFIER_LENGTH || isCurrent(refusals.get(hint), REFUSAL_MS)) throw refused(hint)
    return ask(hint, context)
  }

  return {
    find: (identifier, context) => find(NAMED + identifier, context),
    async findForOpaque(token, context) {
      const issuer = await find(OPAQUE, context)
      if (takes(issuer.introspection?.prefixes, token)) return issuer
      throw notTaken()
    },
    trusts(issuer) {
      const tenant = tenants.get(NAMED + issuer.identifier)
      return tenant?.issuer === issuer && isCurrent(tenant, TRUST_MS)
    },
    all: () => [...tenants.values()].map(({ issuer }) => issuer),
    forgetAnswers() {
      for (const [hint, tenant] of tenants.entries()) tenants.set(hint, { ...tenant, untilMs: 0 })
      refusals.clear()
    },
    stop() {
      for (const { issuer } of tenants.values()) issuer.stop()
      asked.stop()
    },
  }
}

function identifierIn(hint: string): string {
  return hint.slice(NAMED.length)
}

function refused(hint: string): BearwardError {
  if (hint === OPAQUE) return notTaken()
  return untrusted(identifierIn(hint), 'one that the option "issuers" answers for')
}

function notTaken(): BearwardError {
  return new BearwardError('token_malformed', 'the token is not a JWT, and no configured issuer takes such tokens')
}

function untrusted(identifier: string, expected: string): BearwardError {
  return new BearwardError('issuer_untrusted', `claim \`iss\`: expected ${expected}, got ${quote(identifier)}`)
}

function undecided(hint: string, reason: string, cause?: unknown): BearwardError {
  const asked = hint === OPAQUE ? 'an issuer of opaque tokens' : `issuer ${quote(identifierIn(hint))}`
  const message = `it cannot be decided whether ${asked} is trusted: ${reason}`
  return new BearwardError('issuer_unavailable', message, { cause, retryAfterSeconds: 1 })
}
