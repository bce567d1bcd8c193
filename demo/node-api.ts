// The Orders API on Node: samples/node/server.ts in a separate process, configured by its environment.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { RunningApi } from './worker.ts'

const script = join(import.meta.dirname, '../samples/node/server.ts')

export interface NodeApiOptions {
  /** 0: any free port. */
  port: number
  /** The API's settings. */
  environment: Record<string, string>
  /** Ends the process, also while it starts. */
  signal?: AbortSignal
  /** Receives the last output of a process that ended by itself. */
  onCrash?: (lastOutput: string) => void
}

/**
 * Starts the process and waits until it listens.
 *
 * @throws {Error} with its output when it ends before that
 */
export function startNodeApi(options: NodeApiOptions): Promise<RunningApi> {
  const child = spawn(process.execPath, [script], {
    env: { ...inherited(), ...options.environment, PORT: String(options.port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let stopping = false
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('close', (code, signal) => resolve(signal ?? `exit code ${code}`))
  })
  const stop = async (): Promise<void> => {
    stopping = true
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), 2000)
    await ended
    clearTimeout(timer)
  }
  options.signal?.addEventListener('abort', () => void stop(), { once: true })

  return new Promise((resolve, reject) => {
    const listen = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-4096)
      const url = /listens on (http:\S+)/.exec(output)?.[1]
      if (url !== undefined) resolve({ url, lastOutput: () => output.trim(), stop })
    }
    child.stdout.on('data', listen)
    child.stderr.on('data', listen)
    const end = (how: string): void => {
      const said = `it ended with ${how}\n${output.trim()}`
      // No effect after the start.
      reject(new Error(`the Node API did not start: ${said}`))
      if (!stopping) options.onCrash?.(said)
    }
    void ended.then(end)
  })
}

/** The part of this environment that a process needs, without settings of the user's own API. */
function inherited(): Record<string, string | undefined> {
  const { PATH, HOME, TMPDIR, SystemRoot } = process.env
  return { PATH, HOME, TMPDIR, SystemRoot }
}
