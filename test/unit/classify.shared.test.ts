import { describe, expect, test } from 'vitest'
import { withDetail } from '../fixture/detail.ts'
import type { BearwardError } from '../../src/errors.ts'
import { classifyToken } from '../../src/classify.ts'
import type { OpaqueToken, UnverifiedJwt } from '../../src/pipeline.ts'
import { base64url, ISSUER } from '../fixture/issuer.ts'
import { codeOf } from '../fixture/server.ts'

const SIGNATURE = 'AAAA'

function classify(token: string): UnverifiedJwt | OpaqueToken {
  return classifyToken(token)
}

function jwt(header: unknown, payload: unknown = { iss: ISSUER }): string {
  return `${base64url(JSON.stringify(header))}.${base64url(JSON.stringify(payload))}.${SIGNATURE}`
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
    ['two parts', 'eyJhbGciOiJFUzI1NiJ9.e30'],
    ['three parts that are no header', 'abc.def.ghi'],
    ['an AWS-like token', 'FQoGZXIvYXdzE.x.y'],
  ])('is opaque: %s', (_, token) => {
    expect(classify(token)).toEqual({ kind: 'opaque', token })
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
