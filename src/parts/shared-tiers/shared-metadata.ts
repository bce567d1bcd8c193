import type { LoadMetadata, MetadataSharing } from '../../parts.ts'
import { BUDGET_FRACTION, type SharedCache, sharedName } from './shared-cache.ts'

/** Loads one issuer's metadata through the shared tiers. */
export function createSharedMetadata(
  cache: SharedCache,
  fetchMetadata: LoadMetadata,
  { fingerprint, freshMs, maxStaleMs, timeoutMs, now, parse }: MetadataSharing,
): LoadMetadata {
  let name: string | undefined
  return async (wanted, signal, leader) => {
    const isNewer = ({ originMs }: { readonly originMs: number }, maxAgeMs: number) =>
      originMs > (wanted.heldSinceMs ?? Number.NEGATIVE_INFINITY) && now() - originMs < maxAgeMs
    name ??= await sharedName('metadata', fingerprint)
    const reading = {
      parse,
      suffices: (entry: { readonly originMs: number }) => isNewer(entry, freshMs),
      budgetMs: timeoutMs * BUDGET_FRACTION,
    }
    const entry = await cache.read(name, reading, leader)
    const shared = entry && { ...entry.value, fetchedMs: entry.originMs }
    if (shared && isNewer(entry, freshMs)) return shared
    // During an outage of the issuer, stale metadata from another process serves as our own would.
    if (shared && isNewer(entry, maxStaleMs)) wanted.adopt(shared)
    signal.throwIfAborted()
    const originMs = now()
    const { url, document } = await fetchMetadata(wanted, signal, leader)
    // Metadata that comes after the deadline may be outdated: do not share it.
    if (!signal.aborted) cache.write(name, { url, document }, { originMs, lifeMs: maxStaleMs }, leader)
    return { url, document }
  }
}
