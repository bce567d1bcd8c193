import { type KnownHeaders, parseHeader } from './compact.ts'
import type { JsonObject } from '../parse/json.ts'

/** Caches parsed headers: the tokens of one issuer have the same few. */
export interface HeaderMemo extends KnownHeaders {
  /** Caches the header of a token with a verified signature: unverified ones must not evict others. */
  readonly keep: (token: string) => void
  readonly forgetAll: () => void
}

// Together at most 64 KiB of text, and as much for the parsed headers.
const MAX_HEADERS = 128
const MAX_HEADER_LENGTH = 512

interface Header {
  readonly text: string
  readonly parsed: JsonObject
}

/**
 * Makes a cache of headers. It returns what parsing would return, because a text always has the same meaning. It contains no token and
 * no key.
 */
export function createHeaderMemo(): HeaderMemo {
  const headers = new Map<string, Header>()
  let latest: Header | undefined

  function find(token: string, length: number): Header | undefined {
    // Usually the same header comes again: a comparison costs a third of a hash.
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
      // Evicts the oldest. A header in use comes back with its next token.
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

/** Copies a text: a slice would keep the whole token in memory. */
function copy(text: string): string {
  return new TextDecoder().decode(new TextEncoder().encode(text))
}
