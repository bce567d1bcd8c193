// Rounds: in each, every entry is measured once, in an order drawn anew, so that what disturbs the machine disturbs all alike.

/** Something that can be measured once a round; the figure is a cost or a rate, whatever the entry says. */
export interface Entry {
  readonly name: string
  readonly measure: () => Promise<number>
}

/** Figures by name, one for each round. */
export type Rounds = ReadonlyMap<string, readonly number[]>

export async function measureRounds(entries: readonly Entry[], rounds: number, warmUps = 1): Promise<Rounds> {
  const figures = new Map<string, number[]>(entries.map(({ name }) => [name, []]))
  for (let round = -warmUps; round < rounds; round++) {
    for (const { name, measure } of shuffle(entries)) {
      // oxlint-disable-next-line no-await-in-loop -- one after another is the point
      const figure = await measure()
      if (round >= 0) figures.get(name)?.push(figure)
    }
  }
  return figures
}

/** Nanoseconds for each token, one after another. */
export async function timeInTurn(check: (token: string) => unknown, tokens: readonly string[]): Promise<number> {
  collectYoung()
  const start = performance.now()
  await checkInTurn(check, tokens)
  return ((performance.now() - start) * 1e6) / tokens.length
}

/** Nanoseconds for each token while `atOnce` are under way. */
export async function timeAtOnce(
  check: (token: string) => unknown,
  tokens: readonly string[],
  atOnce: number,
): Promise<number> {
  collectYoung()
  const start = performance.now()
  await checkAtOnce(check, tokens, atOnce)
  return ((performance.now() - start) * 1e6) / tokens.length
}

export async function checkInTurn(check: (token: string) => unknown, tokens: readonly string[]): Promise<void> {
  for (const token of tokens) await check(token)
}

/** Runs `atOnce` loops. Each takes the next token as soon as it finished one. */
export async function checkAtOnce(
  check: (token: string) => unknown,
  tokens: readonly string[],
  atOnce: number,
): Promise<void> {
  let next = 0
  async function work(): Promise<void> {
    while (next < tokens.length) await check(tokens[next++] ?? '')
  }
  await Promise.all(Array.from({ length: atOnce }, work))
}

/** Clears away what the preparation left, where the runtime lets us: it would be collected at the contender's expense. */
function collectYoung(): void {
  const { gc } = globalThis as { gc?: (options: { type: 'minor' }) => void }
  gc?.({ type: 'minor' })
}

/** The same items in an order drawn anew. */
export function shuffle<T>(items: readonly T[]): T[] {
  const shuffled = [...items]
  for (let last = shuffled.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1))
    ;[shuffled[last], shuffled[other]] = [shuffled[other] as T, shuffled[last] as T]
  }
  return shuffled
}
