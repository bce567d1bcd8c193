/** Reads a body whole, or stops and returns `undefined` once it exceeds `maxBytes`. */
export async function readBytes(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  if (!body) return new Uint8Array()
  const reader = body.getReader()
  let bytes = new Uint8Array()
  let size = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return size === bytes.length ? bytes : bytes.slice(0, size)
    // What is no bytes has no length, or none that counts.
    if (!(size + value.length <= maxBytes)) break
    // Copied at once: a list of chunks of one byte each would weigh a hundred times what is in them.
    bytes = withRoom(bytes, size, size + value.length)
    bytes.set(value, size)
    size += value.length
  }
  // Not awaited: a copy's cancellation waits for the other copy's.
  reader.cancel().catch(() => {})
  return undefined
}

/** The same bytes with room for more, at least doubled, so that each is copied once or twice in all. */
function withRoom(bytes: Uint8Array<ArrayBuffer>, size: number, needed: number): Uint8Array<ArrayBuffer> {
  if (needed <= bytes.length) return bytes
  const larger = new Uint8Array(Math.max(needed, 2 * bytes.length))
  larger.set(bytes.subarray(0, size))
  return larger
}
