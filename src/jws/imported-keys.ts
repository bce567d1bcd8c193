import type { JWK } from 'jose'
import { importJWK } from 'jose/key/import'

/** One key as WebCrypto imported it, by algorithm. */
export type ImportsOfKey = Map<string, CryptoKey>

/** The imported keys of one issuer, bounded in number. */
export interface ImportedKeys {
  /** Imports a public key and caches it. @throws {TypeError} for RSA below 2048 bits, and where the runtime cannot import it */
  readonly importKey: (identity: string, algorithm: string, into: ImportsOfKey) => Promise<CryptoKey>
}

const MIN_RSA_BITS = 2048
// More than issuers use. An imported key takes 3 to 15 KB, and an RSA key without `alg` is imported for up to six algorithms.
const MAX_IMPORTED = 100

/** Caches the latest imports. An evicted key is imported again when a token needs it, in 0.1 ms. */
export function createImportedKeys(): ImportedKeys {
  const kept: { readonly into: ImportsOfKey; readonly algorithm: string }[] = []
  return {
    async importKey(identity, algorithm, into) {
      const key = (await importJWK(JSON.parse(identity) as JWK, algorithm)) as CryptoKey
      const { modulusLength } = key.algorithm as Partial<RsaKeyAlgorithm>
      if (modulusLength !== undefined && modulusLength < MIN_RSA_BITS) {
        throw new TypeError(`it has ${modulusLength} bits, fewer than ${MIN_RSA_BITS}`)
      }
      const oldest = kept.length === MAX_IMPORTED ? kept.shift() : undefined
      oldest?.into.delete(oldest.algorithm)
      // Caches the key, never its promise: in Workers a promise can end with its request.
      into.set(algorithm, key)
      kept.push({ into, algorithm })
      return key
    },
  }
}
