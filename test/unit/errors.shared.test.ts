import { describe, expect, expectTypeOf, test } from 'vitest'
import { BearwardError, type ErrorCode, quote, type WireError } from '../../src/errors.ts'

// DESIGN's table, written out: the order is that of the table.
const TABLE: readonly [ErrorCode, number, WireError | undefined][] = [
  ['credentials_missing', 401, undefined],
  ['credentials_malformed', 400, 'invalid_request'],
  ['credentials_ambiguous', 400, 'invalid_request'],
  ['token_malformed', 401, 'invalid_token'],
  ['token_too_large', 401, 'invalid_token'],
  ['token_type_wrong', 401, 'invalid_token'],
  ['issuer_untrusted', 401, 'invalid_token'],
  ['algorithm_refused', 401, 'invalid_token'],
  ['key_unknown', 401, 'invalid_token'],
  ['signature_invalid', 401, 'invalid_token'],
  ['token_expired', 401, 'invalid_token'],
  ['token_not_yet_valid', 401, 'invalid_token'],
  ['audience_mismatch', 401, 'invalid_token'],
  ['client_refused', 401, 'invalid_token'],
  ['claim_missing', 401, 'invalid_token'],
  ['claim_invalid', 401, 'invalid_token'],
  ['binding_mismatch', 401, 'invalid_token'],
  ['scope_insufficient', 403, 'insufficient_scope'],
  ['access_denied', 403, undefined],
  ['issuer_unavailable', 503, undefined],
  ['configuration_invalid', 500, undefined],
]

describe('each code has its status, its wire error and its description', () => {
  test.each(TABLE)('%s: %i %s', (code, status, wireError) => {
    const error = new BearwardError(code, 'for operators')
    expect(error).toMatchObject({ code, status, message: 'for operators', name: 'BearwardError' })
    expect(error.error).toBe(wireError)
    // RFC 6750 §3: the characters that error_description may hold.
    expect(error.description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
    expect(error.description).not.toContain('operators')
  })

  test('the table holds every code', () => {
    expectTypeOf<ErrorCode>().toEqualTypeOf<BearwardError['code']>()
    expect(new Set(TABLE.map(([code]) => code)).size).toBe(21)
  })
})

describe('BearwardError', () => {
  test('is an Error of its own class, with a stack', () => {
    const error = new BearwardError('token_expired', 'late')
    expect(error).toBeInstanceOf(Error)
    expect(error).toBeInstanceOf(BearwardError)
    expect(error.stack).toContain('late')
  })

  test('is immutable', () => {
    const error = new BearwardError('scope_insufficient', 'lacks', { scopes: ['a'] })
    expect(Object.isFrozen(error)).toBe(true)
    expect(() => Object.assign(error, { code: 'access_denied' })).toThrow(TypeError)
    expect(() => (error.scopes as string[]).push('b')).toThrow(TypeError)
    expect(error).toMatchObject({ code: 'scope_insufficient', scopes: ['a'] })
  })

  test('keeps a copy of the scopes', () => {
    const scopes = ['a']
    const error = new BearwardError('scope_insufficient', 'lacks', { scopes })
    scopes.push('b')
    expect(error.scopes).toEqual(['a'])
  })

  test('carries a cause where one is given, and no such member where none is', () => {
    const cause = new Error('deeper')
    expect(new BearwardError('issuer_unavailable', 'down', { cause }).cause).toBe(cause)
    expect('cause' in new BearwardError('issuer_unavailable', 'down')).toBe(false)
  })

  test('carries the seconds after which to try again', () => {
    expect(new BearwardError('issuer_unavailable', 'down', { retryAfterSeconds: 7 }).retryAfterSeconds).toBe(7)
    expect(new BearwardError('issuer_unavailable', 'down').retryAfterSeconds).toBeUndefined()
  })
})

describe('quote', () => {
  test.each<[shown: string, value: unknown]>([
    ['"plain"', 'plain'],
    ['""', ''],
    ['"a?b?c"', 'a"b\\c'],
    ['"line??feed?and?nul"', 'line\r\nfeed\tand\u0000nul'],
    ['"????"', 'é\u202e\u{1f43b}'],
    ['"??[31m"', '\x7f\x1b[31m'],
    ['1', 1],
    ['NaN', Number.NaN],
    ['true', true],
    ['null', null],
    ['undefined', undefined],
    ['an array of 2', ['secret', 'secret']],
    ['an object', { secret: 'secret' }],
    ['a function', () => 'secret'],
    ['a symbol', Symbol('secret')],
    ['a bigint', 1n],
  ])('shows %s', (shown, value) => {
    expect(quote(value)).toBe(shown)
  })

  test('shortens what is longer than 80 characters', () => {
    expect(quote('a'.repeat(80))).toBe(`"${'a'.repeat(80)}"`)
    expect(quote('a'.repeat(81))).toBe(`"${'a'.repeat(80)}…"`)
  })
})
