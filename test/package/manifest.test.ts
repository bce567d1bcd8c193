import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import budgets from '../../.size-limit.json' with { type: 'json' }
import manifest from '../../package.json' with { type: 'json' }
import { exportsOf } from './exports.ts'
import { ENTRY_POINTS, importedAs, ROOT, sourceGraph } from './sources.ts'

/** The source of an entry point. */
function sourceOf(entryPoint: string): string {
  return join(ROOT, 'src/entry-points', `${entryPoint}.ts`)
}

function firstParagraph(comment: string | undefined): string {
  const [first = ''] = (comment ?? '')
    .replace(/^\s*\*? ?/gm, '')
    .trim()
    .split('\n\n')
  return first
}

/** The names that a compiled entry point really hands out. */
async function valuesOf(entryPoint: string): Promise<readonly string[]> {
  const module = (await import(/* @vite-ignore */ join(ROOT, 'dist', `${entryPoint}.js`))) as object
  return Object.keys(module).toSorted()
}

describe('package.json', () => {
  test('has the entry points of src/entry-points, each a pair of types and code, and nothing of the inside', () => {
    const pairs = ENTRY_POINTS.map((name) => [
      name === 'index' ? '.' : `./${name}`,
      { types: `./dist/${name}.d.ts`, default: `./dist/${name}.js` },
    ])
    expect(manifest.exports).toEqual({ ...Object.fromEntries(pairs), './package.json': './package.json' })
    expect(ENTRY_POINTS.length).toBeGreaterThan(5)
    for (const name of ENTRY_POINTS) {
      for (const extension of ['d.ts', 'js']) expect(existsSync(join(ROOT, 'dist', `${name}.${extension}`))).toBe(true)
    }
  })

  test('is ESM without side effects, MIT, for Node 22 and newer, with jose and lru-cache alone beneath it', () => {
    expect(manifest).toMatchObject({ type: 'module', sideEffects: false, license: 'MIT', engines: { node: '>=22' } })
    expect(Object.keys(manifest.dependencies).toSorted()).toEqual(['jose', 'lru-cache'])
    expect(readFileSync(join(ROOT, 'LICENSE'), 'utf8')).toContain('MIT License')
  })

  test('runs no script of its own when it is installed', () => {
    for (const name of ['preinstall', 'install', 'postinstall', 'prepare'])
      expect(manifest.scripts).not.toHaveProperty(name)
  })
})

describe('.size-limit.json', () => {
  test('has a row for each entry point, and weighs nothing else', () => {
    const missing = ENTRY_POINTS.filter(
      (name) => !budgets.some((row) => row.name === importedAs(name) && row.path === `dist/${name}.js`),
    )
    expect(missing).toEqual([])
    const weighed = budgets.flatMap((row) => (typeof row.import === 'string' ? [row.path] : Object.keys(row.import)))
    const known = ENTRY_POINTS.map((name) => `dist/${name}.js`)
    expect(weighed.filter((path) => !known.includes(path))).toEqual([])
  })
})

describe('the entry points', () => {
  test.each(ENTRY_POINTS)('%s: every export begins with a sentence that says what it is', (entryPoint) => {
    const given = [...exportsOf(sourceOf(entryPoint))]
    expect(given.length).toBeGreaterThan(3)
    const undocumented = given
      .filter(([, { comment }]) => !/^[A-Z`'"][^]*?[.:](\s|$)/.test(firstParagraph(comment)))
      .map(([name]) => name)
    expect(undocumented).toEqual([])
  })

  test('hand out names: src has no default export and no `export *`', () => {
    for (const path of sourceGraph().keys()) {
      const code = readFileSync(join(ROOT, 'src', path), 'utf8')
      expect([path, /^export (default|\*)/m.exec(code)?.[0]]).toEqual([path, undefined])
    }
  })

  test.each(ENTRY_POINTS)('%s: the compiled one hands out the values that its source names', async (entryPoint) => {
    const named = [...exportsOf(sourceOf(entryPoint))].filter(([, { isValue }]) => isValue).map(([name]) => name)
    expect(named).not.toEqual([])
    expect(await valuesOf(entryPoint)).toEqual(named.toSorted())
  })
})

describe('the tests', () => {
  test('run on Node 24 or newer, not on the system’s', () => {
    expect(Number(process.versions.node.split('.')[0])).toBeGreaterThanOrEqual(24)
  })
})
