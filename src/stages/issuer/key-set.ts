import { BearwardError } from '../../errors.ts'
import { describeFault } from '../../faults.ts'
import type { KeySettings } from '../../options/settings.ts'
import type { LoadKeys, PublishedKeys } from '../../parts.ts'
import type {
  BearwardEvent,
  CallContext,
  IssuerState,
  KeySnapshot,
  KeySource,
  VerificationKey,
} from '../../pipeline.ts'
import { createBackOff } from '../../upstream/back-off.ts'
import { UpstreamFault } from '../../upstream/fetch-document.ts'
import { CallerGone, createSharedLoader } from '../../upstream/shared-loader.ts'
import { snapshotOf } from './usable-keys.ts'

/** The keys of one issuer, and what else its owner may ask of them. */
export interface KeySet extends KeySource {
  readonly state: () => Omit<IssuerState, 'issuer'>
  /** Bytes that the keys at hand take in memory, estimated. */
  readonly weight: () => number
  /** Lets go of the keys at hand; whoever needs them loads them anew. */
  readonly release: () => void
  readonly stop: () => void
}

export interface KeySetSettings extends KeySettings {
  readonly issuer: string
  /** Part of the fresh time over which the processes of a fleet spread their refreshes. Default 0. */
  readonly spread?: number
  readonly now: () => number
  readonly emit: (event: BearwardEvent) => void
}

/** How long published keys are fresh. */
export function freshForMs(maxAgeSeconds: number | undefined, refreshMs: number): number {
  return maxAgeSeconds === undefined
    ? refreshMs
    : Math.min(refreshMs, Math.max(SHORTEST_FRESH_MS, maxAgeSeconds * 1000))
}

interface Held {
  readonly snapshot: KeySnapshot
  readonly byIdentity: ReadonlyMap<string, VerificationKey>
  readonly weight: number
  fetchedMs: number
  readonly freshMs: number
  /** The age from which on they are refreshed in the background. */
  readonly refreshFromMs: number
}

// What a key takes beside its text, imported once.
const KEY_BYTES = 4_096
const SHORTEST_FRESH_MS = 60_000
const REFRESH_FROM = 0.8

/**
 * Keeps one issuer's keys: fetched once for all who wait, refreshed in the background, served stale within bounds while the
 * issuer is down, fetched anew for what they cannot verify at most once per cooldown.
 */
