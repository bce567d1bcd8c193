import { describe, expect, test } from 'vitest'
import {
  parseStrictObject,
  parseWeighedObject,
  strictCopy,
  type WeighedObject,
  weightOf,
} from '../../../src/parse/json.ts'

const BACKSLASH = String.fromCharCode(0x5c)
const BYTE_ORDER_MARK = '\ufeff'

function parse(text: string): unknown {
  return parseStrictObject(new TextEncoder().encode(text))
}

describe('accepts one JSON object', () => {
  test.each([
    '{}',
    ' {"a": 1}\r\n\t',
    '{"a":{"a":{"a":1}}}',
    '{"a":[{"b":1},{"b":2}]}',
    '{"a":1,"A":2}',
    '{"":1}',
    '{"a":null,"b":true,"c":false,"d":"","e":-0.5e-3}',
    '{"a":9007199254740993}',
    '{"a":1e308}',
  ])('%s', (text) => {
    expect(parse(text)).toEqual(JSON.parse(text))
  })

  test('with characters beyond ASCII, as they are and escaped', () => {
    expect(parse('{"name":"Bärbel \\u00e9 🐻 \\ud83d\\udc3b"}')).toEqual({ name: 'Bärbel é 🐻 🐻' })
  })
})

describe('refuses what is not one JSON object', () => {
  test.each([
    '',
    ' ',
    'null',
    'true',
    '1',
    '"a"',
    '[]',
    '[{"a":1}]',
    '{"a":1}{"a":1}',
    '{"a":1} x',
    "{'a':1}",
    '{a:1}',
    '{"a":1,}',
    '{"a":01}',
    '{"a":+1}',
    '{"a":.5}',
    '{"a":NaN}',
    '{"a":Infinity}',
    '{"a":0x10}',
    '{"a":undefined}',
    '{"a":1/*comment*/}',
    '{"a":"line\nfeed"}',
    '{"a":"\\x41"}',
    '{"a":1',
  ])('%j', (text) => {
    expect(parse(text)).toBeUndefined()
  })
})

describe('refuses a repeated member', () => {
  test.each([
    ['at the top', '{"a":1,"b":2}', '{"a":1,"a":2}'],
    ['with the same value', '{"a":1,"b":1}', '{"a":1,"a":1}'],
    ['written with an escape', '{"a":1,"\\u0062":2}', '{"a":1,"\\u0061":2}'],
    ['nested', '{"x":{"a":1,"b":2}}', '{"x":{"a":1,"a":2}}'],
    ['in an object in an array', '{"x":[1,{"a":1,"b":2}]}', '{"x":[1,{"a":1,"a":2}]}'],
    ['after a member with another value type', '{"a":{"c":1},"b":2}', '{"a":{"c":1},"a":2}'],
    ['whose first value hides members of its own', '{"a":{"b":1,"c":2},"d":1}', '{"a":{"b":1,"c":2},"a":1}'],
    ['with an empty name', '{"":1,"b":2}', '{"":1,"":2}'],
    ['among many', '{"a":1,"b":2,"c":3,"d":4}', '{"a":1,"b":2,"c":3,"b":4}'],
    ['with white space between', '{"a" : 1, "b" : 2}', '{"a" : 1,\n "a" : 2}'],
    ['whose name holds a colon', '{"a:b":1,"a:c":2}', '{"a:b":1,"a:b":2}'],
    ['whose name is an integer', '{"1":1,"2":2}', '{"1":1,"1":2}'],
    ['that would pass if colons in strings counted', '{"a":"x","b":2}', '{"a":"x:y","a":2}'],
    ['whose value is null', '{"a":null,"b":null}', '{"a":null,"a":null}'],
  ])('%s', (_, good, bad) => {
    expect(parse(good)).toEqual(JSON.parse(good))
    expect(parse(bad)).toBeUndefined()
  })
})

