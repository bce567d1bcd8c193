import { decodeBase64url } from '../parse/base64url.ts'

// Keys in use have 65,537. A verification takes time in proportion to the exponent's bits: 60 ms for four keys of 16,384.
const MAX_EXPONENT_BITS = 32

/**
 * Whether an RSA exponent is odd, at least 3 and below 2^32: with exponent 1 anybody can sign, and with a long one every token,
 * signed or not, costs what a denial of service needs.
 */
export function isSoundExponent(exponent: unknown): boolean {
  if (!isShort(exponent)) return false
  const bytes = decodeBase64url(exponent)
  const last = bytes?.at(-1)
  if (!bytes || last === undefined || last % 2 === 0) return false
  const bits = bitLength(bytes)
  return bits > 1 && bits <= MAX_EXPONENT_BITS
}

// 8,192 bits in base64url. OpenSSL verifies with twice as many, in ten times the time.
const MAX_NUMBER_LENGTH = 1_366

/**
 * Whether an RSA modulus has at most 8,192 bits, as all in use have. Importing one that is longer costs much, and beyond 16,384
 * bits it leaves an error behind in Node that ends the whole process if it meets an encryption under way (seen in 24.21 and 26.9).
 */
export function isSoundModulus(modulus: unknown): boolean {
  return isShort(modulus)
}

function isShort(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_NUMBER_LENGTH
}

/** The bits of a number, most significant byte first. */
function bitLength(bytes: Uint8Array): number {
  const first = bytes.findIndex((byte) => byte !== 0)
  return first < 0 ? 0 : 8 * (bytes.length - first) - Math.clz32(bytes[first] ?? 0) + 24
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
