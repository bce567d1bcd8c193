import type { JWK } from 'jose'
import { importJWK } from 'jose/key/import'
import { algorithmsForKey } from '../algorithms.ts'
import { quote } from '../errors.ts'
import { describeFault } from '../faults.ts'
import { isObject } from '../parse/json.ts'
import type { KeySnapshot, VerificationKey } from '../pipeline.ts'
import { isSoundExponent, isSoundLength, isSoundPoint } from './weak-keys.ts'

const MIN_RSA_BITS = 2048
// A flood of look-alikes must not multiply the work of one token.
const MAX_TRIED_KEYS = 4
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']
const PUBLIC_MEMBERS = ['kty', 'crv', 'n', 'e', 'x', 'y', 'pub', 'alg', 'kid'] as const

type PublicJwk = JWK & { readonly pub?: string }

export interface UsableKeys {
  readonly keys: readonly VerificationKey[]
  /** Why the others were passed over, one sentence each. */
  readonly ignored: readonly string[]
}

/**
 * Picks the keys of a JWK Set that may verify tokens here, and tries each with the runtime. A key that is unusable is
 * passed over and never spoils its neighbours: encryption keys, symmetric and private ones, unknown types, weak RSA, points
 * off the curve. Keys that were there before are kept as they are, so that tokens which they verified stay known.
 *
 * @throws {TypeError} where the document is no JWK Set
 * @see RFC 7517 §4 and §5, RFC 8725 §3.5
 */
export async function usableKeys(
  document: unknown,
  accepted: ReadonlySet<string>,
  previous: ReadonlyMap<string, VerificationKey>,
): Promise<UsableKeys> {
  const keys = new Map<string, VerificationKey>()
  const ignored: string[] = []
  for (const [index, jwk] of keysOf(document).entries()) {
    const candidate = candidateKey(jwk, accepted)
    if ('fault' in candidate) ignored.push(`key ${index}: ${candidate.fault}`)
    else keys.set(candidate.identity, previous.get(candidate.identity) ?? candidate)
  }
  await Promise.all(
    [...keys.values()].map(async (key) => {
      const fault = await importFault(key)
      if (!fault) return
      keys.delete(key.identity)
      ignored.push(`key ${quote(key.keyId)}: ${fault}`)
    }),
  )
  return { keys: [...keys.values()], ignored }
}

/** Whether a set holds at least one key that could be usable; says so without importing any. */
export function hasCandidate(document: unknown, accepted: ReadonlySet<string>): boolean {
  return keysOf(document).some((jwk) => !('fault' in candidateKey(jwk, accepted)))
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

function candidateKey(value: unknown, accepted: ReadonlySet<string>): VerificationKey | { fault: string } {
  if (!isObject(value)) return { fault: 'it is no object' }
  const { kty, use, key_ops: operations, alg, kid, crv } = value
  if (use !== undefined && use !== 'sig') return { fault: 'its use is not "sig"' }
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    return { fault: 'its key_ops lack "verify"' }
  }
  if (kty === 'oct') return { fault: 'it is symmetric' }
  if (PRIVATE_MEMBERS.some((name) => name in value)) return { fault: 'it is private: whoever can read it can sign' }
  if (kid !== undefined && typeof kid !== 'string') return { fault: 'its kid is not a string' }
  const able = algorithmsForKey(kty, crv).filter((name) => alg === undefined || name === alg)
  const algorithms = able.filter((name) => accepted.has(name))
  if (able.length === 0) return { fault: 'its type, curve and algorithm are none that is verified here' }
  if (algorithms.length === 0) return { fault: 'no algorithm that it can verify is accepted' }
  if (PUBLIC_MEMBERS.some((name) => value[name] !== undefined && typeof value[name] !== 'string')) {
    return { fault: 'one of its members is not a string' }
  }
  if (kty === 'AKP' && alg === undefined) return { fault: 'its type demands an algorithm' }
  if (kty === 'RSA' && !(isSoundLength(value['n']) && isSoundLength(value['e']))) {
    return { fault: 'its modulus or exponent is missing or has more than 16384 bits' }
  }
  if (kty === 'RSA' && !isSoundExponent(value['e'])) return { fault: 'its exponent is not odd and greater than one' }
  if (crv === 'Ed25519' && !isSoundPoint(value['x'])) return { fault: 'its point is of small order, or none' }
  return verificationKey(publicPart(value), algorithms)
}

function publicPart(jwk: Record<string, unknown>): PublicJwk {
  const members: PublicJwk = Object.fromEntries(
    PUBLIC_MEMBERS.filter((name) => name in jwk).map((name) => [name, jwk[name]]),
  )
  return members
}

function verificationKey(jwk: PublicJwk, algorithms: readonly string[]): VerificationKey {
  const imported = new Map<string, CryptoKey>()
  return {
    identity: JSON.stringify(jwk),
    keyId: jwk.kid,
    algorithms,
    cryptoKey(algorithm) {
      return imported.get(algorithm) ?? importKey(jwk, algorithm, imported)
    },
  }
}

// The finished key is kept, never the promise: in Workers a promise can die with the request that drives it.
async function importKey(jwk: PublicJwk, algorithm: string, imported: Map<string, CryptoKey>): Promise<CryptoKey> {
  const key = (await importJWK(jwk, algorithm)) as CryptoKey
  const { modulusLength } = key.algorithm as Partial<RsaKeyAlgorithm>
  if (modulusLength !== undefined && modulusLength < MIN_RSA_BITS) {
    throw new TypeError(`it has ${modulusLength} bits, fewer than ${MIN_RSA_BITS}`)
  }
  imported.set(algorithm, key)
  return key
}

async function importFault(key: VerificationKey): Promise<string | undefined> {
  try {
    await key.cryptoKey(key.algorithms[0] as string)
    return undefined
  } catch (cause) {
    return `this runtime cannot use it: ${describeFault(cause)}`
  }
}
