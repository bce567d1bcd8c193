import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { ClientCertificate, RequestView } from '../pipeline.ts'
import { readFormAhead } from './node-form.ts'

/** Describes a request of Node. `base` is the origin, and perhaps a path prefix, under which clients address it. */
export function viewOf(request: IncomingMessage, base: string): RequestView {
  return {
    method: request.method ?? 'GET',
    url: base + pathOf(request.url ?? '/'),
    // An object of all header lines would take as long as everything else that is done for a known token.
    headers: (name) => linesOf(request, name),
    certificate: () => certificateOf(request),
    form: () => readFormAhead(request),
  }
}

/** A header's lines as they came: `headers` drops a second Authorization line in silence, over HTTP/1.1 and HTTP/2 alike. */
function linesOf({ rawHeaders }: IncomingMessage, name: string): string[] {
  const lines: string[] = []
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const sent = rawHeaders[index] ?? ''
    if (sent.length === name.length && sent.toLowerCase() === name) lines.push(rawHeaders[index + 1] ?? '')
  }
  return lines
}

/**
 * The certificate of the connection, whoever signed it: the client proved in the handshake that it has the private key. A server
 * asks for one where it was created with `requestCert`; with `rejectUnauthorized: false` it accepts self-signed certificates.
 */
function certificateOf({ socket }: IncomingMessage): ClientCertificate | undefined {
  // A plain socket has no such function, and Node says `{}` or `null` where the client showed none or is gone.
  const der = (socket as Partial<TLSSocket>).getPeerCertificate?.()?.raw as Uint8Array | undefined
  return der && { der }
}

/** The path of a request target, which may also be a whole URL or `*`. @see RFC 9112 §3.2 */
function pathOf(target: string): string {
  if (target.startsWith('/')) return target
  if (!URL.canParse(target)) return '/'
  const { pathname, search } = new URL(target)
  return pathname.startsWith('/') ? pathname + search : '/'
}
