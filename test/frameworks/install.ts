// Before the tests of the project `frameworks`, and as a command: installs the frameworks where they are missing.

import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'

const HERE = import.meta.dirname

/** Installs what package-lock.json says, unless that is installed already. Needs the package registry. */
export function setup(): void {
  const installed = join(HERE, 'node_modules/.package-lock.json')
  const lockfile = join(HERE, 'package-lock.json')
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lockfile).mtimeMs) return
  console.log('Installing the frameworks that bearward is tested in …')
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], {
    cwd: HERE,
    stdio: 'inherit',
    // npm runs on this Node, whatever else is installed.
    env: { ...process.env, PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter) },
  })
  if (status === 0) return
  throw new Error(
    'The frameworks were not installed. `npm ci` in test/frameworks needs the package registry. ' +
      'To run the other tests: npx vitest run --project node --project workerd',
  )
}

if (import.meta.main) setup()
