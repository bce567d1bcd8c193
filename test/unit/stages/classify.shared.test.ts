import { describe, expect, test, vi } from 'vitest'
import { withDetail } from '../../fixture/detail.ts'
import type { BearwardError } from '../../../src/errors.ts'
import { classifyParsed, parseJws } from '../../../src/stages/classify.ts'
import type { OpaqueToken, UnverifiedJwt } from '../../../src/pipeline.ts'
import { base64url, ISSUER } from '../../fixture/issuer.ts'
import { codeOf } from '../../fixture/server.ts'

const SIGNATURE = 'AAAA'

function classify(token: string): UnverifiedJwt | OpaqueToken {
  return classifyParsed(token, parseJws(token))
}

function jwt(header: unknown, payload: unknown = { iss: ISSUER }): string {
  return `${base64url(JSON.stringify(header))}.${base64url(JSON.stringify(payload))}.${SIGNATURE}`
}

/** As `base64url`, of texts that are too long to be spread. */
function base64urlOf(ascii: string): string {
  return btoa(ascii).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

function code(token: string): Promise<unknown> {
  return codeOf(Promise.resolve().then(() => classify(token)))
}

describe('a JWT', () => {
  test('is taken apart', () => {
    const header = { alg: 'ES256', kid: 'key-1', typ: 'at+jwt' }
    const token = jwt(header, { iss: ISSUER, sub: 'user-1' })
    expect(classify(token)).toEqual({
      kind: 'jwt',
      token,
      algorithm: 'ES256',
      keyId: 'key-1',
      type: 'at+jwt',
      issuer: ISSUER,
      claims: { iss: ISSUER, sub: 'user-1' },
      weight: expect.any(Number) as number,
      signingInput: new TextEncoder().encode(token.slice(0, token.lastIndexOf('.'))),
      signature: new Uint8Array(3),
    })
  })

  test('may lack `kid` and `typ`', () => {
    expect(classify(jwt({ alg: 'ES256' }))).toMatchObject({ kind: 'jwt', keyId: undefined, type: undefined })
  })

  test.each([
    ['at+jwt', 'at+jwt'],
    ['AT+JWT', 'at+jwt'],
    ['application/at+jwt', 'at+jwt'],
    ['Application/AT+JWT', 'at+jwt'],
    ['JWT', 'jwt'],
    ['dpop+jwt', 'dpop+jwt'],
    ['text/at+jwt', 'text/at+jwt'],
    ['application/application/at+jwt', 'application/at+jwt'],
    [' at+jwt', ' at+jwt'],
    ['at+jwt; charset=utf-8', 'at+jwt; charset=utf-8'],
  ])('with `typ` %j is read as of type %j', (typ, type) => {
    expect(classify(jwt({ alg: 'ES256', typ }))).toMatchObject({ type })
  })

  test('keeps its algorithm to the letter, as it is the issuer that accepts it', () => {
    for (const alg of ['none', 'es256', 'HS256', '']) expect(classify(jwt({ alg }))).toMatchObject({ algorithm: alg })
  })

  test('is no more trusted for header members that name keys', () => {
    const header = { alg: 'ES256', jwk: {}, jku: 'https://evil.example', x5u: 'https://evil.example', x5c: [] }
    expect(classify(jwt(header))).toMatchObject({ kind: 'jwt', keyId: undefined })
  })
})

describe('refuses by its header', () => {
  test.each([
    ['no alg', {}],
    ['alg that is a number', { alg: 1 }],
    ['alg that is null', { alg: null }],
    ['alg that is an array', { alg: ['ES256'] }],
    ['kid that is a number', { alg: 'ES256', kid: 1 }],
    ['kid that is an object', { alg: 'ES256', kid: {} }],
    ['typ that is an array', { alg: 'ES256', typ: ['at+jwt'] }],
    ['an unknown critical extension', { alg: 'ES256', crit: ['exp'], exp: 1 }],
    ['an empty list of critical extensions', { alg: 'ES256', crit: [] }],
    ['crit that is null', { alg: 'ES256', crit: null }],
    ['crit that is no list', { alg: 'ES256', crit: 'b64' }],
    ['b64 as critical', { alg: 'ES256', crit: ['b64'], b64: true }],
    ['b64 alone', { alg: 'ES256', b64: false }],
    ['b64 true alone', { alg: 'ES256', b64: true }],
  ])('%s', async (_, header) => {
    expect(await code(jwt({ alg: 'ES256' }))).toBe('accepted')
    expect(await code(jwt(header))).toBe('token_malformed')
  })

  test('members inherited from Object.prototype count for nothing', async () => {
    expect(await code(jwt({ constructor: 'x', toString: 'y' }))).toBe('token_malformed')
    expect(await code(jwt({ alg: 'ES256', constructor: 'x', toString: 'y' }))).toBe('accepted')
  })
})

describe('refuses by its issuer', () => {
  test('a missing one', async () => {
    expect(await code(jwt({ alg: 'ES256' }, {}))).toBe('claim_missing')
  })

  test('one that is null, since a claim that is null is absent', async () => {
    expect(await code(jwt({ alg: 'ES256' }, { iss: null }))).toBe('claim_missing')
  })

  test.each([
    ['a number', 1],
    ['an array of the right one', [ISSUER]],
    ['an object', { iss: ISSUER }],
    ['true', true],
  ])('%s', async (_, iss) => {
    expect(await code(jwt({ alg: 'ES256' }, { iss: ISSUER }))).toBe('accepted')
    expect(await code(jwt({ alg: 'ES256' }, { iss }))).toBe('issuer_untrusted')
  })
})

describe('what only looks like a JWT', () => {
  test('a JWE is refused by name', () => {
    const header = base64url(JSON.stringify({ alg: 'RSA-OAEP', enc: 'A256GCM' }))
    expect(() => classify(`${header}.AA.AA.AA.AA`)).toThrow(withDetail(/JWE/))
    expect(() => classify(`${header}....`)).toThrow(expect.objectContaining({ code: 'token_malformed' }))
  })

  test.each([
    ['an empty signature', (token: string) => token.slice(0, token.lastIndexOf('.') + 1)],
    ['padding', (token: string) => `${token}=`],
    ['a header that is no JSON', () => `${base64url('"alg"')}.${base64url('{}')}.AAAA`.replace(/^./, 'e')],
    ['an empty payload', () => `${base64url('{"alg":"ES256"}')}..AAAA`],
    ['a header with one character too many', (token: string) => `e${token}`],
  ])('is refused: %s', async (_, spoil) => {
    const good = jwt({ alg: 'ES256' })
    expect(await code(good)).toBe('accepted')
    expect(await code(spoil(good))).toBe('token_malformed')
  })

  test.each([
    ['a word', 'opaque'],
    ['one that begins like a header', 'eyJhbGciOiJFUzI1NiJ9'],
    ['three parts that are no header', 'abc.def.ghi'],
    ['an AWS-like token', 'FQoGZXIvYXdzE.x.y'],
  ])('is opaque: %s', (_, token) => {
    expect(classify(token)).toEqual({ kind: 'opaque', token })
  })

  test.each([
    ['alg none', `${base64url('{"alg":"none"}')}.${base64url('{"sub":"a"}')}`],
    ['alg none and a type', `${base64url('{"typ":"JWT","alg":"none"}')}.${base64url('{}')}`],
    ['an algorithm that signs', 'eyJhbGciOiJFUzI1NiJ9.e30'],
    ['an `alg` that is no text', `${base64url('{"alg":null}')}.e30`],
    ['an empty payload', `${base64url('{"alg":"none"}')}.`],
    ['a payload that is none', `${base64url('{"alg":"none"}')}.not-json`],
    ['white space before the header', `${base64url(' {"alg":"none"}')}.e30`],
    ['a line feed before the header', `${base64url('\r\n{"alg":"none"}')}.e30`],
    // A lenient endpoint reads what strict parsing refuses.
    ['a member twice', `${base64url('{"alg":"none","alg":"none"}')}.e30`],
    ['`__proto__`', `${base64url('{"__proto__":{},"alg":"none"}')}.e30`],
    ['a number beyond all', `${base64url('{"x":1e999,"alg":"none"}')}.e30`],
    ['an escaped name', `${base64url(String.raw`{"\u0061lg":"none"}`)}.e30`],
    ['a byte-order mark', `${base64url('\ufeff{"alg":"none"}')}.e30`],
  ])('an unsecured JWT in two parts is refused by name: %s', async (_, token) => {
    expect(await code(token)).toBe('token_malformed')
    expect(() => classify(token)).toThrow(withDetail(/unsecured JWT/))
    // The twin lacks the dot.
    expect(classify(token.replace('.', ''))).toMatchObject({ kind: 'opaque' })
  })

  test.each([
    ['white space', ' '],
    ['a line feed', '\n'],
    ['a byte-order mark', '\ufeff'],
  ])('a JWT whose header begins with %s is refused, however many parts it has', async (_, blank) => {
    const header = base64url(`${blank}{"alg":"none"}`)
    for (const parts of ['.e30.', '.e30.AAAA', '.e30..e30.AAAA', '.e30.AAAA.AAAA']) {
      expect(await code(header + parts)).toBe('token_malformed')
      // The twin has no `alg`, and is as good as any opaque token.
      expect(classify(`${base64url(`${blank}{"a":1}`)}${parts}`)).toMatchObject({ kind: 'opaque' })
    }
  })

  test.each([
    ['Google', 'ya29.a0AfB_byDfK3w9u2XqYJr0vT5Qm'],
    ['Ory Hydra', 'ory_at_mJ6V3bT8sX1zQ0oP.7kLw2N9dRfYc4HqE'],
    ['Fosite', 'w3B0qJr5UeYtOaZ1xMvKd8NhCgLs2PfQ7RiXo6TjbE4.Vn9HmW0aSyDk1LzGpRcQ3UxJfEoTi7BvMd5NqXw8K2Y'],
    ['Slack', 'xoxe.xoxp-1-Mi0yLTEyMzQ1Njc4OTAxMi0xMjM0NTY3ODkwMTI'],
    ['Zitadel', 'V2_290384756102938475-at_290384756102938476.dGhpcyBpcyBvcGFxdWU'],
    ['itsdangerous, whose first part is JSON', `${base64url('{"user":"ada","id":7}')}.ZkXh1A`],
    ['one whose first part is JSON with `alg` further inside', `${base64url('{"jwk":{"alg":"none"}}')}.ZkXh1A`],
    ['one whose first part is JSON with `Alg`', `${base64url('{"Alg":"none"}')}.ZkXh1A`],
    ['one whose first part is a list', `${base64url('["alg"]')}.ZkXh1A`],
    ['one whose first part is a text', `${base64url('"alg"')}.ZkXh1A`],
    ['one whose first part is null', `${base64url('null')}.ZkXh1A`],
    ['one that begins like a header', 'eyJhbGciOiJub25lIn.ZkXh1A'],
    ['a header in its second part', `abc.${base64url('{"alg":"none"}')}`],
    ['a header with padding', `${btoa('{"alg":"none"} ')}=.e30`],
    ['a header whose last character is not canonical', 'eyJhbGciOiJub25lIiB9IB.e30'],
    [
      'a header in bytes that are no UTF-8',
      `${base64url(Uint8Array.of(...new TextEncoder().encode('{"alg":"'), 0xff, 0x22, 0x7d))}.e30`,
    ],
    ['a header in other letters', `${base64url('{"alg":"none"}')}\u00e4.e30`],
    ['a dot alone', '.'],
    ['a dot at the beginning', '.e30'],
    ['a dot at the end', 'abc.'],
  ])('is opaque, with its one dot: %s', (_, token) => {
    expect(classify(token)).toEqual({ kind: 'opaque', token })
  })

  test('what every object inherits is no `alg`', () => {
    const polluted = Object.prototype as Record<string, unknown>
    const token = `${base64url('{"user":"ada"}')}.ZkXh1A`
    try {
      Object.defineProperty(polluted, 'alg', { value: 'none', configurable: true })
      expect(classify(token)).toMatchObject({ kind: 'opaque' })
    } finally {
      delete polluted['alg']
    }
  })

  test('the first part of one dot is parsed once at most, however long it is', () => {
    const parse = vi.spyOn(JSON, 'parse')
    try {
      for (const length of [1_000, 16_000, 256_000, 1_024_000]) {
        for (const text of [`{"x":"${'\\\\'.repeat(length / 2)}"}`, `{"x":${'['.repeat(length)}`, '"'.repeat(length)]) {
          parse.mockClear()
          expect(classify(`${base64urlOf(text)}.ZkXh1A`)).toMatchObject({ kind: 'opaque' })
          expect(parse.mock.calls.map(([parsed]) => parsed.length)).toEqual([text.length])
        }
        parse.mockClear()
        expect(classify(`${'e'.repeat(length)}!.x`)).toMatchObject({ kind: 'opaque' })
        expect(classify(`a${'e'.repeat(length)}.x.y.z`)).toMatchObject({ kind: 'opaque' })
        expect(parse).not.toHaveBeenCalled()
      }
    } finally {
      parse.mockRestore()
    }
  })

  // A lenient introspection endpoint might read a JWT out of them.
  test.each([
    ['four parts', 'eyJhbGciOiJFUzI1NiJ9.e30.AA.AA'],
    ['a JWT and a dot', `${jwt({ alg: 'ES256' })}.`],
    ['six parts', 'eyJhbGciOiJFUzI1NiJ9.e30.AA.AA.AA.AA'],
  ])('is refused: %s behind a header', async (_, token) => {
    expect(await code(token)).toBe('token_malformed')
  })

  test('a megabyte of dots is not taken apart', async () => {
    const dots = '.'.repeat(1024 * 1024)
    expect(classify(dots)).toMatchObject({ kind: 'opaque' })
    expect(await code(`e${dots}`)).toBe('token_malformed')
  })
})

test('a refusal repeats neither the token nor control characters of it', async () => {
  const token = jwt({ alg: 'ES256', kid: 7, secret: 'SECRET' }, { iss: ISSUER, sub: 'SECRET' })
  const { detail } = await Promise.resolve()
    .then(() => classify(token))
    .then(
      () => ({ detail: 'accepted' }),
      (error: BearwardError) => error,
    )
  expect(detail).toContain('`kid`')
  expect(detail).not.toContain('SECRET')
  expect(detail).not.toContain(token.slice(0, 20))
})
