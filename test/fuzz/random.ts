/** A small generator with a seed: the same case comes out of the same numbers. */
export interface Random {
  /** A whole number from 0 up to, and without, `bound`. */
  readonly below: (bound: number) => number
  readonly pick: <T>(from: readonly T[]) => T
  /** True once in `times`. */
  readonly oneIn: (times: number) => boolean
}

/** mulberry32. */
function createRandom(seed: number): Random {
  let state = seed | 0
  function below(bound: number): number {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound
  }
  return {
    below,
    pick: <T>(from: readonly T[]) => from[below(from.length)] as T,
    oneIn: (times) => below(times) === 0,
  }
}

/** The generator of one case, a function of these three alone. */
export function randomOfCase(seed: number, subject: string, index: number): Random {
  let hash = 0x811c9dc5 ^ seed
  for (const character of `${subject} ${seed} ${index}`) {
    hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193)
  }
  return createRandom(Math.imul(hash ^ (hash >>> 16), 0x45d9f3b))
}
