/** Counts the turns of the event loop in which a caller went on. */
let turns = 0

/**
 * Lets the event loop turn before work goes on, so that one caller's work delays others by one slice of it. In each turn one
 * waiting caller of this process goes on: else their slices would add up.
 *
 * The callers share no promise: in Workers one may vanish with its request, and the others go on.
 */
export async function waitTurn(): Promise<void> {
  for (;;) {
    const seen = turns
    await nextTurn()
    if (seen !== turns) continue
    turns++
    return
  }
}

/** Prefers `setImmediate`: in Node two callers with timers can keep each other going, and nothing else gets its turn. */
function nextTurn(): Promise<void> {
  const { setImmediate: immediate } = globalThis as { setImmediate?: (work: () => void) => unknown }
  return new Promise((resolve) => (immediate ? immediate(resolve) : setTimeout(resolve, 0)))
}
