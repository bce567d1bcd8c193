import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from './sources.ts'

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

test('every test that docs/features.md names is there', () => {
  const named = [...read('docs/features.md').matchAll(/`(test\/[^`]+)`/g)].map(([, path = '']) => path)
  expect(named.length).toBeGreaterThan(45)
  expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
})

test('every path that ARCHITECTURE.md names is there, and so is every test that it names behind its path', () => {
  const text = read('ARCHITECTURE.md')
  const paths = [...text.matchAll(/`((?:src|test|api|bench|docs)\/[^`*]*)`/g)].map(([, path = '']) => path)
  expect(paths.length).toBeGreaterThan(100)
  expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([])

  const tests = [...text.matchAll(/`(test\/[^`]+\.ts)`((?:,?\s+"[^"]+")+)/g)].flatMap(([, path = '', names = '']) =>
    [...names.matchAll(/"([^"]+)"/g)].map(([, name = '']) => ({ path, name })),
  )
  expect(tests.length).toBeGreaterThan(100)
  expect(tests.filter(({ path, name }) => !read(path).includes(name))).toEqual([])
})

test('every relative link of the documents for contributors leads to a file', () => {
  const links = ['ARCHITECTURE.md', 'CONTRIBUTING.md', 'README.md'].flatMap((document) =>
    [...read(document).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, path = '']) => ({ document, path })),
  )
  expect(links).toContainEqual({ document: 'CONTRIBUTING.md', path: 'ARCHITECTURE.md' })
  expect(links.filter(({ path }) => !existsSync(join(ROOT, path)))).toEqual([])
})
