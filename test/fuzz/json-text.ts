import type { Random } from './random.ts'
import { binaryOf } from './bytes.ts'

/** A member as it is written: its name and its value, both raw JSON in a binary string. */
type Member = [name: string, value: string]

export interface Vocabulary {
  /** Names that mean something here. */
  readonly names: readonly string[]
  /** Values that mean something somewhere. */
  readonly values: readonly unknown[]
  /** Members that fit, or all but fit: they come past the first checks. */
  readonly fitting?: readonly (readonly [name: string, value: unknown])[]
  /** Numbers at the bounds of what is accepted. */
  readonly edges?: readonly number[]
}

function membersOf(object: Readonly<Record<string, unknown>>): Member[] {
  return Object.entries(object).map(([name, value]) => [raw(name), raw(value)])
}

function writeMembers(members: readonly Member[]): string {
  return `{${members.map(([name, value]) => `${name}:${value}`).join(',')}}`
}

function raw(value: unknown): string {
  return binaryOf(JSON.stringify(value))
}

// Spellings of one value that parsers read differently, and values that have no spelling in JavaScript.
const RAW_VALUES = [
  '1e999',
  '-1e999',
  '1E+2',
  '-0',
  '0e0',
  '1.0',
  '9007199254740991',
  '9007199254740992',
  '9007199254740993',
  '-9007199254740991',
  '1e-400',
  '0.1e1',
  '01',
  '+1',
  '.5',
  '1.',
  '0x10',
  'NaN',
  'Infinity',
  'undefined',
  '"\\u0000"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\\u2028"',
  '"\\x41"',
  '"a\\/b"',
  '"\x01"',
  '"\xff"',
  '"\xc0\x80"',
  '"\xed\xa0\x80"',
  '"\xef\xbb\xbf"',
  '"\xf0\x9f\x92\xa9"',
  '""',
  "'a'",
  '"a',
  '[',
  '{"__proto__":{"active":true}}',
  '{"a":1,"a":1}',
  '{"a":1,"\\u0061":2}',
  '{"a":{"b":1},"b":{"b":1}}',
  '[{"a":1},{"a":1}]',
  '[1,]',
  '{"":""}',
]
const NAMES = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'length', '', 'x', ' iss', 'exp\u0000']
const TEXT_JUNK = [
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  ' ',
  '	',
  '\n',
  '\r',
  '\0',
  '\v',
  '\xA0',
  '0',
  '-',
  'e',
  '.',
  'ÿ',
  'Ã©',
  'ï»¿',
  'â¨',
  '/**/',
  '//',
  '1e999',
  'null',
  '"a":1,',
  '"iss":"x",',
  ',,',
  '\\u',
]

const changes: readonly ((members: Member[], words: Vocabulary, random: Random) => void)[] = [
  set,
  set,
  set,
  fit,
  fit,
  (members, { names, values }, random) => replace(members, random.pick(names), raw(random.pick(values))),
  (members, { names }, random) => replace(members, random.pick(names), random.pick(RAW_VALUES)),
  (members, { names, edges }, random) => edges && replace(members, random.pick(names), String(random.pick(edges))),
  remove,
  remove,
  // Its name in another case, longer, or spelt in escapes: the last is the same name.
  (members, _, random) => withMember(members, random, (member) => (member[0] = respelt(member[0], random))),
  (members, _, random) => withMember(members, random, (member) => (member[0] = raw(random.pick(NAMES)))),
  // Twice the same name, near or far from each other, with another value or the same.
  (members, { values }, random) =>
    withMember(members, random, ([name, value]) => {
      const twin: Member = [
        random.oneIn(2) ? name : escaped(name, random),
        random.oneIn(2) ? value : raw(random.pick(values)),
      ]
      members.splice(random.below(members.length + 1), 0, twin)
    }),
  (members, { values }, random) => void members.push([raw(random.pick(NAMES)), raw(random.pick(values))]),
  (members, _, random) => withMember(members, random, (member) => (member[1] = wrapped(member[1], random))),
  (members, _, random) => withMember(members, random, (member) => (member[1] = nested(member[1], random))),
  (members, _, random) => withMember(members, random, (member) => (member[1] = lengthened(member[1], random))),
  (members, _, random) => withMember(members, random, (member) => (member[1] = escaped(member[1], random))),
  function swapValues(members, _, random) {
    const [one, other] = [random.pick(members), random.pick(members)]
    if (one && other) [one[1], other[1]] = [other[1], one[1]]
  },
  function reorder(members, _, random) {
    const [moved] = members.splice(random.below(members.length), 1)
    if (moved) members.splice(random.below(members.length + 1), 0, moved)
  },
  (members, _, random) =>
    withMember(members, random, (member) => (member[random.below(2)] += random.pick([' ', '\n', '\t', '\r', '\x0c']))),
]

