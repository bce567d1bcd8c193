import { quote } from '../../errors.ts'
import { createBackOff } from '../../upstream/back-off.ts'
import { ageOf } from '../../runtime/clock.ts'
import { runWithin } from '../../runtime/deadline.ts'
import { createSharedLoader } from '../../upstream/shared-loader.ts'
import { fetchDocument, type FetchSettings, UpstreamFault } from '../../upstream/fetch-document.ts'
import type { IssuerSettings } from '../../options/issuer.ts'
import { isObject, type Json, type JsonObject } from '../../parse/json.ts'
import type { CallContext } from '../../pipeline.ts'
import { documentsFingerprint } from '../../options/fingerprint.ts'
import type { LoadMetadata, PublishedMetadata, RunningTiers } from '../../parts.ts'

/** An issuer's metadata: fetched when first needed, cached, and refreshed in the background when it is old. */
export interface MetadataCache {
  /**
   * Returns the cached metadata, stale within its bound; fetches it where none is cached.
   * @throws {UpstreamFault} and the faults of a shared load
   */
  readonly get: (context: CallContext) => Promise<Record<string, unknown>>
  /** As `get`, but waits a while for newer metadata where the cached metadata is marked as outdated. */
  readonly getUpdated: (context: CallContext) => Promise<Record<string, unknown>>
  /** As `get`, but makes no attempt soon after a failed one. @throws the fault of the failed attempt */
  readonly getSparingly: (context: CallContext) => Promise<Record<string, unknown>>
  /** Seconds until `getSparingly` makes an attempt again. */
  readonly retryAfterSeconds: () => number
  /** Marks the cached metadata as outdated: the keys were not where it says. */
  readonly markOutdated: () => void
  readonly stop: () => void
}

export interface MetadataSettings extends Omit<FetchSettings, 'signal' | 'mediaTypes' | 'members'> {
  readonly tiers: RunningTiers | undefined
  readonly timeoutMs: number
  readonly maxStaleMs: number
  readonly now: () => number
  /** Receives the fault because of which old metadata serves stale. */
  readonly onStale: (fault: unknown) => void
}

const FRESH_MS = 60 * 60 * 1000
/** The members of metadata that every issuer needs. */
const MEMBERS = ['issuer', 'jwks_uri']
const MAX_ADDRESS_LENGTH = 4_096

/** @see RFC 8414 §3, OpenID Connect Discovery 1.0 §4 */
export function createMetadataCache(issuer: IssuerSettings, settings: MetadataSettings): MetadataCache {
  const { tiers, timeoutMs, maxStaleMs, now, onStale } = settings
  const endpoints = endpointsOf(issuer)
  let addresses = addressesOf(issuer)
  let known: { readonly document: Record<string, unknown>; fetchedMs: number } | undefined
  let isOutdated = false
  // Delays background reloads and `ready()`, whose callers can retry. The key set has its own back-off for requests that must wait.
  const backOff = createBackOff(now)
  let lastFault: unknown

  const fetchMetadata: LoadMetadata = (_, signal) =>
    fetchFirst(issuer.identifier, addresses, endpoints, { ...settings, signal })
  const sharing = {
    fingerprint: documentsFingerprint(issuer, settings, endpoints),
    freshMs: FRESH_MS,
    maxStaleMs,
    timeoutMs,
    now,
    parse: parseShared,
  }
  const load = tiers?.shareMetadata(fetchMetadata, sharing) ?? fetchMetadata

  const loader = createSharedLoader({
    load: (signal, leader) => load({ heldSinceMs: known?.fetchedMs, adopt }, signal, leader),
    loaded(loaded) {
      // The next load starts with the address that answered.
      addresses = [loaded.url, ...addresses.filter((each) => each !== loaded.url)]
      adopt(loaded)
      isOutdated = false
      backOff.succeed()
      return loaded.document
    },
    failed(fault) {
      backOff.fail()
      lastFault = fault
      if (known) onStale(fault)
      return fault
    },
    timeoutMs,
    now,
  })

  function adopt({ document, fetchedMs = now() }: PublishedMetadata): void {
    known = { document, fetchedMs }
  }

  /** @throws where this issuer's addresses cannot have answered so */
  function parseShared({ url, document }: JsonObject): PublishedMetadata {
    if (typeof url !== 'string' || !addresses.includes(url) || !isObject(document)) {
      throw new UpstreamFault('the metadata has the wrong shape')
    }
    requireOwnIssuer(url, document, issuer.identifier)
    return { url, document: usedMembersOf(document, endpoints) }
  }

  /** The age of the cached metadata; infinite where there is none. */
  function ageMs(): number {
    return known ? ageOf(known, now(), FRESH_MS) : Infinity
  }

  function usable(): typeof known {
    return ageMs() < maxStaleMs ? known : undefined
  }

  async function get(context: CallContext): Promise<Record<string, unknown>> {
    if (issuer.metadata.from === 'data') return issuer.metadata.document
    const cached = usable()
    if (cached) {
      const isOld = isOutdated || ageMs() >= FRESH_MS
      if (isOld && backOff.remainingMs() === 0) loader.nudge(context)
      return cached.document
    }
    return loader.join(context).catch((fault: unknown) => {
      // The shared tiers may have had metadata that is old enough to serve only during an outage.
      const adopted = usable()
      if (adopted) return adopted.document
      throw fault
    })
  }

  return {
    get,
    async getUpdated(context) {
      // Half of the time must remain for the keys: they may still be where the cached metadata says.
      if (isOutdated && known) {
        const join = (signal: AbortSignal) => loader.join({ ...context, signal })
        await runWithin(join, { ms: timeoutMs / 2, late() {}, signal: context.signal }).catch(() => {})
      }
      return get(context)
    },
    async getSparingly(context) {
      if (!usable() && backOff.remainingMs() > 0) throw lastFault
      return get(context)
    },
    retryAfterSeconds: backOff.retryAfterSeconds,
    markOutdated: () => (isOutdated = known !== undefined),
    stop: loader.stop,
  }
}

