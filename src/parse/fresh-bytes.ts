const BLOCK_BYTES = 32 * 1024

let block = new Uint8Array(BLOCK_BYTES)
let used = 0

/**
 * Returns zeroed bytes that no caller had before, cut from a larger block.
 *
 * A new ArrayBuffer costs 0.6 µs and burdens the garbage collector, a cut 0.1 µs (measured on Node 24). No bytes are reused, because
 * a runtime may read a signature after `verify` has returned.
 */
export function freshBytes(length: number): Uint8Array<ArrayBuffer> {
  if (length > BLOCK_BYTES / 8) return new Uint8Array(length)
  if (used + length > BLOCK_BYTES) {
    block = new Uint8Array(BLOCK_BYTES)
    used = 0
  }
  const bytes = new Uint8Array(block.buffer, used, length)
  used += length
  return bytes
}
