import { expect } from 'vitest'
import type { FuzzReport } from './run.ts'

/** Nothing went wrong, and the run says something: in every subject some cases are accepted and some refused. */
export function expectClean(report: FuzzReport): void {
  expect(report.failures).toEqual([])
  const { wrongAcceptances, wrongRefusals, untypedErrors } = report
  expect({ wrongAcceptances, wrongRefusals, untypedErrors }).toEqual({
    wrongAcceptances: 0,
    wrongRefusals: 0,
    untypedErrors: 0,
  })
  for (const [subject, { cases, accepted, refused }] of Object.entries(report.bySubject)) {
    expect([subject, accepted > cases / 50, refused > cases / 10]).toEqual([subject, true, true])
  }
}
