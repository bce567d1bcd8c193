import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { ROOT, sourceGraph } from './sources.ts'

type Entry = string | { readonly types: string; readonly default: string }
const entries = Object.entries(manifest.exports as Record<string, Entry>)
const modules = entries.flatMap(([name, entry]) => (typeof entry === 'string' ? [] : [[name, entry] as const]))

/** The source of a compiled entry point. */
function sourceOf(compiled: string): string {
  return compiled.replace('./dist/', 'src/entry-points/').replace(/\.js$/, '.ts')
}

/** Name → the doc comment in front of its declaration, if there is one. */
function declarationsIn(path: string): Map<string, string | undefined> {
  const code = readFileSync(path, 'utf8')
  const found = new Map<string, string | undefined>()
  const pattern =
    /(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n)?^export (?:declare )?(?:abstract )?(?:async )?(?:function\*?|const|class|interface|type|enum) (\w+)/gm
  for (const [, comment, name = ''] of code.matchAll(pattern)) if (!found.has(name)) found.set(name, comment)
  return found
}

/** What a module hands out: its own declarations, and what it re-exports from where. */
function exportsOf(path: string): readonly { readonly name: string; readonly comment: string | undefined }[] {
  const own = [...declarationsIn(path)].map(([name, comment]) => ({ name, comment }))
  const code = readFileSync(path, 'utf8')
  const passedOn = [...code.matchAll(/^export (?:type )?\{([^}]*)\} from '([^']+)'/gm)].flatMap(
    ([, names = '', from = '']) => {
      const declarations = declarationsIn(join(path, '..', from))
      return names
        .split(',')
        .map((name) => name.trim().replace(/^type /, ''))
        .filter(Boolean)
        .map((name) => ({ name, comment: declarations.get(name) }))
    },
  )
  return [...own, ...passedOn]
}

function firstParagraph(comment: string | undefined): string {
  const [first = ''] = (comment ?? '')
    .replace(/^\s*\*? ?/gm, '')
    .trim()
    .split('\n\n')
  return first
}

/** The names that a compiled module really hands out. */
async function valuesOf(code: string): Promise<readonly string[]> {
  const module = (await import(/* @vite-ignore */ join(ROOT, code))) as object
  return Object.keys(module).toSorted()
}

describe('package.json', () => {
  test.each(modules)(
    '%s: types and code are where it says, and stem from one source',
    (_, { types, default: code }) => {
      expect(existsSync(join(ROOT, types))).toBe(true)
      expect(existsSync(join(ROOT, code))).toBe(true)
      expect(types.replace('entry-points/', '').replace(/\.d\.ts$/, '.js')).toBe(code)
      expect(existsSync(join(ROOT, sourceOf(code)))).toBe(true)
    },
  )

  test('every framework and store that is built can be imported, and nothing else of the inside', () => {
    expect(entries.map(([name]) => name)).toEqual([
      '.',
      './fetch',
      './node',
      './cloudflare',
      './redis',
      './testing',
      './package.json',
    ])
    // A file of that name, or the index of a folder of that name.
    for (const [name, { default: code }] of modules) {
      if (name !== '.') expect(basename(code.replace(/\/index\.js$/, ''), '.js')).toBe(name.slice(2))
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

describe('what is handed out', () => {
  test.each(modules)('%s: every export begins with a sentence that says what it is', (_, { default: code }) => {
    const given = exportsOf(join(ROOT, sourceOf(code)))
    expect(given.length).toBeGreaterThan(3)
    const undocumented = given
      .filter(({ comment }) => !/^[A-Z`'"][^]*?[.:](\s|$)/.test(firstParagraph(comment)))
      .map(({ name }) => name)
    expect(undocumented).toEqual([])
  })

  test('by name: no default export, no `export *`, anywhere in src', () => {
    for (const path of sourceGraph().keys()) {
      const code = readFileSync(join(ROOT, 'src', path), 'utf8')
      expect([path, /^export (default|\*)/m.exec(code)?.[0]]).toEqual([path, undefined])
    }
  })

  test('the compiled entry points hand out the values that their sources name', async () => {
    expect(await valuesOf('dist/index.js')).toEqual([
      'BearwardError',
      'allOf',
      'anyOf',
      'anyScope',
      'bearerToken',
      'claim',
      'clientSecretBasic',
      'clientSecretJwt',
      'clientSecretPost',
      'createResourceServer',
      'deny',
      'githubTokenCheck',
      'googleTokenInfo',
      'granted',
      'memoryTier',
      'privateKeyJwt',
      'scope',
      'tlsClientAuth',
    ])
    expect(await valuesOf('dist/fetch.js')).toEqual(['metadataHandler', 'protect'])
    expect(await valuesOf('dist/node.js')).toEqual(['metadataHandler', 'protect'])
    expect(await valuesOf('dist/cloudflare.js')).toEqual(['cacheApiTier', 'kvTier'])
    expect(await valuesOf('dist/redis.js')).toEqual(['redisTier'])
    expect(await valuesOf('dist/testing.js')).toEqual(['cacheTierContract'])
  })
})

describe('the tests', () => {
  test('run on Node 24 or newer, not on the system’s', () => {
    expect(Number(process.versions.node.split('.')[0])).toBeGreaterThanOrEqual(24)
  })
})
