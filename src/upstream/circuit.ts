import { Fault } from '../faults.ts'
import { createBackOff } from './back-off.ts'

/** The endpoint has failed too often: it is left alone for a while. */
export class CircuitOpen extends Fault {
  readonly remainingMs: number

  constructor(remainingMs: number) {
    super('it failed several times in a row and is left alone for a while')
    this.remainingMs = remainingMs
  }
}

/** Stops asking an endpoint that is down, and tries it with one request at a time until it is back. */
export interface Circuit {
  /** Lets a request pass that may be the probe. @throws {CircuitOpen} */
  readonly enter: () => void
  /** Whether `enter` would refuse. @throws {CircuitOpen} */
  readonly check: () => void
  readonly succeed: () => void
  readonly fail: () => void
  /** The request that may have been the probe never reached the endpoint. */
  readonly release: () => void
  readonly remainingMs: () => number
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
    // A probe that was lost with its request must not keep the circuit open for ever.
    const probing = probeSinceMs !== undefined && Math.abs(now() - probeSinceMs) < probeMs
    if (probing || pause.remainingMs() > 0) throw new CircuitOpen(pause.remainingMs())
  }

  return {
    remainingMs: pause.remainingMs,
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
      // Requests that were under way when it opened say nothing new; the one that opened it and the probe do.
      if (failures === FAILURES_TO_OPEN || probeSinceMs !== undefined) pause.fail(probeSinceMs)
      probeSinceMs = undefined
    },
  }
}
