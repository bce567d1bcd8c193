// Reads a client's body within a bound, and checks it.

import { refuse } from './answers.ts'
import type { NewOrder } from './store.ts'

/** Longest accepted request body in bytes. */
export const maxBodyBytes = 4096

const maxItemLength = 100
const maxQuantity = 1000

/** Returns the order that the request's body holds, or the answer that refuses it. */
export async function readNewOrder(request: Request): Promise<NewOrder | Response> {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json') return refuse(415, 'unsupported_media_type', 'The body must be application/json.')

  const bytes = await readBounded(request, maxBodyBytes)
  if (!bytes) return refuse(413, 'content_too_large', `The body must not be longer than ${maxBodyBytes} bytes.`)

  const body = parseJson(bytes)
  if (body === undefined) return refuse(400, 'invalid_request', 'The body is not JSON.')
  return parseNewOrder(body) ?? refuse(400, 'invalid_request', expected)
}

const expected =
  `The body must be an object with "item", a string of 1 to ${maxItemLength} characters, ` +
  `and "quantity", a whole number from 1 to ${maxQuantity}.`

function parseNewOrder(body: unknown): NewOrder | undefined {
  if (typeof body !== 'object' || body === null || !('item' in body) || !('quantity' in body)) return undefined
  const { item, quantity } = body
  if (typeof item !== 'string' || item.trim() === '' || item.length > maxItemLength) return undefined
  if (!isQuantity(quantity)) return undefined
  return { item: item.trim(), quantity }
}

function isQuantity(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= maxQuantity
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return undefined
  }
}

/** Reads the body, or returns `undefined` as soon as it is longer than `max`. */
async function readBounded(request: Request, max: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = []
  let length = 0
  const reader = request.body?.getReader()
  for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
    length += next.value.byteLength
    if (length > max) {
      await reader?.cancel()
      return undefined
    }
    chunks.push(next.value)
  }
  const bytes = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.byteLength
  }
  return bytes
}
