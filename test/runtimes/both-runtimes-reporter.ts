import { relative } from 'node:path'
import type { Reporter, TestModule } from 'vitest/node'

const PROJECTS = ['node', 'workerd']

/**
 * Fails a run in which a shared test file passed in one runtime and never ran in the other: a project that finds no files
 * is silent, and silence looks like success.
 */
export class BothRuntimesReporter implements Reporter {
  readonly #root: string

  constructor(root: string) {
    this.#root = root
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    // A run of one project, or of one file, is somebody at work.
    if (process.env['npm_lifecycle_event'] !== 'test' || process.argv.length > 3) return
    const ran = new Map(PROJECTS.map((name) => [name, sharedTests(modules, name, this.#root)]))
    for (const name of PROJECTS) {
      for (const other of PROJECTS) {
        const missing = [...(ran.get(other) ?? [])].filter((test) => !ran.get(name)?.has(test))
        if (missing.length > 0) fail(`${missing.length} shared tests ran in ${other} but not in ${name}: ${missing[0]}`)
      }
    }
    const counts = PROJECTS.map((name) => `${ran.get(name)?.size ?? 0} in ${name}`).join(', ')
    if ((ran.get('node')?.size ?? 0) === 0) fail('no shared test ran at all')
    console.log(`Shared tests passed: ${counts}`)
  }
}

function sharedTests(modules: readonly TestModule[], project: string, root: string): Set<string> {
  const shared = modules.filter(
    ({ project: { name }, moduleId }) => name === project && moduleId.endsWith('.shared.test.ts'),
  )
  const passed = shared.flatMap((module) =>
    [...module.children.allTests('passed')].map((test) => `${relative(root, module.moduleId)} > ${test.fullName}`),
  )
  return new Set(passed)
}

function fail(message: string): void {
  console.error(`Both runtimes: ${message}`)
  process.exitCode = 1
}
