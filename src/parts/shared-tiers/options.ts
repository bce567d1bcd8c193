import type { SealingKey } from './sealing.ts'
import { isObject } from '../../parse/json.ts'
import { decodeBase64url } from '../../parse/base64url.ts'
import type { CacheTier } from '../../stores/cache-tier.ts'
import {
  arrayOf,
  boolean,
  type Check,
  headerText,
  integerBetween,
  typeName,
  misconfigured,
  objectOf,
  optional,
} from '../../options/checks.ts'

/** The shared tiers and the keys that seal their entries. */
export interface TierSettings {
  readonly list: readonly CacheTier[]
  readonly keys: readonly [SealingKey, ...SealingKey[]] | undefined
}

const KEY_BYTES = 32

/** @throws {BearwardError} configuration_invalid */
export function parseTiers(tiers: unknown, options: unknown, option: string): TierSettings {
  const list = cacheTiers(tiers, option)
  if (!isObject(options)) throw misconfigured(option, typeName(options), 'an object with options after the cache tiers')
  const { encryption: keys } = objectOf<{ encryption: readonly SealingKey[] | undefined }>(options, option, {
    encryption: optional(encryptionKeys),
  })
  if (!keys) return { list, keys: undefined }
  const twice = keys.findIndex(({ id }, index) => keys.findIndex((other) => other.id === id) !== index)
  if (twice >= 0) throw misconfigured(`${option}.encryption[${twice}].id`, 'the id of another key', 'each id once')
  return { list, keys: keys as readonly [SealingKey, ...SealingKey[]] }
}

// These messages give only the type of a wrong value: it may be a secret, or an address with a password in it.
const cacheTiers: Check<readonly CacheTier[]> = (value, option) => {
  if (Array.isArray(value)) return arrayOf(cacheTier, 'an array of at least one cache tier')(value, option)
  throw misconfigured(option, typeName(value), 'an array of at least one cache tier')
}

const cacheTier: Check<CacheTier> = (value, option) => {
  const functions = ['get', 'put', 'delete'] as const
  const missing = isObject(value) ? functions.find((name) => typeof value[name] !== 'function') : functions[0]
  if (missing !== undefined || !isObject(value)) {
    throw misconfigured(option, typeName(value), `a CacheTier with a function "${missing}"`)
  }
  headerText(value['name'], `${option}.name`)
  optional(integerBetween(10, 5_000))(value['timeoutMs'], `${option}.timeoutMs`)
  optional(boolean)(value['answers'], `${option}.answers`)
  // Not a copy: it may be an instance of a class.
  return value as unknown as CacheTier
}

const encryptionKeys: Check<readonly SealingKey[]> = (value, option) => {
  if (Array.isArray(value)) return arrayOf(encryptionKey, 'an array of at least one key')(value, option)
  throw misconfigured(option, typeName(value), 'an array of { id, secret }')
}

const encryptionKey: Check<SealingKey> = (value, option) => {
  if (isObject(value)) return objectOf<SealingKey>(value, option, { id: keyId, secret: keyBytes })
  throw misconfigured(option, typeName(value), '{ id, secret }')
}

const keyId: Check<string> = (value, option) => {
  if (typeof value === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(value)) return value
  throw misconfigured(option, typeName(value), 'up to 64 letters, digits, "-" and "_"')
}

const keyBytes: Check<Uint8Array<ArrayBuffer>> = (value, option) => {
  const bytes = typeof value === 'string' ? decodeAnyBase64(value) : value
  if (bytes instanceof Uint8Array && bytes.length === KEY_BYTES) return Uint8Array.from(bytes)
  throw misconfigured(option, typeName(value), `${KEY_BYTES} bytes, as a Uint8Array or in base64`)
}

/** Decodes base64 as `openssl rand -base64 32` prints it, and its URL-safe form. */
function decodeAnyBase64(text: string): Uint8Array | undefined {
  return decodeBase64url(text.trim().replace(/=+$/, '').replaceAll('+', '-').replaceAll('/', '_'))
}
