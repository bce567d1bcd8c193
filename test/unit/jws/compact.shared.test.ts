import { describe, expect, test } from 'vitest'
import { parseCompact } from '../../../src/jws/compact.ts'
import { base64url } from '../../fixture/issuer.ts'

const HEADER = base64url('{"alg":"ES256"}')
const PAYLOAD = base64url('{"iss":"x"}')
const GOOD = `${HEADER}.${PAYLOAD}.AAAA`

function faultOf(text: string): string | undefined {
  const parsed = parseCompact(text)
  return 'fault' in parsed ? parsed.fault : undefined
}

test('takes header, payload, signature and the signing input', () => {
  expect(parseCompact(GOOD)).toEqual({
    header: { alg: 'ES256' },
    payload: { iss: 'x' },
    weight: 96,
    signingInput: new TextEncoder().encode(`${HEADER}.${PAYLOAD}`),
    signature: new Uint8Array(3),
  })
})

describe('refuses what has not exactly three good parts', () => {
  test.each([
    ['nothing', ''],
    ['one part', HEADER],
    ['two parts', `${HEADER}.${PAYLOAD}`],
    ['four parts', `${GOOD}.`],
    ['five parts', `${GOOD}.AAAA.AAAA`],
    ['dots alone', '..'],
    ['an empty header', `.${PAYLOAD}.AAAA`],
    ['an empty payload', `${HEADER}..AAAA`],
    ['an empty signature', `${HEADER}.${PAYLOAD}.`],
    ['a leading dot', `.${GOOD}`],
  ])('%s', (_, text) => {
    expect(faultOf(GOOD)).toBeUndefined()
    expect(faultOf(text)).toBeTypeOf('string')
  })
})

describe('refuses a second spelling in each part', () => {
  test.each([
    ['padding', (part: string) => `${part}=`],
    ['a space at the end', (part: string) => `${part} `],
    ['a line feed at the start', (part: string) => `\n${part}`],
    ['the plus of the other alphabet', (part: string) => `+${part.slice(1)}`],
    ['a lone last character', (part: string) => `${part}A`.slice(0, (part.length >> 2) * 4 + 1)],
  ])('%s', (_, spoil) => {
    expect(faultOf(GOOD)).toBeUndefined()
    expect(faultOf(`${spoil(HEADER)}.${PAYLOAD}.AAAA`)).toContain('header')
    expect(faultOf(`${HEADER}.${spoil(PAYLOAD)}.AAAA`)).toContain('payload')
    expect(faultOf(`${HEADER}.${PAYLOAD}.${spoil('AAAA')}`)).toContain('signature')
  })

  test('a last character of the signature that is not canonical', () => {
    expect(faultOf(`${HEADER}.${PAYLOAD}.AA`)).toBeUndefined()
    expect(faultOf(`${HEADER}.${PAYLOAD}.AB`)).toContain('signature')
  })
})

describe('refuses JSON that is not strict', () => {
  test.each([
    ['a repeated member', '{"alg":"ES256","alg":"none"}'],
    ['an infinite number', '{"exp":1e999}'],
    ['__proto__', '{"__proto__":{}}'],
    ['an array', '["alg"]'],
    ['a string', '"alg"'],
    ['null', 'null'],
    ['a byte-order mark', '\ufeff{}'],
    ['nothing', ''],
  ])('%s', (_, json) => {
    expect(faultOf(`${base64url(json)}.${PAYLOAD}.AAAA`)).toContain('header')
    expect(faultOf(`${HEADER}.${base64url(json)}.AAAA`)).toContain('payload')
  })
})

test('a fault repeats nothing of what came', () => {
  expect(faultOf(`${HEADER}.SECRETSECRET.AAAA`)).not.toContain('SECRET')
})

test('freezes header and payload', () => {
  const parsed = parseCompact(GOOD)
  expect('fault' in parsed).toBe(false)
  if (!('fault' in parsed)) expect([parsed.header, parsed.payload].every(Object.isFrozen)).toBe(true)
})
