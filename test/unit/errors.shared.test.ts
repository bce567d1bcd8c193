import { describe, expect, expectTypeOf, test } from 'vitest'
import {
  BearwardError,
  outcomeOf,
  type ErrorCode,
  forCaller,
  quote,
  shareError,
  type WireError,
} from '../../src/errors.ts'

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
    expect(error).toMatchObject({ code, status, statusCode: status, expose: false, detail: 'for operators' })
    expect(error.error).toBe(wireError)
    // RFC 6750 §3: the characters that error_description may hold.
    expect(outcomeOf(code)?.description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
    // Frameworks show `message`. Only the error of a server's set-up speaks to its developer.
    expect(error.message).toBe(code === 'configuration_invalid' ? 'for operators' : outcomeOf(code)?.description)
  })

  test('the table holds every code', () => {
    expectTypeOf<ErrorCode>().toEqualTypeOf<BearwardError['code']>()
    expect(new Set(TABLE.map(([code]) => code)).size).toBe(21)
  })
})

describe('BearwardError', () => {
  test('is an Error of its own class, which the language tells from a look-alike', () => {
    const error = new BearwardError('token_expired', 'late')
    expect(error).toBeInstanceOf(Error)
    expect(error).toBeInstanceOf(BearwardError)
    expect(Object.prototype.toString.call(error)).toBe('[object Error]')
    expect(String(error)).toBe('BearwardError: The access token expired')
  })

  test('is extensible: frameworks and loggers write on what they catch', () => {
    const error = new BearwardError('scope_insufficient', 'lacks', { scopes: ['a'] })
    Object.assign(error, { status: 418, message: 'changed', headers: {} })
    Object.defineProperty(error, '__sentry_captured__', { value: true })
    expect(error).toMatchObject({ status: 418, message: 'changed', headers: {} })
    expect(() => (error.scopes as string[]).push('b')).toThrow(TypeError)
  })

  test.each([
    ['a proxy of it', (error: BearwardError) => new Proxy(error, {})],
    ['an object that inherits from it', (error: BearwardError) => Object.create(error) as BearwardError],
  ])('takes header fields as any object does: %s', (_, wrap) => {
    const wrapped = wrap(new BearwardError('token_expired', 'late'))
    expect(wrapped.headers).toBeUndefined()
    wrapped.headers = { 'X-Own': '1' }
    expect(wrapped.headers).toEqual({ 'X-Own': '1' })
  })

  test('has no header fields any more where somebody took them away', () => {
    const error = new BearwardError('token_expired', 'late')
    error.headers = { 'X-Own': '1' }
    error.headers = undefined
    expect(error.headers).toBeUndefined()
  })

  test('shows loggers its code and its detail, and no member that does not apply', () => {
    const error = new BearwardError('token_expired', 'late')
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: 'BearwardError',
      code: 'token_expired',
      status: 401,
      statusCode: 401,
      error: 'invalid_token',
      expose: false,
      detail: 'late',
    })
    expect(Object.keys(error)).not.toContain('scopes')
  })

  test('carries a stack trace only where a developer made the mistake', () => {
    expect(new BearwardError('token_expired', 'late').stack).not.toMatch(/\n\s+at |late/)
    expect(new BearwardError('configuration_invalid', 'late').stack).toMatch(/late\n\s+at /)
    expect(new Error('after').stack).toMatch(/after\n\s+at /)
  })

  test('is made where the built-in objects cannot be changed', () => {
    const limit = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit') as PropertyDescriptor
    Object.defineProperty(Error, 'stackTraceLimit', { ...limit, writable: false })
    try {
      expect(new BearwardError('token_expired', 'late')).toMatchObject({ code: 'token_expired', detail: 'late' })
      expect(Error.stackTraceLimit).toBe(limit.value)
    } finally {
      Object.defineProperty(Error, 'stackTraceLimit', limit)
    }
  })

  test('that cannot be made leaves the stack traces of others alone', () => {
    const limit = Error.stackTraceLimit
    expect(() => new BearwardError('bogus' as ErrorCode, 'x')).toThrow(TypeError)
    expect(() => new BearwardError('token_expired', 'x', null as unknown as object)).toThrow(TypeError)
    expect(Error.stackTraceLimit).toBe(limit)
  })

  test('replaces what could break a line of a log', () => {
    expect(new BearwardError('token_expired', 'a\r\nb\u001B[2J\u202Ec\u2028').detail).toBe('a??b?[2J?c?')
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

  test('forCaller hands out an error once; one that is kept stays here, and each caller gets its own', () => {
    const error = new BearwardError('scope_insufficient', 'lacks', { scopes: ['a'], cause: new Error('deeper') })
    expect(forCaller(error)).toBe(error)
    shareError(error)
    const own = forCaller(error)
    expect(own).not.toBe(error)
    expect(forCaller(error)).not.toBe(own)
    expect(own).toMatchObject({ code: 'scope_insufficient', detail: 'lacks', scopes: ['a'] })
    expect('cause' in own).toBe(false)
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
