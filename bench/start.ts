// `npm run bench`, `bench:against` and `prove:speed`: installs what the benchmark needs where it is missing, then runs it on this Node.
//   node bench/start.ts bench --quick

import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'

const HERE = import.meta.dirname
const [script = 'bench', ...options] = process.argv.slice(2)

install(HERE)
// Half a gigabyte of runtimes: only whole runs compare them. Those that cannot be installed are reported as missing.
if (script !== 'against' && !options.includes('--quick')) install(join(HERE, 'runtimes'), true)
const { status } = spawnSync(process.execPath, ['--expose-gc', join(HERE, `${script}.ts`), ...options], {
  stdio: 'inherit',
})
process.exit(status ?? 1)

function install(directory: string, isOptional = false): void {
  const installed = join(directory, 'node_modules/.package-lock.json')
  const isNew =
    existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(directory, 'package-lock.json')).mtimeMs
  if (isNew) return
  const result = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: directory, stdio: 'inherit' })
  if (result.status !== 0 && !isOptional) process.exit(1)
}
