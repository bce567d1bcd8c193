/** A value of JSON. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject
export type JsonObject = { readonly [name: string]: Json | undefined }

const MAX_DEPTH = 64
const COLON = 0x3a
const BACKSLASH = 0x5c
const UNICODE_ESCAPE = String.raw`\u`

// `ignoreBOM` keeps a byte-order mark in the text, where JSON.parse then refuses it.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A parsed object, and its memory in addition to its text. */
export interface WeighedObject {
  readonly value: JsonObject
  /** Bytes, estimated from the number of objects, arrays, members and numbers. */
  readonly weight: number
}

// V8's memory for an empty object, an array or a member, measured on Node 24. Members with common names take less, because objects of
// one shape share its description. Members with unique names take more.
const PART_BYTES = 48
const NUMBER_BYTES = 24

/**
 * Parses one object of UTF-8 JSON and deeply freezes it; returns `undefined` for any other text.
 *
 * Stricter than `JSON.parse`: a repeated member name, a number that is not finite (`1e999`), a member called `__proto__`,
 * a byte-order mark, invalid UTF-8, half a surrogate pair (`\ud800`) and a nesting deeper than 64 are refused, because parsers differ
 * in each of them.
 */
export function parseStrictObject(bytes: Uint8Array): JsonObject | undefined {
  return parseWeighedObject(bytes)?.value
}

/** As `parseStrictObject`; also weighs the object. */
export function parseWeighedObject(bytes: Uint8Array): WeighedObject | undefined {
  let text: string
  let value: unknown
  try {
    text = utf8.decode(bytes)
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(value)) return undefined
  sealedBytes = 0
  const members = sealedMembers(value, 0)
  // `JSON.parse` keeps one member of a repeated name. Then there are fewer members than colons.
  if (members !== writtenMembers(text)) return undefined
  // In UTF-8, half a pair can only be an escape, and nearly no text has escapes.
  if (text.includes(UNICODE_ESCAPE) && !isWellFormed(value)) return undefined
  return { value: value as JsonObject, weight: PART_BYTES * members + sealedBytes }
}

function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed()
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([name, inner]) => name.isWellFormed() && isWellFormed(inner))
}

/** Weighs a parsed value as `parseWeighedObject` does. */
export function weightOf(value: Json | undefined): number {
  if (typeof value === 'number') return NUMBER_BYTES
  if (typeof value !== 'object' || value === null) return 0
  const inner = Object.values(value as Record<string, Json>)
  const own = Array.isArray(value) ? 1 : 1 + inner.length
  return inner.reduce<number>((sum, each) => sum + weightOf(each), PART_BYTES * own)
}

/** Copies a value as strict JSON and deeply freezes it; returns `undefined` where the result is no object. */
export function strictCopy(value: unknown): JsonObject | undefined {
  try {
    return parseStrictObject(new TextEncoder().encode(JSON.stringify(value, requireFinite)))
  } catch {
    return undefined
  }
}

function requireFinite(_: string, value: unknown): unknown {
  // JSON would turn it into null, and null is absent: a token that never expires.
  if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError('JSON has no such number')
  return value
}

/** Narrows to an object that is no array and not null. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Bytes of the latest walk, without the members. A second walk for them would take as long as the first. */
let sealedBytes = 0

/** Deeply freezes a parsed value; returns the number of members of its objects, or -1 where it breaks a rule. */
function sealedMembers(value: unknown, depth: number): number {
  if (typeof value === 'number') {
    sealedBytes += NUMBER_BYTES
    return Number.isFinite(value) ? 0 : -1
  }
  if (typeof value !== 'object' || value === null) return 0
  if (depth === MAX_DEPTH) return -1
  Object.freeze(value)
  sealedBytes += PART_BYTES
  let members = 0
  if (Array.isArray(value)) {
    for (const item of value) {
      const inner = sealedMembers(item, depth + 1)
      if (inner < 0) return -1
      members += inner
    }
    return members
  }
  // This loop takes a quarter of the time of `Object.keys` with a look-up for each name.
  for (const name in value) {
    // Enumerable additions to Object.prototype are no members.
    if (!Object.hasOwn(value, name)) continue
    if (name === '__proto__') return -1
    const inner = sealedMembers((value as Record<string, unknown>)[name], depth + 1)
    if (inner < 0) return -1
    members += inner + 1
  }
  return members
}

/** Counts the members in the text of valid JSON: the colons outside strings. */
function writtenMembers(text: string): number {
  let members = 0
  // Jumps from string to string: the text between two of them is short.
  for (let start = text.indexOf('"'); start >= 0;) {
    let after = endOfString(text, start) + 1
    while (isWhiteSpace(text.charCodeAt(after))) after++
    if (text.charCodeAt(after) === COLON) members++
    start = text.indexOf('"', after)
  }
  return members
}

/** Whether a character is white space in JSON. @see RFC 8259 §2 */
export function isWhiteSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d
}

/** Returns the index of the quote that ends a string; -1 without one. */
export function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end
}

function isEscaped(text: string, index: number): boolean {
  let backslashes = 0
  while (text.charCodeAt(index - 1 - backslashes) === BACKSLASH) backslashes++
  return backslashes % 2 === 1
}
