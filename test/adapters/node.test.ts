import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import type { AccessToken } from '../../src/entry-points/index.ts'
import { metadataHandler, type NodeHandler, protect } from '../../src/frameworks/node.ts'
import { listen, send } from '../unit/frameworks/loopback.ts'
import { describeAdapter, type Send } from './contract.ts'
import type { WireAnswer } from './wire.ts'

function write(response: ServerResponse, { status, lines, body }: WireAnswer): void {
  for (const [name, value] of lines) {
    if (name === 'Set-Cookie') response.appendHeader(name, value)
    else response.setHeader(name, value)
  }
  response.writeHead(status).end(body)
}

async function sendTo(handler: NodeHandler, passed: unknown[] = []): Promise<Send> {
  const port = await listen((request, response) => void handler(request, response))
  return async ({ method, path, lines, body = '' }) => {
    const fields = lines.map(([name, value]) => `${name}: ${value}`)
    const length = body === '' ? [] : [`Content-Length: ${body.length}`]
    const {
      status,
      lines: received,
      body: content,
    } = await send(port, [`${method} ${path} HTTP/1.1`, ...fields, ...length], body)
    return { answer: { status, lines: received, body: content }, passed }
  }
}

describeAdapter('node:http', {
  async protect({ api, requirement, optional = false, preflight, handler }) {
    const passed: unknown[] = []
    const options = {
      optional,
      onError: (error: unknown) => void passed.push(error),
      ...(preflight && { preflight: (_: IncomingMessage, response: ServerResponse) => write(response, preflight) }),
    }
    type Context = { readonly token: AccessToken | undefined }
    const handle = async (request: IncomingMessage, response: ServerResponse, { token }: Context) =>
      write(response, await handler({ token, api, readBody: () => text(request) }))
    return sendTo(requirement ? protect(api, requirement, handle, options) : protect(api, handle, options), passed)
  },
  metadataHandler: async (api) => sendTo(metadataHandler(api)),
})
