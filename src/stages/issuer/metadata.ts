import { quote } from '../../errors.ts'
import { createBackOff } from '../../upstream/back-off.ts'
import { runWithin } from '../../runtime/deadline.ts'
import { createSharedLoader } from '../../upstream/shared-loader.ts'
import { fetchDocument, type FetchSettings, UpstreamFault } from '../../upstream/fetch-document.ts'
import type { IssuerSettings } from '../../options/issuer.ts'
import { isObject, type Json, type JsonObject } from '../../parse/json.ts'
import type { CallContext } from '../../pipeline.ts'
import { documentsFingerprint } from '../../options/fingerprint.ts'
import type { RunningTiers, SharedEntry } from '../../parts.ts'

/** An issuer's metadata, fetched when first needed and again, in the background, when it has grown old. */
export interface MetadataSource {
  /**
   * What is known, however old, up to its bound; fetched where nothing is.
   * @throws {UpstreamFault} and what a shared load throws
   */
  readonly get: (context: CallContext) => Promise<Record<string, unknown>>
  /** As `get`, but where what is known was doubted, it waits a while for something newer. */
  readonly getUndoubted: (context: CallContext) => Promise<Record<string, unknown>>
  /** As `get`, but does not ask again whoever failed a moment ago. @throws what the last attempt failed with */
  readonly getSparingly: (context: CallContext) => Promise<Record<string, unknown>>
  /** How long `getSparingly` goes without asking, in milliseconds. */
  readonly restMs: () => number
  /** Says that what the metadata led to was not there. */
  readonly doubt: () => void
  readonly stop: () => void
}

export interface MetadataSettings extends Omit<FetchSettings, 'signal' | 'mediaTypes' | 'maxBytes' | 'members'> {
  readonly tiers: RunningTiers | undefined
  readonly timeoutMs: number
  readonly maxStaleMs: number
  readonly now: () => number
  /** Is told that old metadata serves on, since new could not be had. */
  readonly onStale: (fault: unknown) => void
}

/** Metadata, and the address that had it. */
type FoundMetadata = { readonly url: string; readonly document: JsonObject }

const FRESH_MS = 60 * 60 * 1000
export const MAX_DOCUMENT_BYTES: number = 512 * 1024
/** The members of metadata that every issuer needs. */
const MEMBERS = ['issuer', 'jwks_uri']
const MAX_ADDRESS_LENGTH = 4_096

