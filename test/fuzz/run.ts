import { type CaseOutcome, type Failure, type FailureKind, runCase } from './case.ts'
import { minimise } from './minimise.ts'
import { randomOfCase } from './random.ts'
import type { Subject, Tamper } from './subject.ts'
import { SUBJECTS } from './subjects.ts'

export interface FuzzOptions {
  readonly seed: number
  /** Cases in all, shared out among the subjects. */
  readonly count: number
  /** Names of subjects. Default all. */
  readonly subjects?: readonly string[]
  readonly onProgress?: (done: number) => void
  /** Plants an error in every resource server: for the fuzzer's own test. */
  readonly tamper?: Tamper
  /** Whether cases that seem slow are run again, alone, to tell whether they are. Default true. */
  readonly timesCases?: boolean
  /** Most failures that are minimised and kept, of each kind. Default 5. */
  readonly maxFailures?: number
}

interface SubjectReport {
  readonly cases: number
  readonly accepted: number
  readonly refused: number
  readonly failures: number
}

export interface FuzzReport {
  readonly cases: number
  readonly bySubject: Readonly<Record<string, SubjectReport>>
  readonly accepted: number
  readonly refused: number
  /** The code under test accepted what the oracle refuses, or made another token of it. */
  readonly wrongAcceptances: number
  /** It refused what the oracle accepts, or for a reason that the oracle does not see. */
  readonly wrongRefusals: number
  /** It threw what is no `BearwardError` of a known code, or did not answer. */
  readonly untypedErrors: number
  /** Cases that took more than 10 ms each of three times. */
  readonly slow: number
  readonly slowestMs: number
  /** The first ones, minimised. */
  readonly failures: readonly Failure[]
}

// Enough to keep every thread that does cryptography busy, and few enough that a case is not slow for waiting in line.
const LANES = 8
const SLOW_MS = 10
const SUSPECT_MS = 5

/** Runs cases and says how they went. The same seed makes the same cases. */
export async function runFuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { seed, count, subjects: names, tamper = (api) => api, maxFailures = 5, timesCases = true } = options
  const subjects = SUBJECTS.map((create) => create(tamper)).filter(({ name }) => names?.includes(name) ?? true)
  const turns = turnsOf(subjects)
  const next = new Map(subjects.map((subject) => [subject, 0]))
  const tallies = new Map(subjects.map(({ name }) => [name, { cases: 0, accepted: 0, refused: 0, failures: 0 }]))
  const kinds: Record<FailureKind, number> = { wrongAcceptance: 0, wrongRefusal: 0, untypedError: 0, slow: 0 }
  const failures: Failure[] = []
  const suspects: { readonly subject: Subject; readonly index: number }[] = []
  let started = 0
  let finished = 0
  let slowestMs = 0

  async function runNext(): Promise<void> {
    const subject = turns[started % turns.length] as Subject
    started++
    const index = next.get(subject) ?? 0
    next.set(subject, index + 1)
    const input = subject.generate(randomOfCase(seed, subject.name, index))
    const outcome = await runCase(subject, input)
    // Kept by its number alone, to be made again: a million inputs are too many.
    if (outcome.ms > SUSPECT_MS) suspects.push({ subject, index })
    else slowestMs = Math.max(slowestMs, outcome.ms)
    const tally = tallies.get(subject.name)
    if (tally) countCase(tally, outcome)
    if (outcome.failure) await report(subject, index, outcome.failure)
  }

  async function report(
    subject: Subject,
    index: number,
    failure: { kind: FailureKind; message: string },
  ): Promise<void> {
    if (++kinds[failure.kind] > maxFailures) return
    const input = subject.generate(randomOfCase(seed, subject.name, index))
    failures.push(await minimise(subject, input, { ...failure, case: index, seed }))
  }

  /** A case that seemed slow may have waited in line: alone, and by its own thread's time, the best of three runs counts. */
  async function timeAlone(subject: Subject, index: number): Promise<void> {
    const input = subject.generate(randomOfCase(seed, subject.name, index))
    let ms = Infinity
    for (let run = 0; run < 3 && ms > SLOW_MS; run++) ms = Math.min(ms, (await runCase(subject, input, cpuClock)).ms)
    slowestMs = Math.max(slowestMs, ms)
    if (ms > SLOW_MS) await report(subject, index, { kind: 'slow', message: `${ms.toFixed(1)} ms` })
  }

  async function lane(): Promise<void> {
    while (started < count) {
      await runNext()
      if (++finished % 1_000 === 0) options.onProgress?.(finished)
    }
  }

  await Promise.all(Array.from({ length: LANES }, lane))
  if (timesCases) for (const { subject, index } of suspects) await timeAlone(subject, index)
  const sum = (member: 'cases' | 'accepted' | 'refused'): number =>
    [...tallies.values()].reduce((total, tally) => total + tally[member], 0)
  return {
    cases: sum('cases'),
    bySubject: Object.fromEntries(tallies),
    accepted: sum('accepted'),
    refused: sum('refused'),
    wrongAcceptances: kinds.wrongAcceptance,
    wrongRefusals: kinds.wrongRefusal,
    untypedErrors: kinds.untypedError,
    slow: kinds.slow,
    slowestMs,
    failures,
  }
}

/** Milliseconds of this thread's own time where the runtime tells them: other programs do not count. */
function cpuClock(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

function countCase(tally: { -readonly [Name in keyof SubjectReport]: number }, outcome: CaseOutcome): void {
  tally.cases++
  tally[outcome.accepted ? 'accepted' : 'refused']++
  if (outcome.failure) tally.failures++
}

/** A hundred turns, each subject's spread evenly among them. */
function turnsOf(subjects: readonly Subject[]): readonly Subject[] {
  if (subjects.length === 0)
    throw new Error(`no such subject; there are ${SUBJECTS.map((each) => each((api) => api).name).join(', ')}`)
  return subjects
    .flatMap((subject) =>
      Array.from({ length: subject.share }, (_, index) => ({ subject, at: (index + 0.5) / subject.share })),
    )
    .toSorted((one, other) => one.at - other.at)
    .map(({ subject }) => subject)
}
