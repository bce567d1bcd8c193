import type { CacheLike, KvNamespaceLike } from '../../../src/stores/cloudflare.ts'

/** A clock that stands still until it is moved. */
export interface StandingClock {
  ms: number
}

interface Kept {
  readonly text: string
  readonly expiresMs: number
}

/** A Cache API as Workers have it: what says no `max-age`, or says `no-store`, is silently not kept. */
export function fakeCache(clock: StandingClock): CacheLike & { readonly urls: () => readonly string[] } {
  const entries = new Map<string, Kept>()
  return {
    urls: () => [...entries.keys()],
    async match(url) {
      const found = entries.get(requireUrl(url))
      return found && clock.ms < found.expiresMs ? new Response(found.text) : undefined
    },
    async put(url, response: Response) {
      if (response.status === 206 || response.headers.get('vary') === '*') throw new TypeError('cannot be cached')
      const cacheControl = response.headers.get('cache-control') ?? ''
      const seconds = /(?:^|,\s*)max-age=(\d+)/.exec(cacheControl)?.[1]
      const text = await response.text()
      if (seconds === undefined || /no-store|private/.test(cacheControl) || response.headers.has('set-cookie')) return
      entries.set(requireUrl(url), { text, expiresMs: clock.ms + Number(seconds) * 1000 })
    },
    async delete(url) {
      return entries.delete(requireUrl(url))
    },
  }
}

/** As `Request` has it: what is no absolute http URL is refused, and dots in its path would lead elsewhere. */
function requireUrl(url: string): string {
  const { protocol, href } = new URL(url)
  if (protocol !== 'https:' && protocol !== 'http:') throw new TypeError('not an http URL')
  return href
}

/** A KV namespace with the bounds of the real one: keys of 512 bytes, values of 25 MiB, 60 seconds at least. */
export function fakeNamespace(clock: StandingClock): KvNamespaceLike & { readonly seconds: readonly number[] } {
  const entries = new Map<string, Kept>()
  const seconds: number[] = []
  return {
    seconds,
    async get(key, type) {
      requireKey(key)
      if (type !== 'text') throw new TypeError('not asked for text')
      const found = entries.get(key)
      return found && clock.ms < found.expiresMs ? found.text : null
    },
    async put(key, text, { expirationTtl }) {
      requireKey(key)
      if (!Number.isInteger(expirationTtl) || expirationTtl < 60) {
        throw new Error(
          `KV PUT failed: 400 Invalid expiration_ttl of ${expirationTtl}. Expiration TTL must be at least 60.`,
        )
      }
      if (text.length > 25 * 1024 * 1024) throw new Error('KV PUT failed: 413 Value length exceeds limit')
      seconds.push(expirationTtl)
      entries.set(key, { text, expiresMs: clock.ms + expirationTtl * 1000 })
    },
    async delete(key) {
      requireKey(key)
      entries.delete(key)
    },
  }
}

function requireKey(key: string): void {
  if (key === '' || key === '.' || key === '..') throw new TypeError('Key name is not allowed.')
  if (new TextEncoder().encode(key).length > 512) throw new Error('KV key exceeds 512 bytes')
}
