import { decodeBase64url } from '../parse/base64url.ts'

/** Whether an RSA exponent is odd and at least 3: with exponent 1 anybody can sign. */
export function isSoundExponent(exponent: unknown): boolean {
  const bytes = typeof exponent === 'string' ? decodeBase64url(exponent) : undefined
  const last = bytes?.at(-1)
  if (!bytes || last === undefined || last % 2 === 0) return false
  return last > 1 || bytes.subarray(0, -1).some((byte) => byte !== 0)
}

// 16,384 bits, the most that OpenSSL verifies with.
const MAX_NUMBER_LENGTH = 2_731

/**
 * Whether a number of an RSA key is no longer than any key in use. Importing one that is longer costs much, and in Node it leaves
 * an error behind that ends the whole process if it meets an encryption under way (seen in 24.21 and 26.9).
 */
export function isSoundLength(number: unknown): boolean {
  return typeof number === 'string' && number.length <= MAX_NUMBER_LENGTH
}

// The y coordinates of Ed25519's points of order 1, 2, 4 and 8, little-endian, with the spellings beyond the prime. Under such
// a key signatures can be made that fit any message, and not every runtime refuses it.
const SMALL_ORDER = new Set([
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
])

/** Whether an Ed25519 public key generates more than a handful of points. @see RFC 8032 §5.1.7 */
export function isSoundPoint(x: unknown): boolean {
  const bytes = typeof x === 'string' ? decodeBase64url(x) : undefined
  if (bytes?.length !== 32) return false
  // The topmost bit is the sign of the other coordinate.
  const hex = [...bytes].map((byte, index) => (index === 31 ? byte & 0x7f : byte).toString(16).padStart(2, '0'))
  return !SMALL_ORDER.has(hex.join(''))
}
