/** No slot came free in time. */
export class NoFreeSlot extends Error {}

/** Limits how many requests run at once; those beyond wait in bounded number for bounded time. */
export interface Slots {
  /** Returns the function that gives the slot back. @throws {NoFreeSlot} */
  readonly take: () => Promise<() => void>
}

export interface SlotSettings {
  readonly max: number
  /** After which a slot counts as free whatever became of its holder. */
  readonly leaseMs: number
  readonly maxWaitMs: number
  readonly now: () => number
}

const POLL_MS = 20

/**
 * Slots are leases, and who waits looks for itself on its own timer: in Workers a holder can vanish with its request, and a
 * queue of promises that one of the vanished was to wake would wait for ever.
 */
export function createSlots({ max, leaseMs, maxWaitMs, now }: SlotSettings): Slots {
  const running = createLeases(max, leaseMs, now)
  const waiting = createLeases(4 * max, maxWaitMs + leaseMs, now)

  return {
    async take() {
      const free = running.take()
      if (free) return free
      const leaveQueue = waiting.take()
      if (!leaveQueue) throw new NoFreeSlot(`${max} requests run, and ${4 * max} wait already`)
      try {
        for (let waitedMs = 0; waitedMs < maxWaitMs; waitedMs += POLL_MS) {
          await new Promise((resolve) => setTimeout(resolve, POLL_MS))
          const freed = running.take()
          if (freed) return freed
        }
      } finally {
        leaveQueue()
      }
      throw new NoFreeSlot(`${max} requests run, and none ended within ${maxWaitMs} ms`)
    },
  }
}

interface Leases {
  /** Returns the function that ends the lease, or `undefined` where all are taken. */
  readonly take: () => (() => void) | undefined
}

function createLeases(max: number, leaseMs: number, now: () => number): Leases {
  const leases = new Map<symbol, number>()

  function dropExpired(): void {
    for (const [lease, sinceMs] of leases) if (Math.abs(now() - sinceMs) > leaseMs) leases.delete(lease)
  }

  return {
    take() {
      if (leases.size >= max) dropExpired()
      if (leases.size >= max) return undefined
      const lease = Symbol('lease')
      leases.set(lease, now())
      return () => void leases.delete(lease)
    },
  }
}
