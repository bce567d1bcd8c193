// The same measurement in every runtime that is at hand, each in a process of its own.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { MicroOptions, MicroResult } from './micro.ts'

export interface Runtime {
  readonly name: string
  readonly version: string
  readonly command: readonly string[]
}

const run = promisify(execFile)
const PACKAGES = join(import.meta.dirname, 'runtimes/node_modules')
const SCRIPT = join(import.meta.dirname, 'micro.ts')

/** This Node. */
export const here: Runtime = {
  name: `Node ${process.versions.node.split('.')[0]}`,
  version: process.versions.node,
  command: [process.execPath, '--expose-gc'],
}

const CANDIDATES: readonly { readonly name: string; readonly path: string; readonly args: readonly string[] }[] = [
  { name: 'Node 22', path: 'node22-linux-x64/bin/node', args: ['--expose-gc', '--no-warnings'] },
  { name: 'Node 26', path: 'node26-linux-x64/bin/node', args: ['--expose-gc'] },
  // Neither may fetch anything: what is not installed is not measured.
  {
    name: 'Deno',
    path: '@deno/linux-x64-glibc/deno',
    args: [
      'run',
      '--allow-all',
      '--no-remote',
      '--no-lock',
      '--node-modules-dir=manual',
      '--no-check',
      '--v8-flags=--expose-gc',
    ],
  },
  { name: 'Bun', path: '@oven/bun-linux-x64/bin/bun', args: ['--no-install'] },
]

export async function findRuntimes(): Promise<{ found: Runtime[]; missing: string[] }> {
  const found = [here]
  const missing: string[] = []
  for (const { name, path, args } of CANDIDATES) {
    const executable = join(PACKAGES, path)
    try {
      if (!existsSync(executable)) throw new Error('not installed')
      const { stdout } = await run(executable, ['--version'])
      const version = /\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? 'of an unknown version'
      found.push({ name, version, command: [executable, ...args] })
    } catch {
      missing.push(name)
    }
  }
  return { found, missing }
}

/** @throws {Error} with what the runtime said, where it failed */
export async function measureIn({ command }: Runtime, options: MicroOptions): Promise<MicroResult> {
  const [executable = '', ...args] = command
  const { stdout } = await run(executable, [...args, SCRIPT, JSON.stringify(options)], { maxBuffer: 2 ** 26 })
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as MicroResult
}
