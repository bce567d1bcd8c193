import { describe, expect, test } from 'vitest'
import { bytesInPassing, isBearerToken } from '../../../src/parse/ascii.ts'

describe('the bytes of a text', () => {
  test.each([
    ['nothing', ''],
    ['ASCII', 'eyJhbGciOi.-_'],
    ['characters beyond ASCII', 'Bärbel 🐻'],
    ['a lone surrogate', 'a\ud800b'],
    ['a text too long for the room that is kept', 'x'.repeat(100_000)],
    ['a text too long once it is encoded', '\u20ac'.repeat(21_900)],
    ['a text that just fits', '\u20ac'.repeat(21_845)],
  ])('are those of UTF-8: %s', (_, text) => {
    expect([...bytesInPassing(text)]).toEqual([...new TextEncoder().encode(text)])
  })

  test('of a longer text before leave nothing behind', () => {
    bytesInPassing('a longer text')
    expect([...bytesInPassing('short')]).toEqual([...new TextEncoder().encode('short')])
  })
})

describe('a bearer token by RFC 6750 §2.1', () => {
  const GRAMMAR = /^[A-Za-z0-9._~+/-]+=*$/

  test.each(['a', 'a=', 'a==', 'a====', '-._~+/', 'eyJ.eyJ.sig'])('%j is one', (text) => {
    expect(isBearerToken(text)).toBe(true)
  })

  test.each([
    '',
    '=',
    '==',
    'a=b',
    '=a',
    'a b',
    ' a',
    'a ',
    'a\n',
    'a\t',
    'a,b',
    'a"',
    'ä',
    'a\u0100',
    'a\u0141',
    '🐻',
    'a\0',
  ])('%j is none', (text) => {
    expect(isBearerToken(text)).toBe(false)
  })

  test('every character says what the grammar says, at each place', () => {
    for (let code = 0; code < 0x300; code++) {
      const character = String.fromCharCode(code)
      for (const text of [character, `${character}a`, `a${character}`, `a${character}a`, `a${character}=`]) {
        expect([text, isBearerToken(text)]).toEqual([text, GRAMMAR.test(text)])
      }
    }
  })

  test('one that is too long for the room that is kept is looked at to its end', () => {
    const text = 'a'.repeat(100_000)
    expect(isBearerToken(text)).toBe(true)
    expect(isBearerToken(`${text} `)).toBe(false)
  })
})
