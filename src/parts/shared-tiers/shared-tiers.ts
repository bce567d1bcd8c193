import type { SharedTiers } from '../../parts.ts'
import type { CacheTier } from '../../stores/cache-tier.ts'
import { parseTiers } from './options.ts'
import { createSharedAnswers } from './shared-answers.ts'
import { createSharedCache } from './shared-cache.ts'
import { createSharedKeys } from './shared-keys.ts'
import { createSharedMetadata } from './shared-metadata.ts'

/** How `sharedTiers` protects what it shares. */
export interface SharedTiersOptions {
  /**
   * Keys that encrypt and authenticate whatever the tiers hold: the first seals, all of them open. Answers about tokens are
   * shared with such a key alone; without one, whoever can write to a tier can put keys of their own there.
   */
  readonly encryption?: readonly TierEncryptionKey[] | undefined
}

/** A key for AES-256-GCM. */
export interface TierEncryptionKey {
  /** Stands with every entry that the key sealed: up to 64 letters, digits, `-` and `_`. */
  readonly id: string
  /** 32 random bytes, or these in base64 as `openssl rand -base64 32` prints them. */
  readonly secret: string | Uint8Array
}

// Part of the fresh time over which processes that got their keys from each other spread their refreshes.
const SPREAD = 0.15

/**
 * Makes the part that shares keys, metadata and answers with other processes, for the option `tiers`. The tiers are read in this
 * order, the nearest first; they are written behind the caller's back, and passed over where they fail. The server that the
 * part is given to checks the options.
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
            maxWaitMs: cache.patienceMs,
            spread: cache.holds('keys') ? SPREAD : undefined,
            shareKeys: (fetchKeys, sharing) =>
              cache.holds('keys') ? createSharedKeys(cache, fetchKeys, sharing) : fetchKeys,
            shareMetadata: (sharing) => (cache.holds('metadata') ? createSharedMetadata(cache, sharing) : undefined),
            answers: cache.holds('answer') ? createSharedAnswers(cache, { now }) : undefined,
          }
        },
      }
    },
  }
}
