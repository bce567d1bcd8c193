import type { JWK } from 'jose'
import { describeFault } from '../faults.ts'
import { isObject } from '../parse/json.ts'
import type { VerificationKey } from '../pipeline.ts'
import { algorithmsForKey } from './algorithms.ts'
import type { ImportedKeys, ImportsOfKey } from './imported-keys.ts'
import { isSoundExponent, isSoundModulus, isSoundPoint } from './weak-keys.ts'

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
const MAX_KEY_ID_LENGTH = 1_024

type PublicJwk = JWK & { readonly pub?: string }

/** A key that may turn out to be usable. */
export type Candidate = Pick<VerificationKey, 'identity' | 'keyId' | 'algorithms'>

/**
 * Reads a JWK that may verify signatures, or says why it may not: only public members of a known type with sound values are kept.
 * Does not import it.
 *
 * @param accepted JWS algorithms
 * @see RFC 7517 §4, RFC 8725 §3.5
 */
export function candidateKey(value: unknown, accepted: ReadonlySet<string>): Candidate | { fault: string } {
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

/** Makes a key of a candidate, imported when it is first used. */
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

/** Imports a key, and says why that fails. */
export async function importFault(key: VerificationKey): Promise<string | undefined> {
  try {
    await key.cryptoKey(key.algorithms[0] as string)
    return undefined
  } catch (cause) {
    return `this runtime cannot use it: ${describeFault(cause)}`
  }
}
