import { bytesInPassing } from '../parse/ascii.ts'
import { decodeBase64urlInto, decodedLength } from '../parse/base64url.ts'
import { freshBytes } from '../parse/fresh-bytes.ts'
import { type JsonObject, parseWeighedObject, type WeighedObject } from '../parse/json.ts'

/** The parts of a compact JWS, unverified: they are not to be trusted. */
export interface CompactJws {
  readonly header: JsonObject
  readonly payload: JsonObject
  /** Bytes that the payload takes in memory in addition to its text. */
  readonly weight: number
  /** The signed bytes: everything before the second dot. */
  readonly signingInput: Uint8Array<ArrayBuffer>
  readonly signature: Uint8Array<ArrayBuffer>
}

/** Why a string is not a compact JWS with JSON, for operators. */
export type CompactFault = { readonly fault: string }

/** Parsed headers, by their base64url. */
export interface KnownHeaders {
  readonly get: (text: string, length: number) => JsonObject | undefined
}

// Space for one decoded part until it is parsed. A new ArrayBuffer for each part would cost more than decoding.
const room = new Uint8Array(48 * 1024)

/**
 * Splits a compact JWS and decodes each part once, or returns why it is malformed.
 *
 * One JWS has exactly one spelling here: base64url is canonical and JSON is strict. Headers come from `known` first, which must contain
 * only headers that this function returned for the same text.
 *
 * @see RFC 7515 §5.2, steps 1 to 5, and §7.1; RFC 7519 §7.2
 */
export function parseCompact(text: string, known?: KnownHeaders): CompactJws | CompactFault {
  const first = text.indexOf('.')
  const second = text.indexOf('.', first + 1)
  if (first < 0 || second < 0 || text.indexOf('.', second + 1) >= 0) return { fault: 'it does not have three parts' }
  const bytes = bytesInPassing(text)
  // From here on, each index of the string is also that of its byte.
  if (bytes.length !== text.length) return { fault: 'it has characters beyond ASCII' }
  const header = known?.get(text, first) ?? parsePart(bytes, 0, first)?.value
  if (!header) return { fault: 'its header is not a strict JSON object in strict base64url' }
  const payload = parsePart(bytes, first + 1, second)
  if (!payload) return { fault: 'its payload is not a strict JSON object in strict base64url' }
  const signature = freshBytes(decodedLength(bytes.length - second - 1))
  if (!decodeBase64urlInto(bytes, second + 1, bytes.length, signature)) {
    return { fault: 'its signature is not strict base64url' }
  }
  if (signature.length === 0) return { fault: 'it has no signature' }
  const signingInput = freshBytes(second)
  signingInput.set(bytes.subarray(0, second))
  return { header, payload: payload.value, weight: payload.weight, signingInput, signature }
}

/** Parses only the header of a compact JWS. */
export function parseHeader(text: string): JsonObject | undefined {
  const bytes = bytesInPassing(text)
  return parsePart(bytes, 0, bytes.length)?.value
}

function parsePart(bytes: Uint8Array, start: number, end: number): WeighedObject | undefined {
  const length = decodedLength(end - start)
  const decoded = length > room.length ? new Uint8Array(length) : room.subarray(0, length)
  return decodeBase64urlInto(bytes, start, end, decoded) ? parseWeighedObject(decoded) : undefined
}
