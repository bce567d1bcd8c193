import { decodeBase64url } from '../parse/base64url.ts'

// 8,192 bits in base64url. OpenSSL also verifies with twice as many, in ten times the time.
const MAX_NUMBER_LENGTH = 1_366

/**
 * Whether an RSA modulus has at most 8,192 bits, as all usual ones have. The import of a longer one is expensive. Beyond 16,384
 * bits it leaves an error in Node that ends the whole process if an encryption runs at that time (seen in 24.21 and 26.9).
 */
export function isSoundModulus(modulus: unknown): modulus is string {
  return typeof modulus === 'string' && modulus.length <= MAX_NUMBER_LENGTH
}

/**
 * Whether an RSA exponent is odd, at least 3 and below 2^32; usual keys have 65,537. With exponent 1 anybody can sign. The time of
 * a verification grows with the exponent's bits, for unsigned tokens too: 60 ms for four keys with 16,384 bits.
 */
export function isSoundExponent(exponent: unknown): boolean {
  // The same bound on its length: a longer text would take long to decode.
  const bytes = isSoundModulus(exponent) ? decodeBase64url(exponent) : undefined
  const value = bytes?.reduce((sum, byte) => sum * 256 + byte, 0) ?? 0
  return value % 2 === 1 && value > 1 && value < 2 ** 32
}

const PRIME = 2n ** 255n - 19n
// The y coordinates, up to their sign, of Ed25519's points of order 1 and 2, 4, and 8. Under such a key somebody can make signatures
// that fit any message, and not every runtime refuses it.
const SMALL_ORDER = [1n, 0n, 0x5fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n]

/** Whether an Ed25519 public key generates more than a few points. @see RFC 8032 §5.1.7 */
export function isSoundPoint(x: unknown): boolean {
  const bytes = typeof x === 'string' ? decodeBase64url(x) : undefined
  if (bytes?.length !== 32) return false
  const littleEndian = bytes.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n)
  // The topmost bit is the sign of the other coordinate. A number beyond the prime is another spelling.
  const y = BigInt.asUintN(255, littleEndian) % PRIME
  return !SMALL_ORDER.includes(y) && !SMALL_ORDER.includes(PRIME - y)
}
