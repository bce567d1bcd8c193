import type { MetadataSharing, SharedMetadata } from '../../parts.ts'
import type { JsonObject } from '../../parse/json.ts'
import { type SharedCache, sharedName, BUDGET_FRACTION } from './shared-cache.ts'

/** Reads and writes one issuer's metadata in the shared tiers. */
export function createSharedMetadata<T extends JsonObject>(
  cache: SharedCache,
  { fingerprint, timeoutMs, parse, suffices }: MetadataSharing<T>,
): SharedMetadata<T> {
  let name: string | undefined
  return {
    async read(context) {
      name ??= await sharedName('metadata', fingerprint)
      return cache.read(name, { parse, suffices, budgetMs: timeoutMs * BUDGET_FRACTION }, context)
    },
    write(value, writing, context) {
      if (name !== undefined) cache.write(name, value, writing, context)
    },
  }
}
