import { endOfString, isObject, isWhiteSpace } from './json.ts'

/** Some members of a foreign JSON object. */
export interface Excerpt {
  /** The requested members that the object has. */
  readonly document: Record<string, unknown>
  /** How many items of their arrays were not read. */
  readonly leftOut: number
}

// `JSON.parse` takes up to 5 ms for as much text, and up to 100 ms for 512 KiB (measured on Node 24).
const MAX_WHOLE_LENGTH = 64 * 1024
/** Most items that are read of an array. */
export const MAX_ITEMS = 300
const MAX_VALUE_LENGTH = 16 * 1024

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/**
 * Reads some members of a JSON object; returns `undefined` where the text holds another value.
 *
 * Of a text beyond 64 KiB it parses only these members, and the first 300 items of their arrays: an object with 40,000 members would
 * block the event loop too long. In such a text, values and items beyond 16 KiB are `undefined`, names must have no escapes, and the
 * other values may be malformed.
 *
 * @throws {SyntaxError} where it is no JSON
 */
export function readExcerpt(text: string, names: readonly string[]): Excerpt | undefined {
  if (text.length <= MAX_WHOLE_LENGTH) {
    const value: unknown = JSON.parse(text)
    if (!isObject(value)) return undefined
    const wanted = names.filter((name) => Object.hasOwn(value, name))
    return { document: Object.fromEntries(wanted.map((name) => [name, value[name]])), leftOut: 0 }
  }
  const start = skipSpace(text, 0)
  if (text.charCodeAt(start) !== OPEN_OBJECT) return undefined
  const spellings = new Map(names.map((name) => [JSON.stringify(name), name]))
  const document: Record<string, unknown> = {}
  let leftOut = 0
  // As with `JSON.parse`, the last member with a name counts.
  const end = eachMember(text, start, (spelling, valueStart) => {
    const name = spellings.get(spelling)
    if (name === undefined || text.charCodeAt(valueStart) !== OPEN_ARRAY) {
      const valueEnd = endOfValue(text, valueStart)
      if (name !== undefined) document[name] = parseSmall(text, valueStart, valueEnd)
      return valueEnd
    }
    const items: unknown[] = []
    leftOut = 0
    const arrayEnd = eachItem(text, valueStart, (itemStart) => {
      const itemEnd = endOfValue(text, itemStart)
      if (items.length < MAX_ITEMS) items.push(parseSmall(text, itemStart, itemEnd))
      else leftOut++
      return itemEnd
    })
    document[name] = items
    return arrayEnd
  })
  if (skipSpace(text, end) !== text.length) throw malformed()
  return { document, leftOut }
}

/** Calls `visit` for each member, which returns the end of its value. Returns the end of the object. */
function eachMember(text: string, start: number, visit: (spelling: string, valueStart: number) => number): number {
  return eachItem(text, start, (nameStart) => {
    if (text.charCodeAt(nameStart) !== QUOTE) throw malformed()
    const nameEnd = endOfValue(text, nameStart)
    const colon = skipSpace(text, nameEnd)
    if (text.charCodeAt(colon) !== COLON) throw malformed()
    return visit(text.slice(nameStart, nameEnd), skipSpace(text, colon + 1))
  })
}

/** Calls `visit` for each item of an array, or member of an object, which returns its end. Returns the end of the whole. */
function eachItem(text: string, start: number, visit: (itemStart: number) => number): number {
  const close = text.charCodeAt(start) === OPEN_ARRAY ? CLOSE_ARRAY : CLOSE_OBJECT
  let at = skipSpace(text, start + 1)
  if (text.charCodeAt(at) === close) return at + 1
  for (;;) {
    at = skipSpace(text, visit(at))
    const code = text.charCodeAt(at)
    if (code === close) return at + 1
    if (code !== COMMA) throw malformed()
    at = skipSpace(text, at + 1)
  }
}

/** Returns the index after a value. Inside it, only strings and brackets are read. */
function endOfValue(text: string, start: number): number {
  let depth = 0
  for (let index = start; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === QUOTE) {
      index = endOfString(text, index)
      if (index < 0) throw malformed()
      if (depth === 0) return index + 1
    } else if (code === OPEN_ARRAY || code === OPEN_OBJECT) {
      depth++
    } else if (code === CLOSE_ARRAY || code === CLOSE_OBJECT) {
      // The closing bracket of the surrounding value ends a number or a word.
      if (depth === 0) return nonEmpty(start, index)
      if (--depth === 0) return index + 1
    } else if (depth === 0 && (code === COMMA || isWhiteSpace(code))) {
      return nonEmpty(start, index)
    }
  }
  throw malformed()
}

function nonEmpty(start: number, end: number): number {
  if (end === start) throw malformed()
  return end
}

function parseSmall(text: string, start: number, end: number): unknown {
  return end - start > MAX_VALUE_LENGTH ? undefined : JSON.parse(text.slice(start, end))
}

function skipSpace(text: string, start: number): number {
  let index = start
  while (isWhiteSpace(text.charCodeAt(index))) index++
  return index
}

function malformed(): SyntaxError {
  return new SyntaxError('it is no JSON')
}
