// A Worker on loopback, bundled of TypeScript and of whatever it imports.

import { build } from 'esbuild'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'

export interface Host {
  /** @throws {Error} for an answer of 500 and above */
  readonly post: (path: string, body?: string) => Promise<Response>
  readonly stop: () => Promise<void>
}

/** Bundles a module's text; what it imports is looked for from `directory`. */
export async function bundleWorker(contents: string, directory: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: directory, sourcefile: 'entry.ts', loader: 'ts' },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2023',
    conditions: ['workerd', 'worker', 'browser'],
    write: false,
  })
  return outputFiles[0]?.text ?? ''
}

export async function startWorker(script: string): Promise<Host> {
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      modules: true,
      script,
      compatibilityDate: '2026-10-01',
      compatibilityFlags: ['no_nodejs_compat', 'no_nodejs_compat_v2'],
      cf: false,
      host: '127.0.0.1',
      port: 0,
    }),
  )
  const url = (await miniflare.ready).origin
  return {
    async post(path, body) {
      const response = await fetch(url + path, { method: 'POST', ...(body === undefined ? {} : { body }) })
      if (response.status >= 500) throw new Error(`workerd: ${await response.text()}`)
      return response
    },
    stop: () => miniflare.dispose(),
  }
}
