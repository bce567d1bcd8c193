export type { CacheTier, TierExpiry } from '../stores/cache-tier.ts'
export {
  cacheApiTier,
  kvTier,
  type CacheApiTierOptions,
  type CacheLike,
  type KvNamespaceLike,
  type KvTierOptions,
} from '../stores/cloudflare.ts'
