import { describe, expect, test, vi } from 'vitest'
import { parseCompact } from '../../../src/jws/compact.ts'
import { createHeaderMemo, type HeaderMemo } from '../../../src/jws/header-memo.ts'
import { base64url } from '../../fixture/issuer.ts'

const PAYLOAD = base64url('{"iss":"x"}')

function header(kid: string): string {
  return base64url(JSON.stringify({ alg: 'ES256', kid }))
}

function token(kid: string): string {
  return `${header(kid)}.${PAYLOAD}.AAAA`
}

function get(memo: HeaderMemo, text: string): unknown {
  return memo.get(text, text.indexOf('.'))
}

test('knows the header of a token that was kept, for every token with that header', () => {
  const memo = createHeaderMemo()
  expect(get(memo, token('a'))).toBeUndefined()
  memo.keep(token('a'))
  expect(get(memo, token('a'))).toEqual({ alg: 'ES256', kid: 'a' })
  expect(get(memo, `${header('a')}.other.other`)).toEqual({ alg: 'ES256', kid: 'a' })
})

test('what it knows is what parsing gives, and is frozen', () => {
  const memo = createHeaderMemo()
  for (const kid of ['a', 'b', 'c', 'a']) {
    memo.keep(token(kid))
    const known = get(memo, token(kid)) as object
    expect(parseCompact(token(kid), memo)).toEqual(parseCompact(token(kid)))
    expect(Object.isFrozen(known)).toBe(true)
  }
})

describe('takes no header for another', () => {
  test.each([
    ['a longer one', `${header('a')}A.${PAYLOAD}.AAAA`],
    ['a shorter one', `${header('a').slice(0, -1)}.${PAYLOAD}.AAAA`],
    ['one of the same length', token('b')],
    ['in another case', `${header('a').toLowerCase()}.${PAYLOAD}.AAAA`],
    ['with padding', `${header('a')}=.${PAYLOAD}.AAAA`],
    ['none', `.${PAYLOAD}.AAAA`],
  ])('%s', (_, text) => {
    const memo = createHeaderMemo()
    memo.keep(token('a'))
    expect(get(memo, token('a'))).toBeDefined()
    expect(get(memo, text)).toBeUndefined()
    // Nor where it is not the latest.
    memo.keep(token('c'))
    expect(get(memo, text)).toBeUndefined()
  })
})

test('a header that is not strict is not kept', () => {
  const memo = createHeaderMemo()
  for (const text of ['{"alg":"a","alg":"b"}', '{"alg":1e999}', '[]', '{"__proto__":1}']) {
    const strange = `${base64url(text)}.${PAYLOAD}.AAAA`
    memo.keep(strange)
    expect(get(memo, strange)).toBeUndefined()
  }
})

test('keeps at most 128 headers; one in use comes back', () => {
  const memo = createHeaderMemo()
  const kids = Array.from({ length: 1_000 }, (_, index) => `kid-${index}`)
  for (const kid of kids) memo.keep(token(kid))
  expect(kids.filter((kid) => get(memo, token(kid))).length).toBeLessThanOrEqual(128)
  memo.keep(token('kid-0'))
  expect(get(memo, token('kid-0'))).toEqual({ alg: 'ES256', kid: 'kid-0' })
})

test('keeps no header longer than 512 characters, and looks for none', () => {
  const memo = createHeaderMemo()
  const long = token('x'.repeat(512))
  memo.keep(long)
  expect(get(memo, long)).toBeUndefined()
})

test('parses a header once, however often its tokens come', () => {
  const memo = createHeaderMemo()
  memo.keep(token('a'))
  memo.keep(token('b'))
  const parse = vi.spyOn(JSON, 'parse')
  for (const kid of ['a', 'b', 'a', 'b']) memo.keep(token(kid))
  expect(parse).not.toHaveBeenCalled()
  vi.restoreAllMocks()
})

test('forgets all', () => {
  const memo = createHeaderMemo()
  memo.keep(token('a'))
  memo.keep(token('b'))
  memo.forgetAll()
  expect(get(memo, token('a'))).toBeUndefined()
  expect(get(memo, token('b'))).toBeUndefined()
})
