import { BearwardError, quote } from '../../errors.ts'
import { describeFault } from '../../faults.ts'
import { misconfigured } from '../../options/checks.ts'
import type { IssuerSettings } from '../../options/issuer.ts'
import type { Settings } from '../../options/settings.ts'
import type { CallContext, TrackedIssuer } from '../../pipeline.ts'
import { fetchDocument, UpstreamFault } from '../../upstream/fetch-document.ts'
import { documentsFingerprint, keysFingerprint, sourcesFingerprint } from '../../options/fingerprint.ts'
import type { FetchedKeys, IssuerSources, LoadKeys, Services, WantedKeys } from '../../parts.ts'
import { createKeySet, freshForMs, type KeySet } from './key-set.ts'
import { createMetadataCache, type MetadataCache } from './metadata.ts'
import { createImportedKeys } from '../../jws/imported-keys.ts'
import { hasCandidate, publicSetOf, usableKeys } from './usable-keys.ts'

/** The sources of an issuer, for this stage. */
export interface Sources extends IssuerSources {
  /** Equal for issuers that fetch the same documents: these can share sources. */
  readonly fingerprint: string
  /** Equal for issuers that have the same keys. */
  readonly keysFingerprint: string
  readonly metadata: MetadataCache
  readonly keys: KeySet
}

/** @param earlier Sources of the same issuer under other settings: their keys stay, where they are still the right ones. */
export function createSources(
  issuer: IssuerSettings,
  settings: Settings,
  { tiers }: Services,
  earlier?: Sources,
): Sources {
  const metadata = createMetadataCache(issuer, {
    ...settings,
    tiers,
    loopback: true,
    timeoutMs: settings.keys.timeoutMs,
    maxStaleMs: settings.keys.maxStaleMs,
    onStale(fault) {
      settings.emit({ type: 'metadata_stale', issuer: issuer.identifier, detail: describeFault(fault) })
    },
  })
  const fingerprints = { fingerprint: sourcesFingerprint(issuer), keysFingerprint: keysFingerprint(issuer) }
  if (earlier?.keysFingerprint === fingerprints.keysFingerprint)
    return { ...fingerprints, metadata, keys: earlier.keys }
  const keys = createKeySet(keyLoader(issuer, metadata, settings, tiers), {
    ...settings.keys,
    // Keys given as data never become stale.
    ...(issuer.keys.from === 'data' && { refreshMs: Infinity, maxStaleMs: Infinity }),
    spread: tiers?.spread,
    issuer: issuer.identifier,
    now: settings.now,
    emit: settings.emit,
  })
  return { ...fingerprints, metadata, keys }
}

export function createIssuer(
  settings: IssuerSettings,
  { fingerprint, metadata, keys }: Sources,
  services: Services,
): TrackedIssuer {
  const { identifier, verifiesJwts, introspection } = settings

  async function requireEndpoint(member: string, context: CallContext): Promise<void> {
    try {
      const document = await metadata.getSparingly(context)
      if (typeof document[member] !== 'string') throw new UpstreamFault(`its metadata names no \`${member}\``)
    } catch (fault) {
      const detail = `issuer "${identifier}" cannot be asked about tokens: ${describeFault(fault)}`
      const retryAfterSeconds = metadata.retryAfterSeconds()
      throw new BearwardError('issuer_unavailable', detail, { retryAfterSeconds })
    }
  }

  return {
    ...settings,
    sources: fingerprint,
    introspection: introspection?.start(services),
    keys,
    metadata: metadata.get,
    async ready(context) {
      if (verifiesJwts || introspection?.needsKeys) await keys.current(context)
      else if (introspection?.needsMember !== undefined) await requireEndpoint(introspection.needsMember, context)
    },
    state: () => ({ issuer: identifier, ...keys.state() }),
    stop() {
      keys.stop()
      metadata.stop()
    },
  }
}

function keyLoader(
  issuer: IssuerSettings,
  metadata: MetadataCache,
  settings: Settings,
  tiers: Services['tiers'],
): LoadKeys {
  const { identifier, keys, algorithms, local } = issuer
  const imports = createImportedKeys()
  if (keys.from === 'data') {
    if (!hasCandidate(keys.jwks, algorithms)) {
      throw misconfigured(`issuers["${identifier}"].jwt.jwks`, 'none', 'at least one public key that can verify')
    }
    return async ({ previous }) => ({
      ...(await usableKeys(keys.jwks, algorithms, previous, 0, imports)),
      maxAgeSeconds: undefined,
    })
  }

  async function fetchKeys({ previous }: WantedKeys, signal: AbortSignal, leader: CallContext): Promise<FetchedKeys> {
    try {
      const url = keys.from === 'url' ? keys.url : jwksUriOf(await metadata.getUpdated({ ...leader, signal }))
      const { document, leftOut, maxAgeSeconds } = await fetchDocument(url, {
        fetch: settings.fetch,
        insecureHosts: settings.insecureHosts,
        // Only the operator may place keys on this machine, directly or with the issuer; the metadata alone may not.
        loopback: keys.from === 'url' || local,
        signal,
        // Issuers serve key sets under many media types. Only a key set parses as one.
        mediaTypes: [],
        members: ['keys'],
      })
      const usable = await usableKeys(document, algorithms, previous, leftOut, imports)
      // The keys may have moved: look up their address again next time.
      if (usable.keys.length === 0) metadata.markOutdated()
      return { ...usable, maxAgeSeconds, document }
    } catch (fault) {
      metadata.markOutdated()
      throw fault
    }
  }

  if (!tiers) return fetchKeys
  return tiers.shareKeys(fetchKeys, {
    ...settings.keys,
    fingerprint: documentsFingerprint(issuer, settings),
    now: settings.now,
    usableKeys: (document, previous) => usableKeys(document, algorithms, previous, 0, imports),
    publicSetOf,
    freshForMs,
  })
}

function jwksUriOf(metadata: Record<string, unknown>): string {
  const uri = metadata['jwks_uri']
  if (typeof uri !== 'string') throw new UpstreamFault(`its metadata has no \`jwks_uri\` (it is ${quote(uri)})`)
  return uri
}
