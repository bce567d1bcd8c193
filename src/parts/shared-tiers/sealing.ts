import { encode } from 'jose/base64url'
import { decodeBase64url } from '../../parse/base64url.ts'

/** Encrypts what leaves for a shared cache, and authenticates what comes back. */
export interface Sealing {
  /** The text, readable to holders of the key alone and under this name alone. */
  readonly seal: (name: string, text: string) => Promise<string>
  /** @throws {Unsealable} where no key at hand sealed it, or under another name */
  readonly open: (name: string, sealed: string) => Promise<string>
}

/** A key of AES-256-GCM. */
export interface SealingKey {
  readonly id: string
  readonly secret: Uint8Array<ArrayBuffer>
}

/** What came out of a shared cache was not sealed with a key at hand. */
export class Unsealable extends Error {}

const IV_BYTES = 12
const encoder = new TextEncoder()

/**
 * Seals with the first key and opens with all of them, so that keys can be rotated.
 *
 * An initialization vector is random, which NIST SP 800-38D §8.3 allows for 2^32 entries a key. The name of an entry is
 * authenticated with it: nobody who can write to the cache can pass off one entry as another.
 */
export function createSealing(keys: readonly [SealingKey, ...SealingKey[]]): Sealing {
  const [first] = keys
  const imported = new Map<string, CryptoKey>()

  async function keyOf({ id, secret }: SealingKey): Promise<CryptoKey> {
    const known = imported.get(id)
    if (known) return known
    // The finished key is kept, never the promise: in Workers it can die with the request that drives it.
    const key = await crypto.subtle.importKey('raw', secret, 'AES-GCM', false, ['encrypt', 'decrypt'])
    imported.set(id, key)
    return key
  }

  return {
    async seal(name, text) {
      const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES))
      const parameters = { name: 'AES-GCM', iv, additionalData: encoder.encode(name) }
      const sealed = await crypto.subtle.encrypt(parameters, await keyOf(first), encoder.encode(text))
      return [first.id, encode(iv), encode(new Uint8Array(sealed))].join('.')
    },
    async open(name, sealed) {
      const [id, ...parts] = sealed.split('.', 4)
      const key = keys.find((each) => each.id === id)
      if (!key) throw new Unsealable('it is not sealed with a key at hand')
      const [iv, bytes] = parts.map((part) => decodeBase64url(part))
      if (parts.length !== 2 || iv?.length !== IV_BYTES || !bytes) throw new Unsealable('it is not sealed')
      const parameters = { name: 'AES-GCM', iv, additionalData: encoder.encode(name) }
      try {
        return new TextDecoder().decode(await crypto.subtle.decrypt(parameters, await keyOf(key), bytes))
      } catch {
        throw new Unsealable('its seal is broken, or it was sealed under another name')
      }
    },
  }
}
