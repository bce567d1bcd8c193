import { Fault } from '../faults.ts'

/** No slot came free in time. */
export class NoFreeSlot extends Fault {}

/** Limits how many requests run at once; those beyond wait in line, in bounded number and for bounded time. */
export interface Slots {
  /** Returns the function that gives the slot back. @throws {NoFreeSlot} */
  readonly take: (signal: AbortSignal) => Promise<() => void>
}

export interface SlotSettings {
  readonly max: number
  /** After which a slot counts as free whatever became of its holder. */
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
 * Slots are leases, and who waits is woken in order of arrival but also looks for itself now and then: in Workers a holder
 * can vanish with its request, and so can the waiter that was woken.
 */
export function createSlots({ max, leaseMs, maxWaitMs, now }: SlotSettings): Slots {
  const leases = new Map<symbol, number>()
  const line = new Set<Waiter>()
  let sweptMs = Number.NEGATIVE_INFINITY

  /** Drops what its request took along; no more often than somebody looks, as it walks everything. */
  function sweep(): void {
    const nowMs = now()
    // Without a time nothing is told to be lost; with one, all that began without it is.
    if (Number.isNaN(nowMs) || Math.abs(nowMs - sweptMs) < LOOK_MS) return
    sweptMs = nowMs
    for (const [held, sinceMs] of leases) if (!(Math.abs(nowMs - sinceMs) <= leaseMs)) leases.delete(held)
    for (const waiter of line) if (!(Math.abs(nowMs - waiter.sinceMs) <= maxWaitMs + LOOK_MS)) line.delete(waiter)
  }

  function lease(): (() => void) | undefined {
    if (leases.size >= max) sweep()
    if (leases.size >= max) return undefined
    const held = Symbol('slot')
    leases.set(held, now())
    return () => {
      leases.delete(held)
      const [next] = line
      next?.wake()
    }
  }

  return {
    async take(signal) {
      // One that waits no more, since its request ended, must not make others wait.
      if (line.size > 0) sweep()
      const free = line.size === 0 ? lease() : undefined
      if (free) return free
      if (line.size >= 4 * max && leases.size >= max)
        throw new NoFreeSlot(`${max} requests run, and ${line.size} wait already`)
      const waiter: Waiter = { sinceMs: now(), wake() {} }
      line.add(waiter)
      try {
        for (let waitedMs = 0; waitedMs < maxWaitMs && !signal.aborted; waitedMs += LOOK_MS) {
          await wokenWithin(waiter, Math.min(LOOK_MS, maxWaitMs))
          const freed = lease()
          if (freed) return freed
        }
      } finally {
        line.delete(waiter)
      }
      throw new NoFreeSlot(`${max} requests run, and none ended within ${maxWaitMs} ms`)
    },
  }
}

async function wokenWithin(waiter: Waiter, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  await new Promise<void>((resolve) => {
    waiter.wake = resolve
    timer = setTimeout(resolve, ms)
  })
  clearTimeout(timer)
}
