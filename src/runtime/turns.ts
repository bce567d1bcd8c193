/** Counts the turns of the event loop in which somebody went on. */
let turns = 0

/**
 * Lets the event loop turn before work goes on, so that one caller's work delays others by a slice of it. Of all who wait in this
 * process one goes on in each turn, since their slices would add up.
 *
 * No promise is shared: in Workers who waits may vanish with its request, and the others go on.
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

/** Where both are at hand: in Node two callers with timers can keep each other going without a look at what else is due. */
function nextTurn(): Promise<void> {
  const { setImmediate: immediate } = globalThis as { setImmediate?: (work: () => void) => unknown }
  return new Promise((resolve) => (immediate ? immediate(resolve) : setTimeout(resolve, 0)))
}
