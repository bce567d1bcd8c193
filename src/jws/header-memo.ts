import { type KnownHeaders, parseHeader } from './compact.ts'
import type { JsonObject } from '../parse/json.ts'

/** Remembers how headers parse: one issuer's tokens bear the same few. */
export interface HeaderMemo extends KnownHeaders {
  /** Remembers the header of a token whose signature was verified: nobody else's may push others out. */
  readonly keep: (token: string) => void
  readonly forgetAll: () => void
}

// Together at most 64 KiB of text and as much again of what it says.
const MAX_HEADERS = 128
const MAX_HEADER_LENGTH = 512

interface Header {
  readonly text: string
  readonly parsed: JsonObject
}

/**
 * Makes a memory of headers. What a text means never changes, so that an answer out of it is the answer that parsing would
 * give; it holds no token and no key.
 */
export function createHeaderMemo(): HeaderMemo {
  const headers = new Map<string, Header>()
  let latest: Header | undefined

  function find(token: string, length: number): Header | undefined {
    // Most often the same header comes again: comparing it costs a third of hashing it.
    if (latest?.text.length === length && token.startsWith(latest.text)) return latest
    if (length > MAX_HEADER_LENGTH) return undefined
    const header = headers.get(token.slice(0, length))
    if (header) latest = header
    return header
  }

  return {
    get: (token, length) => find(token, length)?.parsed,
    keep(token) {
      const length = token.indexOf('.')
      if (length > MAX_HEADER_LENGTH || find(token, length)) return
      const text = copy(token.slice(0, length))
      const parsed = parseHeader(text)
      if (!parsed) return
      // The oldest goes: a header that is in use comes back with its next token.
      if (headers.size === MAX_HEADERS) headers.delete(headers.keys().next().value ?? '')
      latest = { text, parsed }
      headers.set(text, latest)
    },
    forgetAll() {
      headers.clear()
      latest = undefined
    },
  }
}

/** The same text in memory of its own: a slice would keep the whole token alive. */
function copy(text: string): string {
  return new TextDecoder().decode(new TextEncoder().encode(text))
}
