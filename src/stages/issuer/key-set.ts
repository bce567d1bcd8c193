import { BearwardError } from '../../errors.ts'
import { describeFault, UNKNOWN_REASON } from '../../faults.ts'
import type { KeySettings } from '../../options/settings.ts'
import type { KeysInMemory, LoadKeys, PublishedKeys } from '../../parts.ts'
import type { BearwardEvent, CallContext, IssuerState, KeySnapshot, KeySource } from '../../pipeline.ts'
import { ageOf } from '../../runtime/clock.ts'
import { createBackOff } from '../../upstream/back-off.ts'
import { UpstreamFault } from '../../upstream/fetch-document.ts'
import { CallerGone, createSharedLoader } from '../../upstream/shared-loader.ts'
import { snapshotOf } from './usable-keys.ts'

/** The keys of one issuer, for the verification of tokens and for their owner. */
export interface KeySet extends KeySource, KeysInMemory {
  readonly state: () => Omit<IssuerState, 'issuer'>
  readonly stop: () => void
}

export interface KeySetSettings extends KeySettings {
  readonly issuer: string
  /** Part of the fresh time over which the processes of a fleet spread their refreshes. Default 0. */
  readonly spread?: number | undefined
  readonly now: () => number
  readonly emit: (event: BearwardEvent) => void
}

/** How long published keys are fresh. */
export function freshForMs(maxAgeSeconds: number | undefined, refreshMs: number): number {
  return maxAgeSeconds === undefined
    ? refreshMs
    : Math.min(refreshMs, Math.max(SHORTEST_FRESH_MS, maxAgeSeconds * 1000))
}

interface Held extends Pick<PublishedKeys, 'keys'> {
  readonly snapshot: KeySnapshot
  fetchedMs: number
  readonly freshMs: number
  /** The age at which a background refresh begins. */
  readonly refreshFromMs: number
}

const SHORTEST_FRESH_MS = 60_000
const REFRESH_FROM = 0.8

/**
 * Keeps one issuer's keys. One fetch serves all waiting callers; a refresh runs in the background. While the issuer is down, the
 * keys serve stale within bounds. A token that they cannot verify causes at most one extra fetch per cooldown.
 */
