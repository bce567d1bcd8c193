import { expect, test } from 'vitest'
import { runCase } from './case.ts'
import { asRegression } from './minimise.ts'
import { PLANTED } from './planted.ts'
import { runFuzz } from './run.ts'
import { SUBJECTS } from './subjects.ts'

test.each(PLANTED)(
  'a verifier that $name is caught and the case made small',
  async (planted) => {
    const { subject: name, tamper, kind, expected } = planted
    const report = await runFuzz({
      seed: 11,
      count: planted.within,
      subjects: [name],
      tamper,
      maxFailures: 1,
      timesCases: false,
    })
    expect(report[kind]).toBeGreaterThan(0)
    const failure = report.failures.find((each) => `${each.kind}s` === kind)
    expect(failure?.expected).toContain(expected)

    const broken = SUBJECTS.map((create) => create(tamper)).find((each) => each.name === name)
    const sound = SUBJECTS.map((create) => create((api) => api)).find((each) => each.name === name)
    if (!failure || !broken || !sound) throw new Error('nothing was found')
    // What is printed can be pasted: it fails here, and not where the error is not.
    const { input } = JSON.parse(asRegression(failure).trim().slice(0, -1)) as { input: unknown }
    expect((await runCase(broken, input)).failure?.kind).toBe(failure.kind)
    expect((await runCase(sound, input)).failure).toBeUndefined()
  },
  120_000,
)

test('without a planted error the same cases are clean', async () => {
  for (const subject of new Set(PLANTED.map((planted) => planted.subject))) {
    const report = await runFuzz({ seed: 11, count: 200, subjects: [subject], timesCases: false })
    expect(report.failures).toEqual([])
  }
}, 120_000)
