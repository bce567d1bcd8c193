import { type Failure, type FailureKind, runCase } from './case.ts'
import type { Subject } from './subject.ts'

const MAX_RUNS = 1_000
const SLOW_MS = 10

/** Makes an input simple while it fails in the same way: the first simpler one that does is taken, as long as there is one. */
export async function minimise(
  subject: Subject,
  input: unknown,
  found: Pick<Failure, 'kind' | 'case' | 'seed' | 'message'>,
): Promise<Failure> {
  let smallest = input
  let outcome = await runCase(subject, input)
  // For the same reasons: else one failure turns into another on the way.
  const expected = String(outcome.expected)
  let message = found.message
  let runs = 0
  for (let simplified = true; simplified;) {
    simplified = false
    for (const candidate of subject.simpler(smallest)) {
      if (++runs > MAX_RUNS) break
      const next = await runCase(subject, candidate)
      if (!failsAlike(found.kind, next) || String(next.expected) !== expected) continue
      smallest = candidate
      outcome = next
      message = next.failure?.message ?? message
      simplified = true
      break
    }
  }
  return { ...found, subject: subject.name, message, input: smallest, expected: outcome.expected }
}

function failsAlike(kind: FailureKind, { failure, ms }: Awaited<ReturnType<typeof runCase>>): boolean {
  return kind === 'slow' ? ms > SLOW_MS : failure?.kind === kind
}

/** The failure as a line of regressions.ts. */
export function asRegression({ subject, input, expected }: Failure): string {
  return `  ${JSON.stringify({ subject, input, expected })},`
}
