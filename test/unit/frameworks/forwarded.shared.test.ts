import { describe, expect, test } from 'vitest'
import {
  createForwarding,
  type ForwardedField,
  trustedProxies,
  type TrustedProxies,
} from '../../../src/frameworks/forwarded.ts'
import { withDetail } from '../../fixture/detail.ts'

const ORIGIN = 'https://api.example.com'
const ALL: readonly ForwardedField[] = ['x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-prefix']

function baseOf(rawHeaders: readonly string[], trusted: Partial<TrustedProxies> = {}, remoteAddress = '10.0.0.7') {
  const forwarding = createForwarding({ addresses: ['10.0.0.7'], fields: ALL, ...trusted }, ORIGIN)
  return forwarding({ socket: { remoteAddress }, rawHeaders })
}

describe('fields of a trusted proxy', () => {
  const everything = [
    'X-Forwarded-Proto',
    'http',
    'X-Forwarded-Host',
    'public.example.com',
    'X-Forwarded-Prefix',
    '/shop',
  ]

  test.each<[readonly ForwardedField[], string]>([
    [ALL, 'http://public.example.com/shop'],
    [['x-forwarded-proto'], 'http://api.example.com'],
    [['x-forwarded-host'], 'https://public.example.com'],
    [['x-forwarded-prefix'], 'https://api.example.com/shop'],
  ])('count where they are named, and no other does: %j', (fields, base) => {
    expect(baseOf(everything, { fields })).toBe(base)
  })

  test('a field that a client fills in is not read where the proxy passes it on', () => {
    const sent = ['X-Forwarded-Host', 'evil.example', 'X-Forwarded-Prefix', '/../..', 'X-Forwarded-Proto', 'http']
    expect(baseOf(sent, { fields: ['x-forwarded-proto'] })).toBe('http://api.example.com')
    expect(baseOf(sent)).not.toBe('http://api.example.com')
  })

  test('say nothing where they come from elsewhere', () => {
    expect(baseOf(everything)).toBe('http://public.example.com/shop')
    expect(baseOf(everything, {}, '10.0.0.8')).toBe(ORIGIN)
    expect(baseOf(everything, {}, '')).toBe(ORIGIN)
    expect(baseOf(everything, { addresses: [] })).toBe(ORIGIN)
  })

  test.each([
    ['a host', 'X-Forwarded-Host', (length: number) => 'h'.repeat(length)],
    ['a prefix', 'X-Forwarded-Prefix', (length: number) => `/${'p'.repeat(length - 1)}`],
    ['a prefix of slashes', 'X-Forwarded-Prefix', (length: number) => `/p${'/'.repeat(length - 2)}`],
    ['a host after spaces', 'X-Forwarded-Host', (length: number) => 'host'.padStart(length)],
  ])('count up to 2,048 characters: %s', (_, name, make) => {
    expect(baseOf([name, make(2_048)])).not.toBe(ORIGIN)
    expect(baseOf([name, make(2_049)])).toBe(ORIGIN)
    // The bound is for the value that counts, not for what others wrote before it.
    expect(baseOf([name, `${make(4_096)},${make(2_048)}`])).not.toBe(ORIGIN)
  })

  test('a last value that is empty hides the one before, which may be the client’s', () => {
    expect(baseOf(['X-Forwarded-Host', 'evil.example', 'X-Forwarded-Host', ''])).toBe(ORIGIN)
    expect(baseOf(['X-Forwarded-Host', '', 'X-Forwarded-Host', 'public.example.com'])).toBe(
      'https://public.example.com',
    )
  })

  test('slashes at the end of a prefix are left out, and those within are no plain path', () => {
    expect(baseOf(['X-Forwarded-Prefix', '/shop///'])).toBe(`${ORIGIN}/shop`)
    expect(baseOf(['X-Forwarded-Prefix', '///shop'])).toBe(ORIGIN)
  })
})

describe('the option', () => {
  const good = { addresses: ['10.0.0.7'], fields: ['x-forwarded-proto'] }

  test('an array of addresses, as it was once, is refused by a message that says what to write', () => {
    expect(trustedProxies(good, 'protect().trustedProxies')).toEqual(good)
    expect(() => trustedProxies(['10.0.0.7'], 'protect().trustedProxies')).toThrow(
      withDetail("{ addresses: ['10.0.0.7'], fields: ['x-forwarded-proto'] }"),
    )
  })

  test.each<[string, unknown]>([
    ['no fields', { addresses: ['10.0.0.7'] }],
    ['an empty list of fields', { addresses: ['10.0.0.7'], fields: [] }],
    ['a field that is none', { addresses: ['10.0.0.7'], fields: ['forwarded'] }],
    ['a field in capitals', { addresses: ['10.0.0.7'], fields: ['X-Forwarded-Proto'] }],
    ['no addresses', { fields: ['x-forwarded-proto'] }],
    ['an address that is no string', { addresses: [10], fields: ['x-forwarded-proto'] }],
    ['a member more', { ...good, hops: 1 }],
    ['a string', '10.0.0.7'],
    ['null', null],
  ])('is refused with %s', (_, value) => {
    expect(() => trustedProxies(value, 'protect().trustedProxies')).toThrow(withDetail('protect().trustedProxies'))
  })
})
