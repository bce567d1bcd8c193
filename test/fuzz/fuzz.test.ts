import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { expectClean } from './expectations.ts'
import { runFuzz } from './run.ts'

const CASES = 50_000
const ORACLE = new URL('oracle/', import.meta.url)

test(
  `${CASES} cases come out as jose and the specification say, typed and twice alike`,
  async () => {
    const report = await runFuzz({ seed: 20_261_125, count: CASES, timesCases: false })
    expectClean(report)
    expect(report.cases).toBe(CASES)
    expect(Object.keys(report.bySubject)).toEqual([
      'tokens',
      'requests',
      'introspection',
      'key-sets',
      'metadata',
      'tiers',
    ])
  },
  // How long it takes is nobody's claim here.
  600_000,
)

test('the oracle is written apart from what it judges', () => {
  const files = readdirSync(ORACLE)
  const imports = files.flatMap((file) =>
    Array.from(readFileSync(new URL(file, ORACLE), 'utf8').matchAll(/from '([^']+)'/g), ([, from = '']) => from),
  )
  expect(new Set(imports.filter((from) => !from.startsWith('./')))).toEqual(new Set(['jose', '../bytes.ts']))
})
