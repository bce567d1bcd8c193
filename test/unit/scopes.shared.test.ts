import { expect, test } from 'vitest'
import { createScopeExpansion } from '../../src/scopes.ts'

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
