import { connect, type Socket } from 'node:net'
import { convertV4MiniflareOptions, Miniflare, type Request, type Response } from 'miniflare'

/** A Worker in a fresh isolate. */
export interface RunningWorker {
  readonly origin: string
  /** Asks with a token; answers the status and the code. */
  readonly ask: (token: string, path?: string) => Promise<{ status: number; code: string }>
  /** Sends a request on a connection of its own and does not wait for the answer. */
  readonly send: (token: string, path: string) => Socket
  readonly dispose: () => Promise<void>
}

// Long enough for every bounded wait, so that what takes longer hangs.
const HANG_MS = 15_000

/** Starts a bundled Worker without Node's modules; all that it fetches goes to `outbound`. */
export async function runWorker(
  script: string,
  outbound: (request: Request) => Response | Promise<Response>,
): Promise<RunningWorker> {
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      modules: true,
      script,
      compatibilityDate: '2026-10-01',
      compatibilityFlags: ['no_nodejs_compat', 'no_nodejs_compat_v2'],
      host: '127.0.0.1',
      port: 0,
      cf: false,
      outboundService: outbound,
    }),
  )
  const { origin, port } = await miniflare.ready
  return {
    origin,
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
    dispose: () => miniflare.dispose(),
  }
}