/** Changes some members and writes them down; now and then the text is damaged as well. */
export function mutateObject(object: Readonly<Record<string, unknown>>, words: Vocabulary, random: Random): string {
  const members = membersOf(object)
  for (let times = 1 + random.below(3); times > 0; times--) random.pick(changes)(members, words, random)
  const text = writeMembers(members)
  return random.oneIn(8) ? mutateText(text, random) : text
}

/** Damages a text in one or two places. */
export function mutateText(text: string, random: Random): string {
  let result = text
  for (let times = 1 + random.below(2); times > 0; times--) {
    const at = random.pick([0, result.length, random.below(result.length + 1), random.below(result.length + 1)])
    const [before, after] = [result.slice(0, at), result.slice(at)]
    const kind = random.below(7)
    if (kind === 0) result = before + after.slice(1)
    else if (kind === 1) result = before + after.slice(random.below(20))
    else if (kind === 2) result = before
    else if (kind === 3) result = before + random.pick(TEXT_JUNK) + after.slice(1)
    else result = before + random.pick(TEXT_JUNK) + after
  }
  return result
}

function set(members: Member[], { names, values }: Vocabulary, random: Random): void {
  const name = random.oneIn(2) ? undefined : random.pick(names)
  const value = raw(random.pick(values))
  if (name === undefined) withMember(members, random, (member) => (member[1] = value))
  else replace(members, name, value)
}

function fit(members: Member[], { fitting = [] }: Vocabulary, random: Random): void {
  const member = fitting[random.below(fitting.length || 1)]
  if (member) replace(members, member[0], raw(member[1]))
}

function replace(members: Member[], name: string, value: string): void {
  const found = members.find(([each]) => each === raw(name))
  if (found) found[1] = value
  else members.push([raw(name), value])
}

function remove(members: Member[], _: Vocabulary, random: Random): void {
  members.splice(random.below(members.length), 1)
}

function withMember(members: Member[], random: Random, change: (member: Member) => void): void {
  const member = members[random.below(members.length)]
  if (member) change(member)
}

function respelt(name: string, random: Random): string {
  if (random.oneIn(2)) return escaped(name, random)
  if (random.oneIn(2)) return name.toUpperCase()
  return `${name.slice(0, -1)}${random.pick([' ', 's', '\\u0000', '\xc2\xa0', '\xe2\x80\x8b'])}"`
}

/** The same string, one of its characters written as an escape. */
function escaped(literal: string, random: Random): string {
  const at = 1 + random.below(Math.max(1, literal.length - 2))
  if (!/^"[\x20\x21\x23-\x5b\x5d-\x7e]+"$/.test(literal)) return literal
  const code = literal.charCodeAt(at).toString(16).padStart(4, '0')
  return `${literal.slice(0, at)}\\u${code}${literal.slice(at + 1)}`
}

function wrapped(value: string, random: Random): string {
  return random.pick([
    `[${value}]`,
    `{"a":${value}}`,
    `[${value},${value}]`,
    `[${value},1]`,
    `[[${value}]]`,
    `"${value}"`,
  ])
}

/** Depths on both sides of the bound, and far beyond it. */
function nested(value: string, random: Random): string {
  const levels = random.pick([2, 62, 63, 64, 65, 500])
  return random.oneIn(2)
    ? '['.repeat(levels) + value + ']'.repeat(levels)
    : '{"a":'.repeat(levels) + value + '}'.repeat(levels)
}

function lengthened(value: string, random: Random): string {
  const length = random.pick([10, 100, 1_000, 6_000, 12_400])
  const filling = random.pick(['a', ' ', '\xc3\xa9', '\\"', '\\\\', '\\u0041'])
  const run = filling.repeat(Math.ceil(length / filling.length))
  return random.oneIn(2) && value.startsWith('"') ? `${value.slice(0, -1)}${run}"` : `"${run}"`
}
