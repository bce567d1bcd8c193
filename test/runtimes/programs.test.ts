import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const REQUIRED = 'BEARWARD_REQUIRE_PROGRAMS'

/** Runs a file whose tests all need redis-server on a PATH that holds Node alone. */
function runWithoutPrograms(environment: Readonly<Record<string, string>>) {
  const { [REQUIRED]: _, ...rest } = process.env
  return spawnSync(
    process.execPath,
    [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--project', 'node', 'test/stores/redis.test.ts'],
    { cwd: root, encoding: 'utf8', env: { ...rest, PATH: dirname(process.execPath), ...environment } },
  )
}

const named = /^\d+ tests did not run: redis-server is not installed \(test\/stores\/redis\.test\.ts\)/m

test('a run without a program that tests need passes, and names and counts them', () => {
  const { status, stderr, stdout } = runWithoutPrograms({})
  expect(stderr).toMatch(named)
  expect(status, stdout + stderr).toBe(0)
})

test('a run without a program fails where programs are required', () => {
  const { status, stderr, stdout } = runWithoutPrograms({ [REQUIRED]: '1' })
  expect(stderr).toMatch(named)
  expect(status, stdout + stderr).toBe(1)
})
