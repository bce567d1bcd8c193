import type { JWK } from 'jose'
import { algorithmsForKey, ASYMMETRIC_ALGORITHMS } from '../../jws/algorithms.ts'
import { quote } from '../../errors.ts'
import { describeFault } from '../../faults.ts'
import { MAX_ITEMS } from '../../parse/excerpt.ts'
import { isObject, type JsonObject } from '../../parse/json.ts'
import type { UsableKeys } from '../../parts.ts'
import type { KeySnapshot, VerificationKey } from '../../pipeline.ts'
import { waitTurn } from '../../runtime/turns.ts'
import { createImportedKeys, type ImportedKeys, type ImportsOfKey } from '../../jws/imported-keys.ts'
import { isSoundExponent, isSoundModulus, isSoundPoint } from '../../jws/weak-keys.ts'

// A flood of look-alikes must not multiply the work of one token.
const MAX_TRIED_KEYS = 4
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']
const PUBLIC_MEMBERS = ['kty', 'crv', 'n', 'e', 'x', 'y', 'pub', 'alg', 'kid'] as const
/** What is kept of a key beside its type, algorithm and name. */
const MATERIAL: Readonly<Record<string, readonly string[]>> = {
  RSA: ['n', 'e'],
  EC: ['crv', 'x', 'y'],
  OKP: ['crv', 'x'],
  AKP: ['pub'],
}
const SHARED_MEMBERS: ReadonlySet<string> = new Set(['kty', 'alg', 'kid'])
const ANY_ALGORITHM: ReadonlySet<string> = new Set(ASYMMETRIC_ALGORITHMS)
const MAX_KEY_ID_LENGTH = 1_024
const MAX_REPORTS = 16
// To import a key takes up to 0.2 ms (P-521 on Node 24). Sets in use are smaller.
const SLICE = 32

type PublicJwk = JWK & { readonly pub?: string }

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

/** A key that may turn out to be usable. */
type Candidate = Pick<VerificationKey, 'identity' | 'keyId' | 'algorithms'>

function candidateKey(value: unknown, accepted: ReadonlySet<string>): Candidate | { fault: string } {
  if (!isObject(value)) return { fault: 'it is no object' }
  const { kty, use, key_ops: operations, alg, kid, crv } = value
  if (use !== undefined && use !== 'sig') return { fault: 'its use is not "sig"' }
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    return { fault: 'its key_ops lack "verify"' }
  }
  if (kty === 'oct') return { fault: 'it is symmetric' }
  if (PRIVATE_MEMBERS.some((name) => name in value)) return { fault: 'it is private: whoever can read it can sign' }
  if (kid !== undefined && typeof kid !== 'string') return { fault: 'its kid is not a string' }
  if (kid !== undefined && kid.length > MAX_KEY_ID_LENGTH) {
    return { fault: `its kid is longer than ${MAX_KEY_ID_LENGTH} characters` }
  }
  const able = algorithmsForKey(kty, crv).filter((name) => alg === undefined || name === alg)
  const algorithms = able.filter((name) => accepted.has(name))
  if (able.length === 0) return { fault: 'its type, curve and algorithm are none that is verified here' }
  if (algorithms.length === 0) return { fault: 'no algorithm that it can verify is accepted' }
  if (PUBLIC_MEMBERS.some((name) => value[name] !== undefined && typeof value[name] !== 'string')) {
    return { fault: 'one of its members is not a string' }
  }
  if (kty === 'AKP' && alg === undefined) return { fault: 'its type demands an algorithm' }
  if (kty === 'RSA' && !isSoundModulus(value['n'])) {
    return { fault: 'its modulus is missing or has more than 8192 bits' }
  }
  if (kty === 'RSA' && !isSoundExponent(value['e'])) {
    return { fault: 'its exponent is none that is odd, at least 3 and below 2^32' }
  }
  if (crv === 'Ed25519' && !isSoundPoint(value['x'])) return { fault: 'its point is of small order, or none' }
  return { identity: JSON.stringify(publicPart(value)), keyId: kid, algorithms }
}

function publicPart(jwk: Record<string, unknown>): PublicJwk {
  const material = MATERIAL[String(jwk['kty'])] ?? []
  const kept = PUBLIC_MEMBERS.filter((name) => name in jwk && (SHARED_MEMBERS.has(name) || material.includes(name)))
  const members: PublicJwk = Object.fromEntries(kept.map((name) => [name, jwk[name]]))
  return members
}

function verificationKey({ identity, keyId, algorithms }: Candidate, imports: ImportedKeys): VerificationKey {
  const imported: ImportsOfKey = new Map()
  return {
    identity,
    keyId,
    algorithms,
    cryptoKey(algorithm) {
      return imported.get(algorithm) ?? imports.importKey(identity, algorithm, imported)
    },
  }
}

async function importFault(key: VerificationKey): Promise<string | undefined> {
  try {
    await key.cryptoKey(key.algorithms[0] as string)
    return undefined
  } catch (cause) {
    return `this runtime cannot use it: ${describeFault(cause)}`
  }
}
