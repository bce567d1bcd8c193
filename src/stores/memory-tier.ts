import { LRUCache } from 'lru-cache'
import { createClock, systemClock } from '../runtime/clock.ts'
import { functionOf, integerBetween, objectOf, withDefault } from '../options/checks.ts'
import type { CacheTier } from './cache-tier.ts'

/** Options of `memoryTier`. */
export interface MemoryTierOptions {
  /** Most entries. Default 1000, 1 to 1000000. */
  readonly max?: number | undefined
  /** Most characters, keys included. Default 16 Mi, 64 Ki to 1 Gi. */
  readonly maxCharacters?: number | undefined
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: (() => number) | undefined
}

/**
 * Makes a tier in this process's memory, for tests and for several resource servers in one process.
 *
 * @throws {BearwardError} configuration_invalid
 */
export function memoryTier(options: MemoryTierOptions = {}): CacheTier {
  const { max, maxCharacters, now } = objectOf<{ max: number; maxCharacters: number; now: () => number }>(
    options,
    'memoryTier()',
    {
      max: withDefault(1_000, integerBetween(1, 1_000_000)),
      maxCharacters: withDefault(16 * 1024 * 1024, integerBetween(64 * 1024, 1024 * 1024 * 1024)),
      now: withDefault<() => number>(systemClock, functionOf()),
    },
  )
  const clock = createClock(now)
  const entries = new LRUCache<string, { readonly value: string; readonly expiresMs: number }>({
    max,
    maxSize: maxCharacters,
    sizeCalculation: ({ value }, key) => value.length + key.length,
  })
  return {
    name: 'memory',
    async get(key) {
      const entry = entries.get(key)
      return entry && clock() < entry.expiresMs ? entry.value : undefined
    },
    async put(key, value, { expiresInSeconds }) {
      entries.set(key, { value, expiresMs: clock() + expiresInSeconds * 1000 })
    },
    async delete(key) {
      entries.delete(key)
    },
  }
}
