import { waitWithin } from '../runtime/deadline.ts'
import { HeldBack } from './faults.ts'

/** Too many requests run, and none ended in time. */
export class LimitReached extends HeldBack {}

/** Limits how many requests run at once. Others wait in a queue, in bounded number and for bounded time. */
export interface ConcurrencyLimit {
  /** Waits for its turn; returns the function that ends the turn. @throws {LimitReached} */
  readonly acquire: (signal: AbortSignal) => Promise<() => void>
}

export interface ConcurrencyLimitSettings {
  readonly max: number
  /** After this time a turn counts as ended, whatever became of its holder. */
  readonly leaseMs: number
  readonly maxWaitMs: number
  readonly now: () => number
}

interface Waiter {
  readonly sinceMs: number
  wake: () => void
}

const LOOK_MS = 100

/**
 * Turns are leases. The end of a turn wakes the first waiter, and every waiter also looks for itself now and then: in Workers a
 * holder can vanish with its request, and so can the waiter that was woken.
 */
export function createConcurrencyLimit({ max, leaseMs, maxWaitMs, now }: ConcurrencyLimitSettings): ConcurrencyLimit {
  const leases = new Map<symbol, number>()
  const queue = new Set<Waiter>()
  let sweptMs = Number.NEGATIVE_INFINITY

  /** Drops leases and waiters that vanished with their request. It walks all of them, so it runs every 100 ms at most. */
  function sweep(): void {
    const nowMs = now()
    // Without a time nothing counts as lost; with one, everything that began without it does.
    if (Number.isNaN(nowMs) || Math.abs(nowMs - sweptMs) < LOOK_MS) return
    sweptMs = nowMs
    for (const [held, sinceMs] of leases) if (!(Math.abs(nowMs - sinceMs) <= leaseMs)) leases.delete(held)
    for (const waiter of queue) if (!(Math.abs(nowMs - waiter.sinceMs) <= maxWaitMs + LOOK_MS)) queue.delete(waiter)
  }

  function lease(): (() => void) | undefined {
    if (leases.size >= max) sweep()
    if (leases.size >= max) return undefined
    const held = Symbol('lease')
    leases.set(held, now())
    return () => {
      leases.delete(held)
      const [next] = queue
      next?.wake()
    }
  }

  return {
    async acquire(signal) {
      // A waiter whose request ended must not make others wait.
      if (queue.size > 0) sweep()
      const free = queue.size === 0 ? lease() : undefined
      if (free) return free
      if (queue.size >= 4 * max && leases.size >= max)
        throw new LimitReached(`${max} requests run, and ${queue.size} wait already`)
      const waiter: Waiter = { sinceMs: now(), wake() {} }
      queue.add(waiter)
      try {
        for (let waitedMs = 0; waitedMs < maxWaitMs && !signal.aborted; waitedMs += LOOK_MS) {
          await waitWithin(woken(waiter), { ms: Math.min(LOOK_MS, maxWaitMs), late() {} })
          const freed = lease()
          if (freed) return freed
        }
      } finally {
        queue.delete(waiter)
      }
      throw new LimitReached(`${max} requests run, and none ended within ${maxWaitMs} ms`)
    },
  }
}

/** Settles when the waiter is woken. */
function woken(waiter: Waiter): Promise<void> {
  return new Promise((resolve) => (waiter.wake = resolve))
}