describe('is not confused by what strings hold', () => {
  test.each([
    ['colons', { a: ':', 'b:c': ':::', d: ['x:y'] }],
    ['quotes', { a: '"', b: '":"', 'c"d': 1 }],
    ['backslashes', { a: BACKSLASH, b: BACKSLASH.repeat(2), c: BACKSLASH.repeat(7) }],
    ['backslashes before quotes', { a: `${BACKSLASH}"`, b: `${BACKSLASH.repeat(3)}":`, c: `:${BACKSLASH}` }],
    ['a member name that ends in a backslash', { [`a${BACKSLASH}`]: 1, [`b${BACKSLASH.repeat(2)}`]: ':' }],
    ['braces and commas', { a: '{"a":1,"a":2}', b: '[,]' }],
    ['an address', { iss: 'https://login.example.com:8443/a?b=c:d' }],
  ])('%s', (_, value) => {
    expect(parse(JSON.stringify(value))).toEqual(value)
  })

  test.each([
    ['an even run of backslashes ends its string', `{"a":"${BACKSLASH.repeat(4)}","a":1}`],
    ['an odd run escapes the quote', `{"a":"${BACKSLASH.repeat(3)}"","a":1}`],
    ['a duplicate after a string that ends in an escaped quote', `{"a":"${BACKSLASH}"","a":1}`],
    ['a duplicate after an escaped solidus', `{"a":"${BACKSLASH}/","a":1}`],
  ])('still finds: %s', (_, text) => {
    expect(Object.keys(JSON.parse(text) as object)).toEqual(['a'])
    expect(parse(text)).toBeUndefined()
  })

  test('a long run of backslashes is read to its end', () => {
    const value = { a: BACKSLASH.repeat(20_000), b: `${BACKSLASH.repeat(20_001)}"` }
    expect(parse(JSON.stringify(value))).toEqual(value)
  })
})

describe('refuses half a surrogate pair, which UTF-8 cannot say', () => {
  test.each([
    ['a first half alone', '{"sub":"a\\ud83d\\udc3b"}', '{"sub":"a\\ud83d"}'],
    ['a second half alone', '{"sub":"a\\ud83d\\udc3b"}', '{"sub":"a\\udc3b"}'],
    ['in capitals', '{"sub":"\\uD83D\\uDC3B"}', '{"sub":"\\uD83D"}'],
    ['the halves in reverse', '{"sub":"\\ud83d\\udc3b"}', '{"sub":"\\udc3b\\ud83d"}'],
    ['a first half before another character', '{"sub":"\\ud83d\\udc3b"}', '{"sub":"\\ud83d\\u0041"}'],
    ['after a whole pair', '{"sub":"🐻\\u0041"}', '{"sub":"🐻\\udfff"}'],
    ['in a name', '{"\\ud83d\\udc3b":1}', '{"\\ud83d":1}'],
    ['in an array', '{"aud":["a","\\ud83d\\udc3b"]}', '{"aud":["a","\\ud83d"]}'],
    ['nested', '{"act":{"sub":"\\ud83d\\udc3b"}}', '{"act":{"sub":"\\ud83d"}}'],
    ['behind an escaped backslash', '{"sub":"\\\\ud83d"}', '{"sub":"\\\\\\ud83d"}'],
  ])('%s', (_, good, bad) => {
    expect(parse(good)).toEqual(JSON.parse(good))
    expect(() => void JSON.parse(bad)).not.toThrow()
    expect(parse(bad)).toBeUndefined()
  })

  test('in a copy of what a dialect made, too', () => {
    expect(strictCopy({ sub: 'a🐻' })).toEqual({ sub: 'a🐻' })
    expect(strictCopy({ sub: 'a\ud83d' })).toBeUndefined()
  })
})

describe('refuses numbers that are not finite', () => {
  test.each([
    ['at the top', '{"exp":1e308}', '{"exp":1e999}'],
    ['negative', '{"exp":-1e308}', '{"exp":-1e999}'],
    ['in an array', '{"a":[1,2]}', '{"a":[1,1e400]}'],
    ['nested', '{"a":{"b":{"c":1}}}', '{"a":{"b":{"c":1E999}}}'],
    ['many digits', `{"a":1${'0'.repeat(300)}}`, `{"a":1${'0'.repeat(400)}}`],
  ])('%s', (_, good, bad) => {
    expect(parse(good)).toBeDefined()
    expect(parse(bad)).toBeUndefined()
  })
})

