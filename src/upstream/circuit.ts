import { createBackOff } from './back-off.ts'
import { HeldBack } from './faults.ts'

/** The endpoint failed too often, and is not asked for a while. */
export class CircuitOpen extends HeldBack {
  constructor() {
    super('it failed several times in a row and is left alone for a while')
  }
}

/** Stops asking an endpoint that is down, and tries it with one request at a time until it is back. */
export interface Circuit {
  /** Throws where `enter` would. @throws {CircuitOpen} */
  readonly check: () => void
  /** Lets a request pass, which may be the probe. @throws {CircuitOpen} */
  readonly enter: () => void
  readonly succeed: () => void
  readonly fail: () => void
  /** A request ended that says nothing of the endpoint. If it was the probe, the next request may be one. */
  readonly release: () => void
  /** Milliseconds until the next probe is due; 0 where it is, and while the circuit is closed. */
  readonly remainingMs: () => number
  /** The same in whole seconds, at least 1, for callers that are refused. */
  readonly retryAfterSeconds: () => number
}

const FAILURES_TO_OPEN = 5
// With a quarter of jitter these make at least 1 s and at most 4.8 s between two probes.
const PAUSE = { firstMs: 1_400, longestMs: 4_800 }

export function createCircuit(now: () => number, probeMs: number): Circuit {
  const pause = createBackOff(now, PAUSE)
  let failures = 0
  let probeSinceMs: number | undefined

  function isOpen(): boolean {
    return failures >= FAILURES_TO_OPEN
  }

  function check(): void {
    if (!isOpen()) return
    // A lost probe must not keep the circuit open for ever: in Workers a probe ends with its request.
    const probing = probeSinceMs !== undefined && Math.abs(now() - probeSinceMs) < probeMs
    if (probing || pause.remainingMs() > 0) throw new CircuitOpen()
  }

  return {
    remainingMs: pause.remainingMs,
    retryAfterSeconds: pause.retryAfterSeconds,
    release: () => (probeSinceMs = undefined),
    check,
    enter() {
      check()
      if (isOpen()) probeSinceMs = now()
    },
    succeed() {
      failures = 0
      probeSinceMs = undefined
      pause.succeed()
    },
    fail() {
      failures++
      // Only the failure that opens the circuit and that of a probe say something new. Others were under way already.
      if (failures === FAILURES_TO_OPEN || probeSinceMs !== undefined) pause.fail(probeSinceMs)
      probeSinceMs = undefined
    },
  }
}
