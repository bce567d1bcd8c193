import { expect, test } from 'vitest'
import { outdatedReports } from './api-reports.ts'

test('the reports in api/ show the types of every entry point', async () => {
  expect(await outdatedReports(), 'If you mean the change, run `npm run api` and commit api/.').toEqual([])
})
