import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { codeOf, ENTRY_POINTS, importsOf, modulesIn, reachedFrom, ROOT, sourceGraph } from './sources.ts'

/** The entry points that may know Node. Every other one runs wherever `fetch` does. */
const NODE = ['node']
const WEB_ONLY = ENTRY_POINTS.filter((name) => !NODE.includes(name))

const graph = sourceGraph()

/** The source files from which an entry point hands out code. */
function facedBy(entryPoint: string): readonly string[] {
  const imports = graph.get(`entry-points/${entryPoint}.ts`) ?? []
  return imports.filter(({ typeOnly }) => !typeOnly).map(({ path }) => path)
}

/** The entry points beside the core: kinds of stores, and contracts for users' tests. */
const BESIDE = ENTRY_POINTS.filter((name) => facedBy(name).every((path) => /^(stores|testing)\//.test(path)))

/** The compiled code of an entry point. */
function compiled(entryPoint: string): string {
  return join(ROOT, 'dist', `${entryPoint}.js`)
}

/** The source files whose code an entry point brings along. */
function modulesOf(entryPoint: string): readonly string[] {
  return modulesIn(reachedFrom(compiled(entryPoint)).files)
}

/** The declarations that an entry point's own reach, these included. */
function declarationsOf(entryPoint: string): readonly string[] {
  const files = new Set<string>()
  const open = [compiled(entryPoint).replace(/\.js$/, '.d.ts')]
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (files.has(file)) continue
    files.add(file)
    for (const { specifier } of importsOf(file)) {
      if (specifier.startsWith('.')) open.push(resolve(dirname(file), specifier).replace(/\.[jt]s$/, '.d.ts'))
    }
  }
  return [...files]
}

describe('the compiled core', () => {
  test.each(WEB_ONLY)(
    '%s and all that it reaches import nothing but subpaths of jose, lru-cache and itself',
    (name) => {
      const { files, packages } = reachedFrom(compiled(name))
      expect(modulesIn(files)).not.toEqual([])
      for (const file of files) expect(file.startsWith(join(ROOT, 'dist/'))).toBe(true)
      // The root of jose costs four times as much to load.
      for (const specifier of packages) expect(specifier).toMatch(/^(jose\/.+|lru-cache)$/)
    },
  )

  test('index reaches both packages: this test would notice what it looks for', () => {
    const { files, packages } = reachedFrom(compiled('index'))
    expect(modulesIn(files).length).toBeGreaterThan(50)
    expect(packages).toEqual(['jose/base64url', 'jose/jwt/sign', 'jose/key/import', 'lru-cache'])
  })

  test('comes in a few files: to find and load a file costs Node more than to run it', () => {
    for (const name of ENTRY_POINTS) expect(reachedFrom(compiled(name)).files.length).toBeLessThan(6)
  })

  test.each(WEB_ONLY)('%s and all that it reaches name no platform', (name) => {
    for (const file of reachedFrom(compiled(name)).files) {
      const code = codeOf(file)
      expect([file, /['"](node|cloudflare|bun|deno|workerd):/.exec(code)?.[0]]).toEqual([file, undefined])
      const globals =
        /(?<![.\w$'"`-])(process|Buffer|require|global|Deno|Bun|__dirname|__filename|window|navigator)(?![\w$'"`-])/
      expect([file, globals.exec(code)?.[0]]).toEqual([file, undefined])
    }
  })

  test('its declarations need no types of Node and of Workers', () => {
    for (const name of WEB_ONLY) {
      for (const declarations of declarationsOf(name)) {
        expect(readFileSync(declarations, 'utf8')).not.toMatch(/<reference|['"](node|cloudflare):/)
        for (const { specifier } of importsOf(declarations)) expect(specifier).toMatch(/^(\.|jose$|jose\/|lru-cache$)/)
      }
    }
  })

  test.each(NODE)('%s alone knows Node, and is reached from nowhere else', (name) => {
    for (const specifier of reachedFrom(compiled(name)).packages)
      expect(specifier).toMatch(/^(jose\/.+|lru-cache|node:.+)$/)
    expect(facedBy(name)).not.toEqual([])
    for (const other of WEB_ONLY) {
      expect(modulesOf(other).filter((path) => facedBy(name).includes(path))).toEqual([])
      expect(modulesOf(other).filter((path) => path.startsWith('frameworks/node'))).toEqual([])
    }
  })
})

describe('the stores for single platforms, and the contracts for users’ tests', () => {
  test('are found', () => {
    expect(BESIDE).toEqual(expect.arrayContaining(['cloudflare', 'redis', 'testing']))
    expect(BESIDE).not.toContain('index')
  })

  test.each(BESIDE)('%s reaches no package, no stage and no resource server', (name) => {
    const { files, packages } = reachedFrom(compiled(name))
    expect(packages).toEqual([])
    const paths = modulesIn(files)
    expect(paths).toEqual(expect.arrayContaining([...facedBy(name)]))
    expect(paths.filter((path) => /^(stages\/|parts\/|frameworks\/|resource-server\.ts)/.test(path))).toEqual([])
  })

  test('are reached from nowhere else: a program loads those that it imports', () => {
    const beside = BESIDE.flatMap(facedBy)
    for (const name of ENTRY_POINTS.filter((other) => !BESIDE.includes(other))) {
      expect(modulesOf(name).filter((path) => beside.includes(path))).toEqual([])
    }
  })
})

describe('the source', () => {
  test('has lru-cache bound sizes and nothing else: expiry is in the values, held against the injected clock', () => {
    const importing = [...graph.keys()].filter((path) =>
      importsOf(join(ROOT, 'src', path)).some(({ specifier }) => specifier === 'lru-cache'),
    )
    expect(importing.length).toBeGreaterThan(3)
    // Its clock is the system's, its timers keep a process alive, and what it fetches is a promise of another request.
    const otherOptions = /\b(ttl\w*|allowStale\w*|updateAge\w*|noDeleteOnStale\w*|fetchMethod|memoMethod|perf)\b/
    for (const path of importing) {
      expect([path, otherOptions.exec(codeOf(join(ROOT, 'src', path)))?.[0]]).toEqual([path, undefined])
    }
  })

  test('has no circle of imports', () => {
    const circles: string[] = []
    const done = new Set<string>()
    const visit = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(' → '))
      if (done.has(path) || trail.includes(path)) return
      for (const { path: next, typeOnly } of graph.get(path) ?? []) if (!typeOnly) visit(next, [...trail, path])
      done.add(path)
    }
    for (const path of graph.keys()) visit(path, [])
    expect(circles).toEqual([])
  })
})
