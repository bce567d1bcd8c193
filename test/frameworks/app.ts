import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { NOW_MS } from '../fixture/issuer.ts'
import type { Messages } from './apps/parent.ts'

/** An app of `apps/`, in a process of its own. */
export interface App {
  /** Requests a path, with a token where one is given. Rejects where no answer comes. */
  readonly get: (path: string, token?: string) => Promise<Answer>
  /** Resolves with what the app tells next of this kind. */
  readonly receive: <Kind extends keyof Messages>(kind: Kind) => Promise<Messages[Kind]>
  /** Returns all that it told of this kind and that was not received yet. */
  readonly takeAll: <Kind extends keyof Messages>(kind: Kind) => Messages[Kind][]
  /** What the process printed. */
  readonly log: () => string
  readonly isRunning: () => boolean
  readonly stop: () => Promise<void>
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: string
}

type Message = {
  readonly [Kind in keyof Messages]: { readonly kind: Kind; readonly content: Messages[Kind] }
}[keyof Messages]

/** Enough on a busy machine. A request that never gets an answer is what some tests are about. */
const PATIENCE_MS = 50_000

/** Starts the app of this file, with these arguments, which trusts these issuers. */
export async function startApp(issuers: readonly string[], file: string, ...options: readonly string[]): Promise<App> {
  const child = fork(join(import.meta.dirname, 'apps', file), options, {
    // Nothing of vitest's environment, which is one for tests. In development, frameworks show most of an error.
    env: {
      PATH: process.env['PATH'],
      NODE_ENV: 'development',
      ISSUERS: issuers.join(' '),
      NOW_MS: String(NOW_MS),
      NEXT_TELEMETRY_DISABLED: '1',
    },
    execArgv: [],
    silent: true,
  })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (log += chunk.toString()))
  const messages: Message[] = []
  child.on('message', (message: Message) => messages.push(message))
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null

  function take<Kind extends keyof Messages>(kind: Kind): Messages[Kind] | undefined {
    const index = messages.findIndex((message) => message.kind === kind)
    return index < 0 ? undefined : (messages.splice(index, 1)[0]?.content as Messages[Kind])
  }

  function takeAll<Kind extends keyof Messages>(kind: Kind): Messages[Kind][] {
    const content = take(kind)
    return content === undefined ? [] : [content, ...takeAll(kind)]
  }

  async function receive<Kind extends keyof Messages>(kind: Kind): Promise<Messages[Kind]> {
    for (const end = Date.now() + PATIENCE_MS; ; await sleep(5)) {
      const content = take(kind)
      if (content !== undefined) return content
      if (!isRunning() || Date.now() > end) throw new Error(`${file} did not tell its ${kind}:\n${log}`)
    }
  }

  async function stop(): Promise<void> {
    if (!isRunning()) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  const port = await receive('port').catch(async (error: unknown) => {
    await stop()
    throw error
  })
  return {
    async get(path, token) {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, {
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(PATIENCE_MS),
      })
      return { status: response.status, headers: response.headers, body: await response.text() }
    },
    receive,
    takeAll,
    log: () => log,
    isRunning,
    stop,
  }
}
