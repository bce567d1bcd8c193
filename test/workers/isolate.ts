import { Response } from 'miniflare'
import { ISSUER } from '../fixture/issuer.ts'
import { bundleWorker } from './bundle.ts'
import { type RunningWorker, runWorker } from './run-worker.ts'

/** The test Worker in a fresh isolate, and the only world that it can reach: one issuer. */
export interface Isolate extends RunningWorker {
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
    /** Answers in place of every document. */
    reply?: (() => Response) | undefined
  }
  readonly moveClock: (skewMs: number) => Promise<void>
}

/** `library` stands in for the source. */
export function bundleTestWorker(library?: URL): Promise<string> {
  return bundleWorker(new URL('worker.ts', import.meta.url), library)
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
    const { delayMs, hangs, reply } = upstream
    if (hangs === 'always' || (hangs === 'for keys' && pathname === '/jwks')) await new Promise(() => {})
    await new Promise((resolve) => setTimeout(resolve, delayMs))
    if (reply) return reply()
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

  const worker = await runWorker(script, outbound)
  return Object.assign(worker, {
    asked,
    upstream,
    async moveClock(skewMs: number) {
      await (await fetch(`${worker.origin}/clock?skewMs=${skewMs}`)).text()
    },
  })
}
