import type { CallContext } from '../pipeline.ts'
import { shareError } from '../errors.ts'
import { Fault } from '../faults.ts'
import { runWithin, waitWithin } from '../runtime/deadline.ts'
import { unref } from '../runtime/timer.ts'

/** One load at a time, shared by all who ask while it runs. */
export interface SharedLoader<T> {
  /**
   * Joins the load that runs, or starts one; waits in bounded time.
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

/** The load did not end in time, or nobody was left to run it. */
export class LoadAbandoned extends Fault {}
/** The caller's own signal ended its wait; the load goes on. */
export class CallerGone extends Fault {}

export interface SharedLoad<Loaded, T> {
  /** Does the work in the request that leads; ends when the signal says so, not when the leader's own does. */
  readonly load: (signal: AbortSignal, leader: CallContext) => Promise<Loaded>
  /** Called once for each load that ended well and in time: what it returns is what callers get. */
  readonly loaded: (loaded: Loaded) => T
  /** Called once for each load that did not: what it returns is what callers are refused with. */
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
  /** Counts up while the request that runs the load is alive. */
  beats: number
}

const BEAT_MS = 200
// A busy event loop delays beats and this timer alike, and beats fall due first.
const PATIENCE_MS = 1000

/**
 * Shares one running load among concurrent callers.
 *
 * In Workers a promise that another request drives may never settle: when that request ends, its I/O and timers end with
 * it. So every follower waits on a timer of its own, and takes the lead when the leader's heart has stopped beating. Where
 * promises cannot be lost, nobody ever takes over, and 10,000 callers make one load.
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
  /** How the latest load that came to an end ended: its result, never its promise, as that is another request's. */
  let landed: (Outcome<T> & { readonly number: number }) | undefined
  let stopped = false

  function lead(context: CallContext): Flight<T> {
    const controller = new AbortController()
    const heart = setInterval(() => own.beats++, BEAT_MS)
    function land(outcome: () => Outcome<T>): T {
      clearInterval(heart)
      if (flight === own) flight = undefined
      // A load that others gave up may end after the one that took its place: then it brings nothing new.
      if (!landed || landed.number < own.number) landed = { ...outcome(), number: own.number }
      return valueOf(landed)
    }
    unref(heart)
    const promise = runWithin((signal) => load(signal, context), {
      ms: timeoutMs,
      late() {
        throw new LoadAbandoned(`no answer within ${timeoutMs} ms`)
      },
      signal: controller.signal,
      // Whoever waits has a timer of its own; the leader's must not keep an idle process alive.
      keepsAlive: false,
    }).then(
      (result) => land(() => outcomeOf(() => loaded(result))),
      (cause: unknown) => land(() => faultOf(failed(cause))),
    )
    const own: Flight<T> = { number: ++started, promise, controller, startedMs: now(), beats: 0 }
    flight = own
    // Marks the promise as handled, in case that nobody follows it to its end.
    const settled = promise.then(ignore, ignore)
    try {
      context.waitUntil?.(settled)
    } catch {
      // A waitUntil that was torn off its context: the load goes on without it.
    }
    return own
  }

  function busy(): boolean {
    if (!flight) return false
    const nowMs = now()
    // What began while there was no time counts from when there is one.
    if (Number.isNaN(flight.startedMs)) flight.startedMs = nowMs
    // Without a time a load that runs is not overdue: a second one beside it would be one for every caller.
    return !(Math.abs(nowMs - flight.startedMs) > timeoutMs + PATIENCE_MS)
  }

  return {
    async join(context) {
      const startedBefore = started
      for (let turn = 0; turn < maxTurns; turn++) {
        if (stopped) throw new LoadAbandoned('closed')
        // Of those whose leader was lost, one leads again; who notices later takes what that one got.
        if (!busy() && landed && landed.number > startedBefore) return valueOf(landed)
        // One that is overdue is lost, even if everybody's patience was too short to notice by its beats.
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

/** How long a caller waits before it looks whether the leader is alive, on a timer of its own request. */
function patience({ signal }: CallContext) {
  return { ms: PATIENCE_MS, late: (): typeof pending => pending, signal, gone: leave }
}

function leave(): never {
  throw new CallerGone('the caller gave up waiting')
}

function ignore(): void {}
