import { expect, test } from 'vitest'
import { BearwardError } from '../../src/entry-points/index.ts'
import { signToken } from '../fixture/issuer.ts'
import { findLeaks } from '../fixture/leak-watch.ts'
import { keepSecret } from '../fixture/secrets.ts'
import { codeOf, fixture } from '../fixture/server.ts'

// The watch itself is a setup file: it looks at every test of the suite, in both runtimes. Here leaks are planted.

test('a token in an error is found, wherever the error is caught', async () => {
  const token = await signToken()
  try {
    throw new BearwardError('token_malformed', `not a token: ${token}`)
  } catch {
    // Nobody looks at it.
  }
  expect(findLeaks()).toHaveLength(1)
})

test('a part of a token is found, and so is one in the cause of an error', async () => {
  const signature = (await signToken()).split('.')[2] ?? ''
  const cause = new Error(`parsing ${signature.slice(0, 30)} failed`)
  expect(new BearwardError('token_malformed', 'not a token', { cause }).cause).toBe(cause)
  expect(findLeaks()).toHaveLength(1)
})

test('a token deep within the cause of an error is found', async () => {
  const token = await signToken()
  const cause = Object.assign(new Error('no'), { config: { headers: { authorization: `Bearer ${token}` } } })
  const error = new BearwardError('issuer_unavailable', 'down', { cause: new AggregateError([cause], 'all failed') })
  expect(error.detail).toBe('down')
  expect(findLeaks()).toHaveLength(1)
})

test('a token in an event of any type and one in a log line are found', async () => {
  const token = await signToken()
  const { api } = await fixture({ onEvent: (event) => expect(Object.isFrozen(event)).toBe(true) })
  await codeOf(api.verify('opaque'))
  expect(findLeaks()).toEqual([])
  Object.freeze({ type: 'token_refused', code: 'token_malformed', detail: token })
  Object.freeze({ type: 'operation_denied', code: 'access_denied', detail: token })
  console.log(`got ${token}`)
  expect(findLeaks()).toHaveLength(3)
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
