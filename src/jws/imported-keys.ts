import type { JWK } from 'jose'
import { importJWK } from 'jose/key/import'

/** A key as WebCrypto takes it, by algorithm. */
export type ImportsOfKey = Map<string, CryptoKey>

/** The imported keys of one issuer, in bounded number. */
export interface ImportedKeys {
  /** Imports a public key and keeps it. @throws {TypeError} for RSA below 2048 bits, and where the runtime cannot import it */
  readonly importKey: (identity: string, algorithm: string, into: ImportsOfKey) => Promise<CryptoKey>
}

const MIN_RSA_BITS = 2048
// More than issuers have in use. An imported key takes 3 to 15 KB, and an RSA key without `alg` has six of them.
const MAX_IMPORTED = 100

/** Keeps the latest imports. What went is imported anew when it is used, in 0.1 ms. */
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
      // The finished key is kept, never the promise: in Workers a promise can die with the request that drives it.
      into.set(algorithm, key)
      kept.push({ into, algorithm })
      return key
    },
  }
}
