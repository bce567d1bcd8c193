import { relative } from 'node:path'
import type { Reporter, TestModule } from 'vitest/node'
import { isInstalled, type Program, PROGRAMS } from '../fixture/programs.ts'

/**
 * Names and counts the tests that did not run because a program is not installed. Fails the run where
 * `BEARWARD_REQUIRE_PROGRAMS` is set: CI must not pass without them.
 */
export class ProgramsReporter implements Reporter {
  readonly #root: string

  constructor(root: string) {
    this.#root = root
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const required = Boolean(process.env['BEARWARD_REQUIRE_PROGRAMS'])
    for (const program of PROGRAMS.filter((name) => !isInstalled(name))) {
      const files = modules
        .map((module) => ({ name: relative(this.#root, module.moduleId), tests: countTestsWithout(program, module) }))
        .filter(({ tests }) => tests > 0)
      const tests = files.reduce((sum, file) => sum + file.tests, 0)
      if (tests === 0) continue
      const names = files.map(({ name }) => name).join(', ')
      const message = `${tests} ${tests === 1 ? 'test' : 'tests'} did not run: ${program} is not installed (${names})`
      if (!required) console.warn(message)
      else {
        console.error(`${message}. BEARWARD_REQUIRE_PROGRAMS is set: install ${program}, or unset the variable`)
        process.exitCode = 1
      }
    }
  }
}

function countTestsWithout(program: Program, module: TestModule): number {
  return [...module.children.allTests('skipped')].filter(({ tags }) => tags.includes(program)).length
}
