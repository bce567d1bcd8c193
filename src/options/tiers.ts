import type { SealingKey } from '../tiers/sealing.ts'
import { isObject } from '../parse/json.ts'
import { decodeBase64url } from '../parse/base64url.ts'
import type { CacheTier } from '../stores/cache-tier.ts'
import {
  arrayOf,
  boolean,
  type Check,
  headerText,
  integerBetween,
  misconfigured,
  objectOf,
  optional,
  show,
} from './checks.ts'

/** The shared tiers and what seals their entries. */
export interface TierSettings {
  readonly list: readonly CacheTier[]
  readonly keys: readonly [SealingKey, ...SealingKey[]] | undefined
}

const KEY_BYTES = 32

/** @throws {BearwardError} configuration_invalid */
export function parseTiers(tiers: unknown, encryption: unknown): TierSettings {
  const list = optional(arrayOf(cacheTier, 'an array of at least one cache tier'))(tiers, 'tiers') ?? []
  const keys = optional(arrayOf(encryptionKey, 'an array of at least one key'))(encryption, 'tierEncryption')
  if (!keys) return { list, keys: undefined }
  if (list.length === 0) throw misconfigured('tierEncryption', 'keys', 'nothing, since the option "tiers" is not set')
  const twice = keys.findIndex(({ id }, index) => keys.findIndex((other) => other.id === id) !== index)
  if (twice >= 0) throw misconfigured(`tierEncryption[${twice}].id`, show(keys[twice]?.id), 'each id once')
  return { list, keys: keys as readonly [SealingKey, ...SealingKey[]] }
}

const cacheTier: Check<CacheTier> = (value, option) => {
  const functions = ['get', 'put', 'delete'] as const
  const missing = isObject(value) ? functions.find((name) => typeof value[name] !== 'function') : functions[0]
  if (missing !== undefined || !isObject(value)) {
    throw misconfigured(option, show(value), `a CacheTier; this has no function "${missing}"`)
  }
  headerText(value['name'], `${option}.name`)
  optional(integerBetween(10, 5_000))(value['timeoutMs'], `${option}.timeoutMs`)
  optional(boolean)(value['answers'], `${option}.answers`)
  // As it is, not a copy: it may be an instance of a class.
  return value as unknown as CacheTier
}

const encryptionKey: Check<SealingKey> = (value, option) =>
  objectOf<SealingKey>(value, option, { id: keyId, secret: keyBytes })

const keyId: Check<string> = (value, option) => {
  if (typeof value === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(value)) return value
  throw misconfigured(option, show(value), 'up to 64 letters, digits, "-" and "_"')
}

const keyBytes: Check<Uint8Array<ArrayBuffer>> = (value, option) => {
  const bytes = typeof value === 'string' ? decodeAnyBase64(value) : value
  if (bytes instanceof Uint8Array && bytes.length === KEY_BYTES) return Uint8Array.from(bytes)
  // Never the value itself: it is the secret.
  throw misconfigured(
    option,
    value === undefined ? 'nothing' : 'something else',
    `${KEY_BYTES} bytes, as a Uint8Array or in base64`,
  )
}

/** What `openssl rand -base64 32` prints, and its URL-safe form. */
function decodeAnyBase64(text: string): Uint8Array | undefined {
  return decodeBase64url(text.trim().replace(/=+$/, '').replaceAll('+', '-').replaceAll('/', '_'))
}