function addressesOf({ identifier, metadata }: IssuerSettings): string[] {
  if (metadata.from === 'url') return [metadata.url]
  if (metadata.from === 'data' || !URL.canParse(identifier)) return []
  const { origin, pathname } = new URL(identifier)
  const path = pathname.replace(/\/$/, '')
  return [
    `${origin}/.well-known/oauth-authorization-server${path}`,
    `${identifier.replace(/\/$/, '')}/.well-known/openid-configuration`,
  ]
}

/** @see RFC 8414 §3.3: otherwise one issuer could present another's keys */
function requireOwnIssuer(url: string, { issuer }: Record<string, unknown>, identifier: string): void {
  if (issuer === identifier) return
  const { origin, pathname } = new URL(url)
  throw new UpstreamFault(
    `${origin}${pathname} names the issuer ${quote(issuer)}, expected exactly ${quote(identifier)}`,
    // This issuer's own document may be at the other address.
    { notHere: true },
  )
}

/** The members with the endpoints that the issuer's parts need. */
function endpointsOf({ introspection }: IssuerSettings): readonly string[] {
  return introspection?.needsMember === undefined ? [] : [introspection.needsMember]
}

/** Keeps only the members in use: the document may weigh half a megabyte. */
function usedMembersOf(document: Record<string, unknown>, endpoints: readonly string[]): JsonObject {
  const { issuer, jwks_uri: jwksUri, mtls_endpoint_aliases: aliases } = document
  return present({
    issuer: issuer as Json,
    jwks_uri: addressIn(jwksUri),
    ...addressesIn(document, endpoints),
    mtls_endpoint_aliases: isObject(aliases) ? present(addressesIn(aliases, endpoints)) : undefined,
  })
}

function addressesIn(document: Record<string, unknown>, names: readonly string[]): Record<string, Json | undefined> {
  return Object.fromEntries(names.map((name) => [name, addressIn(document[name])]))
}

/** Keeps an address. Of any other value it keeps only the type, for messages. */
function addressIn(value: unknown): Json | undefined {
  if (typeof value === 'string') return value.length > MAX_ADDRESS_LENGTH ? undefined : value
  if (Array.isArray(value)) return []
  return isObject(value) ? {} : (value as Json | undefined)
}

function present(members: Record<string, Json | undefined>): JsonObject {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}

/** Tries the addresses in turn. Only an answer without this issuer's document leads to the next one, never an outage. */
async function fetchFirst(
  identifier: string,
  addresses: readonly string[],
  endpoints: readonly string[],
  settings: Omit<FetchSettings, 'mediaTypes' | 'members'>,
): Promise<PublishedMetadata> {
  const misses: string[] = []
  for (const url of addresses) {
    try {
      const { document } = await fetchDocument(url, {
        ...settings,
        mediaTypes: ['application/json'],
        members: [...MEMBERS, ...endpoints, 'mtls_endpoint_aliases'],
      })
      requireOwnIssuer(url, document, identifier)
      return { url, document: usedMembersOf(document, endpoints) }
    } catch (fault) {
      if (!(fault instanceof UpstreamFault && fault.notHere)) throw fault
      misses.push(fault.message)
    }
  }
  // A configured address is the only one.
  const hint = addresses.length > 1 ? '. If it is at another address, set `metadata: { url }`' : ''
  throw new UpstreamFault(`no metadata found: ${misses.join('; ')}${hint}`)
}
