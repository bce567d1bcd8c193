import { LRUCache } from 'lru-cache'
import { createForgetting } from '../../token/forgetting.ts'
import type { TokenCacheSettings } from '../../options/settings.ts'
import type { Issuer, VerifiedToken } from '../../pipeline.ts'

/** A token that was verified, with all that decides whether it may still count. */
export interface CachedToken<Claims> extends VerifiedToken<Claims> {
  readonly token: string
  /** Bytes that its claims take in memory beside their text. */
  readonly weight: number
  readonly issuer: Issuer
  readonly cachedMs: number
}

/** Remembers verified tokens, bounded by count and bytes. Says nothing about expiry, keys and bindings. */
export interface TokenCache<Claims> {
  readonly get: (token: string) => CachedToken<Claims> | undefined
  /** Whether it is so long ago that it must be verified anew; so it must when the clock was set back. */
  readonly isOld: (entry: CachedToken<Claims>, nowMs: number) => boolean
  /** Keeps a token unless it was forgotten since `epoch`. */
  readonly set: (entry: CachedToken<Claims>, epoch: number) => void
  /** To be read before a verification whose result is to be kept. */
  readonly epoch: () => number
  readonly forget: (token: string) => void
  readonly forgetAll: () => void
}

// The end of a signature differs from token to token; hashing a whole token as a key would cost more than the check.
const KEY_LENGTH = 32
// What an entry takes beside its token and its claims.
const OVERHEAD_BYTES = 512
// A scope of its own, as cut out of the claim.
const SCOPE_BYTES = 32

/** What an entry takes in memory: its token, the text of its claims, and their parts. */
function weigh<Claims>({ token, weight, accessToken }: CachedToken<Claims>): number {
  return 3 * token.length + weight + SCOPE_BYTES * accessToken.scopes.length + OVERHEAD_BYTES
}

export function createTokenCache<Claims>(settings: TokenCacheSettings | false): TokenCache<Claims> {
  if (!settings)
    return { get: () => undefined, isOld: () => true, set() {}, epoch: () => 0, forget() {}, forgetAll() {} }
  const { max, maxBytes, maxAgeMs } = settings
  const entries = new LRUCache<string, CachedToken<Claims>>({
    max,
    maxSize: maxBytes,
    sizeCalculation: weigh,
  })
  const forgetting = createForgetting()

  return {
    get(token) {
      const entry = entries.get(token.slice(-KEY_LENGTH))
      // The whole token is compared: the end alone is no identity (CVE-2026-35039).
      return entry?.token === token ? entry : undefined
    },
    isOld({ cachedMs }, nowMs) {
      const age = nowMs - cachedMs
      return !(age >= 0 && age < maxAgeMs)
    },
    set(entry, since) {
      if (!forgetting.wasForgotten(entry.token, since)) entries.set(entry.token.slice(-KEY_LENGTH), entry)
    },
    epoch: forgetting.epoch,
    forget(token) {
      forgetting.forget(token)
      entries.delete(token.slice(-KEY_LENGTH))
    },
    forgetAll() {
      forgetting.forgetAll()
      entries.clear()
    },
  }
}
