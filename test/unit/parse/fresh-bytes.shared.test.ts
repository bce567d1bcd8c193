import { expect, test } from 'vitest'
import { freshBytes } from '../../../src/parse/fresh-bytes.ts'

test.each([0, 1, 64, 256, 4_096, 4_097, 100_000])('%i bytes are as many, and zero', (length) => {
  const bytes = freshBytes(length)
  expect(bytes).toHaveLength(length)
  expect(bytes.every((byte) => byte === 0)).toBe(true)
})

test('what was handed out is never handed out again', () => {
  const handedOut = Array.from({ length: 1_000 }, (_, index) => freshBytes(100 + (index % 200)).fill(index % 251))
  expect(handedOut.every((bytes, index) => bytes.every((byte) => byte === index % 251))).toBe(true)
})
