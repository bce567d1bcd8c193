import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { ClientCertificate, RequestView } from '../pipeline.ts'
import { readFormAhead } from './node-form.ts'

/** Describes a request of Node. `base`: the origin that clients use, perhaps with a path prefix. */
export function viewOf(request: IncomingMessage, base: string): RequestView {
  return {
    method: request.method ?? 'GET',
    url: base + pathOf(request.url ?? '/'),
    // An object of all header lines would take as long as the whole check of a cached token.
    headers: (name) => linesOf(request, name),
    certificate: () => certificateOf(request),
    form: () => readFormAhead(request),
  }
}

/** Returns every line of a header. Node's `headers` silently drops a second Authorization line, over HTTP/1.1 and HTTP/2. */
function linesOf({ rawHeaders }: IncomingMessage, name: string): string[] {
  const lines: string[] = []
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const sent = rawHeaders[index] ?? ''
    if (sent.length === name.length && sent.toLowerCase() === name) lines.push(rawHeaders[index + 1] ?? '')
  }
  return lines
}

/**
 * Returns the client's certificate, whoever signed it: the TLS handshake proved possession of its private key. A server requests
 * one with `requestCert`, and accepts self-signed certificates with `rejectUnauthorized: false`.
 */
function certificateOf({ socket }: IncomingMessage): ClientCertificate | undefined {
  // A plain socket lacks this function. Node returns `{}` or `null` where the client sent no certificate or is gone.
  const der = (socket as Partial<TLSSocket>).getPeerCertificate?.()?.raw as Uint8Array | undefined
  return der && { der }
}

/** Returns path and query of a request target, which may also be a whole URL or `*`. @see RFC 9112 §3.2 */
function pathOf(target: string): string {
  if (target.startsWith('/')) return target
  if (!URL.canParse(target)) return '/'
  const { pathname, search } = new URL(target)
  return pathname.startsWith('/') ? pathname + search : '/'
}
