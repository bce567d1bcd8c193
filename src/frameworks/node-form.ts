import type { IncomingMessage } from 'node:http'
import { formTooLarge, MAX_FORM_BYTES } from '../parse/form.ts'

/**
 * Reads a form body and puts it back, so that the handler finds the request as if it were unread.
 *
 * @throws {BearwardError} credentials_malformed, where it exceeds 1 MiB
 */
export function readFormAhead(request: IncomingMessage): Promise<URLSearchParams> {
  // Reading an empty body would end the stream, and there is nothing to put back.
  const isEmpty = request.complete && request.readableLength === 0
  if (isEmpty || request.headers['content-length'] === '0') return Promise.resolve(new URLSearchParams())
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0

    function onReadable(): void {
      for (let chunk = take(request); chunk; chunk = take(request)) {
        chunks.push(chunk)
        size += chunk.length
      }
      if (size > MAX_FORM_BYTES) finish(() => reject(formTooLarge()))
      else if (request.complete) finish((body) => resolve(new URLSearchParams(body.toString())))
    }

    function onClose(): void {
      finish(() => reject(new Error('the connection closed before the body was whole')))
    }

    function finish(settle: (body: Buffer) => void): void {
      request.off('readable', onReadable).off('close', onClose).off('error', onClose)
      const body = Buffer.concat(chunks)
      // In the same turn as the last read: once `end` is out, a stream takes nothing back.
      if (body.length > 0 && !request.destroyed) request.unshift(body)
      settle(body)
    }

    request.on('readable', onReadable).on('close', onClose).on('error', onClose)
  })
}

function take(request: IncomingMessage): Buffer | undefined {
  const chunk = request.read() as Buffer | string | null
  return chunk === null ? undefined : Buffer.from(chunk)
}
