import type { IssuerSettings } from '../../options/issuer.ts'
import type { KeySettings } from '../../options/settings.ts'
import type { JsonObject } from '../../parse/json.ts'
import type { CallContext } from '../../pipeline.ts'
import { type SharedCache, type SharedEntry, sharedName } from '../../parts/shared-tiers/shared-cache.ts'
import { freshForMs, type LoadKeys, type PublishedKeys, type WantedKeys } from './key-set.ts'
import type { ImportedKeys } from './imported-keys.ts'
import { usableKeys, type UsableKeys, publicSetOf } from './usable-keys.ts'

/** Keys from the issuer itself, with the document that they came in. */
export interface FetchedKeys extends PublishedKeys {
  readonly document: Record<string, unknown>
}

export interface SharedKeysSettings extends Pick<KeySettings, 'refreshMs' | 'maxStaleMs' | 'cooldownMs' | 'timeoutMs'> {
  readonly shared: SharedCache
  readonly identity: string
  readonly algorithms: IssuerSettings['algorithms']
  readonly imports: ImportedKeys
  readonly now: () => number
}

/** What an issuer's documents are shared under: equal where they would be fetched alike, and from the same places. */
export function sharedIdentity(
  { identifier, metadata, keys }: IssuerSettings,
  { insecureHosts }: { readonly insecureHosts: readonly string[] },
): string {
  return JSON.stringify([identifier, metadata, keys, insecureHosts])
}

interface Shared extends UsableKeys {
  readonly maxAgeSeconds: number | undefined
  /** When somebody last fetched them because a token could not be verified. */
  readonly extraMs: number | undefined
}

/**
 * Part of the time for one load that the tiers may take for the keys, and once more for the metadata: where they hang, the
 * rest is the issuer's.
 */
export const TIERS_PART: number = 1 / 3

/** How processes that got their keys from each other spread their refreshes. */
export const SPREAD = 0.15

/**
 * Loads keys through the shared tiers: what another process fetched a while ago serves here for as long as it does there, and
 * one extra fetch for an unknown key counts for all of them.
 */
export function loadShared(
  fetchKeys: (wanted: WantedKeys, signal: AbortSignal, leader: CallContext) => Promise<FetchedKeys>,
  { shared, identity, algorithms, imports, now, refreshMs, maxStaleMs, cooldownMs, timeoutMs }: SharedKeysSettings,
): LoadKeys {
  let name: string | undefined

  function suffices({ value, originMs }: SharedEntry<Shared>, { heldSinceMs, reason }: WantedKeys): boolean {
    if (reason === 'unknown') return value.extraMs !== undefined && Math.abs(now() - value.extraMs) < cooldownMs
    const isNewer = heldSinceMs === undefined || originMs > heldSinceMs
    return isNewer && now() - originMs < freshForMs(value.maxAgeSeconds, refreshMs)
  }

  return async (wanted, signal, leader) => {
    name ??= await sharedName('keys', identity)
    const parse = async (data: Record<string, unknown>): Promise<Shared> => {
      const usable = await usableKeys(data['document'], algorithms, wanted.previous, 0, imports)
      if (usable.keys.length === 0) throw new TypeError('its key set holds no usable key')
      return { ...usable, maxAgeSeconds: number(data['maxAgeSeconds']), extraMs: number(data['extraMs']) }
    }
    const reading = {
      parse,
      suffices: (each: SharedEntry<Shared>) => suffices(each, wanted),
      withinMs: timeoutMs * TIERS_PART,
    }
    const entry = await shared.read(name, reading, leader)
    if (entry && suffices(entry, wanted)) return published(entry)
    // Old keys of another process bridge the issuer's outage just as our own would.
    if (entry && now() - entry.originMs < maxStaleMs) wanted.adopt(published(entry))
    signal.throwIfAborted()
    const originMs = now()
    const { document, ...fetched } = await fetchKeys(wanted, signal, leader)
    // What comes after its time is dropped here, and may be long out of date.
    if (fetched.keys.length > 0 && !signal.aborted) {
      const extraMs = wanted.reason === 'unknown' ? originMs : entry?.value.extraMs
      const data: JsonObject = { document: publicSetOf(document), maxAgeSeconds: fetched.maxAgeSeconds, extraMs }
      shared.write(name, data, { originMs, lifeMs: maxStaleMs }, leader)
    }
    return fetched
  }
}

function published({ value, originMs }: SharedEntry<Shared>): PublishedKeys & { readonly fetchedMs: number } {
  return { ...value, fetchedMs: originMs }
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}
