// Measures one runtime in sittings. Each sitting loads the builds anew and measures every row.

import type { Rounds } from '../measure.ts'
import { ratios, summarize } from '../statistics.ts'
import type { Row } from './rows.ts'
import { type Evidence, judge, type Judgement } from './verdict.ts'

/** A runtime in which the builds can be loaded. */
export interface Contest {
  readonly runtime: string
  /** Loads every build anew. */
  open(): Promise<Sitting>
  /** Counts the operations of `COUNTED` tokens of each row. Call it last: counting slows the process down. */
  count(rows: readonly Row[]): Promise<Evidence['counted'][]>
}

export interface Sitting {
  /** Times for each token, by build and round. */
  measure(row: Row, rounds: number): Promise<Rounds>
  stop(): Promise<void>
}

export const COUNTED = 64

export interface Extent {
  readonly sittings: number
  /** In each sitting, of each row. */
  readonly rounds: number
}

export interface Result {
  readonly runtime: string
  readonly row: Row
  readonly counted: Evidence['counted']
  readonly judgement: Judgement
  readonly samples: number
}

interface Samples {
  readonly ratios: number[]
  readonly control: number[]
}

/**
 * Measures and judges every row. Those whose control does not hold 1 are measured once more, in twice as many sittings.
 *
 * A sitting yields one figure, the median of its rounds. The rounds of one sitting are not independent: two copies of the same code can
 * differ by some percent until they are loaded anew, as the compiler and the heap laid them out differently.
 */
export async function compete(
  contest: Contest,
  rows: readonly Row[],
  { sittings, rounds }: Extent,
  say: (line: string) => void,
): Promise<Result[]> {
  const samples = new Map<Row, Samples>()
  const measureAll = async (wanted: readonly Row[], times: number): Promise<void> => {
    for (const row of wanted) samples.set(row, { ratios: [], control: [] })
    for (let time = 1; time <= times; time++) {
      say(`${contest.runtime}: sitting ${time} of ${times}, ${wanted.length} rows`)
      await sit(await contest.open(), wanted, rounds, samples)
    }
  }
  await measureAll(rows, sittings)
  const counts = await contest.count(rows)
  const judgeAll = (): Result[] =>
    rows.map((row, index) => {
      const evidence: Evidence = { ...(samples.get(row) as Samples), counted: counts[index] as Evidence['counted'] }
      const { runtime } = contest
      return { runtime, row, counted: evidence.counted, judgement: judge(evidence), samples: evidence.ratios.length }
    })
  const doubtful = judgeAll().filter(({ judgement }) => judgement.verdict === 'inconclusive')
  if (doubtful.length === 0) return judgeAll()
  say(`${contest.runtime}: the control does not hold 1 in ${doubtful.map(({ row }) => row.name).join('; ')}`)
  await measureAll(
    doubtful.map(({ row }) => row),
    sittings * 2,
  )
  return judgeAll()
}

async function sit(
  sitting: Sitting,
  rows: readonly Row[],
  rounds: number,
  samples: ReadonlyMap<Row, Samples>,
): Promise<void> {
  try {
    for (const row of rows) {
      const figures = await sitting.measure(row, rounds)
      const ratioOf = (over: string): number =>
        summarize(ratios(figures.get(over) ?? [], figures.get('old') ?? [])).median
      samples.get(row)?.ratios.push(ratioOf('new'))
      samples.get(row)?.control.push(ratioOf('again'))
    }
  } finally {
    await sitting.stop()
  }
}
