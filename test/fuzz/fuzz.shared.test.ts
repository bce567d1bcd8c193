import { expect, test } from 'vitest'
import { BASES, type TokenRecipe } from './compact.ts'
import { expectClean } from './expectations.ts'
import { randomOfCase } from './random.ts'
import { runFuzz } from './run.ts'
import { SUBJECTS } from './subjects.ts'

test('3000 cases come out as jose and the specification say, in every runtime', async () => {
  const report = await runFuzz({ seed: 3, count: 3_000, timesCases: false })
  expectClean(report)
}, 120_000)

test('a case is a function of seed, subject and number alone', () => {
  for (const subject of SUBJECTS.map((create) => create((api) => api))) {
    const inputOf = (seed: number, index: number): string =>
      JSON.stringify(subject.generate(randomOfCase(seed, subject.name, index)))
    const inputs = Array.from({ length: 50 }, (_, index) => inputOf(1, index))
    expect(Array.from({ length: 50 }, (_, index) => inputOf(1, index))).toEqual(inputs)
    expect(new Set(inputs).size).toBeGreaterThan(40)
    expect(Array.from({ length: 50 }, (_, index) => inputOf(2, index))).not.toEqual(inputs)
  }
})

test('half of the tokens are signed after they were changed, and half changed after they were signed', () => {
  const [tokens] = SUBJECTS.map((create) => create((api) => api))
  const recipes = Array.from({ length: 2_000 }, (_, index) => tokens?.generate(randomOfCase(5, 'tokens', index)))
  const untouched = new Set(Array.from(BASES.values(), ({ payload, header }) => header + payload))
  const signedAsTheyWere = (recipes as TokenRecipe[]).filter(({ header, payload }) => untouched.has(header + payload))
  expect(signedAsTheyWere.length).toBeGreaterThan(850)
  expect(signedAsTheyWere.length).toBeLessThan(1_150)
})
