import { describe, expect, test } from 'vitest'
import { readExcerpt } from '../../../src/parse/excerpt.ts'

const WANTED = ['keys', 'issuer']
// What makes a text large stands in a member that nobody wants.
const FILLER = `"filler":"${'x'.repeat(64 * 1024)}"`

function large(members: string): string {
  return `{${FILLER},${members}}`
}

function items(count: number): string {
  return `"keys":[${Array.from({ length: count }, (_, index) => index).join(',')}]`
}

/** A string whose spelling has so many characters. */
function quoted(length: number): string {
  return `"${'x'.repeat(length - 2)}"`
}

describe('a large text', () => {
  test.each<[string, string, unknown]>([
    ['a string', '"issuer":"https://a"', { issuer: 'https://a' }],
    ['a number', '"issuer":1e3', { issuer: 1000 }],
    ['a word', '"issuer":null', { issuer: null }],
    ['an object', '"issuer":{"a":[1,{"b":"}"}]}', { issuer: { a: [1, { b: '}' }] } }],
    ['an array', '"keys":[{"a":1},[2],"]",4,null]', { keys: [{ a: 1 }, [2], ']', 4, null] }],
    ['an empty array', '"keys":[]', { keys: [] }],
    ['an empty array with spaces', '"keys" : [ \t\r\n]', { keys: [] }],
    ['spaces everywhere', ' "keys" : [ 1 , 2 ] , "issuer" : "a" ', { keys: [1, 2], issuer: 'a' }],
    ['escapes', String.raw`"issuer":"\"},\\","keys":["\\\"]"]`, { issuer: '"},\\', keys: ['\\"]'] }],
    ['a name that is repeated', '"keys":[1],"issuer":"a","keys":[2]', { keys: [2], issuer: 'a' }],
    ['a name within another value', '"other":{"issuer":"b","keys":[1]}', {}],
    ['a name within a string', String.raw`"other":"\"issuer\":1","issuer":"a"`, { issuer: 'a' }],
    ['__proto__', '"__proto__":{"issuer":"a"}', {}],
  ])('is read as JSON.parse reads it: %s', (_, members, expected) => {
    const text = large(members)
    const whole = JSON.parse(text) as Record<string, unknown>
    const picked = Object.fromEntries(
      WANTED.filter((name) => Object.hasOwn(whole, name)).map((name) => [name, whole[name]]),
    )
    expect(picked).toEqual(expected)
    expect(readExcerpt(text, WANTED)).toEqual({ document: expected, leftOut: 0 })
    expect(readExcerpt(`{${members}}`, WANTED)).toEqual({ document: expected, leftOut: 0 })
  })

  test.each([
    ['that breaks off', `{${FILLER}`],
    ['that breaks off in a string', `{${FILLER},"a":"b`],
    ['that breaks off in a wanted value', `{${FILLER},"keys":[{"a":1}`],
    ['with more behind', `${large('"a":1')}{}`],
    ['with two commas', large('"a":1,,"b":2')],
    ['with a comma at the end', large('"a":1,')],
    ['with no value', large('"a":')],
    ['with no colon', large('"a"')],
    ['with a name that is no string', large('a:1')],
    ['with an item missing', large('"keys":[1,,2]')],
    ['with a wanted value that is none', large('"issuer":nothing')],
    ['with an item that is none', large('"keys":[{"a":nothing}]')],
    ['with brackets of two kinds', large('"keys":[{]')],
  ])('%s is no JSON', (_, text) => {
    expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError)
    expect(() => readExcerpt(text, WANTED)).toThrow(SyntaxError)
  })

  test.each([
    ['an array', `["${'x'.repeat(64 * 1024)}"]`],
    ['a string', `"${'x'.repeat(64 * 1024)}"`],
    ['a number', `1${' '.repeat(64 * 1024)}`],
  ])('that holds %s is no object', (_, text) => {
    expect(readExcerpt(text, WANTED)).toBeUndefined()
    expect(readExcerpt(` ${large('"issuer":"a"')} `, WANTED)?.document).toEqual({ issuer: 'a' })
  })

  test('of an array the first 300 items are read, and the others counted', () => {
    expect(readExcerpt(large(items(300)), WANTED)).toMatchObject({ document: { keys: { length: 300 } }, leftOut: 0 })
    const some = readExcerpt(large(items(1_234)), WANTED)
    expect(some).toMatchObject({ document: { keys: { length: 300, 299: 299 } }, leftOut: 934 })
  })

  test('a value or item of more than 16 KiB is left out', () => {
    const size = 16 * 1024
    const [fits, exceeds] = [quoted(size), quoted(size + 1)]
    expect(readExcerpt(large(`"issuer":${fits}`), WANTED)?.document['issuer']).toHaveLength(size - 2)
    expect(readExcerpt(large(`"issuer":${exceeds}`), WANTED)?.document).toEqual({ issuer: undefined })
    const read = readExcerpt(large(`"keys":[${fits},${exceeds},1]`), WANTED)?.document['keys']
    expect(read).toEqual(['x'.repeat(size - 2), undefined, 1])
  })

  test('nesting of any depth is passed over', () => {
    const depth = 100_000
    const nested = '['.repeat(depth) + ']'.repeat(depth)
    expect(readExcerpt(`{"other":${nested},"issuer":"a"}`, WANTED)?.document).toEqual({ issuer: 'a' })
  })
})
