import { describe, expect, test } from 'vitest'
import { describeFault, isA, nameOf } from '../../src/faults.ts'

const LONG = 'abcdefghijklmnopqrstABCDEFGHIJKLMNOPQRST0123456789'

function says(message: string): string {
  return describeFault(new TypeError(message))
}

describe('words that help stay', () => {
  test.each([
    'connect ECONNREFUSED 127.0.0.1:1',
    'getaddrinfo ENOTFOUND login.example.com',
    'self-signed certificate in certificate chain',
    'unable to verify the first certificate',
    'Hostname/IP does not match certificate: Host: login.example.com',
  ])('%s', (message) => {
    expect(says(message)).toBe(message)
  })

  test('those of the cause do, and its code where it has none', () => {
    expect(describeFault(new TypeError('fetch failed', { cause: new Error('reset') }))).toBe('fetch failed (reset)')
    const cause = Object.assign(new AggregateError([new Error('connect ECONNREFUSED ::1:1')]), { code: 'ECONNREFUSED' })
    expect(describeFault(new TypeError('fetch failed', { cause }))).toBe('fetch failed (ECONNREFUSED)')
    expect(describeFault(new TypeError(''))).toBe('TypeError')
  })

  test('those of an error of another realm do', () => {
    expect(describeFault({ name: 'TypeError', message: 'fetch failed' })).toBe('fetch failed')
  })
})

describe('the kind of an error', () => {
  test('is its name, if that is the name of an error', () => {
    expect(nameOf(new TypeError('x'))).toBe('TypeError')
    expect(nameOf(new DOMException('x', 'AbortError'))).toBe('AbortError')
    for (const name of ['', 'hunterTwo', `${LONG}Error`, 'Type Error', 'Error\n', 7, {}]) {
      expect(nameOf(Object.assign(new Error('x'), { name }))).toBe('unknown reason')
    }
  })

  test('is unknown where it cannot be read', () => {
    const refuse = (): never => {
      throw new Error(LONG)
    }
    const hostile: unknown = new Proxy(new Error(LONG), { get: refuse, getPrototypeOf: refuse })
    for (const thrown of [hostile, LONG, undefined, null, Symbol(LONG), () => LONG]) {
      expect(describeFault(thrown)).toBe('unknown reason')
      expect(isA(thrown, Error)).toBe(false)
    }
    expect(isA(new TypeError('x'), Error)).toBe(true)
  })
})

test('words are cut after the user name and the password of an address were masked', () => {
  const address = `redis://user:${'p'.repeat(300)}@redis.internal:6379`
  expect(says(`${'x'.repeat(100)} ${address}`)).toBe(`${'x'.repeat(100)} redis://***@redis.internal:6379`)
  expect(says('redis://:p@ss/word@redis.internal')).toBe('redis://***@redis.internal')
  expect(says('a //b and c@d')).toBe('a //b and c@d')
  expect(says('x'.repeat(300))).toBe(`${'x'.repeat(197)}...`)
})
