import { Fault } from '../../faults.ts'
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
import { type SharedCache, sharedName, BUDGET_FRACTION } from './shared-cache.ts'

interface SharedKeys extends UsableKeys {
  readonly maxAgeSeconds: number | undefined
  /** When a process last fetched them because a token could not be verified. */
  readonly extraMs: number | undefined
}

/**
 * Loads keys through the shared tiers. Keys from another process count as long here as there, and one extra fetch for an
 * unknown key counts for all processes.
 */
export function createSharedKeys(cache: SharedCache, fetchKeys: FetchKeys, sharing: KeySharing): LoadKeys {
  const { now, refreshMs, maxStaleMs, cooldownMs, timeoutMs } = sharing
  let name: string | undefined

  function suffices({ value, originMs }: SharedEntry<SharedKeys>, { heldSinceMs, reason }: WantedKeys): boolean {
    if (reason === 'unknown') return value.extraMs !== undefined && Math.abs(now() - value.extraMs) < cooldownMs
    const isNewer = heldSinceMs === undefined || originMs > heldSinceMs
    return isNewer && now() - originMs < sharing.freshForMs(value.maxAgeSeconds, refreshMs)
  }

  return async (wanted, signal, leader) => {
    name ??= await sharedName('keys', sharing.fingerprint)
    const parse = async (data: Record<string, unknown>): Promise<SharedKeys> => {
      const usable = await sharing.usableKeys(data['document'], wanted.previous)
      if (usable.keys.length === 0) throw new Fault('the key set holds no usable key')
      return {
        ...usable,
        maxAgeSeconds: optionalNumber(data['maxAgeSeconds']),
        extraMs: optionalNumber(data['extraMs']),
      }
    }
    const reading = {
      parse,
      suffices: (each: SharedEntry<SharedKeys>) => suffices(each, wanted),
      budgetMs: timeoutMs * BUDGET_FRACTION,
    }
    const entry = await cache.read(name, reading, leader)
    if (entry && suffices(entry, wanted)) return toPublished(entry)
    // During an outage of the issuer, stale keys from another process serve as our own would.
    if (entry && now() - entry.originMs < maxStaleMs) wanted.adopt(toPublished(entry))
    signal.throwIfAborted()
    const originMs = now()
    const { document, ...fetched } = await fetchKeys(wanted, signal, leader)
    // Keys that come after the deadline may be outdated: share none of them.
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

function toPublished({ value, originMs }: SharedEntry<SharedKeys>): PublishedKeys & { readonly fetchedMs: number } {
  return { ...value, fetchedMs: originMs }
}

function optionalNumber(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}
