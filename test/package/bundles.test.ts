import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { build } from 'esbuild'
import { parseSync, transformSync } from 'rolldown/utils'
import { beforeAll, describe, expect, test } from 'vitest'
import budgets from '../../.size-limit.json' with { type: 'json' }
import { exportsOf } from './exports.ts'
import { ROOT, sourceGraph } from './sources.ts'

/** Part → the names that bring all of its code along. */
const PARTS: Readonly<Record<string, readonly string[]>> = {
  introspection: [
    'introspect',
    'githubTokenCheck',
    'googleTokenInfo',
    'bearerToken',
    'clientSecretBasic',
    'clientSecretJwt',
    'clientSecretPost',
    'privateKeyJwt',
    'tlsClientAuth',
  ],
  'shared-tiers': ['sharedTiers'],
  tenants: ['resolveIssuers'],
}

/** Words that the derived lists must find, whatever becomes of the files. */
const TELLING = [
  'token_type_hint',
  'client_assertion',
  'client_secret',
  'tokeninfo',
  'token-introspection+jwt',
  'AES-GCM',
]
const LATER = ['dpop+jwt', 'secevent+jwt', 'urn:ietf:params:oauth:grant-type:token-exchange']

const graph = sourceGraph()
const publicExports = exportsOf(join(ROOT, 'src/entry-points/index.ts'))

/**
 * Bundles the imports of a Worker with one protected route, and some more names of `bearward`, as a user's bundler does; without
 * jose, which has words of encryption of its own.
 */
async function bundle(names: readonly string[]): Promise<string> {
  const { outputFiles } = await build({
    stdin: {
      contents: `
        export { ${['createResourceServer', 'scope', ...names].join(', ')} } from './dist/index.js'
        export { protect } from './dist/fetch.js'`,
      resolveDir: ROOT,
    },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2023',
    platform: 'browser',
    external: ['jose/*', 'lru-cache'],
    write: false,
  })
  return outputFiles[0]?.text ?? ''
}

/** Lists some files of `src` and all files whose code they import. */
function withImports(files: readonly string[]): ReadonlySet<string> {
  const reached = new Set<string>()
  const open = [...files]
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (reached.has(file)) continue
    reached.add(file)
    for (const { path, typeOnly } of graph.get(file) ?? []) if (!typeOnly) open.push(path)
  }
  return reached
}

/** Lists the files that declare some of the public names, and all files whose code these import. */
function filesOf(names: readonly string[]): ReadonlySet<string> {
  return withImports(
    names.map((name) => {
      const file = publicExports.get(name)?.file
      if (file === undefined) throw new Error(`bearward exports no ${name}`)
      return relative(join(ROOT, 'src'), file)
    }),
  )
}

/** Lists the string literals of a source file, which survive a minifier; without those that it may write in another way. */
function textsIn(file: string): readonly string[] {
  const { code } = transformSync(file, readFileSync(join(ROOT, 'src', file), 'utf8'), { lang: 'ts' })
  const found: string[] = []
  JSON.stringify(parseSync('file.js', code).program, (key, node: unknown) => {
    if (key === 'source') return undefined
    if (typeof node === 'object' && node !== null && 'type' in node) {
      if (node.type === 'Literal' && 'value' in node && typeof node.value === 'string') found.push(node.value)
      if (node.type === 'TemplateElement' && 'value' in node) found.push((node.value as { cooked: string }).cooked)
    }
    return node
  })
  return found.filter((text) => /^[\w +./:;,=()?-]{6,}$/.test(text))
}

/** Lists the string literals of some files that stand in no file of the others. */
function wordsOf(files: ReadonlySet<string>, others: ReadonlySet<string>): readonly string[] {
  const elsewhere = [...others].map((file) => readFileSync(join(ROOT, 'src', file), 'utf8'))
  const texts = new Set([...files].filter((file) => !others.has(file)).flatMap(textsIn))
  return [...texts].filter((text) => !elsewhere.some((code) => code.includes(text)))
}

describe('a bundle of createResourceServer, scope and protect', () => {
  const optional = Object.values(PARTS).flat()
  const core = withImports([...filesOf(['createResourceServer', 'scope']), 'frameworks/fetch.ts'])
  let [plain, full] = ['', '']

  beforeAll(async () => {
    ;[plain, full] = await Promise.all([bundle([]), bundle(optional)])
  })

  test('has no word of the parts; one that imports them has every word', () => {
    const words = wordsOf(filesOf(optional), core)
    expect(words.length).toBeGreaterThan(100)
    expect(words.filter((word) => plain.includes(word))).toEqual([])
    expect(words.filter((word) => !full.includes(word))).toEqual([])
  })

  test.each(TELLING)('has no "%s"; one that imports the parts has', (word) => {
    expect({ plain: plain.includes(word), full: full.includes(word) }).toEqual({ plain: false, full: true })
  })

  test.each(LATER)('has no "%s" of a later part', (word) => {
    expect(plain.includes(word)).toBe(false)
  })

  test.each(Object.entries(PARTS))('has with the part %s its words, and none of another part', async (part, names) => {
    const text = await bundle(names)
    const own = wordsOf(filesOf(names), core)
    expect(own).not.toEqual([])
    expect(own.filter((word) => !text.includes(word))).toEqual([])
    for (const [other, foreignNames] of Object.entries(PARTS)) {
      if (other === part) continue
      const foreign = wordsOf(filesOf(foreignNames), new Set([...core, ...filesOf(names)]))
      expect(foreign).not.toEqual([])
      expect(foreign.filter((word) => text.includes(word))).toEqual([])
    }
  })
})

describe('every part', () => {
  const folders = new Set([...graph.keys()].flatMap((path) => /^parts\/([^/]+)/.exec(path)?.[1] ?? []))

  test('is bundled by these tests', () => {
    expect(Object.keys(PARTS).toSorted()).toEqual([...folders].toSorted())
  })

  test('has a row in .size-limit.json', () => {
    const weighed = budgets.flatMap((row) => Object.values(row.import).join(''))
    const missing = [...folders].filter((folder) => {
      const names = [...publicExports].filter(([, { file }]) => file.startsWith(join(ROOT, 'src/parts', folder)))
      return !names.some(([name]) => weighed.some((row) => new RegExp(String.raw`\b${name}\b`).test(row)))
    })
    expect(missing).toEqual([])
  })
})
