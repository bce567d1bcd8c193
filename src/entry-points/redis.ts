export type { CacheTier, TierExpiry } from '../stores/cache-tier.ts'
export {
  redisTier,
  type RedisClient,
  type RedisExpiryOfIoredis,
  type RedisExpiryOfNodeRedis,
  type RedisReads,
  type RedisTierOptions,
} from '../stores/redis.ts'
