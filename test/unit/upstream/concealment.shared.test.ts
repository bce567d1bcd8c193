import { describe, expect, test, vi } from 'vitest'
import { BearwardError } from '../../../src/entry-points/index.ts'
import { describeFault, Fault } from '../../../src/faults.ts'
import { describeWithout, nameWithout, repeatsAny, withoutSecrets } from '../../../src/upstream/concealment.ts'

const LONG = 'abcdefghijklmnopqrstABCDEFGHIJKLMNOPQRST0123456789'

function says(message: string, secrets: readonly string[]): string {
  return describeWithout(new TypeError(message), secrets)
}

describe('words that help stay', () => {
  test.each([
    'connect ECONNREFUSED 127.0.0.1:1',
    'getaddrinfo ENOTFOUND login.example.com',
    'self-signed certificate in certificate chain',
    'unable to verify the first certificate',
    'Hostname/IP does not match certificate: Host: login.example.com',
  ])('%s', (message) => {
    // A secret may be a word like any other, short, or one that somebody set while trying out.
    const secrets = ['', 'a', 'secret', 'connect', 'verify', '1', '127', '12345', 'password', 'changeit', LONG]
    expect(says(message, secrets)).toBe(message)
  })
})

describe('a secret that is repeated', () => {
  test('counts where it stands as a value, and nowhere else, if it is a word', () => {
    expect(says('got "orders"', ['orders'])).toBe('TypeError')
    expect(says('status 400 (orders)', ['orders'])).toBe('TypeError')
    expect(says('no orders there', ['orders'])).toBe('no orders there')
  })

  test('counts wherever it stands and in whatever case, if it is short and no word', () => {
    for (const secret of ['hunter2', 'p4ss', 'Tr0ub4dor&3', 'kühl-9!"x', 'correcthorse']) {
      expect(says(`login with ${secret} failed`, [secret]), secret).toBe('TypeError')
      expect(says(`login with ${secret.toUpperCase()} failed`, [secret]), secret).toBe('TypeError')
      expect(says('login failed', [secret]), secret).toBe('login failed')
    }
    expect(says('login with corrctehorse failed', ['correcthorse'])).toBe('login with corrctehorse failed')
  })

  test('counts by half of its letters, and by sixteen of a long one', () => {
    const short = LONG.slice(0, 20)
    expect(repeatsAny(`x ${short.slice(0, 10)} x`, [short])).toBe(true)
    expect(repeatsAny(`x ${short.slice(0, 9)} x`, [short])).toBe(false)
    for (let start = 0; start + 16 <= LONG.length; start++) {
      for (const before of ['', '-', 'zz', 'zzz', 'zzzz']) {
        expect(repeatsAny(`${before}${LONG.slice(start, start + 16)}z`, [LONG])).toBe(true)
      }
    }
    expect(repeatsAny('x 9876543210 x', [LONG])).toBe(false)
    expect(repeatsAny('x 3456789 x', [LONG])).toBe(false)
  })

  test('counts in pieces of eight, in any order, and percent-encoded', () => {
    expect(repeatsAny(`"${LONG.slice(40, 48)}", "${LONG.slice(3, 11)}"`, [LONG])).toBe(true)
    expect(repeatsAny(`"${LONG.slice(40, 48)}", "${LONG.slice(3, 10)}"`, [LONG])).toBe(false)
    // The same piece twice tells no more than once.
    expect(repeatsAny('a+/b+/c+/d+/e+/f+/g+/h+/', ['a+/b+/c+/d+/e+/f+/g+/h+/'])).toBe(true)
    expect(repeatsAny(encodeURIComponent('a+/b+/c+/d+/e+/f+/g+/h+/'), ['a+/b+/c+/d+/e+/f+/g+/h+/'])).toBe(true)
    expect(repeatsAny('100% of none', ['a+/b+/c+/d+/e+/f+/g+/h+/'])).toBe(false)
  })

  test('changes the words of our own errors too, and not what they are', () => {
    class Special extends Fault {}
    const reworded = withoutSecrets(new Special(`got ${LONG}`), [LONG])
    expect(reworded).toBeInstanceOf(Special)
    expect(describeFault(reworded)).not.toContain('abc')
    const harmless = new Special('got none')
    expect(withoutSecrets(harmless, [LONG])).toBe(harmless)
    const error = withoutSecrets(new BearwardError('claim_invalid', LONG), [LONG])
    expect(error).toMatchObject({ code: 'claim_invalid', detail: expect.not.stringContaining('abc') as unknown })
    expect(withoutSecrets(new Error(LONG), [LONG])).toMatchObject({ message: 'Error' })
  })
})

test('a name that repeats a secret is unknown', () => {
  const fault = Object.assign(new Error('x'), { name: 'hunterTwoError' })
  expect(nameWithout(fault, [])).toBe('hunterTwoError')
  expect(nameWithout(fault, ['hunterTwo'])).toBe('unknown reason')
})

describe('what it costs to look for secrets', () => {
  test('a text that nobody could read is not searched: the kind of the error stands for it', () => {
    const secret = 'the-secret-of-this-client'
    expect(repeatsAny('x'.repeat(4_096), [secret])).toBe(false)
    expect(repeatsAny('x'.repeat(4_097), [secret])).toBe(true)
  })

  test('a block that stands in a secret everywhere is compared in few places, and counts as telling', () => {
    expect(repeatsAny('aaaabbbb', ['a'.repeat(16_384)])).toBe(true)
    expect(repeatsAny('aaaabbbb', [`${'a'.repeat(40)}${'xyz0123456789'.repeat(100)}`])).toBe(false)
  })

  test('grows with the length of the token, and with that of the text', () => {
    const least = looked(words(200), digits(1_000))
    expect(least).toBeGreaterThan(0)
    expect(looked(words(200), digits(16_000))).toBeLessThanOrEqual(32 * least)
    expect(looked(words(3_200), digits(1_000))).toBeLessThanOrEqual(32 * least)
    // A text of 200 letters asks no more than fifty times.
    expect(looked(words(200), digits(16_000))).toBeLessThanOrEqual(50 * 16_000)
  })

  test('grows no faster for a token that meets the text everywhere', () => {
    const least = looked(words(200), 'issuz'.repeat(200))
    expect(looked(words(200), 'issuz'.repeat(3_200))).toBeLessThanOrEqual(32 * least)
  })
})

/** How many letters at most are looked at where a text is held against a secret. */
function looked(text: string, secret: string): number {
  const searches = vi.spyOn(String.prototype, 'indexOf')
  const found = repeatsAny(text, [secret])
  let letters = 0
  // The next look begins behind what the last one found.
  searches.mock.results.forEach(({ value }, index) => {
    const from = searches.mock.calls[index]?.[1] ?? 0
    letters += (value < 0 ? secret.length : value) - from
  })
  searches.mockRestore()
  expect(found).toBe(false)
  return letters
}

function digits(length: number): string {
  return '0123456789'.repeat(length / 10)
}

function words(length: number): string {
  return 'no such issuer here '.repeat(length / 20)
}
