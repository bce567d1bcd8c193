export { cacheTierContract, type CacheTierCheck } from './cache-tier-contract.ts'
export type { CacheTier, TierExpiry } from '../stores/cache-tier.ts'
