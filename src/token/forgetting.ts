/** Records which texts were forgotten, so that a result which was requested before is not cached. */
export interface Forgetting {
  /** Read it before work whose result is to be cached. */
  readonly epoch: () => number
  readonly forget: (text: string) => void
  readonly forgetAll: () => void
  /** Whether a text was forgotten after an epoch. */
  readonly wasForgotten: (text: string, since: number) => boolean
}

/** The highest mark of each text. */
export interface Marks {
  /** Gives a text a mark, unless it has a higher one. */
  readonly set: (text: string, mark: number) => void
  /** Returns the mark of a text, or a higher one of another text; never a lower one. */
  readonly of: (text: string) => number
}

/** Makes a record of bounded size. A forgotten text keeps one of 16,384 other texts from being cached at that time. */
export function createForgetting(): Forgetting {
  const marks = createMarks()
  let epoch = 0
  let allForgotten = 0
  return {
    epoch: () => epoch,
    forget: (text) => marks.set(text, ++epoch),
    forgetAll: () => void (allForgotten = ++epoch),
    // Usually the epoch is the same.
    wasForgotten: (text, since) => since !== epoch && (allForgotten > since || marks.of(text) > since),
  }
}

const SLOTS = 16_384

/**
 * Marks texts in memory of fixed size. Millions of tokens may be forgotten, and none of them may be accepted again. Texts in the same
 * slot share the higher mark.
 */
export function createMarks(): Marks {
  // Allocated when first used.
  let slots: Float64Array | undefined
  return {
    set(text, mark) {
      slots ??= new Float64Array(SLOTS).fill(Number.NEGATIVE_INFINITY)
      const slot = slotOf(text)
      slots[slot] = Math.max(mark, slots[slot] ?? mark)
    },
    of: (text) => slots?.[slotOf(text)] ?? Number.NEGATIVE_INFINITY,
  }
}

// Of longer texts only the end: tokens differ there.
const HASHED_LENGTH = 256

/** FNV-1a. An attacker who finds a text for the same slot causes only one more request. */
function slotOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = Math.max(0, text.length - HASHED_LENGTH); index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  return (hash ^ (hash >>> 16)) & (SLOTS - 1)
}
