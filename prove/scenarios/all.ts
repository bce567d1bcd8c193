import type { Scenario } from '../scene.ts'
import { abortedCaller, concurrentFirst, requestsToIssuer } from './first-requests.ts'
import { unknownKids } from './flood.ts'
import { pastExpiry, revokedToken, sharedQuestion } from './introspection.ts'
import { hostileWords } from './leaks.ts'
import { keysAtHand, nothingCached } from './outage.ts'
import { newKey, newKeyInFlood, withdrawnKey } from './rotation.ts'
import { startDuringOutage, brokenTier, flappingTier, plantedKeys, sharedAnswers, warmTier } from './tiers.ts'

/** Scenarios for Node only: one request of a Worker may not have 10,000 timers at once. */
export const nodeScenarios: readonly Scenario[] = [concurrentFirst]

/** Scenarios for Node and workerd, by the same code. */
export const scenarios: readonly Scenario[] = [
  keysAtHand,
  nothingCached,
  unknownKids,
  newKey,
  newKeyInFlood,
  withdrawnKey,
  sharedQuestion,
  revokedToken,
  pastExpiry,
  requestsToIssuer,
  abortedCaller,
  warmTier,
  startDuringOutage,
  brokenTier,
  flappingTier,
  plantedKeys,
  sharedAnswers,
  hostileWords,
]
