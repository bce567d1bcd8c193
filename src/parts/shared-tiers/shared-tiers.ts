import type { SharedTiers } from '../../parts.ts'
import type { CacheTier } from '../../stores/cache-tier.ts'
import { parseTiers } from './options.ts'
import { createSharedAnswers } from './shared-answers.ts'
import { createSharedCache } from './shared-cache.ts'
import { createSharedKeys } from './shared-keys.ts'
import { createSharedMetadata } from './shared-metadata.ts'

/** Options of `sharedTiers`. */
export interface SharedTiersOptions {
  /**
   * Keys that encrypt and authenticate every entry: the first seals, all of them open. Without one, answers about tokens are not
   * shared, and any writer to a tier can plant keys of their own. Default: none.
   */
  readonly encryption?: readonly TierEncryptionKey[] | undefined
}

/** A key for AES-256-GCM. */
export interface TierEncryptionKey {
  /** Marks every entry that the key sealed. Up to 64 letters, digits, `-` and `_`. */
  readonly id: string
  /** 32 random bytes, or these in base64 as `openssl rand -base64 32` prints them. */
  readonly secret: string | Uint8Array
}

// Processes that share keys spread their refreshes over this fraction of the time for which keys are fresh.
const SPREAD = 0.15

/**
 * Makes the value of the option `tiers`: shares keys, metadata and answers with other processes. Reads the tiers in this order,
 * so put the nearest first. Writes in the background, and skips a tier that fails. `createResourceServer` checks the options.
 *
 * @example
 * tiers: sharedTiers([cacheApiTier(), kvTier(env.CACHE)], { encryption: [{ id, secret }] })
 */
export function sharedTiers(tiers: readonly CacheTier[], options: SharedTiersOptions = {}): SharedTiers {
  return {
    kind: 'tiers',
    check(option) {
      const settings = parseTiers(tiers, options, option)
      return {
        start({ now, emit }) {
          const cache = createSharedCache({ tiers: settings, now, emit })
          return {
            maxWaitMs: cache.maxWaitMs,
            spread: cache.holds('keys') ? SPREAD : undefined,
            shareKeys: (fetchKeys, sharing) =>
              cache.holds('keys') ? createSharedKeys(cache, fetchKeys, sharing) : fetchKeys,
            shareMetadata: (fetchMetadata, sharing) =>
              cache.holds('metadata') ? createSharedMetadata(cache, fetchMetadata, sharing) : fetchMetadata,
            answers: cache.holds('answer') ? createSharedAnswers(cache, { now }) : undefined,
          }
        },
      }
    },
  }
}
