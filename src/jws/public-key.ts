import { isObject } from '../parse/json.ts'
import type { VerificationKey } from '../pipeline.ts'
import { algorithmsForKey } from './algorithms.ts'
import type { ImportedKeys, ImportsOfKey } from './imported-keys.ts'
import { isSoundExponent, isSoundModulus, isSoundPoint } from './weak-keys.ts'

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']
/** The members with the key itself, by its type. */
const MATERIAL: Readonly<Record<string, readonly string[]>> = {
  RSA: ['n', 'e'],
  EC: ['crv', 'x', 'y'],
  OKP: ['crv', 'x'],
  AKP: ['pub'],
}
const PUBLIC_MEMBERS: readonly string[] = ['kty', 'alg', 'kid', ...new Set(Object.values(MATERIAL).flat())]
const MAX_KEY_ID_LENGTH = 1_024

/** A key that may turn out to be usable. */
export type Candidate = Pick<VerificationKey, 'identity' | 'keyId' | 'algorithms'>

/**
 * Returns what a JWK holds for the verification of signatures, or why it is unusable. Keeps only public members of known types with
 * sound values. Does not import the key.
 *
 * @param accepted JWS algorithms
 * @see RFC 7517 §4, RFC 8725 §3.5
 */
export function candidateKey(value: unknown, accepted: ReadonlySet<string>): Candidate | string {
  if (!isObject(value)) return 'it is no object'
  const { kty, use, key_ops: operations, alg, kid, crv } = value
  if (use !== undefined && use !== 'sig') return 'its use is not "sig"'
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    return 'its key_ops lack "verify"'
  }
  if (kty === 'oct') return 'it is symmetric'
  if (PRIVATE_MEMBERS.some((name) => name in value)) return 'it is private: its readers can sign with it'
  if (kid !== undefined && typeof kid !== 'string') return 'its kid is not a string'
  if (kid !== undefined && kid.length > MAX_KEY_ID_LENGTH) {
    return `its kid is longer than ${MAX_KEY_ID_LENGTH} characters`
  }
  const able = algorithmsForKey(kty, crv).filter((name) => alg === undefined || name === alg)
  if (able.length === 0) return 'its type, curve and algorithm are not supported'
  const algorithms = able.filter((name) => accepted.has(name))
  if (algorithms.length === 0) return 'its algorithms are not accepted'
  if (PUBLIC_MEMBERS.some((name) => value[name] !== undefined && typeof value[name] !== 'string')) {
    return 'one of its members is not a string'
  }
  if (kty === 'AKP' && alg === undefined) return 'it has no alg'
  if (kty === 'RSA' && !isSoundModulus(value['n'])) return 'its modulus is missing or has more than 8192 bits'
  if (kty === 'RSA' && !isSoundExponent(value['e'])) return 'its exponent is not odd, at least 3 and below 2^32'
  if (crv === 'Ed25519' && !isSoundPoint(value['x'])) return 'its point is invalid or of small order'
  return { identity: JSON.stringify(publicPart(value)), keyId: kid, algorithms }
}

function publicPart(jwk: Record<string, unknown>): Record<string, unknown> {
  const kept = ['kty', 'alg', 'kid', ...(MATERIAL[String(jwk['kty'])] ?? [])].filter((name) => name in jwk)
  return Object.fromEntries(kept.map((name) => [name, jwk[name]]))
}

/** Makes a key of a candidate. Its first use imports it. */
export function verificationKey({ identity, keyId, algorithms }: Candidate, imports: ImportedKeys): VerificationKey {
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
