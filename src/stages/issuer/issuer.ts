import { BearwardError, quote } from '../../errors.ts'
import { describeFault } from '../../faults.ts'
import { misconfigured } from '../../options/checks.ts'
import type { IssuerSettings } from '../../options/issuer.ts'
import type { Settings } from '../../options/settings.ts'
import type { CallContext, TrackedIssuer } from '../../pipeline.ts'
import { fetchDocument, UpstreamFault } from '../../upstream/fetch-document.ts'
import { documentsFingerprint, sourcesFingerprint } from '../../options/fingerprint.ts'
import type { FetchedKeys, IssuerSources, LoadKeys, Services, WantedKeys } from '../../parts.ts'
import { createKeySet, freshForMs, type KeySet } from './key-set.ts'
import { createMetadataSource, MAX_DOCUMENT_BYTES, type MetadataSource } from './metadata.ts'
import { createImportedKeys } from '../../jws/imported-keys.ts'
import { hasCandidate, publicSetOf, usableKeys } from './usable-keys.ts'

/** An issuer's metadata and keys. */
export interface Sources extends IssuerSources {
  readonly metadata: MetadataSource
  readonly keys: KeySet
}

export function createSources(issuer: IssuerSettings, settings: Settings, { tiers }: Services): Sources {
  const metadata = createMetadataSource(issuer, {
    ...settings,
    tiers,
    loopback: true,
    timeoutMs: settings.keys.timeoutMs,
    maxStaleMs: settings.keys.maxStaleMs,
    onStale(fault) {
      settings.emit({ type: 'metadata_stale', issuer: issuer.identifier, detail: describeFault(fault) })
    },
  })
  const keys = createKeySet(keyLoader(issuer, metadata, settings, tiers), {
    ...settings.keys,
    // Keys given as data are neither fresh nor stale.
    ...(issuer.keys.from === 'data' && { refreshMs: Infinity, maxStaleMs: Infinity }),
    spread: tiers?.spread,
    issuer: issuer.identifier,
    now: settings.now,
    emit: settings.emit,
  })
  return { fingerprint: sourcesFingerprint(issuer), metadata, keys }
}

export function createIssuer(
  settings: IssuerSettings,
  { fingerprint, metadata, keys }: Sources,
  services: Services,
): TrackedIssuer {
  const { identifier, audience, clients, algorithms, profile, local, verifiesJwts, introspection } = settings
  async function requireMetadata(member: string, context: CallContext): Promise<void> {
    let document: Record<string, unknown>
    try {
      document = await metadata.getSparingly(context)
    } catch (cause) {
      throw unready(cause)
    }
    if (typeof document[member] !== 'string') throw unready(new UpstreamFault(`its metadata names no \`${member}\``))
  }

  function unready(cause: unknown): BearwardError {
    const detail = `issuer "${identifier}" cannot be asked about tokens: ${describeFault(cause)}`
    const retryAfterSeconds = Math.max(1, Math.ceil(metadata.restMs() / 1000))
    return new BearwardError('issuer_unavailable', detail, { retryAfterSeconds })
  }

  return {
    identifier,
    audience,
    clients,
    algorithms,
    profile,
    sources: fingerprint,
    local,
    verifiesJwts,
    introspection: introspection?.start(services),
    keys,
    metadata: metadata.get,
    async ready(context) {
      if (verifiesJwts || introspection?.needsKeys) await keys.current(context)
      else if (introspection?.needsMember !== undefined) await requireMetadata(introspection.needsMember, context)
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
  metadata: MetadataSource,
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
      const url = keys.from === 'url' ? keys.url : jwksUriOf(await metadata.getUndoubted({ ...leader, signal }))
      const { document, leftOut, maxAgeSeconds } = await fetchDocument(url, {
        fetch: settings.fetch,
        insecureHosts: settings.insecureHosts,
        // Where the operator said so, anywhere; where the metadata says so, not on this machine unless the issuer is.
        loopback: keys.from === 'url' || local,
        signal,
        maxBytes: MAX_DOCUMENT_BYTES,
        // Key sets are served under many media types, and what is not a key set does not parse as one.
        mediaTypes: [],
        members: ['keys'],
      })
      const usable = await usableKeys(document, algorithms, previous, leftOut, imports)
      // Nothing is left at this address: perhaps the keys have moved.
      if (usable.keys.length === 0) metadata.doubt()
      return { ...usable, maxAgeSeconds, document }
    } catch (cause) {
      // The keys may have moved: look up their address again next time.
      metadata.doubt()
      throw cause
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
  if (typeof uri !== 'string') throw new UpstreamFault(`its metadata holds no \`jwks_uri\` (it is ${quote(uri)})`)
  return uri
}
