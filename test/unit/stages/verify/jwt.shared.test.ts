import { describe, expect, test } from 'vitest'
import { base64url, goodClaims, ISSUER, NOW, RESOURCE, signRaw, signToken } from '../../../fixture/issuer.ts'
import { codeOf, fixture } from '../../../fixture/server.ts'

const HEADER = '{"alg":"ES256","kid":"ES256-1","typ":"at+jwt"}'
const PAYLOAD = JSON.stringify(goodClaims())

async function verifyRaw(header: string | Uint8Array, payload: string | Uint8Array): Promise<unknown> {
  const { api } = await fixture()
  return codeOf(api.verify(await signRaw(header, payload)))
}

describe('genuine signatures do not help what is not strict', () => {
  test.each([
    ['a repeated claim', `{"sub":"user-2",${PAYLOAD.slice(1)}`],
    ['a repeated claim with an escape', `{"\\u0073ub":"user-2",${PAYLOAD.slice(1)}`],
    ['a repeated claim within a claim', `{"x":{"a":1,"a":1},${PAYLOAD.slice(1)}`],
    ['an infinite exp', PAYLOAD.replace(/"exp":\d+/, '"exp":1e999')],
    ['an own __proto__', `{"__proto__":{"admin":true},${PAYLOAD.slice(1)}`],
    ['a byte-order mark', `\ufeff${PAYLOAD}`],
    ['an array', `[${PAYLOAD}]`],
    ['something behind', `${PAYLOAD} x`],
    ['nothing', ''],
  ])('payload: %s', async (_, payload) => {
    expect(await verifyRaw(HEADER, PAYLOAD)).toBe('accepted')
    expect(await verifyRaw(HEADER, payload)).toBe('token_malformed')
  })

  test.each([
    ['a repeated member', `{"alg":"none",${HEADER.slice(1)}`],
    ['a byte-order mark', `\ufeff${HEADER}`],
    ['an own __proto__', `{"__proto__":{},${HEADER.slice(1)}`],
    ['crit', `{"crit":["exp"],"exp":1,${HEADER.slice(1)}`],
    ['crit with b64', `{"crit":["b64"],"b64":true,${HEADER.slice(1)}`],
  ])('header: %s', async (_, header) => {
    expect(await verifyRaw(HEADER, PAYLOAD)).toBe('accepted')
    expect(await verifyRaw(header, PAYLOAD)).toBe('token_malformed')
  })

  test('invalid UTF-8 in the payload', async () => {
    const bytes = new TextEncoder().encode(PAYLOAD.replace('user-1', 'user-?'))
    const spoilt = bytes.map((byte) => (byte === 0x3f ? 0x80 : byte))
    expect(await verifyRaw(HEADER, bytes)).toBe('accepted')
    expect(await verifyRaw(HEADER, spoilt)).toBe('token_malformed')
  })
})

function bumpLast(token: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return token.slice(0, -1) + alphabet[alphabet.indexOf(token.at(-1) ?? '') + 1]
}

describe('one token has one spelling', () => {
  test.each([
    ['padding behind the signature', (token: string) => `${token}==`],
    ['the other alphabet', (token: string) => token.replaceAll('-', '+').replaceAll('_', '/')],
    ['a last character that is not canonical', (token: string) => bumpLast(token)],
  ])('%s', async (_, respell) => {
    const { api } = await fixture()
    // Until the signature holds a character that the alphabets spell differently.
    let token = await signToken()
    while (!/[-_][^.]*$/.test(token)) token = await signToken()
    expect(await codeOf(api.verify(token))).toBe('accepted')
    expect(await codeOf(api.verify(respell(token)))).toBe('token_malformed')
  })
})

describe('order', () => {
  test('an expired token that also lacks scope is expired', async () => {
    const { api } = await fixture()
    const token = await signToken(goodClaims({ iat: NOW - 90, exp: NOW - 60, scope: '' }))
    expect(await codeOf(api.verify(token))).toBe('token_expired')
  })

  test('claims are judged after the signature: a forged expired token is a forgery', async () => {
    const { api } = await fixture()
    const [header, , signature] = (await signToken()).split('.')
    const payload = base64url(JSON.stringify(goodClaims({ exp: NOW - 60, iat: NOW - 90 })))
    expect(await codeOf(api.verify(`${header}.${payload}.${signature}`))).toBe('signature_invalid')
  })

  test('the type and the algorithm are judged before anything is fetched', async () => {
    const { api, upstream } = await fixture()
    for (const header of [{ typ: 'JWT' }, { alg: 'none' }, { crit: ['x'] }]) {
      const [, payload, signature] = (await signToken()).split('.')
      const spoilt = base64url(JSON.stringify({ ...(JSON.parse(HEADER) as object), ...header }))
      await codeOf(api.verify(`${spoilt}.${payload}.${signature}`))
    }
    expect(upstream.calls).toEqual([])
  })
})

test('the issuer is compared exactly', async () => {
  for (const iss of [`${ISSUER}/`, ISSUER.toUpperCase(), `${ISSUER}:443`, `${ISSUER} `, ISSUER.slice(0, -1), '']) {
    const { api, upstream } = await fixture()
    expect(await codeOf(api.verify(await signToken(goodClaims({ iss }))))).toBe('issuer_untrusted')
    expect(upstream.calls).toEqual([])
  }
})

test('an opaque token is token_malformed where no issuer introspects', async () => {
  const { api, upstream } = await fixture()
  expect(await codeOf(api.verify('opaque-token'))).toBe('token_malformed')
  expect(upstream.calls).toEqual([])
})

test('the result says where it came from', async () => {
  const { api } = await fixture()
  expect(await api.verify(await signToken())).toMatchObject({ format: 'jwt', issuer: ISSUER, audience: [RESOURCE] })
})
