const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const INVALID = 0xff

// An entry for each byte, so that no index is out of bounds.
const values = new Uint8Array(256).fill(INVALID)
for (let value = 0; value < ALPHABET.length; value++) values[ALPHABET.charCodeAt(value)] = value

const encoder = new TextEncoder()

/**
 * Decodes `text` from index `start` to `end` as canonical base64url, or returns `undefined`.
 *
 * Canonical: only the URL-safe alphabet, no padding, no white space, and zeros as spare bits of the last character. Without the last
 * rule one signature would have several spellings, and a refused token could come back as another string.
 *
 * @see RFC 7515 §2, RFC 4648 §3.5 and §5
 */
export function decodeBase64url(
  text: string,
  start = 0,
  end: number = text.length,
): Uint8Array<ArrayBuffer> | undefined {
  const encoded = encoder.encode(text.slice(start, end))
  const decoded = new Uint8Array(decodedLength(encoded.length))
  return decodeBase64urlInto(encoded, 0, encoded.length, decoded) ? decoded : undefined
}

/** Returns the number of bytes that so many characters of base64url encode. */
export function decodedLength(characters: number): number {
  return (characters * 3) >> 2
}

/**
 * As `decodeBase64url`, from bytes to bytes: twice as fast as from a string. Returns `false` where the source is not canonical; then
 * the content of `target` is of no use.
 */
export function decodeBase64urlInto(source: Uint8Array, start: number, end: number, target: Uint8Array): boolean {
  const rest = (end - start) & 3
  if (rest === 1) return false
  const whole = end - rest
  let at = 0
  for (let index = start; index < whole; index += 4) {
    const a = valueAt(source, index)
    const b = valueAt(source, index + 1)
    const c = valueAt(source, index + 2)
    const d = valueAt(source, index + 3)
    // Values have six bits, so INVALID sets the two upper bits of the union.
    if ((a | b | c | d) > 63) return false
    target[at++] = (a << 2) | (b >> 4)
    target[at++] = (b << 4) | (c >> 2)
    target[at++] = (c << 6) | d
  }
  if (rest === 0) return true
  const a = valueAt(source, whole)
  const b = valueAt(source, whole + 1)
  if ((a | b) > 63) return false
  target[at++] = (a << 2) | (b >> 4)
  if (rest === 2) return (b & 0b1111) === 0
  const c = valueAt(source, whole + 2)
  if (c > 63 || (c & 0b11) !== 0) return false
  target[at] = (b << 4) | (c >> 2)
  return true
}

function valueAt(source: Uint8Array, index: number): number {
  // The fallbacks are for the compiler. Both indices are in bounds; beyond the end of `source`, INVALID would be right.
  return values[source[index] ?? INVALID] ?? INVALID
}