/** @see RFC 8414 §3, OpenID Connect Discovery 1.0 §4 */
export function createMetadataSource(issuer: IssuerSettings, settings: MetadataSettings): MetadataSource {
  const endpoints = endpointsOf(issuer)
  let addresses = addressesOf(issuer)
  let known: { readonly document: Record<string, unknown>; fetchedMs: number } | undefined
  /** What is known led nowhere. */
  let doubted = false
  // For reloads in the background and for who can come again: who has to wait has a back-off of its own.
  let lastFault: unknown
  const backOff = createBackOff(settings.now)
  const shared = settings.tiers?.shareMetadata<FoundMetadata>({
    fingerprint: documentsFingerprint(issuer, settings, endpoints),
    timeoutMs: settings.timeoutMs,
    parse: parseShared,
    suffices,
  })

  const loader = createSharedLoader({
    async load(signal, leader) {
      const entry = await shared?.read(leader)
      if (entry && suffices(entry)) return { ...entry.value, fetchedMs: entry.originMs }
      // Too old to serve, unless the issuer fails.
      if (entry && isNewer(entry.originMs) && age({ fetchedMs: entry.originMs }) < settings.maxStaleMs) {
        known = { document: entry.value.document, fetchedMs: entry.originMs }
      }
      signal.throwIfAborted()
      const originMs = settings.now()
      const found = await fetchFirst(issuer.identifier, addresses, endpoints, { ...settings, signal })
      // What comes after its time is dropped here, and may be long out of date.
      if (!signal.aborted) shared?.write(found, { originMs, lifeMs: settings.maxStaleMs }, leader)
      return { ...found, fetchedMs: settings.now() }
    },
    loaded({ url, document, fetchedMs }) {
      // The address that answered comes first from now on.
      addresses = [url, ...addresses.filter((each) => each !== url)]
      known = { document, fetchedMs }
      doubted = false
      backOff.succeed()
      return document
    },
    failed(cause) {
      backOff.fail()
      lastFault = cause
      if (known) settings.onStale(cause)
      return cause
    },
    timeoutMs: settings.timeoutMs,
    now: settings.now,
  })

  /** @throws where the entry is not what this issuer's addresses could have answered */
  function parseShared({ url, document }: JsonObject): FoundMetadata {
    if (typeof url !== 'string' || !addresses.includes(url) || !isObject(document)) {
      throw new TypeError('its metadata has not the right shape')
    }
    requireOwnIssuer(url, document, issuer.identifier)
    return { url, document: usedMembersOf(document, endpoints) }
  }

  function isNewer(originMs: number): boolean {
    // Where what is known was doubted, so is what is no newer.
    return originMs > (known?.fetchedMs ?? Number.NEGATIVE_INFINITY)
  }

  function suffices({ originMs }: SharedEntry<FoundMetadata>): boolean {
    return isNewer(originMs) && age({ fetchedMs: originMs }) < FRESH_MS
  }

  function age(one: { fetchedMs: number }): number {
    // A clock that was set back says nothing about the age: ask again, and count from here on.
    const nowMs = settings.now()
    if (nowMs < one.fetchedMs) one.fetchedMs = nowMs - FRESH_MS
    const passed = nowMs - one.fetchedMs
    // Without a time nothing is young.
    return Number.isNaN(passed) ? Infinity : passed
  }

  function isUsable(one: typeof known): one is NonNullable<typeof known> {
    return one !== undefined && age(one) < settings.maxStaleMs
  }

  /** What another process fetched may have come to hand while the issuer failed. @throws the fault, where none did */
  function bridge(fault: unknown): Record<string, unknown> {
    if (isUsable(known)) return known.document
    throw fault
  }

  async function get(context: CallContext): Promise<Record<string, unknown>> {
    if (issuer.metadata.from === 'data') return issuer.metadata.document
    if (!isUsable(known)) return loader.join(context).catch(bridge)
    const isOld = doubted || age(known) >= FRESH_MS
    if (isOld && backOff.remainingMs() === 0) loader.nudge(context)
    return known.document
  }

  return {
    get,
    async getUndoubted(context) {
      // A hanging endpoint must not use up the time in which the keys can be fetched from where they were.
      if (doubted && known) {
        const join = (signal: AbortSignal) => loader.join({ ...context, signal })
        await runWithin(join, { ms: settings.timeoutMs / 2, late() {}, signal: context.signal }).catch(() => {})
      }
      return get(context)
    },
    async getSparingly(context) {
      if (!isUsable(known) && backOff.remainingMs() > 0) throw lastFault
      return get(context)
    },
    restMs: backOff.remainingMs,
    doubt: () => (doubted = known !== undefined),
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

/** @see RFC 8414 §3.3: otherwise one issuer could speak with another's keys */
function requireOwnIssuer(url: string, { issuer }: Record<string, unknown>, identifier: string): void {
  if (issuer === identifier) return
  const { origin, pathname } = new URL(url)
  throw new UpstreamFault(
    `${origin}${pathname} names the issuer ${quote(issuer)}, expected exactly ${quote(identifier)}`,
    // Not used, whatever else it says; this issuer's own may be at the other address.
    { notHere: true },
  )
}

/** The members that name the endpoints which the issuer's parts need. */
function endpointsOf({ introspection }: IssuerSettings): readonly string[] {
  return introspection?.needsMember === undefined ? [] : [introspection.needsMember]
}

/** The members that are used, of an issuer's own document: what else is in it may weigh half a megabyte. */
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

/** What may be an address; of what is none the kind alone, for messages. */
function addressIn(value: unknown): Json | undefined {
  if (typeof value === 'string') return value.length > MAX_ADDRESS_LENGTH ? undefined : value
  if (Array.isArray(value)) return []
  return isObject(value) ? {} : (value as Json | undefined)
}

function present(members: Record<string, Json | undefined>): JsonObject {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}

/** Asks the addresses in turn; the next one only after an answer that is not this issuer's document, never after an outage. */
async function fetchFirst(
  identifier: string,
  addresses: readonly string[],
  endpoints: readonly string[],
  settings: Omit<FetchSettings, 'mediaTypes' | 'maxBytes' | 'members'>,
): Promise<FoundMetadata> {
  const misses: string[] = []
  for (const url of addresses) {
    try {
      const { document } = await fetchDocument(url, {
        ...settings,
        maxBytes: MAX_DOCUMENT_BYTES,
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
  // Where an address is configured, it is the only one.
  const hint = addresses.length > 1 ? '. If it is at another address, set `metadata: { url }`' : ''
  throw new UpstreamFault(`no metadata found: ${misses.join('; ')}${hint}`)
}
