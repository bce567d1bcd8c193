import { encode } from 'jose/base64url'
import { LRUCache } from 'lru-cache'
import { describeFault, Fault } from '../../faults.ts'
import type { SharedEntry, SharedWriting } from '../../parts.ts'
import type { TierSettings } from './options.ts'
import { isObject, type JsonObject, parseStrictObject } from '../../parse/json.ts'
import type { BearwardEvent, CallContext } from '../../pipeline.ts'
import type { CacheTier } from '../../stores/cache-tier.ts'
import { createBackOff } from '../../upstream/back-off.ts'
import { waitWithin } from '../../runtime/deadline.ts'
import { createSealing } from './sealing.ts'

/** The kind of an entry, as its name says it. */
export type EntryKind = 'keys' | 'metadata' | 'answer'

/** How entries of one kind are read. */
export interface SharedReading<T> {
  /** Reads data from any writer. Returns `undefined` where it is of no use here. @throws where it is malformed */
  readonly parse: (data: JsonObject, originMs: number) => T | undefined | Promise<T | undefined>
  /** Whether the entry ends the search through the tiers. */
  readonly suffices: (entry: SharedEntry<T>) => boolean
  /** Longest time for all tiers together. Shortens the tiers' own timeouts in proportion. Default: no bound. */
  readonly budgetMs?: number
}

/** The shared tiers as one cache: reads them in order, writes in the background, skips those that fail. */
export interface SharedCache {
  /** Whether any tier may hold entries of this kind. */
  readonly holds: (kind: EntryKind) => boolean
  /** Returns the first entry that suffices, else the newest. Never rejects. */
  readonly read: <T>(
    name: string,
    reading: SharedReading<T>,
    context: CallContext,
  ) => Promise<SharedEntry<T> | undefined>
  /** Writes to every tier in the background, then deletes the entry again where `unless` returns true. */
  readonly write: (name: string, data: JsonObject, options: SharedWriting, context: CallContext) => void
  /** As `forget`, in the background. */
  readonly drop: (name: string, context: CallContext) => void
  /** Deletes an entry from every tier. Never rejects. */
  readonly forget: (name: string) => Promise<void>
  /** Longest time for one read: every tier hangs. */
  readonly maxWaitMs: number
}

export interface SharedCacheSettings {
  readonly tiers: TierSettings
  readonly now: () => number
  readonly emit: (event: BearwardEvent) => void
}

type Operation = 'get' | 'put' | 'delete'

interface Found<T> extends SharedEntry<T> {
  readonly expiresMs: number
  /** As the tier holds it: perhaps sealed. */
  readonly text: string
}

/** A tier and its health. Reads and writes count apart: a store with full memory still reads. */
interface Watched {
  readonly tier: CacheTier
  readonly timeoutMs: number
  readonly reads: ReturnType<typeof createBackOff>
  readonly writes: ReturnType<typeof createBackOff>
}

/**
 * The fraction of a load's timeout that the tiers may take for the keys, and once more for the metadata. Where they hang, the
 * issuer keeps the rest.
 */
export const BUDGET_FRACTION: number = 1 / 3

/** How much the clocks of processes that share answers may differ. */
export const ANSWER_SKEW_MS = 2_000

const VERSION = 1
const DEFAULT_TIMEOUT_MS = 200
const MAX_CHARACTERS = 1024 * 1024
const MAX_FORGOTTEN = 10_000
// Clocks of a fleet differ. Keys may serve longer by this much. Answers count for seconds only, so their bound is small.
const MAX_SKEW_MS: Readonly<Record<EntryKind, number>> = { keys: 60_000, metadata: 60_000, answer: ANSWER_SKEW_MS }

/**
 * Returns the name of an entry: equal for equal parts alone. It reveals nothing of a token, and each operation uses one name, so
 * that a cluster can spread them freely.
 */
