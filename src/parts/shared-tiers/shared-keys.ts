import type {
  FetchKeys,
  KeySharing,
  LoadKeys,
  PublishedKeys,
  SharedEntry,
  UsableKeys,
  WantedKeys,
} from '../../parts.ts'
import type { JsonObject } from '../../parse/json.ts'
import { type SharedCache, sharedName, TIERS_PART } from './shared-cache.ts'

interface Shared extends UsableKeys {
  readonly maxAgeSeconds: number | undefined
  /** When somebody last fetched them because a token could not be verified. */
  readonly extraMs: number | undefined
}

/**
 * Loads keys through the shared tiers: what another process fetched a while ago serves here for as long as it does there, and
 * one extra fetch for an unknown key counts for all of them.
 */
export function createSharedKeys(cache: SharedCache, fetchKeys: FetchKeys, sharing: KeySharing): LoadKeys {
  const { now, refreshMs, maxStaleMs, cooldownMs, timeoutMs } = sharing
  let name: string | undefined

  function suffices({ value, originMs }: SharedEntry<Shared>, { heldSinceMs, reason }: WantedKeys): boolean {
    if (reason === 'unknown') return value.extraMs !== undefined && Math.abs(now() - value.extraMs) < cooldownMs
    const isNewer = heldSinceMs === undefined || originMs > heldSinceMs
    return isNewer && now() - originMs < sharing.freshForMs(value.maxAgeSeconds, refreshMs)
  }

  return async (wanted, signal, leader) => {
    name ??= await sharedName('keys', sharing.fingerprint)
    const parse = async (data: Record<string, unknown>): Promise<Shared> => {
      const usable = await sharing.usableKeys(data['document'], wanted.previous)
      if (usable.keys.length === 0) throw new TypeError('its key set holds no usable key')
      return { ...usable, maxAgeSeconds: number(data['maxAgeSeconds']), extraMs: number(data['extraMs']) }
    }
    const reading = {
      parse,
      suffices: (each: SharedEntry<Shared>) => suffices(each, wanted),
      withinMs: timeoutMs * TIERS_PART,
    }
    const entry = await cache.read(name, reading, leader)
    if (entry && suffices(entry, wanted)) return published(entry)
    // Old keys of another process bridge the issuer's outage just as our own would.
    if (entry && now() - entry.originMs < maxStaleMs) wanted.adopt(published(entry))
    signal.throwIfAborted()
    const originMs = now()
    const { document, ...fetched } = await fetchKeys(wanted, signal, leader)
    // What comes after its time is dropped here, and may be long out of date.
    if (fetched.keys.length > 0 && !signal.aborted) {
      const extraMs = wanted.reason === 'unknown' ? originMs : entry?.value.extraMs
      const data: JsonObject = {
        document: sharing.publicSetOf(document),
        maxAgeSeconds: fetched.maxAgeSeconds,
        extraMs,
      }
      cache.write(name, data, { originMs, lifeMs: maxStaleMs }, leader)
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
