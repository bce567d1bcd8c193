import {
  clientSecretBasic,
  createResourceServer,
  introspect,
  type IntrospectOptions,
} from '../../src/entry-points/index.ts'
import { ISSUER, RESOURCE } from '../fixture/issuer.ts'

function server(introspection: Partial<IntrospectOptions> = {}) {
  return createResourceServer({
    resource: RESOURCE,
    issuers: [
      {
        issuer: ISSUER,
        jwt: false,
        introspection: introspect({
          endpoint: `${ISSUER}/introspect`,
          auth: clientSecretBasic({ clientId: 'orders-api', clientSecret: 'secret' }),
          ...introspection,
        }),
      },
    ],
  })
}

// Made at module scope, where a Worker may do no I/O, start no timer and draw no random number.
const servers = new Map([
  ['/orders', server()],
  ['/narrow', server({ maxConcurrent: 1, timeoutMs: 1_000 })],
  ['/hasty', server({ timeoutMs: 300 })],
])

interface ExecutionContext {
  waitUntil(promise: Promise<unknown>): void
}

// A Worker is its module's default export.
// oxlint-disable-next-line import/no-default-export
export default {
  /** Answers whether the request's token is good; `?waitUntil` keeps shared work alive. */
  async fetch(request: Request, _env: unknown, ctx: ExecutionContext): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    const api = servers.get(pathname) ?? server()
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
