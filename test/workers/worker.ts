import { createResourceServer } from '../../src/entry-points/index.ts'
import { ISSUER, RESOURCE } from '../fixture/issuer.ts'

let skewMs = 0

const options = {
  resource: RESOURCE,
  issuers: [{ issuer: ISSUER }],
  clockToleranceSeconds: 0,
  now: () => Date.now() + skewMs,
}

// Made at module scope, where a Worker may do no I/O, start no timer and draw no random number.
const servers = new Map([
  ['/orders', createResourceServer(options)],
  ['/hasty', createResourceServer({ ...options, keys: { timeoutMs: 300 } })],
])

interface ExecutionContext {
  waitUntil(promise: Promise<unknown>): void
}

// A Worker is its module's default export.
// oxlint-disable-next-line import/no-default-export
export default {
  /** Answers whether the request's token is good; `?waitUntil` keeps shared work alive, `/clock?skewMs=` moves the clock. */
  async fetch(request: Request, _env: unknown, ctx: ExecutionContext): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    const api = servers.get(pathname)
    if (!api) {
      skewMs = Number(searchParams.get('skewMs'))
      return new Response('moved')
    }
    try {
      const context = searchParams.has('waitUntil')
        ? { waitUntil: (work: Promise<unknown>) => ctx.waitUntil(work) }
        : {}
      const token = await api.authenticate(request, context)
      return Response.json({ code: 'accepted', subject: token.subject })
    } catch (error) {
      const { status, headers, body } = api.challenge(error)
      return Response.json(body, { status, headers })
    }
  },
}