export async function sharedName(kind: EntryKind, ...parts: readonly string[]): Promise<string> {
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

  // When each name was forgotten. A failed deletion, or a late put of another process, must not bring the entry back.
  // Made when first used: it allocates its full size.
  let forgottenMs: LRUCache<string, number> | undefined

  /** Answers about tokens are shared only where they are sealed. */
  function mayHold({ answers = true }: CacheTier, kind: EntryKind): boolean {
    return kind !== 'answer' || (answers && sealing !== undefined)
  }

  function tiersFor(name: string): readonly Watched[] {
    return watched.filter(({ tier }) => mayHold(tier, entryKind(name)))
  }

  function report({ tier: { name } }: Watched, operation: Operation, fault: unknown, retryInMs: number): void {
    emit({ type: 'tier_failed', tier: name, operation, detail: describeFault(fault), retryInMs })
  }

  /** Runs one operation within its timeout. Returns `undefined` where the tier fails, or failed lately. */
  async function run<T>(
    one: Watched,
    operation: 'get' | 'put',
    work: () => Promise<T>,
    timeoutMs = one.timeoutMs,
  ): Promise<{ result: T } | undefined> {
    const health = operation === 'get' ? one.reads : one.writes
    if (health.remainingMs() > 0) return undefined
    const failures = health.failures()
    try {
      const result = await inTime(work, timeoutMs, operation === 'get')
      // A success that began before the latest failure proves nothing.
      if (health.failures() === failures) health.succeed()
      return { result }
    } catch (fault) {
      // Report once, however many operations were under way.
      if (health.remainingMs() > 0) return undefined
      health.fail()
      report(one, operation, fault, Math.round(health.remainingMs()))
      return undefined
    }
  }

  /** @throws where the text is malformed, or no configured key sealed it */
  async function readEntry<T>(
    name: string,
    text: unknown,
    { parse }: SharedReading<T>,
  ): Promise<Omit<Found<T>, 'text'> | undefined> {
    if (typeof text !== 'string') throw new Fault('the entry is not a string')
    if (text.length > MAX_CHARACTERS) throw new Fault('the entry is too large')
    const opened = sealing ? await sealing.open(name, text) : text
    const entry = parseStrictObject(new TextEncoder().encode(opened))
    const { originMs, expiresMs, data } = entry ?? {}
    if (!isTime(originMs) || !isTime(expiresMs) || !isObject(data)) throw new Fault('the entry has the wrong shape')
    const nowMs = now()
    if (!(originMs <= nowMs + MAX_SKEW_MS[entryKind(name)]))
      throw new Fault('the entry comes from the future: compare the clocks')
    if (!(nowMs < expiresMs) || isForgotten(name, originMs)) return undefined
    // Another process's clock may run ahead of ours.
    const pastMs = Math.min(originMs, nowMs)
    const value = await parse(data, pastMs)
    return value === undefined ? undefined : { value, originMs: pastMs, expiresMs }
  }

  async function readFrom<T>(
    one: Watched,
    name: string,
    reading: SharedReading<T>,
    timeoutMs: number,
  ): Promise<Found<T> | undefined> {
    const got = await run(one, 'get', async () => one.tier.get(name), timeoutMs)
    const text = got?.result
    if (text === undefined || text === null) return undefined
    try {
      const entry = await readEntry(name, text, reading)
      return entry && { ...entry, text }
    } catch (fault) {
      // The tier itself works: it gets a new entry later.
      report(one, 'get', fault, 0)
      return undefined
    }
  }

  async function putAll(name: string, data: JsonObject, { originMs, lifeMs, unless }: SharedWriting): Promise<void> {
    const expiresMs = originMs + lifeMs
    const text = JSON.stringify({ originMs, expiresMs, data })
    // The strict parser that reads entries would refuse some documents that an issuer may send.
    if (!parseStrictObject(new TextEncoder().encode(text))) return
    const sealed = sealing ? await sealing.seal(name, text) : text
    if (sealed.length > MAX_CHARACTERS) return
    await putText(tiersFor(name), name, { text: sealed, originMs, expiresMs })
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
    // It was forgotten meanwhile.
    if (isForgotten(name, originMs)) await Promise.all(into.map((one) => deleteFrom(one, name)))
  }

  function isForgotten(name: string, originMs: number): boolean {
    const sinceMs = forgottenMs?.get(name)
    // It was forgotten while the clock had no time: that counts from the clock's next time.
    if (Number.isNaN(sinceMs)) forgottenMs?.set(name, now())
    return sinceMs !== undefined && !(originMs > sinceMs + ANSWER_SKEW_MS)
  }

  async function forget(name: string): Promise<void> {
    forgottenMs ??= new LRUCache({ max: MAX_FORGOTTEN })
    forgottenMs.set(name, now())
    await Promise.all(tiersFor(name).map((one) => deleteFrom(one, name)))
  }

  /** Ignores the back-off: a revocation must reach a tier even while its writes fail, as those of a full memory do. */
  async function deleteFrom(one: Watched, name: string): Promise<void> {
    try {
      await inTime(async () => one.tier.delete(name), one.timeoutMs, true)
    } catch (fault) {
      report(one, 'delete', fault, 0)
    }
  }

  async function read<T>(
    name: string,
    reading: SharedReading<T>,
    context: CallContext,
  ): Promise<SharedEntry<T> | undefined> {
    // Tiers that answered without a useful entry get the one that a later tier holds.
    const lacking: Watched[] = []
    let newest: Found<T> | undefined
    const asked = tiersFor(name)
    const scale = Math.min(1, (reading.budgetMs ?? Infinity) / totalTimeoutMs(asked))
    for (const one of asked) {
      const found = await readFrom(one, name, reading, Math.ceil(one.timeoutMs * scale))
      const isNewest = found && found.originMs >= (newest?.originMs ?? Number.NEGATIVE_INFINITY)
      if (isNewest && reading.suffices(found)) {
        inBackground(putText(lacking, name, found), context)
        return found
      }
      if (isNewest) newest = found
      if (one.reads.remainingMs() === 0) lacking.push(one)
    }
    return newest
  }

  return {
    holds: (kind) => watched.some(({ tier }) => mayHold(tier, kind)),

    read,

    write(name, data, options, context) {
      inBackground(putAll(name, data, options), context)
    },

    drop(name, context) {
      inBackground(forget(name), context)
    },

    forget,
    maxWaitMs: totalTimeoutMs(watched),
  }
}

function totalTimeoutMs(tiers: readonly Watched[]): number {
  return tiers.reduce((sum, { timeoutMs }) => sum + timeoutMs, 0)
}

/** Awaits a tier's operation. A read keeps the process alive, a write in the background does not. */
function inTime<T>(work: () => Promise<T>, ms: number, keepsAlive: boolean): Promise<T> {
  return waitWithin(work(), {
    ms,
    keepsAlive,
    late() {
      throw new Fault(`no answer within ${ms} ms`)
    },
  })
}

function entryKind(name: string): EntryKind {
  return name.split(':')[2] as EntryKind
}

/** Lets work continue after the caller has its result. */
function inBackground(work: Promise<void>, { waitUntil }: CallContext): void {
  // `run` and `deleteFrom` report faults of the tiers.
  const settled = work.catch(() => {})
  try {
    waitUntil?.(settled)
  } catch {
    // A `waitUntil` without its context throws. The work continues without it.
  }
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER
}
