import { encode } from 'jose/base64url'
import { LRUCache } from 'lru-cache'
import { describeFault } from '../../faults.ts'
import type { SharedEntry, SharedWriting } from '../../parts.ts'
import type { TierSettings } from './options.ts'
import { isObject, type JsonObject, parseStrictObject } from '../../parse/json.ts'
import type { BearwardEvent, CallContext } from '../../pipeline.ts'
import type { CacheTier } from '../../stores/cache-tier.ts'
import { createBackOff } from '../../upstream/back-off.ts'
import { waitWithin } from '../../runtime/deadline.ts'
import { createSealing } from './sealing.ts'

/** The kinds of what is shared, as they stand in names. */
export type SharedKind = 'keys' | 'metadata' | 'answer'

/** How entries of one kind are read. */
export interface SharedReading<T> {
  /** Reads data that anybody may have written; `undefined` where it is of no use. What it throws says that it is unusable. */
  readonly parse: (data: JsonObject, originMs: number) => T | undefined | Promise<T | undefined>
  /** Whether the entry will do, so that no other tier need be asked. */
  readonly suffices: (entry: SharedEntry<T>) => boolean
  /** The longest that all tiers together may take, where their own times would be longer. */
  readonly withinMs?: number
}

/** The shared tiers behind the caches of this process: read in order, written behind, passed over where they fail. */
export interface SharedCache {
  /** Some tier may hold entries of this kind. */
  readonly holds: (kind: SharedKind) => boolean
  /** The first entry that suffices, else the newest; it never rejects. */
  readonly read: <T>(
    name: string,
    reading: SharedReading<T>,
    context: CallContext,
  ) => Promise<SharedEntry<T> | undefined>
  /** Writes to every tier behind the caller's back. `unless` is asked at the end: where it says so, the entry goes again. */
  readonly write: (name: string, data: JsonObject, options: SharedWriting, context: CallContext) => void
  /** As `forget`, behind the caller's back. */
  readonly drop: (name: string, context: CallContext) => void
  /** Drops an entry from every tier; it never rejects. */
  readonly forget: (name: string) => Promise<void>
  /** The longest that a read takes, where every tier hangs. */
  readonly patienceMs: number
}

export interface SharedCacheSettings {
  readonly tiers: TierSettings
  readonly now: () => number
  readonly emit: (event: BearwardEvent) => void
}

type Operation = 'get' | 'put' | 'delete'

interface Found<T> extends SharedEntry<T> {
  readonly expiresMs: number
  /** As it came, sealed where it was. */
  readonly text: string
}

/** A tier with what is known of its health; it reads while it cannot be written, as a full memory can. */
interface Watched {
  readonly tier: CacheTier
  readonly timeoutMs: number
  readonly reads: ReturnType<typeof createBackOff>
  readonly writes: ReturnType<typeof createBackOff>
}

/**
 * Part of the time for one load that the tiers may take for the keys, and once more for the metadata: where they hang, the
 * rest is the issuer's.
 */
export const TIERS_PART: number = 1 / 3

/** How much the clocks of those who share answers may differ. */
export const ANSWER_SKEW_MS = 2_000

const VERSION = 1
const DEFAULT_TIMEOUT_MS = 200
const MAX_CHARACTERS = 1024 * 1024
const MAX_FORGOTTEN = 10_000
// Clocks of a fleet differ a little. By that much keys may serve longer; answers count for seconds, and so do theirs.
const MAX_SKEW_MS: Readonly<Record<SharedKind, number>> = { keys: 60_000, metadata: 60_000, answer: ANSWER_SKEW_MS }

/**
 * The name of an entry in every tier: equal for what is configured alike and nothing else. It tells nothing of a token.
 * One name touches one key, so that a cluster of stores may spread them as it likes.
 */
export async function sharedName(kind: SharedKind, ...parts: readonly string[]): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(JSON.stringify(parts)))
  return `bearward:${VERSION}:${kind}:${encode(new Uint8Array(digest))}`
}

