/** Reads a whole body; stops and returns `undefined` when it exceeds `maxBytes`. */
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
    // The comparison also fails for a chunk that is no bytes: it has no length.
    if (!(size + value.length <= maxBytes)) break
    // Copied at once: a list of one-byte chunks would take a hundred times the memory of its bytes.
    bytes = withRoom(bytes, size, size + value.length)
    bytes.set(value, size)
    size += value.length
  }
  // Not awaited: of two copies of a body, each cancellation waits for the other.
  reader.cancel().catch(() => {})
  return undefined
}

/** Returns the bytes with space for more. It at least doubles, so that each byte is copied once or twice in all. */
function withRoom(bytes: Uint8Array<ArrayBuffer>, size: number, needed: number): Uint8Array<ArrayBuffer> {
  if (needed <= bytes.length) return bytes
  const larger = new Uint8Array(Math.max(needed, 2 * bytes.length))
  larger.set(bytes.subarray(0, size))
  return larger
}
