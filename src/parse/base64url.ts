const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const INVALID = 0xff

const values = new Uint8Array(128).fill(INVALID)
for (let value = 0; value < ALPHABET.length; value++) values[ALPHABET.charCodeAt(value)] = value

/**
 * Decodes `text` from index `start` to `end` as canonical base64url, or returns `undefined`.
 *
 * Canonical: the URL-safe alphabet alone, no padding, no white space, and the spare bits of the last character are zero.
 * Without the last rule one signature would have several spellings, and a refused token could come back as another string.
 *
 * @see RFC 7515 §2, RFC 4648 §3.5 and §5
 */
export function decodeBase64url(
  text: string,
  start = 0,
  end: number = text.length,
): Uint8Array<ArrayBuffer> | undefined {
  const length = end - start
  const rest = length & 3
  if (rest === 1) return undefined
  const bytes = new Uint8Array((length * 3) >> 2)
  const whole = end - rest
  let at = 0
  for (let index = start; index < whole; index += 4) {
    const a = valueAt(text, index)
    const b = valueAt(text, index + 1)
    const c = valueAt(text, index + 2)
    const d = valueAt(text, index + 3)
    // Values are six bits wide, so that INVALID shows in the two upper bits of the union.
    if ((a | b | c | d) > 63) return undefined
    bytes[at++] = (a << 2) | (b >> 4)
    bytes[at++] = (b << 4) | (c >> 2)
    bytes[at++] = (c << 6) | d
  }
  if (rest === 0) return bytes
  const a = valueAt(text, whole)
  const b = valueAt(text, whole + 1)
  if ((a | b) > 63) return undefined
  bytes[at++] = (a << 2) | (b >> 4)
  if (rest === 2) return (b & 0b1111) === 0 ? bytes : undefined
  const c = valueAt(text, whole + 2)
  if (c > 63 || (c & 0b11) !== 0) return undefined
  bytes[at] = (b << 4) | (c >> 2)
  return bytes
}

function valueAt(text: string, index: number): number {
  // Out of the table's range an index reads undefined: every character beyond ASCII.
  return values[text.charCodeAt(index)] ?? INVALID
}