describe('knows no prototype tricks', () => {
  test.each([
    ['at the top', '{"proto":{"admin":true}}', '{"__proto__":{"admin":true}}'],
    ['nested', '{"a":{"proto":1}}', '{"a":{"__proto__":1}}'],
    ['in an array', '{"a":[{"proto":null}]}', '{"a":[{"__proto__":null}]}'],
    ['escaped', '{"proto":1}', '{"\\u005f_proto__":1}'],
  ])('refuses a member called __proto__ %s', (_, good, bad) => {
    expect(parse(good)).toBeDefined()
    expect(parse(bad)).toBeUndefined()
  })

  test('keeps members named like inherited ones as the own members that they are', () => {
    const value = parse('{"constructor":1,"toString":2,"hasOwnProperty":3}') as object
    expect(Object.entries(value)).toEqual([
      ['constructor', 1],
      ['toString', 2],
      ['hasOwnProperty', 3],
    ])
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
  })
})

describe('refuses bytes that are not plain UTF-8', () => {
  test.each([
    ['a byte-order mark', [0xef, 0xbb, 0xbf, 0x7b, 0x7d]],
    ['a byte-order mark of UTF-16', [0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]],
    ['a lone continuation byte', [0x7b, 0x22, 0x80, 0x22, 0x3a, 0x31, 0x7d]],
    ['an overlong solidus', [0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d]],
    ['an encoded surrogate', [0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d]],
    ['a character beyond U+10FFFF', [0x7b, 0x22, 0xf4, 0x90, 0x80, 0x80, 0x22, 0x3a, 0x31, 0x7d]],
    ['a character cut short', [0x7b, 0x22, 0xc3, 0x22, 0x3a, 0x31, 0x7d]],
  ])('%s', (_, bytes) => {
    expect(parseStrictObject(Uint8Array.from(bytes))).toBeUndefined()
    expect(parseStrictObject(Uint8Array.from([0x7b, 0x7d]))).toEqual({})
  })

  test('a byte-order mark within a string is a character like any other', () => {
    expect(parse(`{"a":"${BYTE_ORDER_MARK}"}`)).toEqual({ a: BYTE_ORDER_MARK })
  })

  test('two surrogate pairs of two members stay two different names', () => {
    expect(parse('{"\\ud83d\\udc3b":1,"\\ud83d\\udc3a":2}')).toBeDefined()
    expect(parse('{"\\ud83d\\udc3b":1,"\\ud83d\\udc3b":2}')).toBeUndefined()
  })
})

function nested(depth: number, open: string, close: string): string {
  return `{"a":${open.repeat(depth - 1)}1${close.repeat(depth - 1)}}`
}

describe('bounds the depth', () => {
  test.each([
    ['arrays', '[', ']'],
    ['objects', '{"a":', '}'],
  ])('64 levels of %s pass, 65 do not', (_, open, close) => {
    expect(parse(nested(64, open, close))).toBeDefined()
    expect(parse(nested(65, open, close))).toBeUndefined()
  })

  test('a hundred thousand levels are refused without harm', () => {
    expect(parse(nested(100_000, '[', ']'))).toBeUndefined()
    expect(parse(nested(100_000, '{"a":', '}'))).toBeUndefined()
  })
})

test('freezes the whole of it', () => {
  const value = parse('{"a":{"b":[{"c":1}]}}') as { a: { b: { c: number }[] } }
  for (const part of [value, value.a, value.a.b, value.a.b[0]]) expect(Object.isFrozen(part)).toBe(true)
})

function weigh(text: string): WeighedObject | undefined {
  return parseWeighedObject(new TextEncoder().encode(text))
}

describe('the weight of an object', () => {
  test.each<[string, number]>([
    ['{}', 48],
    ['{"a":"text"}', 96],
    ['{"a":true,"b":null}', 144],
    ['{"a":1}', 120],
    ['{"a":-0.5,"b":1e9}', 192],
    ['{"a":[]}', 144],
    ['{"a":[1,"x",[]]}', 216],
    ['{"a":{"b":{}}}', 240],
    ['{"0":{},"1":[[]]}', 288],
  ])('counts objects, arrays, members and numbers: %s', (text, weight) => {
    expect(weigh(text)?.weight).toBe(weight)
    expect(weightOf(weigh(text)?.value)).toBe(weight)
  })

  test('does not count what came before, refused or not', () => {
    expect(weigh('{"a":[[[[]]]],"b":1e999}')).toBeUndefined()
    expect(weigh('{}')?.weight).toBe(48)
    expect(weigh('{}')?.weight).toBe(48)
  })
})
