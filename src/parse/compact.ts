import { decodeBase64url } from './base64url.ts'
import { type JsonObject, parseStrictObject } from './json.ts'

/** A JWS in compact form, taken apart and not verified: nothing in it may be believed. */
export interface CompactJws {
  readonly header: JsonObject
  readonly payload: JsonObject
  /** Length of the signing input: everything before the second dot. */
  readonly signedLength: number
  readonly signature: Uint8Array<ArrayBuffer>
}

/** What keeps a string from being a compact JWS with JSON in it, in an operator's words. */
export type CompactFault = { readonly fault: string }

/**
 * Takes a compact JWS apart, each part decoded once, or says what is wrong with it.
 *
 * One JWS has exactly one spelling here: base64url is canonical and JSON is strict.
 *
 * @see RFC 7515 §5.2, steps 1 to 5, and §7.1; RFC 7519 §7.2
 */
export function parseCompact(text: string): CompactJws | CompactFault {
  const first = text.indexOf('.')
  const second = text.indexOf('.', first + 1)
  if (first < 0 || second < 0 || text.indexOf('.', second + 1) >= 0) return { fault: 'it does not have three parts' }
  const header = parsePart(text, 0, first)
  if (!header) return { fault: 'its header is not strict base64url over a strict JSON object' }
  const payload = parsePart(text, first + 1, second)
  if (!payload) return { fault: 'its payload is not strict base64url over a strict JSON object' }
  const signature = decodeBase64url(text, second + 1)
  if (!signature) return { fault: 'its signature is not strict base64url' }
  if (signature.length === 0) return { fault: 'it has no signature' }
  return { header, payload, signedLength: second, signature }
}

function parsePart(text: string, start: number, end: number): JsonObject | undefined {
  const bytes = decodeBase64url(text, start, end)
  return bytes && parseStrictObject(bytes)
}
