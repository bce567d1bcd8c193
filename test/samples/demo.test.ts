// `npm start` as someone runs it: a process of its own, and what is left of it afterwards.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { sections } from '../../demo/expectations.ts'
import { closeServer, listen } from '../../demo/ports.ts'

const root = join(import.meta.dirname, '../..')
const freePorts = ['--issuer-port', '0', '--worker-port', '0', '--node-port', '0']

interface Demo {
  readonly process: ChildProcess
  readonly output: () => string
  /** Resolves with the exit code once the output holds everything. */
  readonly ended: Promise<number | NodeJS.Signals | null>
  /** Resolves once the output contains the text. */
  says(text: string): Promise<void>
  /** The processes that it started and that still run. */
  descendants(): Process[]
}

interface Process {
  readonly id: number
  readonly parent: number
  readonly command: string
}

const started: Demo[] = []

// A test that fails must leave nothing behind either.
afterEach(async () => {
  for (const demo of started.splice(0)) {
    killGroupOf(demo)
    await demo.ended
  }
})

function killGroupOf(demo: Demo): void {
  try {
    process.kill(-demo.process.pid!, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function run(command: string, args: readonly string[]): Demo {
  // A group of its own, so that a signal to the group is what Ctrl+C is in a terminal.
  const child = spawn(command, args, { cwd: root, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const waiting = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      for (const check of waiting) check()
    })
  }
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.on('close', (code, signal) => resolve(code ?? signal))
  })
  const demo: Demo = {
    process: child,
    output: () => output,
    ended,
    says: (text) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (output.includes(text)) resolve()
        }
        waiting.add(check)
        check()
        void ended.then(() => reject(new Error(`ended without saying "${text}":\n${output}`)))
      }),
    descendants: () => descendantsOf(child.pid ?? 0),
  }
  started.push(demo)
  return demo
}

/** Runs the demo itself, without npm around it. */
function runDemo(...args: readonly string[]): Demo {
  return run(process.execPath, ['demo/start.ts', ...args])
}

/** Runs `npm start`. Its build is left out: other tests use what was built. */
function npmStart(...args: readonly string[]): Demo {
  return run('npm', ['start', '--ignore-scripts', '--', ...args])
}

/** Every process that runs; one that ended and only waits to be collected does not. */
function processes(): Process[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' })
  return stdout.split('\n').flatMap((line) => {
    const [, id, parent, state = '', command = ''] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? []
    return id === undefined || state.startsWith('Z') ? [] : [{ id: Number(id), parent: Number(parent), command }]
  })
}

function descendantsOf(id: number): Process[] {
  const all = processes()
  const found: Process[] = []
  for (let parents = [id]; parents.length > 0;) {
    const children = all.filter((process) => parents.includes(process.parent))
    found.push(...children)
    parents = children.map((process) => process.id)
  }
  return found
}

async function expectAllGone(ids: readonly number[]): Promise<void> {
  await expect.poll(() => processes().filter(({ id }) => ids.includes(id)), { timeout: 5000 }).toEqual([])
}

function idsOf(found: readonly Process[]): number[] {
  return found.map(({ id }) => id)
}

const patience = 60_000

