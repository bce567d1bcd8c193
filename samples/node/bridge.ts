// Between node:http and the Request and Response that the Orders API speaks.

import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * Returns the message as a `Request`, read whole. Of a body longer than `maxBytes` a little more than that is kept, so that
 * whoever reads it with the same bound sees that it is too long.
 */
export async function toRequest(message: IncomingMessage, maxBytes: number): Promise<Request> {
  const { method = 'GET', url = '/' } = message
  const body = method === 'GET' || method === 'HEAD' ? undefined : await readBody(message, maxBytes)
  const headers = new Headers()
  for (const [name, values] of Object.entries(message.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value)
  }
  // The host is the client's to choose, so nothing depends on it; the path is what counts.
  return new Request(`http://localhost${url}`, { method, headers, ...(body && { body }) })
}

/** Sends the `Response`. */
export async function send(response: Response, to: ServerResponse): Promise<void> {
  const body = new Uint8Array(await response.arrayBuffer())
  // What is left of a body that was too long is not worth reading for the sake of the connection.
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
