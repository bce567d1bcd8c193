export {
  cacheTierContract,
  type CacheTierCheck,
  type CacheTierContractOptions,
} from '../testing/cache-tier-contract.ts'
export type { CacheTier, TierExpiry } from '../stores/cache-tier.ts'
