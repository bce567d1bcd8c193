import type { ServerResponse } from 'node:http'
import { type Answer, isAdditive } from './answer.ts'

// A handler may have set these for a body that it never sent.
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

/** Sends an answer of bearward in place of the handler's answer, whose headers may be set already. */
export function sendAnswer(response: ServerResponse, { status, headers, body }: Answer): void {
  for (const name of BODY_HEADERS) if (response.hasHeader(name)) response.removeHeader(name)
  // The handler may have set any text. HTTP/2 has no status message.
  if (response.req.httpVersionMajor === 1) response.statusMessage = ''
  const exposed = response.getHeader('Access-Control-Expose-Headers')
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  // Keep the fields that the application exposes.
  if (exposed !== undefined) response.appendHeader('Access-Control-Expose-Headers', String(exposed))
  // Without a length, Node would close the connection to end the answer.
  if (body !== '') response.setHeader('Content-Length', Buffer.byteLength(body))
  response.writeHead(status).end(response.req.method === 'HEAD' ? undefined : body)
}

/** Sets fields for any answer. A handler replaces one by `setHeader` or `writeHead`. */
export function addHeaders(response: ServerResponse, fields: Headers): void {
  for (const [name, value] of fields) {
    if (isAdditive(name)) response.appendHeader(name, value)
    else response.setHeader(name, value)
  }
}

/** Breaks an answer off, so that the client cannot take a part for the whole. */
export function abortAnswer(
  response: ServerResponse & { readonly stream?: { readonly close?: (code: number) => void } },
): void {
  if (response.writableEnded) return
  // Destroying an HTTP/2 stream would end it without an error.
  if (response.stream?.close) response.stream.close(HTTP2_INTERNAL_ERROR)
  else response.destroy()
}

/** @see RFC 9113 §7 */
const HTTP2_INTERNAL_ERROR = 2
