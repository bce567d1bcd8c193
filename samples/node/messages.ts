// Converts between the messages of node:http and the Request and Response of the Orders API.

import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * Reads the whole message and returns it as a `Request`. Cuts a body a little after `maxBytes`, so that a reader with the same
 * bound still finds it too long.
 */
export async function toRequest(message: IncomingMessage, maxBytes: number): Promise<Request> {
  const { method = 'GET', url = '/' } = message
  const body = method === 'GET' || method === 'HEAD' ? undefined : await readBody(message, maxBytes)
  const headers = new Headers()
  for (const [name, values] of Object.entries(message.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value)
  }
  // A client can send any host, so nothing depends on it. Only the path counts.
  return new Request(`http://localhost${url}`, { method, headers, ...(body && { body }) })
}

/** Sends the `Response`. */
export async function send(response: Response, to: ServerResponse): Promise<void> {
  const body = new Uint8Array(await response.arrayBuffer())
  // Close the connection instead of reading the rest of a body that is too long.
  if (!to.req.complete) to.setHeader('connection', 'close')
  for (const [name, value] of response.headers) to.appendHeader(name, value)
  to.statusCode = response.status
  to.end(body)
}

function readBody(message: IncomingMessage, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = []
    let length = 0
    const done = (): void => resolve(new Uint8Array(Buffer.concat(chunks)))
    message.on('error', reject)
    message.on('end', done)
    message.on('data', (chunk: Uint8Array) => {
      chunks.push(chunk)
      length += chunk.byteLength
      if (length > maxBytes) {
        message.removeAllListeners('data').pause()
        done()
      }
    })
  })
}
