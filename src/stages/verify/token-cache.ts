import { LRUCache } from 'lru-cache'
import { createForgetting } from '../../token/forgetting.ts'
import type { TokenCacheSettings } from '../../options/settings.ts'
import type { Issuer, VerifiedToken } from '../../pipeline.ts'

/** A verified token, with everything that decides whether it still counts. */
export interface CachedToken<Claims> extends VerifiedToken<Claims> {
  readonly token: string
  /** Bytes that its claims take in memory in addition to their text. */
  readonly weight: number
  readonly issuer: Issuer
  readonly cachedMs: number
}

/** Caches verified tokens, bounded by count and bytes. Its caller checks expiry, keys and bindings. */
export interface TokenCache<Claims> {
  readonly get: (token: string) => CachedToken<Claims> | undefined
  /** Whether a token must be verified anew: after `maxAgeSeconds`, and after the clock was set back. */
  readonly isOld: (entry: CachedToken<Claims>, nowMs: number) => boolean
  /** Caches a token unless it was forgotten since `epoch`. */
  readonly set: (entry: CachedToken<Claims>, epoch: number) => void
  /** Read it before a verification, for `set`. */
  readonly epoch: () => number
  readonly forget: (token: string) => void
  readonly forgetAll: () => void
}

// Signatures differ at their ends. To hash whole tokens would cost more than all other checks of a cached token.
const KEY_LENGTH = 32
// The memory of an entry in addition to its token and claims.
const OVERHEAD_BYTES = 512
// The memory of one scope, cut from the claim.
const SCOPE_BYTES = 32

/** Returns the bytes of an entry in memory: its token, the text of its claims, and their parts. */
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
      // The end alone identifies no token: compare all of it (CVE-2026-35039).
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
