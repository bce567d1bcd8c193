import { expect, test } from 'vitest'
import { BearwardError } from '../../src/index.ts'
import { signToken } from '../fixture/issuer.ts'
import { findLeaks } from '../fixture/leak-watch.ts'
import { keepSecret } from '../fixture/secrets.ts'
import { codeOf, fixture } from '../fixture/server.ts'

// The watch itself is a setup file: it looks at every test of the suite, in both runtimes. Here leaks are planted.

test('a token in an error is found', async () => {
  const token = await signToken()
  expect(new BearwardError('token_malformed', `not a token: ${token}`).code).toBe('token_malformed')
  expect(findLeaks()).toHaveLength(1)
})

test('a part of a token is found, and so is one in the cause of an error', async () => {
  const signature = (await signToken()).split('.')[2] ?? ''
  const cause = new Error(`parsing ${signature.slice(0, 30)} failed`)
  expect(new BearwardError('token_malformed', 'not a token', { cause }).cause).toBe(cause)
  expect(findLeaks()).toHaveLength(1)
})

test('a token in an event and one in a log line are found', async () => {
  const token = await signToken()
  Object.freeze({ type: 'token_refused', code: 'token_malformed', message: token })
  console.log(`got ${token}`)
  expect(findLeaks()).toHaveLength(2)
})

test('a secret is found', () => {
  keepSecret('client-secret-of-the-orders-api')
  expect(new BearwardError('issuer_unavailable', 'refused client-secret-of-the-orders-api').status).toBe(503)
  expect(findLeaks()).toHaveLength(1)
})

test('a refusal that says what it may is no leak', async () => {
  const { api, events } = await fixture()
  expect(await codeOf(api.verify(`${await signToken()}x`))).toBe('token_malformed')
  expect(events).toHaveLength(1)
  expect(findLeaks()).toEqual([])
})
