import { afterAll, beforeAll, expect, test } from 'vitest'
import { type App, startApp } from './app.ts'
import { type Issuers, refusals, startIssuers } from './refusals.ts'

let issuers: Issuers
let app: App
beforeAll(async () => {
  issuers = await startIssuers()
  app = await startApp(issuers.identifiers, 'sentry.ts')
})
afterAll(async () => {
  await app.stop()
  await issuers.stop()
})

/** What Sentry sent since it was last asked. */
async function takeEvents() {
  await app.get('/flush')
  await app.receive('flushed')
  return app.takeAll('sentry')
}

test.each(refusals)('$code that two layers report is one event', async ({ code, status }) => {
  const answer = await app.get('/', await issuers.badToken(code))
  expect(answer.status).toBe(status)
  expect(await takeEvents()).toEqual([{ type: 'BearwardError', value: expect.any(String) }])
})

test('callers who are refused for the same outage are an event each', async () => {
  const token = await issuers.badToken('issuer_unavailable')
  const answers = await Promise.all(Array.from({ length: 2 }, () => app.get('/', token)))
  expect(answers.map(({ status }) => status)).toEqual([503, 503])
  expect(await takeEvents()).toHaveLength(2)
})
