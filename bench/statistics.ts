// Medians and quartiles: a mean would tell of the garbage collector and of the neighbours on the machine.

/** What many measurements say: the median, the middle half of them, and how many there were. */
export interface Summary {
  readonly median: number
  readonly low: number
  readonly high: number
  readonly samples: number
}

export function summarize(values: readonly number[]): Summary {
  const sorted = values.toSorted((one, other) => one - other)
  return { median: at(sorted, 0.5), low: at(sorted, 0.25), high: at(sorted, 0.75), samples: values.length }
}

/** A median, and the interval that holds the true one with at least 95 % confidence. */
export interface MedianInterval {
  readonly median: number
  readonly low: number
  readonly high: number
}

/**
 * Returns the exact interval between two order statistics: it supposes no distribution and draws nothing at random. Fewer than six
 * values have no such interval: it is infinite.
 */
export function intervalOfMedian(values: readonly number[]): MedianInterval {
  const sorted = values.toSorted((one, other) => one - other)
  const median = at(sorted, 0.5)
  const outside = countOutside(sorted.length)
  return {
    median,
    low: sorted[outside - 1] ?? -Infinity,
    high: sorted[sorted.length - outside] ?? Infinity,
  }
}

/** The largest k at which fewer than k of n values lie below the true median with a probability of at most 2.5 %; 0 for none. */
function countOutside(n: number): number {
  // In logarithms: a half to the power of a thousand and more is 0 as a number.
  let logTerm = n * Math.log(0.5)
  let probability = Math.exp(logTerm)
  let k = 0
  while (k < n && probability <= 0.025) {
    k++
    logTerm += Math.log((n - k + 1) / k)
    probability += Math.exp(logTerm)
  }
  return k
}

/** The ratios of each round: what slows a whole round down leaves them alone. */
export function ratios(over: readonly number[], under: readonly number[]): number[] {
  return over.map((value, round) => value / (under[round] ?? Number.NaN))
}

/** `1.23 (1.20–1.27)`. */
export function show({ median, low, high }: Summary, digits = 2): string {
  return `${median.toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`
}

/** Linear interpolation between the two values that stand nearest. */
function at(sorted: readonly number[], part: number): number {
  const position = (sorted.length - 1) * part
  const below = sorted[Math.floor(position)] ?? Number.NaN
  const above = sorted[Math.ceil(position)] ?? Number.NaN
  return below + (above - below) * (position - Math.floor(position))
}
