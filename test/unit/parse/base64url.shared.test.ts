import { describe, expect, test } from 'vitest'
import { decodeBase64url } from '../../../src/parse/base64url.ts'
import { base64url } from '../../fixture/issuer.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'.split('')

describe('decodes what is canonical', () => {
  // RFC 4648 §10, without the padding that base64url leaves out here.
  test.each([
    ['', ''],
    ['Zg', 'f'],
    ['Zm8', 'fo'],
    ['Zm9v', 'foo'],
    ['Zm9vYg', 'foob'],
    ['Zm9vYmE', 'fooba'],
    ['Zm9vYmFy', 'foobar'],
  ])('%j is %j', (encoded, decoded) => {
    expect(new TextDecoder().decode(decodeBase64url(encoded))).toBe(decoded)
  })

  test('every byte value comes back, at every alignment', () => {
    for (const length of [254, 255, 256]) {
      const bytes = Uint8Array.from({ length }, (_, index) => index)
      expect(decodeBase64url(base64url(bytes))).toEqual(bytes)
    }
  })

  test('a part of a longer string, however it is aligned', () => {
    expect(decodeBase64url('..Zm9vYg..', 2, 8)).toEqual(new TextEncoder().encode('foob'))
    expect(decodeBase64url('Zm9v.Zm8', 5)).toEqual(new TextEncoder().encode('fo'))
  })
})

describe('refuses a second spelling', () => {
  test.each([
    ['padding by one', 'Zm8', 'Zm8='],
    ['padding by two', 'Zg', 'Zg=='],
    ['padding after whole groups', 'Zm9v', 'Zm9v===='],
    ['a space within', 'Zm9v', 'Zm 9v'],
    ['a space at the end', 'Zm9v', 'Zm9v '],
    ['a line feed', 'Zm9v', 'Zm9v\n'],
    ['a tab', 'Zm9v', '\tZm9v'],
    ['plus in place of minus', '-_-_', '+_-_'],
    ['slash in place of underscore', '-_-_', '-/-_'],
    ['a lone last character', 'Zm9v', 'Zm9vY'],
    ['a character beyond ASCII', 'Zm9v', 'Zm9\u0101'],
    ['a character that equals one of the alphabet modulo 128', 'Zm9v', 'Zm9\u00f6'],
    ['a NUL', 'Zm9v', 'Zm9\u0000'],
    ['a dot', 'Zm9v', 'Zm.v'],
    ['an astral character', 'Zm9v', 'Zm\u{1f43b}'],
  ])('%s', (_, good, bad) => {
    expect(decodeBase64url(good)).toBeDefined()
    expect(decodeBase64url(bad)).toBeUndefined()
  })

  test('spare bits of a last character: of two characters exactly 4 endings in 64 are canonical', () => {
    const accepted = ALPHABET.filter((last) => decodeBase64url(`A${last}`) !== undefined)
    expect(accepted).toEqual(['A', 'Q', 'g', 'w'])
  })

  test('spare bits of a last character: of three characters exactly 16 endings in 64 are canonical', () => {
    const accepted = ALPHABET.filter((last) => decodeBase64url(`AA${last}`) !== undefined)
    expect(accepted.join('')).toBe('AEIMQUYcgkosw048')
  })

  test('each position of a group counts', () => {
    for (let at = 0; at < 8; at++) {
      const spoilt = `${'AAAAAAAA'.slice(0, at)}!${'AAAAAAAA'.slice(at + 1)}`
      expect(decodeBase64url(spoilt), spoilt).toBeUndefined()
    }
    expect(decodeBase64url('AAAAAAAA')).toBeDefined()
  })

  test('each position of a rest counts', () => {
    for (const spoilt of ['AAAA!A', 'AAAAA!', 'AAAA!AA', 'AAAAA!A', 'AAAAAA!']) {
      expect(decodeBase64url(spoilt), spoilt).toBeUndefined()
    }
  })
})