export function createKeySet(load: LoadKeys, settings: KeySetSettings): KeySet {
  const { issuer, refreshMs, maxStaleMs, cooldownMs, timeoutMs, spread = 0, now, emit } = settings
  const backOff = createBackOff(now)
  let held: Held | undefined
  let lastReason: string | undefined
  let downSinceMs: number | undefined
  let extraFetchMs: number | undefined
  let isExtra = false
  let closed = false

  const loader = createSharedLoader({
    async load(signal, leader) {
      // While the issuer fails, keys of another process are of use only if they are newer.
      const reason = isExtra && !isFailing() ? 'unknown' : 'due'
      isExtra = false
      const previous = new Map(held?.keys.map((key) => [key.identity, key]))
      const loaded = await load({ previous, heldSinceMs: held?.fetchedMs, reason, adopt }, signal, leader)
      for (const why of loaded.ignored) emit({ type: 'key_ignored', issuer, reason: why })
      if (loaded.keys.length === 0) throw new UpstreamFault('its key set has no usable key')
      return loaded
    },
    loaded(loaded) {
      const { fetchedMs, extraMs } = loaded
      // An extra fetch of another process counts as our own.
      if (extraMs !== undefined) extraFetchMs = Math.max(extraMs, extraFetchMs ?? extraMs)
      // Another process may have fetched the very keys in memory.
      if (held && fetchedMs !== undefined && fetchedMs <= held.fetchedMs) return held.snapshot
      held = hold(loaded)
      const from = fetchedMs === undefined ? 'issuer' : 'tier'
      emit({ type: 'keys_loaded', issuer, keys: loaded.keys.length, from })
      backOff.succeed()
      lastReason = undefined
      downSinceMs = undefined
      return held.snapshot
    },
    failed(fault) {
      backOff.fail()
      lastReason = describeFault(fault)
      downSinceMs ??= now()
      emit({ type: 'issuer_failed', issuer, detail: lastReason, retryInMs: Math.round(backOff.remainingMs()) })
      return unavailable()
    },
    timeoutMs,
    now,
  })

  function isFailing(): boolean {
    return backOff.failures() > 0
  }

  function hold({ keys, maxAgeSeconds, fetchedMs = now() }: PublishedKeys): Held {
    const freshMs = freshForMs(maxAgeSeconds, refreshMs)
    const refreshFromMs = freshMs * (REFRESH_FROM + spread * Math.random())
    return { keys, snapshot: snapshotOf(keys), fetchedMs, freshMs, refreshFromMs }
  }

  function adopt(older: PublishedKeys & { readonly fetchedMs: number }): void {
    if (!held || older.fetchedMs > held.fetchedMs) held = hold(older)
  }

  function unavailable(reason = lastReason): BearwardError {
    return new BearwardError('issuer_unavailable', explain(reason), { retryAfterSeconds: backOff.retryAfterSeconds() })
  }

  function explain(reason = UNKNOWN_REASON): string {
    return `the keys of issuer "${issuer}" are unavailable: ${reason}`
  }

  /** The age of the keys in memory; infinite where there are none. */
  function ageMs(): number {
    return held ? ageOf(held, now(), Math.min(held.freshMs, maxStaleMs - 1)) : Infinity
  }

  /** The keys in memory, unless they are too old to serve stale. */
  function usable(): Held | undefined {
    return ageMs() < maxStaleMs ? held : undefined
  }

  /** Waits for new keys. Where none come, old ones serve, unless the caller itself gave up. */
  async function join(context: CallContext): Promise<KeySnapshot> {
    try {
      return await loader.join(context)
    } catch (fault) {
      const old = closed || fault instanceof CallerGone ? undefined : usable()
      if (old) return old.snapshot
      throw fault instanceof BearwardError ? fault : unavailable(describeFault(fault))
    }
  }

  function atHand(context: CallContext): KeySnapshot | undefined {
    const age = ageMs()
    if (!held || closed || age >= maxStaleMs) return undefined
    if (age < held.refreshFromMs) return held.snapshot
    // Keys that are due must be replaced now: the issuer may have withdrawn one. Only its failure prolongs their life.
    if (age >= held.freshMs && !isFailing()) return undefined
    if (backOff.remainingMs() === 0) loader.nudge(context)
    return held.snapshot
  }

  return {
    atHand,

    async current(context) {
      if (closed) throw unavailable('this resource server was closed')
      if (!usable() && backOff.remainingMs() > 0) throw unavailable()
      return atHand(context) ?? join(context)
    },

    async renewed(seen, context) {
      if (closed) return undefined
      const known = usable()?.snapshot
      if (known && known !== seen) return known
      if (!loader.busy()) {
        const nowMs = now()
        const passedMs = Math.abs(nowMs - (extraFetchMs ?? Number.NEGATIVE_INFINITY))
        // While the issuer fails, the back-off is the bound: it brings new keys in soonest.
        const mayFetch = isFailing() ? backOff.remainingMs() === 0 : passedMs >= cooldownMs
        if (!mayFetch) return undefined
        extraFetchMs = nowMs
        isExtra = true
      }
      const snapshot = await loader.join(context).catch(() => undefined)
      return snapshot === seen ? undefined : snapshot
    },

    stillHolds: (key, context) => held !== undefined && held.snapshot.has(key) && atHand(context) !== undefined,

    failing: () => (isFailing() ? unavailable() : undefined),

    state() {
      const serving = usable()
      const [working, broken] = serving ? (['fresh', 'stale'] as const) : (['cold', 'down'] as const)
      return {
        state: isFailing() ? broken : working,
        keys: serving?.keys.length ?? 0,
        ...(serving && { freshUntilMs: serving.fetchedMs + serving.freshMs }),
        ...(downSinceMs !== undefined && { downSinceMs }),
        ...(lastReason !== undefined && { lastError: explain(lastReason) }),
      }
    },

    inMemory: () => held?.keys ?? [],

    release() {
      held = undefined
    },

    stop() {
      closed = true
      loader.stop()
    },
  }
}
