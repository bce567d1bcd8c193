const encoder = new TextEncoder()
// Room for the text at hand. In UTF-8 a character takes three bytes at most.
const room = new Uint8Array(64 * 1024)

/**
 * Returns the UTF-8 bytes of a text, to be read before the next call and not to be kept: the next text takes their place.
 *
 * A table look-up takes half as long on bytes as on a string, and an ArrayBuffer for each text would cost more than all that
 * is done with it (measured on Node 24).
 */
export function bytesInPassing(text: string): Uint8Array {
  if (text.length * 3 > room.length) return encoder.encode(text)
  return room.subarray(0, encoder.encodeInto(text, room).written)
}

// RFC 6750 §2.1, b64token: what may stand before the padding is 0 here.
const isStrange = new Uint8Array(256).fill(1)
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/') {
  isStrange[character.charCodeAt(0)] = 0
}
const PADDING = 0x3d

/** Whether a text is written as bearer tokens are. A loop over bytes, as a regular expression takes three times as long. */
export function isBearerToken(text: string): boolean {
  const bytes = bytesInPassing(text)
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === PADDING) end--
  let strange = end === 0 ? 1 : 0
  for (let index = 0; index < end; index++) strange |= isStrange[bytes[index] as number] as number
  return strange === 0
}
