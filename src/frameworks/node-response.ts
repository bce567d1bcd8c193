import type { ServerResponse } from 'node:http'
import { type Answer, isAdditive } from './answer.ts'

// What a handler may have said of an answer that it then did not give.
const BODY_HEADERS = [
  'Content-Length',
  'Content-Encoding',
  'Content-Range',
  'Transfer-Encoding',
  'Trailer',
  'Content-Language',
  'Content-Disposition',
  'ETag',
  'Last-Modified',
]

/** Sends an answer of bearward's own, in place of whatever a handler said of its answer. */
export function respond(response: ServerResponse, { status, headers, body }: Answer): void {
  for (const name of BODY_HEADERS) if (response.hasHeader(name)) response.removeHeader(name)
  // What the handler wrote there may be anything; HTTP/2 has no such line.
  if (response.req.httpVersionMajor === 1) response.statusMessage = ''
  const exposed = response.getHeader('Access-Control-Expose-Headers')
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  // What the application exposes already stays exposed.
  if (exposed !== undefined) response.appendHeader('Access-Control-Expose-Headers', String(exposed))
  // Without it, and with a length that was taken back, Node would end the connection to end the answer.
  if (body !== '') response.setHeader('Content-Length', Buffer.byteLength(body))
  response.writeHead(status).end(response.req.method === 'HEAD' ? undefined : body)
}

/** Sets fields for whatever is answered. A handler that sets one of them, by `setHeader` or `writeHead`, replaces it. */
export function addHeaders(response: ServerResponse, fields: Headers): void {
  for (const [name, value] of fields) {
    if (isAdditive(name)) response.appendHeader(name, value)
    else response.setHeader(name, value)
  }
}

/** Ends a connection in the middle of an answer: the client must not take the half of it for the whole. */
export function cutOff(
  response: ServerResponse & { readonly stream?: { readonly close?: (code: number) => void } },
): void {
  if (response.writableEnded) return
  // An HTTP/2 stream that is destroyed ends without an error.
  if (response.stream?.close) response.stream.close(HTTP2_INTERNAL_ERROR)
  else response.destroy()
}

/** @see RFC 9113 §7 */
const HTTP2_INTERNAL_ERROR = 2
