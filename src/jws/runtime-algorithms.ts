import type { JWK } from 'jose'
import { importJWK } from 'jose/key/import'

/** The Ed25519 base point. @see RFC 8032 §5.1 */
const ED25519: JWK = { kty: 'OKP', crv: 'Ed25519', x: `WGZm${'ZmZm'.repeat(9)}ZmY` }

/** A point of P-521 with the x coordinate 0. */
const P521: JWK = {
  kty: 'EC',
  crv: 'P-521',
  x: 'A'.repeat(88),
  y: 'AS3xNgFZSog-8tk15Eu5C_TWYZt05Sr3VS-XdpARwHGetDnPqyqI1A_lmivtH0NVcWmi0KLM0oDGB7krv1H_4LB4',
}

/** A public key for each algorithm that some runtimes lack. Every runtime has the others. */
const KEYS: ReadonlyMap<string, JWK> = new Map([
  ['ES512', P521],
  ['EdDSA', ED25519],
  ['Ed25519', ED25519],
  ['ML-DSA-44', mlDsa('ML-DSA-44', 1_312)],
  ['ML-DSA-65', mlDsa('ML-DSA-65', 1_952)],
  ['ML-DSA-87', mlDsa('ML-DSA-87', 2_592)],
])

/** A key of zeros is valid. @see FIPS 204 §7.2, algorithm 23 */
function mlDsa(alg: string, bytes: number): JWK & { readonly pub: string } {
  return { kty: 'AKP', alg, pub: 'A'.repeat(Math.ceil((bytes * 4) / 3)) }
}

// Results, never promises: in Workers a promise ends with its request.
const known = new Map<string, boolean>()

/**
 * Whether this runtime can verify signatures of an algorithm. It imports a fixed key when the first token needs the algorithm. Later
 * calls return at once, and so do all calls for algorithms that every runtime has.
 */
export function isVerifiable(algorithm: string): boolean | Promise<boolean> {
  const key = KEYS.get(algorithm)
  if (!key) return true
  return known.get(algorithm) ?? tryKey(algorithm, key)
}

async function tryKey(algorithm: string, key: JWK): Promise<boolean> {
  try {
    await importJWK(key, algorithm)
  } catch (fault) {
    // Any other failure may pass. It must not refuse good tokens until the process ends.
    if (!saysUnsupported(fault)) return true
    known.set(algorithm, false)
    return false
  }
  known.set(algorithm, true)
  return true
}

/** Whether WebCrypto, or jose before it, does not support the algorithm. */
function saysUnsupported(fault: unknown): boolean {
  const { name, code } = (fault ?? {}) as { readonly name?: unknown; readonly code?: unknown }
  return name === 'NotSupportedError' || code === 'ERR_JOSE_NOT_SUPPORTED'
}
