/** JSON as the oracle reads it. Objects are maps: no name means anything. */
export type StrictJson = string | number | boolean | null | readonly StrictJson[] | StrictObject
export type StrictObject = ReadonlyMap<string, StrictJson>

const MAX_LEVELS = 64
const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true })
const SPACE = /[ \t\n\r]*/y
// JSON forbids control characters: the pattern has to name them.
// oxlint-disable-next-line no-control-regex
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const WORDS: readonly (readonly [string, boolean | null])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
]

class NotStrict extends Error {}

/**
 * Reads one JSON object by the grammar, or returns `undefined`: no byte-order mark, valid UTF-8, no name twice, none that is
 * `__proto__`, finite numbers, no half of a surrogate pair, 64 levels at most. Written apart from what it judges.
 *
 * @see RFC 8259
 */
export function readStrictObject(bytes: Uint8Array): StrictObject | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    const value = readAll(text)
    return value instanceof Map ? (value as StrictObject) : undefined
  } catch (fault) {
    // TypeError: invalid UTF-8.
    if (fault instanceof NotStrict || fault instanceof TypeError) return undefined
    throw fault
  }
}

function readAll(text: string): StrictJson {
  let at = 0

  function take(pattern: RegExp): string | undefined {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0]
    if (found !== undefined) at += found.length
    return found
  }
  function takeSign(sign: string): boolean {
    take(SPACE)
    if (text[at] !== sign) return false
    at++
    return true
  }
  function requireSign(sign: string): void {
    if (!takeSign(sign)) throw new NotStrict(`expected ${sign} at ${at}`)
  }
  function string(): string | undefined {
    take(SPACE)
    const literal = take(STRING)
    if (literal === undefined) return undefined
    const value = JSON.parse(literal) as string
    // Encoded, half a pair becomes another character.
    if (UTF8.decode(new TextEncoder().encode(value)) !== value) throw new NotStrict('half a surrogate pair')
    return value
  }
  function number(): number | undefined {
    const literal = take(NUMBER)
    if (literal === undefined) return undefined
    const value = Number(literal)
    if (!Number.isFinite(value)) throw new NotStrict('a number that is not finite')
    return value
  }
  function object(levels: number): StrictObject {
    const members = new Map<string, StrictJson>()
    if (takeSign('}')) return members
    do {
      const name = string()
      if (name === undefined || name === '__proto__' || members.has(name)) throw new NotStrict('a name')
      requireSign(':')
      members.set(name, any(levels))
    } while (takeSign(','))
    requireSign('}')
    return members
  }
  function array(levels: number): readonly StrictJson[] {
    const items: StrictJson[] = []
    if (takeSign(']')) return items
    do items.push(any(levels))
    while (takeSign(','))
    requireSign(']')
    return items
  }
  function any(levels: number): StrictJson {
    const opens = takeSign('{') ? object : takeSign('[') ? array : undefined
    if (opens) {
      if (levels === MAX_LEVELS) throw new NotStrict('too deep')
      return opens(levels + 1)
    }
    const scalar = string() ?? number()
    if (scalar !== undefined) return scalar
    const word = WORDS.find(([spelling]) => text.startsWith(spelling, at))
    if (!word) throw new NotStrict(`a value at ${at}`)
    at += word[0].length
    return word[1]
  }

  const whole = any(0)
  take(SPACE)
  if (at !== text.length) throw new NotStrict('more than one value')
  return whole
}
