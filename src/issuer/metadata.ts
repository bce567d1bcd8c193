import { quote } from '../errors.ts'
import { createSharedLoader } from '../upstream/shared-loader.ts'
import { fetchDocument, type FetchSettings, UpstreamFault } from '../upstream/fetch-document.ts'
import type { IssuerSettings } from '../options/issuer.ts'
import type { CallContext } from '../pipeline.ts'

/** An issuer's metadata, fetched when first needed and again when it has grown old. */
export interface MetadataSource {
  /**
   * Has no back-off of its own: who asks has one.
   * @throws {UpstreamFault} and what a shared load throws
   */
  readonly get: (context: CallContext) => Promise<Record<string, unknown>>
  /** Makes the next `get` ask again. */
  readonly doubt: () => void
  readonly stop: () => void
}

export interface MetadataSettings extends Omit<FetchSettings, 'signal' | 'mediaTypes' | 'maxBytes'> {
  readonly timeoutMs: number
  readonly maxStaleMs: number
  readonly now: () => number
  /** Is told that old metadata serves on, since new could not be had. */
  readonly onStale: (fault: unknown) => void
}

const FRESH_MS = 60 * 60 * 1000
export const MAX_DOCUMENT_BYTES: number = 512 * 1024

/** @see RFC 8414 §3, OpenID Connect Discovery 1.0 §4 */
export function createMetadataSource(issuer: IssuerSettings, settings: MetadataSettings): MetadataSource {
  let addresses = addressesOf(issuer)
  let known: { readonly document: Record<string, unknown>; readonly fetchedMs: number } | undefined
  let doubted = false

  const loader = createSharedLoader({
    load: (signal) => fetchFirst(issuer.identifier, addresses, { ...settings, signal }),
    loaded({ url, document }) {
      // The address that answered comes first from now on.
      addresses = [url, ...addresses.filter((each) => each !== url)]
      known = { document, fetchedMs: settings.now() }
      doubted = false
      return document
    },
    failed: (cause) => cause,
    timeoutMs: settings.timeoutMs,
    now: settings.now,
  })

  function age(fetchedMs: number): number {
    const passed = settings.now() - fetchedMs
    // A clock that was set back says nothing about the age: ask again.
    return passed < 0 ? FRESH_MS : passed
  }

  return {
    async get(context) {
      if (issuer.metadata.from === 'data') return issuer.metadata.document
      if (known && !doubted && age(known.fetchedMs) < FRESH_MS) return known.document
      const usable = known && age(known.fetchedMs) < settings.maxStaleMs ? known : undefined
      try {
        return await loader.join(usable ? briefly(context, settings.timeoutMs / 2) : context)
      } catch (fault) {
        if (!usable) throw fault
        settings.onStale(fault)
        return usable.document
      }
    },
    doubt: () => (doubted = true),
    stop: loader.stop,
  }
}

/** Leaves who waits the time to go on with what it has: a hanging endpoint must not use up the keys' time. */
function briefly(context: CallContext, ms: number): CallContext {
  const limit = AbortSignal.timeout(ms)
  return { ...context, signal: context.signal ? AbortSignal.any([context.signal, limit]) : limit }
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

/** Asks the addresses in turn; the next one only after an answer that says "not here", never after an outage. */
async function fetchFirst(
  identifier: string,
  addresses: readonly string[],
  settings: Omit<FetchSettings, 'mediaTypes' | 'maxBytes'>,
): Promise<{ url: string; document: Record<string, unknown> }> {
  const misses: string[] = []
  for (const url of addresses) {
    try {
      const { document } = await fetchDocument(url, {
        ...settings,
        maxBytes: MAX_DOCUMENT_BYTES,
        mediaTypes: ['application/json'],
      })
      // RFC 8414 §3.3: otherwise one issuer could speak with another's keys.
      if (document['issuer'] === identifier) return { url, document }
      throw new UpstreamFault(
        `${url} names the issuer ${quote(document['issuer'])}, expected exactly ${quote(identifier)}`,
      )
    } catch (fault) {
      if (!(fault instanceof UpstreamFault && fault.notHere)) throw fault
      misses.push(fault.message)
    }
  }
  throw new UpstreamFault(`no metadata found: ${misses.join('; ')}`)
}
