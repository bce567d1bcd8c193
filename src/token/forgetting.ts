/** Says what was forgotten since some moment, text by text, so that what was on its way then is not kept. */
export interface Forgetting {
  /** To be read before something is begun whose result is to be kept. */
  readonly epoch: () => number
  readonly forget: (text: string) => void
  readonly forgetAll: () => void
  /** Whether a text was forgotten since an epoch. */
  readonly wasForgotten: (text: string, since: number) => boolean
}

/** The highest mark that each text got. */
export interface Marks {
  /** Gives a text a mark, unless it has a higher one. */
  readonly set: (text: string, mark: number) => void
  /** The mark of a text, or a higher one of another text; never a lower one. */
  readonly of: (text: string) => number
}

/** Counts what is forgotten. Who forgets one text keeps others from being kept once in 16,384 times. */
export function createForgetting(): Forgetting {
  const marks = createMarks()
  let epoch = 0
  let allForgotten = 0
  return {
    epoch: () => epoch,
    forget: (text) => marks.set(text, ++epoch),
    forgetAll: () => void (allForgotten = ++epoch),
    // Nearly always nothing was.
    wasForgotten: (text, since) => since !== epoch && (allForgotten > since || marks.of(text) > since),
  }
}

const SLOTS = 16_384

/**
 * Marks texts in memory of fixed size: millions of them may be forgotten, and no answer about any of these may come back. Texts
 * that share a slot share the higher mark.
 */
export function createMarks(): Marks {
  // Made when first used.
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

// Of longer texts the end: that of a token differs from token to token.
const HASHED_LENGTH = 256

/** FNV-1a. It need not withstand an attack: whoever hits a slot on purpose must know the text, and causes a question more. */
function slotOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = Math.max(0, text.length - HASHED_LENGTH); index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  return (hash ^ (hash >>> 16)) & (SLOTS - 1)
}
