import type { IncomingMessage } from 'node:http'
import { formTooLarge, MAX_FORM_BYTES } from '../parse/form.ts'

/**
 * Reads a form body and puts it back, so that the handler can read it again. Works over HTTP/1.1 only: Node's HTTP/2 requests take
 * nothing back, so their forms stay unread, and a token in one is ignored.
 *
 * @throws {BearwardError} credentials_malformed, where it exceeds 1 MiB
 */
export async function readFormAhead(request: IncomingMessage): Promise<URLSearchParams> {
  if (request.httpVersionMajor !== 1) return new URLSearchParams()
  // Node marks a body that came in one packet with the header as complete only in the next turn.
  await new Promise((resolve) => setImmediate(resolve))
  if (isDrained(request) || request.headers['content-length'] === '0') return new URLSearchParams()
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0

    function onReadable(): void {
      // Never read a complete stream that is empty: that would end it before the handler listens.
      while (request.readableLength > 0) {
        const chunk = readChunk(request)
        if (!chunk) break
        chunks.push(chunk)
        size += chunk.length
      }
      if (size > MAX_FORM_BYTES) finish(() => reject(formTooLarge()))
      else if (request.complete) finish((body) => resolve(new URLSearchParams(body.toString())))
    }

    function onClose(): void {
      finish(() => reject(new Error('the connection closed before the body was complete')))
    }

    function finish(settle: (body: Buffer) => void): void {
      request.off('readable', onReadable).off('close', onClose).off('error', onClose)
      const body = Buffer.concat(chunks)
      // In the same turn as the last read: after `end`, a stream takes nothing back.
      if (body.length > 0 && !request.destroyed && !request.readableEnded) request.unshift(body)
      settle(body)
    }

    request.on('readable', onReadable).on('close', onClose).on('error', onClose)
  })
}

function isDrained(request: IncomingMessage): boolean {
  return request.readableEnded || (request.complete && request.readableLength === 0)
}

function readChunk(request: IncomingMessage): Buffer | undefined {
  const chunk = request.read() as Buffer | string | null
  return chunk === null ? undefined : Buffer.from(chunk)
}
