import { parseArgs } from 'node:util'
import { runCase } from './case.ts'
import { asRegression } from './minimise.ts'
import { randomOfCase } from './random.ts'
import { type FuzzReport, runFuzz } from './run.ts'
import { SUBJECTS } from './subjects.ts'

const USAGE = 'npm run fuzz -- [--count 1000000] [--seed 1] [--subject tokens] [--case 12345]'
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    subject: { type: 'string' },
    case: { type: 'string' },
  },
})
const [count, seed] = [wholeNumber(values.count), wholeNumber(values.seed)]

if (values.case === undefined) await runAll()
else await runOne(wholeNumber(values.case))

/** Runs the cases and prints a table; exit code 1 where anything went wrong. */
async function runAll(): Promise<void> {
  const began = performance.now()
  const cpuBefore = process.cpuUsage()
  const report = await runFuzz({
    seed,
    count,
    ...(values.subject !== undefined && { subjects: [values.subject] }),
    onProgress: (done) => {
      if (done % 50_000 === 0) process.stderr.write(`${done} of ${count}\n`)
    },
  })
  const { user, system } = process.cpuUsage(cpuBefore)
  print(report, (performance.now() - began) / 1000, (user + system) / 1e6)
  if (report.failures.length > 0) process.exitCode = 1
}

/** Runs one case again and prints it. */
async function runOne(index: number): Promise<void> {
  const subject = SUBJECTS.map((create) => create((api) => api)).find(({ name }) => name === values.subject)
  if (!subject) throw new Error(`--case needs --subject. ${USAGE}`)
  const input = subject.generate(randomOfCase(seed, subject.name, index))
  const outcome = await runCase(subject, input)
  console.log(JSON.stringify({ subject: subject.name, seed, case: index, input, ...outcome }, undefined, 2))
  if (outcome.failure) process.exitCode = 1
}

function print(report: FuzzReport, seconds: number, cpuSeconds: number): void {
  const rows = Object.entries(report.bySubject).map(([subject, tally]) => ({ subject, ...tally }))
  console.table(rows)
  const { cases, accepted, refused, wrongAcceptances, wrongRefusals, untypedErrors, slow, slowestMs } = report
  console.log(
    `seed ${seed}: ${cases} cases in ${seconds.toFixed(0)} s (CPU ${cpuSeconds.toFixed(0)} s), ${accepted} accepted, ${refused} refused`,
  )
  console.log(
    `wrong acceptances ${wrongAcceptances}, wrong refusals ${wrongRefusals}, untyped errors ${untypedErrors}, ` +
      `over 10 ms ${slow} (slowest ${slowestMs.toFixed(1)} ms)`,
  )
  for (const failure of report.failures) {
    console.log(`\n${failure.kind}: ${failure.message}`)
    console.log(`npm run fuzz -- --subject ${failure.subject} --seed ${failure.seed} --case ${failure.case}`)
    console.log(`for regressions.ts:\n${asRegression(failure)}`)
  }
}

function wholeNumber(text: string): number {
  if (!/^\d{1,12}$/.test(text)) throw new Error(`expected a whole number, got ${text}. ${USAGE}`)
  return Number(text)
}
