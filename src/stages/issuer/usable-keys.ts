import { ASYMMETRIC_ALGORITHMS } from '../../jws/algorithms.ts'
import { quote } from '../../errors.ts'
import { MAX_ITEMS } from '../../parse/excerpt.ts'
import { isObject, type JsonObject } from '../../parse/json.ts'
import type { UsableKeys } from '../../parts.ts'
import type { KeySnapshot, VerificationKey } from '../../pipeline.ts'
import { waitTurn } from '../../runtime/turns.ts'
import { createImportedKeys, type ImportedKeys } from '../../jws/imported-keys.ts'
import { describeFault } from '../../faults.ts'
import { candidateKey, verificationKey } from '../../jws/public-key.ts'

// Many keys of one name must not multiply the work for one token.
const MAX_TRIED_KEYS = 4
const ANY_ALGORITHM: ReadonlySet<string> = new Set(ASYMMETRIC_ALGORITHMS)
const MAX_REPORTS = 16
// The import of a key takes up to 0.2 ms (P-521 on Node 24). Real sets are smaller.
const SLICE = 32

/**
 * Picks the keys of a JWK Set that can verify tokens here, and imports each with the runtime. It ignores an unusable key and keeps
 * the others: encryption keys, symmetric and private ones, unknown types, weak RSA, points off the curve. Keys in `previous` stay
 * the same objects, so that tokens which they verified stay cached.
 *
 * Reads 300 members at most, and lets the event loop turn after every 32 keys.
 *
 * @param leftOut how many further members the document had
 * @param imports the imported keys of the same issuer
 * @throws {TypeError} where the document is not a JWK Set
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
    if (typeof candidate === 'string') faults.push(`key ${index}: ${candidate}`)
    else keys.set(candidate.identity, previous.get(candidate.identity) ?? verificationKey(candidate, imports))
  }
  const candidates = [...keys.values()]
  for (let start = 0; start < candidates.length; start += SLICE) {
    if (start > 0) await waitTurn()
    await Promise.all(
      candidates.slice(start, start + SLICE).map(async (key) => {
        try {
          await key.cryptoKey(key.algorithms[0] as string)
        } catch (fault) {
          keys.delete(key.identity)
          faults.push(`key ${quote(key.keyId)}: this runtime cannot use it: ${describeFault(fault)}`)
        }
      }),
    )
  }
  const beyond = Math.max(0, members.length - MAX_ITEMS) + leftOut
  return { keys: [...keys.values()], ignored: reportOf(faults, beyond) }
}

/** Whether a set has at least one key that may be usable. Imports none. */
export function hasCandidate(document: unknown, accepted: ReadonlySet<string>): boolean {
  return publicKeysOf(document, accepted).length > 0
}

/** Copies a set without keys and members that no process needs, whatever algorithms it accepts and its runtime supports. */
export function publicSetOf(document: unknown): JsonObject {
  return { keys: publicKeysOf(document, ANY_ALGORITHM) }
}

function publicKeysOf(document: unknown, accepted: ReadonlySet<string>): readonly JsonObject[] {
  const candidates = keysOf(document)
    .slice(0, MAX_ITEMS)
    .map((jwk) => candidateKey(jwk, accepted))
  return candidates.flatMap((each) => (typeof each === 'string' ? [] : [JSON.parse(each.identity) as JsonObject]))
}

/** Reports one sentence for each fault, in bounded number: an issuer must not fill its readers' logs. */
function reportOf(faults: readonly string[], beyond: number): readonly string[] {
  const rest = beyond === 0 ? [] : [`${beyond} members beyond the first ${MAX_ITEMS} are not read`]
  if (faults.length + rest.length <= MAX_REPORTS) return [...faults, ...rest]
  const reported = faults.slice(0, MAX_REPORTS - 1)
  return [...reported, [`${faults.length - reported.length} more keys are passed over`, ...rest].join(', and ')]
}

/** Makes a set of usable keys. */
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
