import { expect, test } from 'vitest'
import { createResourceServer } from '../../src/entry-points/index.ts'

test('this file runs in a runtime that is supported', () => {
  const { navigator } = globalThis
  expect(navigator.userAgent === 'Cloudflare-Workers' || /^Node\.js\/\d+$/.test(navigator.userAgent)).toBe(true)
  expect(createResourceServer).toBeTypeOf('function')
})
