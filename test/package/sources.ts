import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url))

/** The files of `src/entry-points`, without their extension: every list of entry points is made of these. */
export const ENTRY_POINTS: readonly string[] = readdirSync(join(ROOT, 'src/entry-points'))
  .map((file) => basename(file, '.ts'))
  .toSorted()

/** What users write to import an entry point. */
export function importedAs(entryPoint: string): string {
  return entryPoint === 'index' ? 'bearward' : `bearward/${entryPoint}`
}

export interface Import {
  /** As written. */
  readonly specifier: string
  /** `import type`, or names that are all marked `type`. */
  readonly typeOnly: boolean
}

/** Code without comments; a comment that looks like an import is none. */
export function codeOf(path: string): string {
  return readFileSync(path, 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|\s)\/\/.*$/gm, '$1')
}

/** Every static and dynamic import and re-export of a file. */
export function importsOf(path: string): readonly Import[] {
  const code = codeOf(path)
  const found: Import[] = []
  for (const [, keyword, clause = '', specifier = ''] of code.matchAll(
    /^\s*(import|export)\b([^'"`;]*?)\bfrom\s*['"]([^'"]+)['"]/gm,
  )) {
    const names = /\{([^}]*)\}/
      .exec(clause)?.[1]
      ?.split(',')
      .map((name) => name.trim())
      .filter(Boolean)
    const onlyTypes = names !== undefined && names.length > 0 && names.every((name) => name.startsWith('type '))
    const hasDefault = keyword === 'import' && /^\s*[A-Za-z_$*]/.test(clause.replace(/^\s*type\b/, ''))
    found.push({ specifier, typeOnly: /^\s*type\b/.test(clause) || (onlyTypes && !hasDefault) })
  }
  for (const [, specifier = ''] of code.matchAll(/^\s*import\s*['"]([^'"]+)['"]/gm))
    found.push({ specifier, typeOnly: false })
  for (const [, specifier = ''] of code.matchAll(/\bimport\s*\(\s*['"]([^'"]+)['"]\s*\)/g))
    found.push({ specifier, typeOnly: false })
  return found
}

/** All TypeScript files of `src`, as paths relative to it, and what each imports from within it. */
export type SourceGraph = ReadonlyMap<string, readonly { readonly path: string; readonly typeOnly: boolean }[]>

export function sourceGraph(): SourceGraph {
  const source = join(ROOT, 'src')
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  return new Map(
    files.map((file) => [
      file,
      importsOf(join(source, file))
        .filter(({ specifier }) => specifier.startsWith('.'))
        .map(({ specifier, typeOnly }) => {
          const target = resolve(dirname(join(source, file)), specifier)
          if (!existsSync(target)) throw new Error(`${file} imports ${specifier}, which is not there`)
          return { path: relative(source, target), typeOnly }
        }),
    ]),
  )
}

/** The files that a compiled file reaches, itself included, and the packages and built-in modules that they name. */
export function reachedFrom(entry: string): {
  readonly files: readonly string[]
  readonly packages: readonly string[]
} {
  const files = new Set<string>()
  const packages = new Set<string>()
  const open = [entry]
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (files.has(file)) continue
    files.add(file)
    for (const { specifier } of importsOf(file)) {
      if (specifier.startsWith('.')) open.push(resolve(dirname(file), specifier))
      else packages.add(specifier)
    }
  }
  return { files: [...files], packages: [...packages].toSorted() }
}

/** The source files, relative to `src`, of which compiled files were put together: the bundler names each before its code. */
export function modulesIn(files: readonly string[]): readonly string[] {
  return files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/^\/\/ src\/(.+)$/gm)].map(([, path = '']) => path),
  )
}
