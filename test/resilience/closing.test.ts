import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

interface Ended {
  readonly exit: number | null
  readonly said: unknown
  readonly complained: string
}

function run(script: URL): Promise<Ended> {
  const child = spawn(process.execPath, ['--no-warnings', fileURLToPath(script)])
  const [out, err]: [string[], string[]] = [[], []]
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk.toString()))
  const deadline = setTimeout(() => child.kill('SIGKILL'), 30_000)
  return new Promise((resolve) => {
    child.on('close', (exit) => {
      clearTimeout(deadline)
      const said: unknown = out.length > 0 ? JSON.parse(out.join('')) : undefined
      resolve({ exit, said, complained: err.join('') })
    })
  })
}

test(
  'close() leaves no socket, no timer and no rejection behind, whatever the upstream did',
  { timeout: 40_000 },
  async () => {
    expect(await run(new URL('closing-child.ts', import.meta.url))).toEqual({
      exit: 0,
      said: { codes: ['issuer_unavailable', 'token_inactive', 'token_malformed'], waiting: 0, alive: [] },
      complained: '',
    })
  },
)
