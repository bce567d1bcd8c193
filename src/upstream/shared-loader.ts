import type { CallContext } from '../pipeline.ts'
import { shareError } from '../errors.ts'
import { Fault } from '../faults.ts'
import { runWithin, waitWithin } from '../runtime/deadline.ts'
import { unref } from '../runtime/timer.ts'

/** One load at a time, shared by all callers that ask while it runs. */
export interface SharedLoader<T> {
  /**
   * Joins the load that runs, or starts one. The wait is bounded.
   * @throws what `failed` made of the fault, `LoadAbandoned` or `CallerGone`
   */
  readonly join: (context: CallContext) => Promise<T>
  /** Whether a load runs that is not overdue. */
  readonly busy: () => boolean
  /** Starts a load in the background unless one runs. */
  readonly nudge: (context: CallContext) => void
  /** Ends the load that runs. */
  readonly stop: () => void
}

/** The load did not end in time, or was stopped. */
export class LoadAbandoned extends Fault {}
/** The caller's own signal ended its wait; the load goes on. */
export class CallerGone extends Fault {}

export interface SharedLoad<Loaded, T> {
  /** Does the work in the request that leads. Ends with this signal; the leader's own signal ends only the leader's wait. */
  readonly load: (signal: AbortSignal, leader: CallContext) => Promise<Loaded>
  /** Called once for each load that succeeds in time. Callers get what it returns. */
  readonly loaded: (loaded: Loaded) => T
  /** Called once for each load that fails. Callers are refused with what it returns. */
  readonly failed: (cause: unknown) => unknown
  readonly timeoutMs: number
  readonly now: () => number
}

interface Flight<T> {
  /** Counts up from load to load. */
  readonly number: number
  readonly promise: Promise<T>
  readonly controller: AbortController
  startedMs: number
  /** Counts up as long as the request that runs the load is alive. */
  beats: number
}

const BEAT_MS = 200
// A busy event loop delays the beats and this timer alike. The beats are due first.
const PATIENCE_MS = 1000

/**
 * Shares one running load among concurrent callers.
 *
 * In Workers a promise that another request drives may never settle: when that request ends, its I/O and timers end with it.
 * So every follower waits on a timer of its own. When the leader's beats stop, one follower starts the load again. In Node no
 * promise is lost, no follower ever takes over, and 10,000 callers make one load.
 */
export function createSharedLoader<Loaded, T = Loaded>({
  load,
  loaded,
  failed,
  timeoutMs,
  now,
}: SharedLoad<Loaded, T>): SharedLoader<T> {
  const maxTurns = 2 * Math.ceil(timeoutMs / PATIENCE_MS) + 2
  let flight: Flight<T> | undefined
  let started = 0
  /** The outcome of the latest load that ended. Never its promise, which belongs to another request. */
  let finished: (Outcome<T> & { readonly number: number }) | undefined
  let stopped = false

  function lead(context: CallContext): Flight<T> {
    const controller = new AbortController()
    const heart = setInterval(() => own.beats++, BEAT_MS)
    function finish(outcome: () => Outcome<T>): T {
      clearInterval(heart)
      if (flight === own) flight = undefined
      // A load that was given up may end after the load that replaced it. Then its outcome is not used.
      if (!finished || finished.number < own.number) finished = { ...outcome(), number: own.number }
      return valueOf(finished)
    }
    unref(heart)
    const promise = runWithin((signal) => load(signal, context), {
      ms: timeoutMs,
      late() {
        throw new LoadAbandoned(`no answer within ${timeoutMs} ms`)
      },
      signal: controller.signal,
      // Every caller that waits has a timer of its own. This one must not keep an idle process alive.
      keepsAlive: false,
    }).then(
      (result) => finish(() => outcomeOf(() => loaded(result))),
      (cause: unknown) => finish(() => faultOf(failed(cause))),
    )
    const own: Flight<T> = { number: ++started, promise, controller, startedMs: now(), beats: 0 }
    flight = own
    // Marks the promise as handled: all callers may leave before it ends.
    const settled = promise.then(ignore, ignore)
    try {
      context.waitUntil?.(settled)
    } catch {
      // `waitUntil` was called without its context. The load goes on without it.
    }
    return own
  }

  function busy(): boolean {
    if (!flight) return false
    const nowMs = now()
    // A load that began while the clock told no time counts from the first time that it tells.
    if (Number.isNaN(flight.startedMs)) flight.startedMs = nowMs
    // While the clock tells no time, no load is overdue: else every caller would start one.
    return !(Math.abs(nowMs - flight.startedMs) > timeoutMs + PATIENCE_MS)
  }

  return {
    async join(context) {
      const startedBefore = started
      for (let turn = 0; turn < maxTurns; turn++) {
        if (stopped) throw new LoadAbandoned('closed')
        // When a leader is lost, one follower takes over; later followers use its result.
        if (!busy() && finished && finished.number > startedBefore) return valueOf(finished)
        // An overdue load is lost, even if no follower has waited long enough to see that its beats stopped.
        const followed = flight && busy() ? flight : lead(context)
        const seen = followed.beats
        const result = await waitWithin(followed.promise, patience(context))
        if (result !== pending) return result
        if (followed.beats === seen && flight === followed) flight = undefined
      }
      throw new LoadAbandoned('no answer in time')
    },
    busy,
    nudge(context) {
      if (!busy() && !stopped) lead(context)
    },
    stop() {
      stopped = true
      flight?.controller.abort(new LoadAbandoned('closed'))
      flight = undefined
    },
  }
}

type Outcome<T> = { readonly value: T } | { readonly fault: unknown }

function outcomeOf<T>(work: () => T): Outcome<T> {
  try {
    return { value: work() }
  } catch (fault) {
    return faultOf(fault)
  }
}

function faultOf(fault: unknown): { readonly fault: unknown } {
  shareError(fault)
  return { fault }
}

function valueOf<T>(outcome: Outcome<T>): T {
  if ('fault' in outcome) throw outcome.fault
  return outcome.value
}

const pending = Symbol('pending')

/** A caller waits that long, on a timer of its own request, before it checks whether the leader is alive. */
function patience({ signal }: CallContext) {
  return { ms: PATIENCE_MS, late: (): typeof pending => pending, signal, gone: leave }
}

function leave(): never {
  throw new CallerGone('the caller gave up waiting')
}

function ignore(): void {}
