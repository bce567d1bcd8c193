import type { IncomingMessage } from 'node:http'
import type { RequestView } from '../pipeline.ts'
import { readFormAhead } from './node-form.ts'

export function viewOf(request: IncomingMessage, base: string): RequestView {
  return {
    method: request.method ?? 'GET',
    url: base + pathOf(request.url ?? '/'),
    // What the core may look at, and no more: an object of all header lines would take as long as all else here.
    headers: {
      authorization: linesOf(request, 'authorization'),
      'content-type': linesOf(request, 'content-type'),
    },
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

/** The path of a request target, which may also be a whole URL or `*`. @see RFC 9112 §3.2 */
function pathOf(target: string): string {
  if (target.startsWith('/')) return target
  if (!URL.canParse(target)) return '/'
  const { pathname, search } = new URL(target)
  return pathname.startsWith('/') ? pathname + search : '/'
}
