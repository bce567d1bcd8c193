import { bySize, type Line } from '../line.ts'

/** The report of one run of the fuzzer. */
interface FuzzReport {
  readonly cases: number
  readonly wrongAcceptances: number
  readonly wrongRefusals: number
  readonly untypedErrors: number
  readonly slow: number
  readonly slowestMs: number
}

interface Fuzzer {
  readonly runFuzz: (options: { readonly seed: number; readonly count: number }) => Promise<FuzzReport>
}

const LIMIT_MS = 3_600_000

/** Mutated tokens, headers, key sets and responses, judged by jose's verifier and the specifications. */
export const fuzzLines: readonly Line[] = [
  {
    name: 'fuzz: 1,000,000 mutated tokens, headers, key sets, responses',
    goal: '0 accepted wrongly, 0 untyped errors, <= 10 ms each',
    runtime: 'node',
    limitMs: LIMIT_MS,
    async run(proof) {
      const { runFuzz } = (await import(FUZZER)) as Fuzzer
      const seed = Math.floor(Math.random() * 2 ** 31)
      const report = await runFuzz({ seed, count: bySize(proof, 1_000_000, 2_000) })
      const { cases, wrongAcceptances, wrongRefusals, untypedErrors, slow, slowestMs } = report
      return {
        measured: `${wrongAcceptances} accepted wrongly, ${wrongRefusals} refused wrongly, ${untypedErrors} untyped errors, ${slow} slow, slowest ${slowestMs.toFixed(1)} ms, seed ${seed}`,
        samples: cases,
        met: wrongAcceptances === 0 && wrongRefusals === 0 && untypedErrors === 0 && slow === 0,
      }
    },
  },
]

const FUZZER = '../../test/fuzz/run.ts'
