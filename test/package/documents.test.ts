import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from './sources.ts'

test('every test that docs/features.md names is there', () => {
  const text = readFileSync(join(ROOT, 'docs/features.md'), 'utf8')
  const named = [...text.matchAll(/`(test\/[^`]+)`/g)].map(([, path = '']) => path)
  expect(named.length).toBeGreaterThan(45)
  expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
})
