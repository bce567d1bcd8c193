import { LRUCache } from 'lru-cache'
import { BearwardError, quote } from '../errors.ts'
import { misconfigured } from '../options/checks.ts'
import type { IssuerSettings } from '../options/issuer.ts'
import type { IssuerResolver } from '../options/public.ts'
import type { Settings } from '../options/settings.ts'
import type { CallContext, Issuer, IssuerState, Unverified } from '../pipeline.ts'
import { fetchDocument, UpstreamFault } from '../upstream/fetch-document.ts'
import { createSharedLoader, type SharedLoader } from '../upstream/shared-loader.ts'
import { createKeySet, type KeySet, type LoadKeys } from './key-set.ts'
import { createMetadataSource, MAX_DOCUMENT_BYTES, type MetadataSource } from './metadata.ts'
import { hasCandidate, usableKeys } from './usable-keys.ts'

/** Finds the configured issuer that an unverified token names. */
export interface IssuerRegistry {
  /** @throws {BearwardError} issuer_untrusted, issuer_unavailable */
  readonly find: (issuer: Unverified<string>, context: CallContext) => TrackedIssuer | Promise<TrackedIssuer>
  /** Whether an issuer found earlier is trusted still. */
  readonly trusts: (issuer: Issuer) => boolean
  /** Every issuer at hand. */
  readonly all: () => readonly TrackedIssuer[]
  readonly forgetAnswers: () => void
  readonly stop: () => void
}

/** An issuer whose keys can also be watched and stopped. */
export interface TrackedIssuer extends Issuer {
  readonly keys: KeySet
  readonly state: () => IssuerState
}

export function createIssuerRegistry(settings: Settings): IssuerRegistry {
  const { issuers } = settings
  return typeof issuers === 'function' ? resolvedIssuers(issuers, settings) : listedIssuers(issuers, settings)
}

function listedIssuers(listed: readonly IssuerSettings[], settings: Settings): IssuerRegistry {
  const byIdentifier = new Map(listed.map((issuer) => [issuer.identifier, createIssuer(issuer, settings)]))
  return {
    find(identifier) {
      const issuer = byIdentifier.get(identifier)
      if (issuer) return issuer
      throw untrusted(identifier, `one of the ${byIdentifier.size} configured`)
    },
    trusts: () => true,
    all: () => [...byIdentifier.values()],
    forgetAnswers() {},
    stop: () => byIdentifier.forEach((issuer) => issuer.keys.stop()),
  }
}

const MAX_TENANTS = 10_000
const MAX_REFUSALS = 1_000
const MAX_ASKED_AT_ONCE = 1_000
const MAX_IDENTIFIER_LENGTH = 2_048
const TRUST_MS = 600_000
const REFUSAL_MS = 10_000

interface Tenant {
  readonly issuer: TrackedIssuer
  /** What the resolver said, to notice a change. */
  readonly said: string
  readonly untilMs: number
}

/** Many tenants: a resolver is asked, and its answers are kept, bounded and checked. */
function resolvedIssuers(resolve: IssuerResolver, settings: Settings): IssuerRegistry {
  const { now } = settings
  const tenants = new LRUCache<string, Tenant>({ max: MAX_TENANTS })
  // In a part of their own, so that junk cannot push tenants out.
  const refusals = new LRUCache<string, { readonly untilMs: number }>({ max: MAX_REFUSALS })
  const asked = new Map<string, SharedLoader<TrackedIssuer | undefined>>()

  function isCurrent(entry: { readonly untilMs: number } | undefined, lifeMs: number): boolean {
    // The second half catches a clock that was set back.
    return entry !== undefined && now() < entry.untilMs && entry.untilMs - now() <= lifeMs
  }

  function keep(identifier: string, answer: unknown): TrackedIssuer | undefined {
    if (answer === undefined) {
      tenants.delete(identifier)
      refusals.set(identifier, { untilMs: now() + REFUSAL_MS })
      return undefined
    }
    const parsed = settings.parseIssuer(answer)
    if (parsed.identifier !== identifier) {
      throw misconfigured('issuers().issuer', quote(parsed.identifier), `exactly ${quote(identifier)}`)
    }
    const said = describe(parsed)
    const before = tenants.peek(identifier)
    const issuer = before?.said === said ? before.issuer : createIssuer(parsed, settings)
    tenants.set(identifier, { issuer, said, untilMs: now() + TRUST_MS })
    return issuer
  }

  /** In Workers a question ends without an answer when its request does; a few lost ones must not use up the bound. */
  function dropLost(): void {
    for (const [identifier, loader] of asked) if (!loader.busy()) asked.delete(identifier)
  }

  function question(identifier: string): SharedLoader<TrackedIssuer | undefined> {
    const running = asked.get(identifier)
    if (running) return running
    if (asked.size >= MAX_ASKED_AT_ONCE) dropLost()
    if (asked.size >= MAX_ASKED_AT_ONCE) throw undecided(identifier, 'too many issuers are being asked for at once')
    const loader = createSharedLoader({
      // The signal ends with the question, not with the caller: others may wait for the same answer.
      load: async (signal) => resolve({ iss: identifier }, { signal }),
      loaded(answer) {
        asked.delete(identifier)
        return keep(identifier, answer)
      },
      failed(cause) {
        asked.delete(identifier)
        return cause
      },
      timeoutMs: settings.keys.timeoutMs,
      now,
    })
    asked.set(identifier, loader)
    return loader
  }

  async function ask(identifier: string, context: CallContext): Promise<TrackedIssuer> {
    let issuer: TrackedIssuer | undefined
    try {
      issuer = await question(identifier).join(context)
    } catch (cause) {
      if (cause instanceof BearwardError && cause.code === 'issuer_unavailable') throw cause
      throw undecided(identifier, cause instanceof Error ? cause.message : 'unknown reason', cause)
    }
    if (issuer) return issuer
    throw untrusted(identifier, 'one that the option "issuers" answers for')
  }

  return {
    find(identifier, context) {
      const tenant = tenants.get(identifier)
      if (tenant && isCurrent(tenant, TRUST_MS)) return tenant.issuer
      if (identifier.length > MAX_IDENTIFIER_LENGTH || isCurrent(refusals.get(identifier), REFUSAL_MS)) {
        throw untrusted(identifier, 'one that the option "issuers" answers for')
      }
      return ask(identifier, context)
    },
    trusts(issuer) {
      const tenant = tenants.get(issuer.identifier)
      return tenant?.issuer === issuer && isCurrent(tenant, TRUST_MS)
    },
    all: () => [...tenants.values()].map(({ issuer }) => issuer),
    forgetAnswers() {
      for (const [identifier, tenant] of tenants.entries()) tenants.set(identifier, { ...tenant, untilMs: 0 })
      refusals.clear()
    },
    stop() {
      for (const { issuer } of tenants.values()) issuer.keys.stop()
      for (const loader of asked.values()) loader.stop()
    },
  }
}

