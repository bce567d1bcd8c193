import type { Protected } from '../../src/entry-points/fetch.ts'
import type { AccessToken } from '../../src/entry-points/index.ts'
import { type FetchHandler, metadataHandler, protect } from '../../src/frameworks/fetch.ts'
import { describeAdapter, type Outcome, type Send } from './contract.ts'
import type { WireAnswer } from './wire.ts'

function responseOf({ status, lines, body }: WireAnswer): Response {
  const headers = new Headers()
  for (const [name, value] of lines) headers.append(name, value)
  return new Response(body === '' ? null : body, { status, headers })
}

function sendTo(handler: FetchHandler<unknown>): Send {
  return async ({ method, path, lines, body }): Promise<Outcome> => {
    const headers = new Headers()
    for (const [name, value] of lines) headers.append(name, value)
    try {
      const init = { method, headers, ...(body !== undefined && { body }) }
      const response = await handler(new Request(`https://api.example.com${path}`, init))
      const answer = { status: response.status, lines: [...response.headers], body: await response.text() }
      return { answer, passed: [] }
    } catch (error) {
      return { passed: [error] }
    }
  }
}

/** In workerd `text()` warns of types that are no text. */
async function bodyOf(request: Request): Promise<string> {
  return new TextDecoder().decode(await request.arrayBuffer())
}

describeAdapter('fetch', {
  async protect({ api, requirement, optional = false, preflight, handler }) {
    const options = { optional, ...(preflight && { preflight: () => responseOf(preflight) }) }
    type Context = Protected<unknown, unknown, AccessToken | undefined>
    const handle = async (request: Request, { token }: Context) =>
      responseOf(await handler({ token, api, readBody: () => bodyOf(request) }))
    return sendTo(requirement ? protect(api, requirement, handle, options) : protect(api, handle, options))
  },
  metadataHandler: async (api) => sendTo(metadataHandler(api)),
})
