import { describe, expect, test } from 'vitest'
import { createScopeExpansion, createScopeReader, rememberScopes, type ScopeReader } from '../../../src/token/scopes.ts'

const expand = createScopeExpansion({
  admin: ['orders:write'],
  'orders:write': ['orders:read'],
})

test('adds what a granted scope brings along, behind the scope itself', () => {
  expect(expand(['admin'])).toEqual(['admin', 'orders:write', 'orders:read'])
})

test('names nothing twice', () => {
  expect(expand(['orders:read', 'orders:write', 'admin'])).toEqual(['orders:read', 'orders:write', 'admin'])
})

test('leaves other scopes as they are', () => {
  expect(expand(['profile', 'Admin', 'admin '])).toEqual(['profile', 'Admin', 'admin '])
})

test('adds nothing to nothing', () => {
  expect(expand([])).toEqual([])
})

test('without implications scopes come out as they went in', () => {
  expect(createScopeExpansion()(['admin'])).toEqual(['admin'])
})

function counting(): { read: ScopeReader; made: () => number } {
  let made = 0
  const reader = createScopeReader(expand)
  return {
    read: rememberScopes((value) => {
      made++
      return reader(value)
    }),
    made: () => made,
  }
}

describe('lists that are remembered', () => {
  test('are the same list for the same text, frozen, and what the reader makes of it', () => {
    const { read, made } = counting()
    const list = read('admin profile')
    expect(list).toEqual(['admin', 'profile', 'orders:write', 'orders:read'])
    expect(Object.isFrozen(list)).toBe(true)
    expect(read(['admin', 'profile'].join(' '))).toBe(list)
    expect(made()).toBe(1)
  })

  test('are never another text’s', () => {
    const { read } = counting()
    for (const text of ['', ' ', 'a', 'a ', 'A', 'a b', 'b a', 'constructor', '__proto__']) read(text)
    expect(read('')).toEqual([])
    expect(read('a ')).toEqual(['a'])
    expect(read('A')).toEqual(['A'])
    expect(read('b a')).toEqual(['b', 'a'])
    expect(read('constructor')).toEqual(['constructor'])
    expect(read('__proto__')).toEqual(['__proto__'])
  })

  test('are not those of arrays, whose items may hold spaces', () => {
    const { read, made } = counting()
    expect(read('a b')).toEqual(['a', 'b'])
    expect(read(['a b'])).toEqual(['a b'])
    expect(read(['a b'])).not.toBe(read(['a b']))
    expect(made()).toBe(4)
  })

  test('are few and short: strangers fill no memory with them', () => {
    const { read, made } = counting()
    const long = 'x'.repeat(513)
    expect(read(long)).not.toBe(read(long))
    const first = read('scope-0')
    for (let index = 1; index < 128; index++) read(`scope-${index}`)
    expect(read('scope-0')).toBe(first)
    read('scope-128')
    expect(read('scope-0')).not.toBe(first)
    expect(read('scope-128')).toEqual(['scope-128'])
    expect(made()).toBe(2 + 129 + 1)
  })
})