describe('npm start', () => {
  test(
    'with --once shows every row as expected in both runtimes and exits with 0',
    async () => {
      const demo = npmStart('--once')
      expect(await demo.ended, demo.output()).toBe(0)
      const rows = sections.flatMap((section) => section.rows)
      expect(demo.output()).toContain(`All ${rows.length * 2} answers are as expected.`)
      for (const { title } of sections) expect(demo.output()).toContain(`\n${title}\n`)
      expect(demo.output()).not.toContain('UNEXPECTED')
      for (const { as, method } of rows) {
        expect(demo.output()).toMatch(new RegExp(`^ *${as.replace('+', '\\+')} +${method} .* ok .* ok`, 'm'))
      }
      // Nothing that would puzzle a newcomer.
      expect(demo.output()).not.toMatch(/NOTICE|WARNING|^ +at /m)
    },
    patience,
  )

  test('prints curl lines that work as they stand', { tags: 'curl', timeout: patience }, async () => {
    const demo = runDemo(...freePorts)
    await demo.says('Running until you press Ctrl+C.')
    const lines = demo.output().match(/^curl .*$/gm) ?? []
    const statuses = lines.map((line) => {
      const { stdout } = spawnSync('sh', ['-c', line], { encoding: 'utf8' })
      return Number(/^HTTP\/1\.1 (\d+)/.exec(stdout)?.[1])
    })
    expect(statuses).toEqual([200, 200, 201, 200, 200, 200, 403, 401])
  })

  test('ends with everything that it started when Ctrl+C is pressed', { tags: 'ps', timeout: patience }, async () => {
    const demo = npmStart(...freePorts)
    await demo.says('Running until you press Ctrl+C.')
    const children = demo.descendants()
    expect(children.map(({ command }) => command).join('\n')).toMatch(/samples\/node\/server\.ts[^]*workerd/)
    process.kill(-demo.process.pid!, 'SIGINT')
    await demo.ended
    expect(demo.output()).toMatch(/Stopping …\s*$/)
    await expectAllGone(idsOf(children))
  })

  test(
    'ends with everything that it started when npm alone is terminated',
    { tags: 'ps', timeout: patience },
    async () => {
      const demo = npmStart(...freePorts)
      await demo.says('Running until you press Ctrl+C.')
      const children = demo.descendants()
      demo.process.kill('SIGTERM')
      await expectAllGone(idsOf(children))
    },
  )

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'exits with 0 on %s once everything was shown',
    { tags: 'ps', timeout: patience },
    async (signal) => {
      const demo = runDemo(...freePorts)
      await demo.says('Running until you press Ctrl+C.')
      const children = demo.descendants()
      demo.process.kill(signal)
      expect(await demo.ended).toBe(0)
      await expectAllGone(idsOf(children))
    },
  )

  test.each(['Starting the authorization server', 'Bundling the Worker', 'Obtaining tokens'])(
    'can be interrupted at "%s"',
    { tags: 'ps', timeout: patience },
    async (text) => {
      const demo = runDemo(...freePorts)
      await demo.says(text)
      const children = demo.descendants()
      demo.process.kill('SIGINT')
      const code = await demo.ended
      // On a busy machine everything may have been shown before the signal came.
      expect(code).toBe(demo.output().includes('Running until you press Ctrl+C.') ? 0 : 130)
      expect(demo.output()).not.toMatch(/^ +at /m)
      await expectAllGone(idsOf(children))
    },
  )

  test.each([
    ['The Node API crashed', /samples\/node\/server\.ts/],
    ['workerd crashed', /workerd serve/],
  ])('says "%s" when it does, and ends', { tags: 'ps', timeout: patience }, async (message, pattern) => {
    const demo = runDemo(...freePorts)
    await demo.says('Running until you press Ctrl+C.')
    const children = demo.descendants()
    const victim = children.find(({ command }) => pattern.test(command))
    process.kill(victim!.id, 'SIGKILL')
    expect(await demo.ended).toBe(1)
    expect(demo.output()).toContain(message)
    expect(demo.output()).not.toMatch(/^ +at /m)
    await expectAllGone(idsOf(children))
  })

  test.each(['--issuer-port', '--worker-port', '--node-port'])(
    'says which port is taken, and that %s sets another',
    async (flag) => {
      const server = createServer()
      const port = await listen(server, 0)
      try {
        const demo = runDemo(flag, String(port))
        expect(await demo.ended).toBe(1)
        expect(demo.output()).toMatch(
          new RegExp(`^\\nPort ${port} for the .+ is taken\\. Choose another: npm start -- ${flag} PORT\\n$`),
        )
      } finally {
        await closeServer(server)
      }
    },
    patience,
  )

  test.each([
    [['--port', '1'], '--port'],
    [['--node-port', 'x'], '--node-port takes a port'],
    [['--node-port', '70000'], '--node-port takes a port'],
    [['--node-port', '4500', '--worker-port', '4500'], 'must differ'],
  ])('says what is wrong with %j', async (args, message) => {
    const demo = runDemo(...args)
    expect(await demo.ended).toBe(1)
    expect(demo.output()).toContain(message)
    expect(demo.output()).not.toMatch(/^ +at /m)
  })

  test('says how it is used', async () => {
    const demo = runDemo('--help')
    expect(await demo.ended).toBe(0)
    for (const word of ['--once', '--issuer-port', '4400', '--worker-port', '4401', '--node-port', '4402']) {
      expect(demo.output()).toContain(word)
    }
  })
})