export function createKeySet(load: LoadKeys, settings: KeySetSettings): KeySet {
  const { issuer, now, emit } = settings
  const backOff = createBackOff(now)
  let held: Held | undefined
  let lastReason: string | undefined
  let downSinceMs: number | undefined
  let extraFetchMs: number | undefined
  let wantsUnknown = false
  let closed = false

  const loader = createSharedLoader({
    async load(signal, leader) {
      // While fetching fails, what others hold must be newer to be of use.
      const reason = wantsUnknown && backOff.failures() === 0 ? 'unknown' : 'due'
      wantsUnknown = false
      const wanted = { previous: held?.byIdentity ?? new Map(), heldSinceMs: held?.fetchedMs, reason, adopt } as const
      const loaded = await load(wanted, signal, leader)
      for (const why of loaded.ignored) emit({ type: 'key_ignored', issuer, reason: why })
      if (loaded.keys.length === 0) throw new UpstreamFault('its key set holds no usable key')
      return loaded
    },
    loaded(loaded) {
      const { fetchedMs } = loaded
      // An extra fetch of another process counts as ours.
      if (loaded.extraMs !== undefined) extraFetchMs = Math.max(loaded.extraMs, extraFetchMs ?? loaded.extraMs)
      // What others fetched may be what is held already.
      if (held && fetchedMs !== undefined && fetchedMs <= held.fetchedMs) return held.snapshot
      held = hold(loaded)
      emit({
        type: 'keys_loaded',
        issuer,
        keys: held.snapshot.size,
        from: fetchedMs === undefined ? 'issuer' : 'tier',
      })
      backOff.succeed()
      lastReason = undefined
      downSinceMs = undefined
      return held.snapshot
    },
    failed: fail,
    timeoutMs: settings.timeoutMs,
    now,
  })

  function fail(cause: unknown): BearwardError {
    backOff.fail()
    lastReason = describeFault(cause)
    downSinceMs ??= now()
    emit({ type: 'issuer_failed', issuer, detail: lastReason, retryInMs: Math.round(backOff.remainingMs()) })
    return unavailable(lastReason)
  }

  function hold({ keys, maxAgeSeconds, fetchedMs = now() }: PublishedKeys): Held {
    const freshMs = freshForMs(maxAgeSeconds, settings.refreshMs)
    return {
      snapshot: snapshotOf(keys),
      byIdentity: new Map(keys.map((key) => [key.identity, key])),
      weight: keys.reduce((sum, { identity }) => sum + identity.length + KEY_BYTES, 0),
      fetchedMs,
      freshMs,
      refreshFromMs: freshMs * (REFRESH_FROM + (settings.spread ?? 0) * Math.random()),
    }
  }

  function adopt(older: PublishedKeys & { readonly fetchedMs: number }): void {
    if (!held || older.fetchedMs > held.fetchedMs) held = hold(older)
  }

  function unavailable(reason: string | undefined): BearwardError {
    const retryAfterSeconds = Math.max(1, Math.ceil(backOff.remainingMs() / 1000))
    return new BearwardError('issuer_unavailable', withoutKeys(reason), { retryAfterSeconds })
  }

  function withoutKeys(reason = 'unknown reason'): string {
    return `the keys of issuer "${issuer}" cannot be had: ${reason}`
  }

  /** Waits for new keys; where none come, old ones serve, unless the caller itself gave up. */
  async function join(context: CallContext): Promise<KeySnapshot> {
    try {
      return await loader.join(context)
    } catch (fault) {
      const gaveUp = fault instanceof CallerGone
      if (held && !gaveUp && !closed && age(held) < settings.maxStaleMs) return held.snapshot
      throw fault instanceof BearwardError ? fault : unavailable(describeFault(fault))
    }
  }

  function age(one: Held): number {
    // A clock that was set back says nothing about the age: due for a refresh, and counted from here on.
    const nowMs = now()
    if (nowMs < one.fetchedMs) one.fetchedMs = nowMs - Math.min(one.freshMs, settings.maxStaleMs - 1)
    const passed = nowMs - one.fetchedMs
    // Without a time nothing is young.
    return Number.isNaN(passed) ? Infinity : passed
  }

  function atHand(context: CallContext): KeySnapshot | undefined {
    if (!held || closed) return undefined
    const passed = age(held)
    if (passed >= settings.maxStaleMs) return undefined
    if (passed < held.refreshFromMs) return held.snapshot
    if (passed >= held.freshMs && backOff.failures() === 0) return undefined
    if (backOff.remainingMs() === 0) loader.nudge(context)
    return held.snapshot
  }

  return {
    atHand,

    async current(context) {
      if (closed) throw unavailable('this resource server was closed')
      if (!held || age(held) >= settings.maxStaleMs) {
        if (backOff.remainingMs() > 0) throw unavailable(lastReason)
        return join(context)
      }
      // Withdrawn keys must go now; only an issuer that fails prolongs their life.
      return atHand(context) ?? join(context)
    },

    async renewed(seen, context) {
      if (closed) return undefined
      if (held && held.snapshot !== seen && age(held) < settings.maxStaleMs) return held.snapshot
      if (!loader.busy()) {
        const nowMs = now()
        const passed = Math.abs(nowMs - (extraFetchMs ?? Number.NEGATIVE_INFINITY))
        // While fetching fails, the back-off is the limit: it is what brings new keys in soonest.
        const mayFetch = backOff.failures() > 0 ? backOff.remainingMs() === 0 : passed >= settings.cooldownMs
        if (!mayFetch) return undefined
        extraFetchMs = nowMs
        wantsUnknown = true
      }
      const snapshot = await loader.join(context).catch(() => undefined)
      return snapshot === seen ? undefined : snapshot
    },

    stillHolds: (key, context) => held !== undefined && held.snapshot.has(key) && atHand(context) !== undefined,

    failing: () => (backOff.failures() > 0 ? unavailable(lastReason) : undefined),

    state() {
      const serving = held && age(held) < settings.maxStaleMs ? held : undefined
      const failing = backOff.failures() > 0
      return {
        state: serving ? (failing ? 'stale' : 'fresh') : failing ? 'down' : 'cold',
        keys: serving?.snapshot.size ?? 0,
        ...(serving && { freshUntilMs: serving.fetchedMs + serving.freshMs }),
        ...(downSinceMs !== undefined && { downSinceMs }),
        ...(lastReason !== undefined && { lastError: withoutKeys(lastReason) }),
      }
    },

    weight: () => held?.weight ?? 0,

    release() {
      held = undefined
    },

    stop() {
      closed = true
      loader.stop()
    },
  }
}
