import { ASYMMETRIC_ALGORITHMS } from '../../jws/algorithms.ts'
import { quote } from '../../errors.ts'
import { MAX_ITEMS } from '../../parse/excerpt.ts'
import { isObject, type JsonObject } from '../../parse/json.ts'
import type { UsableKeys } from '../../parts.ts'
import type { KeySnapshot, VerificationKey } from '../../pipeline.ts'
import { waitTurn } from '../../runtime/turns.ts'
import { createImportedKeys, type ImportedKeys } from '../../jws/imported-keys.ts'
import { candidateKey, importFault, verificationKey } from '../../jws/public-key.ts'

// A flood of look-alikes must not multiply the work of one token.
const MAX_TRIED_KEYS = 4
const ANY_ALGORITHM: ReadonlySet<string> = new Set(ASYMMETRIC_ALGORITHMS)
const MAX_REPORTS = 16
// To import a key takes up to 0.2 ms (P-521 on Node 24). Sets in use are smaller.
const SLICE = 32

/**
 * Picks the keys of a JWK Set that may verify tokens here, and tries each with the runtime. A key that is unusable is
 * passed over and never spoils its neighbours: encryption keys, symmetric and private ones, unknown types, weak RSA, points
 * off the curve. Keys that were there before are kept as they are, so that tokens which they verified stay known.
 *
 * Looks at 300 members at most, and lets the event loop turn after every 32 keys.
 *
 * @param leftOut how many members the document had beyond those at hand
 * @param imports those of the same issuer's keys
 * @throws {TypeError} where the document is no JWK Set
 * @see RFC 7517 §4 and §5, RFC 8725 §3.5
 */
export async function usableKeys(
  document: unknown,
  accepted: ReadonlySet<string>,
  previous: ReadonlyMap<string, VerificationKey>,
  leftOut = 0,
  imports: ImportedKeys = createImportedKeys(),
): Promise<UsableKeys> {
  const members = keysOf(document)
  const keys = new Map<string, VerificationKey>()
  const faults: string[] = []
  for (const [index, jwk] of members.slice(0, MAX_ITEMS).entries()) {
    const candidate = candidateKey(jwk, accepted)
    if ('fault' in candidate) {
      faults.push(`key ${index}: ${candidate.fault}`)
      continue
    }
    const key = previous.get(candidate.identity) ?? verificationKey(candidate, imports)
    keys.set(key.identity, key)
  }
  const candidates = [...keys.values()]
  for (let start = 0; start < candidates.length; start += SLICE) {
    if (start > 0) await waitTurn()
    await Promise.all(
      candidates.slice(start, start + SLICE).map(async (key) => {
        const fault = await importFault(key)
        if (!fault) return
        keys.delete(key.identity)
        faults.push(`key ${quote(key.keyId)}: ${fault}`)
      }),
    )
  }
  const beyond = Math.max(0, members.length - MAX_ITEMS) + leftOut
  return { keys: [...keys.values()], ignored: reportOf(faults, beyond) }
}

/** Whether a set holds at least one key that could be usable; says so without importing any. */
export function hasCandidate(document: unknown, accepted: ReadonlySet<string>): boolean {
  return keysOf(document)
    .slice(0, MAX_ITEMS)
    .some((jwk) => !('fault' in candidateKey(jwk, accepted)))
}

/** A set of the same keys without what is of no use to anybody here, whatever algorithms they accept and their runtime imports. */
export function publicSetOf(document: unknown): JsonObject {
  const keys: JsonObject[] = []
  for (const jwk of keysOf(document).slice(0, MAX_ITEMS)) {
    const candidate = candidateKey(jwk, ANY_ALGORITHM)
    if (!('fault' in candidate)) keys.push(JSON.parse(candidate.identity) as JsonObject)
  }
  return { keys }
}

/** One sentence for each fault, in bounded number: an issuer's junk must not fill its readers' logs. */
function reportOf(faults: readonly string[], beyond: number): readonly string[] {
  const rest = beyond === 0 ? [] : [`${beyond} members beyond the first ${MAX_ITEMS} are not looked at`]
  if (faults.length + rest.length <= MAX_REPORTS) return [...faults, ...rest]
  const told = faults.slice(0, MAX_REPORTS - 1)
  return [...told, [`${faults.length - told.length} more keys are passed over`, ...rest].join(', and ')]
}

/** Makes a set out of usable keys. */
export function snapshotOf(keys: readonly VerificationKey[]): KeySnapshot {
  const members = new Set(keys)
  const byKeyId = Map.groupBy(keys, (key) => key.keyId)
  return {
    size: members.size,
    has: (key) => members.has(key),
    knows: (keyId) => byKeyId.has(keyId),
    select(keyId, algorithm) {
      const named = keyId === undefined ? keys : (byKeyId.get(keyId) ?? [])
      const matching: VerificationKey[] = []
      for (const key of named) {
        if (key.algorithms.includes(algorithm) && matching.push(key) === MAX_TRIED_KEYS) break
      }
      return matching
    },
  }
}

function keysOf(document: unknown): readonly unknown[] {
  const keys = isObject(document) ? document['keys'] : undefined
  if (!Array.isArray(keys)) throw new TypeError('it is no JWK Set: it has no array of keys')
  return keys
}
