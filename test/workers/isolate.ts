import { connect, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { convertV4MiniflareOptions, Miniflare, Response } from 'miniflare'
import { build } from 'vite'
import { ISSUER } from '../fixture/issuer.ts'

/** The test Worker in a fresh isolate, and the only world that it can reach: one issuer. */
export interface Isolate {
  /** Paths asked of the issuer, in order. */
  readonly asked: string[]
  /** What the issuer publishes and answers from now on, and how. */
  readonly upstream: {
    keys: readonly unknown[]
    delayMs: number
    hangs: 'never' | 'always' | 'for keys'
    isDown: boolean
    /** Its metadata is at OpenID's address alone. */
    isOpenId: boolean
    /** About every token that it is asked about. */
    answer: Record<string, unknown>
  }
  /** Asks with a token; answers the status and the code. */
  readonly ask: (token: string, path?: string) => Promise<{ status: number; code: string }>
  /** Sends a request on a connection of its own and does not wait for the answer. */
  readonly send: (token: string, path: string) => Socket
  readonly moveClock: (skewMs: number) => Promise<void>
  /** What the Worker says in JSON. */
  readonly read: <T>(path: string, token?: string) => Promise<T>
  /** Ends the isolate and starts another one, with the caches and the KV namespace of the first. */
  readonly restart: () => Promise<void>
  /** Everything in the KV namespace, and what the cache holds under these URLs. */
  readonly stored: (urls: readonly string[]) => Promise<Record<string, string>>
  readonly dispose: () => Promise<void>
}

// Long enough for every bounded wait, so that what takes longer hangs.
const HANG_MS = 15_000

export async function bundleTestWorker(name = 'worker.ts'): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: 'silent',
    build: {
      write: false,
      minify: false,
      target: 'esnext',
      lib: { entry: fileURLToPath(new URL(name, import.meta.url)), formats: ['es'], fileName: 'worker' },
    },
  })
  const [output] = Array.isArray(built) ? built : [built]
  if (!output || !('output' in output)) throw new Error('the test Worker was not bundled')
  return output.output[0].code
}

export async function startIsolate(script: string, keys: readonly unknown[]): Promise<Isolate> {
  const asked: string[] = []
  const upstream: Isolate['upstream'] = {
    keys,
    delayMs: 0,
    hangs: 'never',
    isDown: false,
    isOpenId: false,
    answer: { active: false },
  }

  async function outbound(request: { readonly url: string }): Promise<Response> {
    const { pathname } = new URL(request.url)
    asked.push(pathname)
    const { delayMs, hangs } = upstream
    if (hangs === 'always' || (hangs === 'for keys' && pathname === '/jwks')) await new Promise(() => {})
    await new Promise((resolve) => setTimeout(resolve, delayMs))
    if (upstream.isDown) return new Response('down', { status: 503 })
    if (pathname === '/jwks') return Response.json({ keys: upstream.keys })
    if (pathname === '/introspect') return Response.json(upstream.answer)
    if (pathname.endsWith(upstream.isOpenId ? '/openid-configuration' : '/oauth-authorization-server')) {
      return Response.json({
        issuer: ISSUER,
        jwks_uri: `${ISSUER}/jwks`,
        introspection_endpoint: `${ISSUER}/introspect`,
      })
    }
    return new Response('not here', { status: 404 })
  }

  const options = convertV4MiniflareOptions({
    modules: true,
    script,
    compatibilityDate: '2026-10-01',
    compatibilityFlags: ['no_nodejs_compat', 'no_nodejs_compat_v2'],
    kvNamespaces: ['BEARWARD_CACHE'],
    host: '127.0.0.1',
    port: 0,
    cf: false,
    outboundService: outbound,
  })
  const miniflare = new Miniflare(options)
  let { origin, port } = await miniflare.ready
  return {
    asked,
    upstream,
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
      const namespace = await miniflare.getKVNamespace('BEARWARD_CACHE')
      for (const { name } of (await namespace.list()).keys)
        found[`kv ${name}`] = (await namespace.get(name, 'text')) ?? ''
      const { default: cache } = await miniflare.getCaches()
      for (const url of urls) {
        const response = await cache.match(url)
        if (response) found[`cache ${url}`] = await response.text()
      }
      return found
    },
    async moveClock(skewMs) {
      await (await fetch(`${origin}/clock?skewMs=${skewMs}`)).text()
    },
    dispose: () => miniflare.dispose(),
  }
}
