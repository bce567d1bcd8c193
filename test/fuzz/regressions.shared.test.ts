import { expect, test } from 'vitest'
import { runCase } from './case.ts'
import { REGRESSIONS } from './regressions.ts'
import { SUBJECTS } from './subjects.ts'

const subjects = new Map(SUBJECTS.map((create) => create((api) => api)).map((subject) => [subject.name, subject]))

test.each(
  REGRESSIONS.map(
    (regression, index) => [index, regression.subject, regression.expected.join(' or '), regression] as const,
  ),
)('case %i, %s: %s', async (_, name, __, { input, expected }) => {
  const subject = subjects.get(name)
  if (!subject) throw new Error(`no subject ${name}`)
  const outcome = await runCase(subject, input)
  expect(expected).toContain(outcome.answer)
  expect(outcome.failure).toBeUndefined()
})

test('every subject has a case that is accepted beside those that are refused', () => {
  for (const name of subjects.keys()) {
    const own = REGRESSIONS.filter(({ subject }) => subject === name)
    expect([name, own.some(({ expected }) => expected.includes('accepted'))]).toEqual([name, true])
    expect([name, own.some(({ expected }) => !expected.includes('accepted'))]).toEqual([name, true])
  }
})
