import { connect, type Socket } from 'node:net'
import { convertV4MiniflareOptions, Miniflare, type Request, type Response } from 'miniflare'

/** A Worker in a fresh isolate. */
export interface RunningWorker {
  readonly origin: string
  /** Asks with a token; answers the status and the code. */
  readonly ask: (token: string, path?: string) => Promise<{ status: number; code: string }>
  /** Sends a request on a connection of its own and does not wait for the answer. */
  readonly send: (token: string, path: string) => Socket
  /** What the Worker says in JSON. */
  readonly read: <T>(path: string, token?: string) => Promise<T>
  /** Ends the isolate and starts another one, with the caches and the KV namespace of the first. */
  readonly restart: () => Promise<void>
  /** Everything in the KV namespace, and what the cache holds under these URLs. */
  readonly stored: (urls: readonly string[]) => Promise<Record<string, string>>
  readonly dispose: () => Promise<void>
}

const KV_BINDING = 'BEARWARD_CACHE'

// Long enough for every bounded wait, so that what takes longer hangs.
const HANG_MS = 15_000

/** Starts a bundled Worker without Node's modules; all that it fetches goes to `outbound`. */
export async function runWorker(
  script: string,
  outbound: (request: Request) => Response | Promise<Response>,
): Promise<RunningWorker> {
  const options = convertV4MiniflareOptions({
    modules: true,
    script,
    compatibilityDate: '2026-10-01',
    compatibilityFlags: ['no_nodejs_compat', 'no_nodejs_compat_v2'],
    kvNamespaces: [KV_BINDING],
    host: '127.0.0.1',
    port: 0,
    cf: false,
    outboundService: outbound,
  })
  const miniflare = new Miniflare(options)
  let { origin, port } = await miniflare.ready
  return {
    get origin() {
      return origin
    },
    async ask(token, path = '/orders') {
      const response = await fetch(origin + path, {
        headers: { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(HANG_MS),
      })
      const { code } = (await response.json()) as { code: string }
      return { status: response.status, code }
    },
    send(token, path) {
      const socket = connect(Number(port), '127.0.0.1')
      socket.on('error', () => {})
      socket.write(`GET ${path} HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer ${token}\r\n\r\n`)
      return socket
    },
    async read<T>(path: string, token?: string) {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
      const response = await fetch(origin + path, { headers, signal: AbortSignal.timeout(HANG_MS) })
      return (await response.json()) as T
    },
    async restart() {
      await miniflare.setOptions(options)
      ;({ origin, port } = await miniflare.ready)
    },
    async stored(urls) {
      const found: Record<string, string> = {}
      const namespace = await miniflare.getKVNamespace(KV_BINDING)
      for (const { name } of (await namespace.list()).keys)
        found[`kv ${name}`] = (await namespace.get(name, 'text')) ?? ''
      const { default: cache } = await miniflare.getCaches()
      for (const url of urls) {
        const response = await cache.match(url)
        if (response) found[`cache ${url}`] = await response.text()
      }
      return found
    },
    dispose: () => miniflare.dispose(),
  }
}
