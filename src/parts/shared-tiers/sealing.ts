import { encode } from 'jose/base64url'
import { Fault } from '../../faults.ts'
import { decodeBase64url } from '../../parse/base64url.ts'

/** Encrypts and authenticates the entries of shared caches. */
export interface Sealing {
  /** Returns the text in a form that opens only with the key and under this name. */
  readonly seal: (name: string, text: string) => Promise<string>
  /** @throws {Unsealable} where no configured key sealed it under this name */
  readonly open: (name: string, sealed: string) => Promise<string>
}

/** A key for AES-256-GCM. */
export interface SealingKey {
  readonly id: string
  readonly secret: Uint8Array<ArrayBuffer>
}

/** No configured key sealed this entry of a shared cache. */
export class Unsealable extends Fault {}

const IV_BYTES = 12
const encoder = new TextEncoder()

/**
 * Seals with the first key and opens with all of them, so that keys can be rotated.
 *
 * Initialization vectors are random: NIST SP 800-38D §8.3 allows 2^32 entries for each key. The seal authenticates the name of the
 * entry too: a writer to the cache cannot pass off one entry as another.
 */
export function createSealing(keys: readonly [SealingKey, ...SealingKey[]]): Sealing {
  const [first] = keys
  const imported = new Map<string, CryptoKey>()

  async function importedKey({ id, secret }: SealingKey): Promise<CryptoKey> {
    const cached = imported.get(id)
    if (cached) return cached
    // Cache the key, never the promise: in Workers a promise can die with the request that drives it.
    const key = await crypto.subtle.importKey('raw', secret, 'AES-GCM', false, ['encrypt', 'decrypt'])
    imported.set(id, key)
    return key
  }

  return {
    async seal(name, text) {
      const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES))
      const parameters = { name: 'AES-GCM', iv, additionalData: encoder.encode(name) }
      const sealed = await crypto.subtle.encrypt(parameters, await importedKey(first), encoder.encode(text))
      return [first.id, encode(iv), encode(new Uint8Array(sealed))].join('.')
    },
    async open(name, sealed) {
      const [id, ...parts] = sealed.split('.', 4)
      const key = keys.find((each) => each.id === id)
      if (!key) throw new Unsealable('the entry is not sealed with a configured key')
      const [iv, bytes] = parts.map((part) => decodeBase64url(part))
      if (parts.length !== 2 || iv?.length !== IV_BYTES || !bytes) throw new Unsealable('the entry is not sealed')
      const parameters = { name: 'AES-GCM', iv, additionalData: encoder.encode(name) }
      try {
        return new TextDecoder().decode(await crypto.subtle.decrypt(parameters, await importedKey(key), bytes))
      } catch {
        throw new Unsealable('the seal is broken: the entry was altered or has another name')
      }
    },
  }
}
