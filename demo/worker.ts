// The Orders Worker in workerd: the bundle that `wrangler deploy` would upload, run by Miniflare.

import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare'

const root = join(import.meta.dirname, '..')
const configPath = join(root, 'wrangler.toml')

// Wrangler and Miniflare would look up certificates and send usage figures; the demo stays on loopback.
const quiet = { WRANGLER_SEND_METRICS: 'false', CLOUDFLARE_CF_FETCH_ENABLED: 'false', WRANGLER_HIDE_BANNER: 'true' }

/** A Worker as `wrangler deploy` would upload it. */
export interface WorkerBundle {
  readonly script: string
  readonly compatibilityDate: string
  readonly compatibilityFlags: string[]
  /** Names of the bindings to KV namespaces. */
  readonly kvNamespaces: string[]
}

export interface RunningApi {
  readonly url: string
  /** The last lines that it wrote. */
  lastOutput(): string
  stop(): Promise<void>
}

/**
 * Bundles the Worker by `wrangler deploy --dry-run` according to wrangler.toml.
 *
 * @throws {Error} with wrangler's own output when it fails
 */
export async function bundleWorker(signal?: AbortSignal): Promise<WorkerBundle> {
  const directory = await mkdtemp(join(tmpdir(), 'bearward-worker-'))
  try {
    const [config] = await Promise.all([
      readWranglerConfig(),
      runWrangler(['deploy', '--dry-run', '--config', configPath, '--outdir', directory], signal),
    ])
    return { ...config, script: await readFile(join(directory, 'index.js'), 'utf8') }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

export interface WorkerOptions {
  /** 0: any free port. */
  port: number
  /** Replace `[vars]` in wrangler.toml. */
  vars: Record<string, string>
  /** A folder that keeps caches and KV after the Worker ends. Default: none is kept. */
  persistTo?: string
  /** Receives the last output of a workerd that ended by itself. */
  onCrash?: (lastOutput: string) => void
}

/** Runs the Worker in workerd on loopback. */
export async function startWorker(bundle: WorkerBundle, options: WorkerOptions): Promise<RunningApi> {
  Object.assign(process.env, quiet)
  const log = new TailLog(LogLevel.WARN)
  const miniflare = withoutSignalHandlers(
    () =>
      new Miniflare(
        convertV4MiniflareOptions({
          modules: true,
          script: bundle.script,
          compatibilityDate: bundle.compatibilityDate,
          compatibilityFlags: bundle.compatibilityFlags,
          bindings: options.vars,
          kvNamespaces: bundle.kvNamespaces,
          ...(options.persistTo !== undefined && { resourcePersistencePath: options.persistTo }),
          host: '127.0.0.1',
          port: options.port,
          cf: false,
          log,
          handleStructuredLogs: ({ message }) => log.keep(message),
          unsafeHandleRuntimeRestart: () => options.onCrash?.(log.tail()),
        }),
      ),
  )
  try {
    const url = (await miniflare.ready).origin
    return { url, lastOutput: () => log.tail(), stop: () => miniflare.dispose() }
  } catch (error) {
    await miniflare.dispose().catch(() => undefined)
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`workerd did not start: ${reason}\n${log.tail()}`, { cause: error })
  }
}

/** Miniflare would end the process at once on a signal, before the demo can stop in order. */
function withoutSignalHandlers<T>(create: () => T): T {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const before = signals.map((signal) => process.listeners(signal))
  const created = create()
  for (const [index, signal] of signals.entries()) {
    for (const listener of process.listeners(signal)) {
      if (!before[index]?.includes(listener)) process.off(signal, listener)
    }
  }
  return created
}

/** Keeps the last lines instead of printing them, for the message about a crash. */
class TailLog extends Log {
  readonly #lines: string[] = []

  keep(line: string): void {
    this.#lines.push(line)
    if (this.#lines.length > 20) this.#lines.shift()
  }

  tail(): string {
    return this.#lines.join('\n')
  }

  protected override log(message: string): void {
    this.keep(message)
  }
}

async function readWranglerConfig(): Promise<Omit<WorkerBundle, 'script'>> {
  Object.assign(process.env, quiet)
  const { unstable_readConfig: readConfig } = await import('wrangler')
  const config = readConfig({ config: configPath })
  const { compatibility_date: compatibilityDate, compatibility_flags: compatibilityFlags } = config
  if (compatibilityDate === undefined) throw new Error('wrangler.toml sets no compatibility_date')
  const namespaces: { binding: string }[] = config.kv_namespaces
  return { compatibilityDate, compatibilityFlags, kvNamespaces: namespaces.map(({ binding }) => binding) }
}

function runWrangler(args: readonly string[], signal: AbortSignal | undefined): Promise<void> {
  // The program behind the `wrangler` command, which would start it as a process of its own and outlive an interrupt.
  const wrangler = createRequire(import.meta.url).resolve('wrangler')
  const child = spawn(process.execPath, [wrangler, ...args], {
    cwd: root,
    env: { ...process.env, ...quiet },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(signal && { signal }),
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`wrangler could not build the Worker (exit code ${code}):\n${output.trim()}`))
    })
  })
}