function untrusted(identifier: string, expected: string): BearwardError {
  return new BearwardError('issuer_untrusted', `claim \`iss\`: expected ${expected}, got ${quote(identifier)}`)
}

function undecided(identifier: string, reason: string, cause?: unknown): BearwardError {
  const message = `it cannot be decided whether issuer ${quote(identifier)} is trusted: ${reason}`
  return new BearwardError('issuer_unavailable', message, { cause, retryAfterSeconds: 1 })
}

/** Two answers that say the same make the same string. */
function describe(issuer: IssuerSettings): string {
  return JSON.stringify(issuer, (_, value: unknown) => (value instanceof Set ? [...value] : value))
}

function createIssuer(issuer: IssuerSettings, settings: Settings): TrackedIssuer {
  const { identifier, audience, clients, algorithms, profile } = issuer
  const metadata = createMetadataSource(issuer, {
    ...settings,
    timeoutMs: settings.keys.timeoutMs,
    maxStaleMs: settings.keys.maxStaleMs,
    onStale(fault) {
      const message = fault instanceof Error ? fault.message : 'unknown reason'
      settings.emit({ type: 'metadata_stale', issuer: identifier, message })
    },
  })
  // Keys given as data are neither fresh nor stale.
  const timing = issuer.keys.from === 'data' ? { refreshMs: Infinity, maxStaleMs: Infinity } : {}
  const keys = createKeySet(keyLoader(issuer, metadata, settings), {
    ...settings.keys,
    ...timing,
    issuer: identifier,
    now: settings.now,
    emit: settings.emit,
  })
  return {
    identifier,
    audience,
    clients,
    algorithms,
    profile,
    keys,
    state: () => ({ issuer: identifier, ...keys.state() }),
  }
}

function keyLoader(
  { identifier, keys, algorithms }: IssuerSettings,
  metadata: MetadataSource,
  settings: Settings,
): LoadKeys {
  if (keys.from === 'data') {
    if (!hasCandidate(keys.jwks, algorithms)) {
      throw misconfigured(`issuers["${identifier}"].jwt.jwks`, 'none', 'at least one public key that can verify')
    }
    return async (previous) => ({ ...(await usableKeys(keys.jwks, algorithms, previous)), maxAgeSeconds: undefined })
  }
  return async (previous, signal) => {
    try {
      const url = keys.from === 'url' ? keys.url : jwksUriOf(await metadata.get({ signal }))
      const { document, maxAgeSeconds } = await fetchDocument(url, {
        ...settings,
        signal,
        maxBytes: MAX_DOCUMENT_BYTES,
        // Key sets are served under many media types, and what is not a key set does not parse as one.
        mediaTypes: [],
      })
      return { ...(await usableKeys(document, algorithms, previous)), maxAgeSeconds }
    } catch (cause) {
      // The keys may have moved: look up their address again next time.
      metadata.doubt()
      throw cause
    }
  }
}

function jwksUriOf(metadata: Record<string, unknown>): string {
  const uri = metadata['jwks_uri']
  if (typeof uri !== 'string') throw new UpstreamFault(`its metadata holds no \`jwks_uri\` (it is ${quote(uri)})`)
  return uri
}
