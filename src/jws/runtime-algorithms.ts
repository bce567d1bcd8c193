import type { JWK } from 'jose'
import { importJWK } from 'jose/key/import'

// RFC 8032 §7.1, test 1.
const ED25519: JWK = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }

/** A public key of each algorithm that some runtimes lack. Every other one is in all of them. */
const KEYS: ReadonlyMap<string, JWK> = new Map([
  [
    'ES512',
    {
      kty: 'EC',
      crv: 'P-521',
      // Its base point: SEC 2 §2.6.1.
      x: 'AMaFjga3BATpzZ4-y2YjlbRCnGSBOQU_tSH4KK9ga009uqFLXnfv51ko_h3BJ6L_qN4zSLPBhWpCm_l-fjHC5b1m',
      y: 'ARg5KWp4mjvABFyKX7QsfRvZmPVESVebRGgXr70XJz5mLJfucple9CZAxVC5AT-tB2E1PHCGonLCQIi-lHaf0WZQ',
    },
  ],
  ['EdDSA', ED25519],
  ['Ed25519', ED25519],
  ['ML-DSA-44', mlDsa('ML-DSA-44', 1_312)],
  ['ML-DSA-65', mlDsa('ML-DSA-65', 1_952)],
  ['ML-DSA-87', mlDsa('ML-DSA-87', 2_592)],
])

/** Zeros are a key like any other. @see FIPS 204 §7.2, algorithm 23 */
function mlDsa(alg: string, bytes: number): JWK & { readonly pub: string } {
  return { kty: 'AKP', alg, pub: 'A'.repeat(Math.ceil((bytes * 4) / 3)) }
}

// What was found out, never the promise of it: in Workers that ends with its request.
const known = new Map<string, boolean>()

/**
 * Whether this runtime verifies signatures of an algorithm, told by what it does: it imports a fixed key, once, when the first
 * token asks for it. Answers at once where that was done, and for algorithms that every runtime has.
 */
export function isVerifiable(algorithm: string): boolean | Promise<boolean> {
  const key = KEYS.get(algorithm)
  if (!key) return true
  return known.get(algorithm) ?? tryKey(algorithm, key)
}

async function tryKey(algorithm: string, key: JWK): Promise<boolean> {
  try {
    await importJWK(key, algorithm)
    known.set(algorithm, true)
  } catch (fault) {
    // Any other failure may pass, and must not refuse good tokens until the process ends.
    if (!saysUnsupported(fault)) return true
    known.set(algorithm, false)
  }
  return known.get(algorithm) === true
}

/** Whether WebCrypto, or jose before it, says that it knows no such algorithm. */
function saysUnsupported(fault: unknown): boolean {
  const { name, code } = (fault ?? {}) as { readonly name?: unknown; readonly code?: unknown }
  return name === 'NotSupportedError' || code === 'ERR_JOSE_NOT_SUPPORTED'
}
