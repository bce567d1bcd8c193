import { readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { codeOf, importsOf, modulesIn, reachedFrom, ROOT, sourceGraph } from './sources.ts'

const CORE = ['dist/index.js', 'dist/fetch.js']
/** What stands beside the core, and is imported by itself. */
const DRIVERS = ['dist/cloudflare.js', 'dist/redis.js']
const WEB_ONLY = [...CORE, ...DRIVERS, 'dist/testing.js']

/** The source files whose code an entry point brings along. */
function modulesOf(entry: string): readonly string[] {
  return modulesIn(reachedFrom(join(ROOT, entry)).files)
}

/** The declarations that an entry point's own reach, these included. */
function declarationsOf(entry: string): readonly string[] {
  const files = new Set<string>()
  const open = [join(ROOT, entry).replace(/\.js$/, '.d.ts')]
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
  test.each(CORE)('%s and all that it reaches import nothing but subpaths of jose, lru-cache and itself', (entry) => {
    const { files, packages } = reachedFrom(join(ROOT, entry))
    expect(modulesIn(files).length).toBeGreaterThan(3)
    for (const file of files) expect(file.startsWith(join(ROOT, 'dist/'))).toBe(true)
    // The root of jose costs four times as much to load.
    for (const name of packages) expect(name).toMatch(/^(jose\/.+|lru-cache)$/)
  })

  test('dist/index.js reaches both packages: this test would notice what it looks for', () => {
    const { files, packages } = reachedFrom(join(ROOT, 'dist/index.js'))
    expect(modulesIn(files).length).toBeGreaterThan(50)
    expect(packages).toEqual(['jose/base64url', 'jose/jwt/sign', 'jose/key/import', 'lru-cache'])
  })

  test('comes in a few files: to find and load a file costs Node more than to run it', () => {
    for (const entry of [...WEB_ONLY, 'dist/node.js']) {
      expect(reachedFrom(join(ROOT, entry)).files.length).toBeLessThan(6)
    }
  })

  test.each(WEB_ONLY)('%s and all that it reaches name no platform', (entry) => {
    for (const file of reachedFrom(join(ROOT, entry)).files) {
      const code = codeOf(file)
      expect([file, /['"](node|cloudflare|bun|deno|workerd):/.exec(code)?.[0]]).toEqual([file, undefined])
      const globals =
        /(?<![.\w$'"`-])(process|Buffer|require|global|Deno|Bun|__dirname|__filename|window|navigator)(?![\w$'"`-])/
      expect([file, globals.exec(code)?.[0]]).toEqual([file, undefined])
    }
  })

  test('its declarations need no types of Node and of Workers', () => {
    for (const entry of WEB_ONLY) {
      for (const declarations of declarationsOf(entry)) {
        expect(readFileSync(declarations, 'utf8')).not.toMatch(/<reference|['"](node|cloudflare):/)
        for (const { specifier } of importsOf(declarations)) expect(specifier).toMatch(/^(\.|jose$|jose\/|lru-cache$)/)
      }
    }
  })

  test('bearward/node alone knows Node, and is reached from nowhere else', () => {
    const { packages } = reachedFrom(join(ROOT, 'dist/node.js'))
    for (const name of packages) expect(name).toMatch(/^(jose\/.+|lru-cache|node:.+)$/)
    for (const entry of WEB_ONLY) {
      expect(modulesOf(entry).filter((path) => path.startsWith('frameworks/node'))).toEqual([])
    }
  })
})

describe('the tiers for Cloudflare and Redis, and the contract for users’ tests', () => {
  test.each([...DRIVERS, 'dist/testing.js'])('%s reaches no package, no stage and no resource server', (entry) => {
    const { files, packages } = reachedFrom(join(ROOT, entry))
    expect(packages).toEqual([])
    const paths = modulesIn(files)
    expect(paths).not.toEqual([])
    expect(paths.filter((path) => /^(stages\/|parts\/|frameworks\/|resource-server\.ts)/.test(path))).toEqual([])
  })

  test('are reached from nowhere else: whoever does not use them does not load them', () => {
    for (const entry of [...CORE, 'dist/node.js']) {
      const beside = [...DRIVERS.map((path) => relative('dist', path).replace(/\.js$/, '.ts')), 'testing/']
      expect(modulesOf(entry).filter((path) => beside.some((start) => path.startsWith(start)))).toEqual([])
    }
  })
})

describe('the source', () => {
  const graph = sourceGraph()
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
