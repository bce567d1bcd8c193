import { BearwardError, messageOf } from '../errors.ts'
import type { KeySettings } from '../options/settings.ts'
import type { BearwardEvent, CallContext, IssuerState, KeySnapshot, KeySource, VerificationKey } from '../pipeline.ts'
import { createBackOff } from '../upstream/back-off.ts'
import { UpstreamFault } from '../upstream/fetch-document.ts'
import { createSharedLoader } from '../upstream/shared-loader.ts'
import { snapshotOf, type UsableKeys } from './usable-keys.ts'

/** The keys of one issuer, and what else its owner may ask of them. */
export interface KeySet extends KeySource {
  readonly state: () => Omit<IssuerState, 'issuer'>
  readonly stop: () => void
}

export interface KeySetSettings extends KeySettings {
  readonly issuer: string
  readonly now: () => number
  readonly emit: (event: BearwardEvent) => void
}

/** Gets the keys; `previous` are those at hand, to be kept where they are still published. */
export type LoadKeys = (
  previous: ReadonlyMap<string, VerificationKey>,
  signal: AbortSignal,
) => Promise<UsableKeys & { readonly maxAgeSeconds: number | undefined }>

interface Held {
  readonly snapshot: KeySnapshot
  readonly byIdentity: ReadonlyMap<string, VerificationKey>
  readonly fetchedMs: number
  readonly freshMs: number
}

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
  let lastFault: BearwardError | undefined
  let downSinceMs: number | undefined
  let extraFetchMs: number | undefined
  let closed = false

  const loader = createSharedLoader({
    async load(signal) {
      const loaded = await load(held?.byIdentity ?? new Map(), signal)
      for (const reason of loaded.ignored) emit({ type: 'key_ignored', issuer, reason })
      if (loaded.keys.length === 0) throw new UpstreamFault('its key set holds no usable key')
      return loaded
    },
    loaded(loaded) {
      held = hold(loaded, now(), settings.refreshMs)
      backOff.succeed()
      lastFault = undefined
      downSinceMs = undefined
      emit({ type: 'keys_loaded', issuer, keys: held.snapshot.size })
      return held.snapshot
    },
    failed(cause) {
      backOff.fail()
      lastFault = unavailable(messageOf(cause), cause)
      downSinceMs ??= now()
      emit({ type: 'issuer_failed', issuer, message: messageOf(cause), retryInMs: Math.round(backOff.remainingMs()) })
      return lastFault
    },
    timeoutMs: settings.timeoutMs,
    now,
  })

  function unavailable(reason: string, cause: unknown): BearwardError {
    return new BearwardError('issuer_unavailable', `the keys of issuer "${issuer}" cannot be had: ${reason}`, {
      cause,
      retryAfterSeconds: Math.max(1, Math.ceil(backOff.remainingMs() / 1000)),
    })
  }

  async function join(context: CallContext): Promise<KeySnapshot> {
    try {
      return await loader.join(context)
    } catch (cause) {
      throw cause instanceof BearwardError ? cause : unavailable(messageOf(cause), cause)
    }
  }

  function age({ fetchedMs, freshMs }: Held): number {
    const passed = now() - fetchedMs
    // A clock that was set back says nothing about the age: due for a refresh, neither fresh for ever nor too old to serve.
    return passed < 0 ? Math.min(freshMs, settings.maxStaleMs - 1) : passed
  }

  return {
    async current(context) {
      if (closed) throw unavailable('this resource server was closed', undefined)
      if (!held || age(held) >= settings.maxStaleMs) {
        if (backOff.remainingMs() > 0) throw unavailable(messageOf(lastFault?.cause), lastFault?.cause)
        return join(context)
      }
      const { snapshot } = held
      if (age(held) < held.freshMs * REFRESH_FROM) return snapshot
      const mayWait = age(held) >= held.freshMs && backOff.failures() === 0
      if (!mayWait) {
        if (backOff.remainingMs() === 0) loader.nudge(context)
        return snapshot
      }
      // Withdrawn keys must go now; only an issuer that fails prolongs their life.
      return join(context).catch(() => snapshot)
    },

    async renewed(seen, context) {
      if (held && held.snapshot !== seen) return held.snapshot
      if (!loader.busy()) {
        const passed = extraFetchMs === undefined ? Infinity : Math.abs(now() - extraFetchMs)
        // While fetching fails, the back-off is the limit: it is what brings new keys in soonest.
        const mayFetch = backOff.failures() > 0 ? backOff.remainingMs() === 0 : passed >= settings.cooldownMs
        if (!mayFetch || closed) return undefined
        extraFetchMs = now()
      }
      const snapshot = await join(context).catch(() => undefined)
      return snapshot === seen ? undefined : snapshot
    },

    stillHolds(key, context) {
      if (!held || closed || age(held) >= settings.maxStaleMs || !held.snapshot.has(key)) return false
      if (age(held) < held.freshMs * REFRESH_FROM) return true
      if (age(held) >= held.freshMs && backOff.failures() === 0) return false
      if (backOff.remainingMs() === 0) loader.nudge(context)
      return true
    },

    failing: () => (backOff.failures() > 0 ? lastFault : undefined),

    state() {
      const serving = held && age(held) < settings.maxStaleMs ? held : undefined
      const failing = backOff.failures() > 0
      return {
        state: serving ? (failing ? 'stale' : 'fresh') : failing ? 'down' : 'cold',
        keys: serving?.snapshot.size ?? 0,
        ...(serving && { freshUntilMs: serving.fetchedMs + serving.freshMs }),
        ...(downSinceMs !== undefined && { downSinceMs }),
        ...(lastFault && { lastError: lastFault.message }),
      }
    },

    stop() {
      closed = true
      loader.stop()
    },
  }
}

function hold(
  { keys, maxAgeSeconds }: { keys: readonly VerificationKey[]; maxAgeSeconds: number | undefined },
  fetchedMs: number,
  refreshMs: number,
): Held {
  const wantedMs = maxAgeSeconds === undefined ? refreshMs : maxAgeSeconds * 1000
  return {
    snapshot: snapshotOf(keys),
    byIdentity: new Map(keys.map((key) => [key.identity, key])),
    fetchedMs,
    freshMs: Math.min(refreshMs, Math.max(SHORTEST_FRESH_MS, wantedMs)),
  }
}
