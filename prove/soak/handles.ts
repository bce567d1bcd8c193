/** Watches open handles, and timers, which Node does not report when they are unreferenced. */
export interface HandleWatch {
  /** Kinds of resources that were opened since the start and are still open. */
  readonly opened: () => string[]
  /** Timers since the start that neither fired nor were cleared. */
  readonly timers: () => number
  readonly end: () => void
}

export function watchHandles(): HandleWatch {
  const before = process.getActiveResourcesInfo()
  const { setTimeout: makeTimeout, setInterval: makeInterval, clearTimeout: clear } = globalThis
  const live = new Set<unknown>()

  const timeout = (run: (...values: unknown[]) => void, ms?: number, ...values: unknown[]): NodeJS.Timeout => {
    const timer = makeTimeout(() => {
      live.delete(timer)
      run(...values)
    }, ms)
    live.add(timer)
    return timer
  }
  const interval = (run: (...values: unknown[]) => void, ms?: number, ...values: unknown[]): NodeJS.Timeout => {
    const timer = makeInterval(run, ms, ...values)
    live.add(timer)
    return timer
  }
  const cleared = (timer: NodeJS.Timeout | undefined): void => {
    live.delete(timer)
    clear(timer)
  }
  const original = { ...pick(globalThis) }
  Object.assign(globalThis, {
    // `promisify` looks for these members.
    setTimeout: Object.assign(timeout, makeTimeout),
    setInterval: Object.assign(interval, makeInterval),
    clearTimeout: cleared,
    clearInterval: cleared,
  })

  return {
    opened() {
      const rest = [...before]
      return process.getActiveResourcesInfo().filter((kind) => {
        const at = rest.indexOf(kind)
        if (at >= 0) rest.splice(at, 1)
        return at < 0
      })
    },
    timers: () => live.size,
    end: () => void Object.assign(globalThis, original),
  }
}

function pick({ setTimeout, setInterval, clearTimeout, clearInterval }: typeof globalThis): object {
  return { setTimeout, setInterval, clearTimeout, clearInterval }
}
