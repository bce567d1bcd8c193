import { bytesInPassing } from '../parse/ascii.ts'
import { decodeBase64urlInto, decodedLength } from '../parse/base64url.ts'
import { freshBytes } from '../parse/fresh-bytes.ts'
import { type JsonObject, parseWeighedObject, type WeighedObject } from '../parse/json.ts'

/** A JWS in compact form, taken apart and not verified: nothing in it may be believed. */
export interface CompactJws {
  readonly header: JsonObject
  readonly payload: JsonObject
  /** Bytes that the payload takes in memory beside its text. */
  readonly weight: number
  /** What was signed: everything before the second dot. */
  readonly signingInput: Uint8Array<ArrayBuffer>
  readonly signature: Uint8Array<ArrayBuffer>
}

/** What keeps a string from being a compact JWS with JSON in it, in an operator's words. */
export type CompactFault = { readonly fault: string }

/** Headers that were parsed before, by their base64url. */
export interface KnownHeaders {
  readonly get: (text: string, length: number) => JsonObject | undefined
}

// Room for one decoded part, used until it is parsed and never beyond: an ArrayBuffer for each would cost more than decoding.
const room = new Uint8Array(48 * 1024)

/**
 * Takes a compact JWS apart, each part decoded once, or says what is wrong with it.
 *
 * One JWS has exactly one spelling here: base64url is canonical and JSON is strict. Headers are looked up in `known` first,
 * which must hold nothing but what this function returned for the same text.
 *
 * @see RFC 7515 §5.2, steps 1 to 5, and §7.1; RFC 7519 §7.2
 */
export function parseCompact(text: string, known?: KnownHeaders): CompactJws | CompactFault {
  const first = text.indexOf('.')
  const second = text.indexOf('.', first + 1)
  if (first < 0 || second < 0 || text.indexOf('.', second + 1) >= 0) return { fault: 'it does not have three parts' }
  const bytes = bytesInPassing(text)
  // Every index below is one of the string and of its bytes.
  if (bytes.length !== text.length) return { fault: 'it holds characters beyond ASCII' }
  const header = known?.get(text, first) ?? parsePart(bytes, 0, first)?.value
  if (!header) return { fault: 'its header is not strict base64url over a strict JSON object' }
  const payload = parsePart(bytes, first + 1, second)
  if (!payload) return { fault: 'its payload is not strict base64url over a strict JSON object' }
  const signature = freshBytes(decodedLength(bytes.length - second - 1))
  if (!decodeBase64urlInto(bytes, second + 1, bytes.length, signature)) {
    return { fault: 'its signature is not strict base64url' }
  }
  if (signature.length === 0) return { fault: 'it has no signature' }
  const signingInput = freshBytes(second)
  signingInput.set(bytes.subarray(0, second))
  return { header, payload: payload.value, weight: payload.weight, signingInput, signature }
}

/** Parses the header of a compact JWS alone. */
export function parseHeader(text: string): JsonObject | undefined {
  const bytes = bytesInPassing(text)
  return parsePart(bytes, 0, bytes.length)?.value
}

function parsePart(bytes: Uint8Array, start: number, end: number): WeighedObject | undefined {
  const length = decodedLength(end - start)
  const decoded = length > room.length ? new Uint8Array(length) : room.subarray(0, length)
  return decodeBase64urlInto(bytes, start, end, decoded) ? parseWeighedObject(decoded) : undefined
}