export function createSharedCache({ tiers, now, emit }: SharedCacheSettings): SharedCache {
  const sealing = tiers.keys && createSealing(tiers.keys)
  const watched: readonly Watched[] = tiers.list.map((tier) => ({
    tier,
    timeoutMs: tier.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    reads: createBackOff(now),
    writes: createBackOff(now),
  }))

  // A deletion that failed, or that a slow put of another process overtook, must not bring back what was forgotten here.
  // Made when first used: it takes memory for as many names as it may hold.
  let forgotten: LRUCache<string, number> | undefined

  /** Answers about tokens are shared sealed or not at all. */
  function mayHold({ answers = true }: CacheTier, kind: SharedKind): boolean {
    return kind !== 'answer' || (answers && sealing !== undefined)
  }

  function holding(name: string): readonly Watched[] {
    return watched.filter(({ tier }) => mayHold(tier, kindOf(name)))
  }

  function report({ tier: { name } }: Watched, operation: Operation, fault: unknown, retryInMs: number): void {
    emit({ type: 'tier_failed', tier: name, operation, detail: describeFault(fault), retryInMs })
  }

  /** Runs one operation in bounded time; `undefined` where the tier failed or is left alone for a while. */
  async function run<T>(
    one: Watched,
    operation: 'get' | 'put',
    work: () => Promise<T>,
    limitMs = one.timeoutMs,
  ): Promise<{ result: T } | undefined> {
    const health = operation === 'get' ? one.reads : one.writes
    if (health.remainingMs() > 0) return undefined
    const failures = health.failures()
    try {
      const result = await within(work, limitMs, operation === 'get')
      // One that began before the latest failure does not take it back.
      if (health.failures() === failures) health.succeed()
      return { result }
    } catch (fault) {
      // Those that were under way when it failed say nothing new.
      if (health.remainingMs() > 0) return undefined
      health.fail()
      report(one, operation, fault, Math.round(health.remainingMs()))
      return undefined
    }
  }

  /** @throws where the text is no entry that this reader can use */
  async function readEntry<T>(
    name: string,
    text: unknown,
    { parse }: SharedReading<T>,
  ): Promise<Omit<Found<T>, 'text'> | undefined> {
    if (typeof text !== 'string') throw new TypeError('its entry is no string')
    if (text.length > MAX_CHARACTERS) throw new TypeError('its entry is too large')
    const opened = sealing ? await sealing.open(name, text) : text
    const entry = parseStrictObject(new TextEncoder().encode(opened))
    const { originMs, expiresMs, data } = entry ?? {}
    if (!isTime(originMs) || !isTime(expiresMs) || !isObject(data))
      throw new TypeError('its entry has not the right shape')
    const nowMs = now()
    if (!(originMs <= nowMs + MAX_SKEW_MS[kindOf(name)])) throw new TypeError('its entry comes from the future')
    if (!(nowMs < expiresMs) || isForgotten(name, originMs)) return undefined
    const saidMs = Math.min(originMs, nowMs)
    const value = await parse(data, saidMs)
    return value === undefined ? undefined : { value, originMs: saidMs, expiresMs }
  }

  async function readFrom<T>(
    one: Watched,
    name: string,
    reading: SharedReading<T>,
    limitMs: number,
  ): Promise<Found<T> | undefined> {
    const got = await run(one, 'get', async () => one.tier.get(name), limitMs)
    const text = got?.result
    if (text === undefined || text === null) return undefined
    try {
      const entry = await readEntry(name, text, reading)
      return entry && { ...entry, text }
    } catch (fault) {
      // The entry is to blame, not the tier: it will be written anew.
      report(one, 'get', fault, 0)
      return undefined
    }
  }

  async function putAll(name: string, data: JsonObject, { originMs, lifeMs, unless }: SharedWriting): Promise<void> {
    const expiresMs = originMs + lifeMs
    const text = JSON.stringify({ originMs, expiresMs, data })
    // Some documents are fit for their issuer's readers and not for the strict one here.
    if (!parseStrictObject(new TextEncoder().encode(text))) return
    const sealed = sealing ? await sealing.seal(name, text) : text
    if (sealed.length > MAX_CHARACTERS) return
    await putText(holding(name), name, { text: sealed, originMs, expiresMs })
    if (unless?.()) await forget(name)
  }

  async function putText(
    into: readonly Watched[],
    name: string,
    { text, originMs, expiresMs }: Omit<Found<unknown>, 'value'>,
  ): Promise<void> {
    const expiresInSeconds = Math.ceil((expiresMs - now()) / 1000)
    if (!(expiresInSeconds >= 1)) return
    await Promise.all(into.map((one) => run(one, 'put', async () => one.tier.put(name, text, { expiresInSeconds }))))
    // It was forgotten while it was on its way.
    if (isForgotten(name, originMs)) await Promise.all(into.map((one) => deleteFrom(one, name)))
  }

  function isForgotten(name: string, originMs: number): boolean {
    const sinceMs = forgotten?.get(name)
    // It was forgotten while the clock told no time: that counts from the first time that it tells.
    if (Number.isNaN(sinceMs)) forgotten?.set(name, now())
    return sinceMs !== undefined && !(originMs > sinceMs + ANSWER_SKEW_MS)
  }

  async function forget(name: string): Promise<void> {
    forgotten ??= new LRUCache({ max: MAX_FORGOTTEN })
    forgotten.set(name, now())
    await Promise.all(holding(name).map((one) => deleteFrom(one, name)))
  }

  /** Tries every time: whoever revokes a token must get through to a tier that takes no entries, as a full memory does. */
  async function deleteFrom(one: Watched, name: string): Promise<void> {
    try {
      await within(async () => one.tier.delete(name), one.timeoutMs, true)
    } catch (fault) {
      report(one, 'delete', fault, 0)
    }
  }

  async function read<T>(
    name: string,
    reading: SharedReading<T>,
    context: CallContext,
  ): Promise<SharedEntry<T> | undefined> {
    // Those that answered and had nothing of use get what a farther one has.
    const wanting: Watched[] = []
    let newest: Found<T> | undefined
    const asked = holding(name)
    const share = Math.min(1, (reading.withinMs ?? Infinity) / patienceOf(asked))
    for (const one of asked) {
      const found = await readFrom(one, name, reading, Math.ceil(one.timeoutMs * share))
      const isNewest = found && found.originMs >= (newest?.originMs ?? Number.NEGATIVE_INFINITY)
      if (isNewest && reading.suffices(found)) {
        behind(putText(wanting, name, found), context)
        return found
      }
      if (isNewest) newest = found
      if (one.reads.remainingMs() === 0) wanting.push(one)
    }
    return newest
  }

  return {
    holds: (kind) => watched.some(({ tier }) => mayHold(tier, kind)),

    read,

    write(name, data, options, context) {
      behind(putAll(name, data, options), context)
    },

    drop(name, context) {
      behind(forget(name), context)
    },

    forget,
    patienceMs: patienceOf(watched),
  }
}

function patienceOf(tiers: readonly Watched[]): number {
  return tiers.reduce((sum, { timeoutMs }) => sum + timeoutMs, 0)
}

/** Waits for a tier; the wait keeps the process alive where a caller waits for its result. */
function within<T>(work: () => Promise<T>, ms: number, isAwaited: boolean): Promise<T> {
  return waitWithin(work(), {
    ms,
    late() {
      throw new TypeError(`no answer within ${ms} ms`)
    },
    keepsAlive: isAwaited,
  })
}

/** What a name is the name of. */
function kindOf(name: string): SharedKind {
  return name.split(':')[2] as SharedKind
}

/** Lets work go on that nobody waits for. */
function behind(work: Promise<void>, { waitUntil }: CallContext): void {
  // What could fail was reported; nobody is left to be told of the rest.
  const settled = work.catch(() => {})
  try {
    waitUntil?.(settled)
  } catch {
    // A waitUntil that was torn off its context: the work goes on without it.
  }
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER
}
