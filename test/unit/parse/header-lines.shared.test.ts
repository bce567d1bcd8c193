import { describe, expect, test } from 'vitest'
import { headerLines, type RequestHeaders } from '../../../src/parse/header-lines.ts'
import { RESOURCE } from '../../fixture/issuer.ts'
import { codeOf, fixture } from '../../fixture/server.ts'

function linesOf(headers: unknown, name = 'x-own'): readonly string[] {
  return headerLines(headers as RequestHeaders, name)
}

function appended(...lines: readonly string[]): Headers {
  const headers = new Headers()
  for (const line of lines) headers.append('X-Own', line)
  return headers
}

describe('returns one element for each header line', () => {
  test.each<[string, RequestHeaders, readonly string[]]>([
    ['an object', { 'x-own': 'a', 'x-other': 'b' }, ['a']],
    ['an object without it', { 'x-other': 'b' }, []],
    ['an object with lines', { 'x-own': ['a', 'b'] }, ['a', 'b']],
    ['an object with no line', { 'x-own': [] }, []],
    ['an object in which it is undefined', { 'x-own': undefined }, []],
    ['an object with names of any case', { 'X-Own': 'a', 'x-OWN': ['b'] }, ['a', 'b']],
    ['an object that inherits it', Object.create({ 'x-own': 'a' }) as RequestHeaders, []],
    ['Headers', appended('a'), ['a']],
    ['Headers without it', appended(), []],
    ['Headers with an empty line', appended(''), ['']],
    ['Headers, which join several lines', appended('a', 'b'), ['a, b']],
    ['a function', (name: string) => (name === 'x-own' ? ['a', 'b'] : []), ['a', 'b']],
    ['a function that finds none', () => [], []],
  ])('of %s', (_, headers, expected) => {
    expect(linesOf(headers)).toEqual(expected)
  })

  test('a function receives the name in lower case, once for each question', () => {
    const asked: string[] = []
    headerLines((name) => {
      asked.push(name)
      return []
    }, 'x-own')
    expect(asked).toEqual(['x-own'])
  })
})

function throwing(): never {
  throw new TypeError('SECRET')
}

const WRONG: readonly [string, () => unknown][] = [
  ['throws', throwing],
  ['returns nothing', () => undefined],
  ['returns null', () => null],
  ['returns a string', () => 'SECRET'],
  ['returns an array of other things', () => ['SECRET', 7]],
  ['returns an array with a hole', () => Object.assign([], { length: 1 })],
  ['returns an object', () => ({ length: 1, 0: 'SECRET' })],
  ['returns a Proxy that throws', () => new Proxy([], { get: throwing })],
  ['returns a promise', async () => ['SECRET']],
  // Where nobody handles the rejection, it ends a Node process.
  ['returns a promise that rejects', async () => throwing()],
  ['is a class', Map as unknown as () => unknown],
]

test.each(WRONG)('a function that %s is a refusal with a code, which repeats nothing', async (_, headers) => {
  const { api } = await fixture()
  const view = { method: 'GET', url: RESOURCE, headers: headers as () => [] }
  expect(await codeOf(api.authenticate({ ...view, headers: () => [] }))).toBe('credentials_missing')
  const error: unknown = await api.authenticate(view).catch((fault: unknown) => fault)
  expect(error).toMatchObject({ code: 'credentials_malformed', detail: expect.stringContaining('"headers"') as string })
  expect(JSON.stringify(error)).not.toContain('SECRET')
})
