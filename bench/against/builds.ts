// Copies builds together with their dependencies. One build can then be loaded several times, as copies that share no module.

import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { shuffle } from '../measure.ts'

/** The exports in use. Earlier builds have them as well. */
export type Build = Pick<typeof import('../../dist/index.js'), 'createResourceServer' | 'scope'>

/** `again` is a second copy of the old build: the control. */
export const BUILDS = ['new', 'old', 'again'] as const
export type BuildName = (typeof BUILDS)[number]

/** Checkouts by the name of their build. */
export type Checkouts = Readonly<Record<BuildName, string>>

/** Every build in a new folder of its own. */
export interface Copies {
  readonly entries: Readonly<Record<BuildName, string>>
  remove(): void
}

/** @throws {Error} for a checkout that was not built, with what to do about it */
export function requireBuilt(checkout: string): void {
  if (!existsSync(join(checkout, 'package.json'))) throw new Error(`${checkout} is not a checkout of bearward`)
  if (existsSync(join(checkout, 'dist/index.js')) && existsSync(join(checkout, 'node_modules'))) return
  throw new Error(`${checkout} is not built. Run \`npm ci && npm run build\` there.`)
}

export function copyBuilds(checkouts: Checkouts): Copies {
  const directory = mkdtempSync(join(tmpdir(), 'bearward-against-'))
  return {
    entries: {
      new: copyBuild(checkouts.new, join(directory, 'new')),
      old: copyBuild(checkouts.old, join(directory, 'old')),
      again: copyBuild(checkouts.again, join(directory, 'again')),
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}

function copyBuild(checkout: string, directory: string): string {
  const manifest = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { dependencies?: object }
  const packages = Object.keys(manifest.dependencies ?? {}).map((name) => `node_modules/${name}`)
  for (const path of ['package.json', 'dist', ...packages]) {
    cpSync(join(checkout, path), join(directory, path), { recursive: true, dereference: true, filter: isLoaded })
  }
  return join(directory, 'dist/index.js')
}

/** Folders and modules. Most of the bytes are declarations and maps, which no runtime loads. */
function isLoaded(path: string): boolean {
  return statSync(path).isDirectory() || /\.(?:[cm]?js|json)$/.test(path)
}

/** Loads them in an order drawn anew: the first one may have an advantage. */
export async function loadBuilds({ entries }: Copies): Promise<Readonly<Record<BuildName, Build>>> {
  const loaded = new Map<BuildName, Build>()
  for (const name of shuffle(BUILDS)) loaded.set(name, (await import(pathToFileURL(entries[name]).href)) as Build)
  return Object.fromEntries(loaded) as Record<BuildName, Build>
}
