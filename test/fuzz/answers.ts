import { bytesOf } from './bytes.ts'

/** What an upstream answers: plain JSON, so that it can be pasted. */
export interface AnswerRecipe {
  readonly status: number
  readonly contentType: string
  /** A binary string. */
  readonly body: string
  /** The connection fails, rejects with what is no error, or breaks off within the body. */
  readonly fails?: 'fetch' | 'fetch-odd' | 'body'
}

export const ANSWER_TYPES: readonly string[] = [
  'application/json',
  'Application/JSON; charset=utf-8',
  ' application/json ',
  'application/json;charset=utf-16',
  'text/html',
  'text/plain',
  'application/jsonp',
  'application/problem+json',
  'application/token-introspection+jwt',
  'application/jwk-set+json',
  '',
]

/** @throws what an injected fetch may throw */
export function answerOf({ status, contentType, body, fails }: AnswerRecipe): Response {
  if (fails === 'fetch') throw new TypeError('fetch failed')
  // Somebody's fetch may reject with anything at all.
  // oxlint-disable-next-line no-throw-literal
  if (fails === 'fetch-odd') throw null
  const isNull = [204, 205, 304].includes(status)
  const stream = fails === 'body' ? brokenOff(body) : bytesOf(body)
  return new Response(isNull ? null : stream, { status, headers: { 'content-type': contentType } })
}

function brokenOff(body: string): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(bytesOf(body.slice(0, body.length >> 1)))
      controller.error(new TypeError('terminated'))
    },
  })
}
