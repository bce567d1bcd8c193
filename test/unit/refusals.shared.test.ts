import { describe, expect, test } from 'vitest'
import {
  allOf,
  BearwardError,
  claim,
  createResourceServer,
  deny,
  introspect,
  scope,
} from '../../src/entry-points/index.ts'
import { goodClaims, ISSUER, NOW_MS, RESOURCE, signToken } from '../fixture/issuer.ts'
import { fixture } from '../fixture/server.ts'

async function refusalOf(promise: Promise<unknown>): Promise<BearwardError> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(outcome).toBeInstanceOf(BearwardError)
  return outcome as BearwardError
}

/** What a logger and a framework do to an error that they caught. */
function deface(error: BearwardError): void {
  Object.assign(error, {
    message: 'defaced',
    detail: 'defaced',
    code: 'defaced',
    request: { secret: 'of another caller' },
  })
}

describe('each caller gets an error of its own', () => {
  test('who waited for the same outage', async () => {
    const { api } = await fixture({ fetch: () => Promise.reject(new TypeError('connect ECONNREFUSED')) })
    const token = await signToken()
    const [first, second] = await Promise.all([refusalOf(api.verify(token)), refusalOf(api.verify(token))])
    expect(first).not.toBe(second)
    deface(first)
    expect(second).toMatchObject({
      code: 'issuer_unavailable',
      message: 'The access token cannot be checked at the moment',
    })
    expect(await refusalOf(api.verify(token))).toMatchObject({ code: 'issuer_unavailable', detail: second.detail })
  })

  test('who waited for the same answer, where nothing is cached', async () => {
    const introspection = introspect({ endpoint: `${ISSUER}/introspect`, auth: 'none', cacheSeconds: 0 })
    const api = createResourceServer({
      resource: RESOURCE,
      issuers: [{ issuer: ISSUER, jwt: false, introspection }],
      now: () => NOW_MS,
      fetch: async () => Response.json({ active: false }),
    })
    const [first, second] = await Promise.all([refusalOf(api.verify('opaque-1')), refusalOf(api.verify('opaque-1'))])
    expect(first).not.toBe(second)
    deface(first)
    expect(second).toMatchObject({ code: 'token_inactive', message: 'The access token is not active' })
  })

  test('who comes later and gets a cached refusal', async () => {
    let asked = 0
    const api = createResourceServer({
      resource: RESOURCE,
      issuers: [
        { issuer: ISSUER, jwt: false, introspection: introspect({ endpoint: `${ISSUER}/introspect`, auth: 'none' }) },
      ],
      now: () => NOW_MS,
      async fetch() {
        asked++
        return Response.json({ active: false })
      },
    })
    const first = await refusalOf(api.verify('an-opaque-token'))
    const { detail } = first
    deface(first)
    const second = await refusalOf(api.verify('an-opaque-token'))
    expect(second).not.toBe(first)
    expect(second).toMatchObject({ code: 'token_inactive', detail })
    expect('request' in second).toBe(false)
    expect(asked).toBe(1)
  })

  test('no error holds what an upstream threw', async () => {
    const foreign = Object.assign(new TypeError('fetch failed'), { cause: new Error('connect ECONNREFUSED') })
    const { api } = await fixture({ fetch: () => Promise.reject(foreign) })
    for (const error of [await refusalOf(api.verify(await signToken())), await refusalOf(api.ready())]) {
      expect('cause' in error).toBe(false)
      expect(error.detail).toContain('fetch failed (connect ECONNREFUSED)')
      expect(error.message).not.toContain('ECONNREFUSED')
    }
  })

  test('the challenge of an error that somebody wrote on says what it would have said', async () => {
    const { api } = await fixture()
    const error = await refusalOf(api.verify(await signToken(goodClaims({ exp: 1, iat: 0 }))))
    const before = api.challenge(error)
    Object.assign(error, { message: 'the token of user 7 expired', detail: 'secret', status: 418, error: 'none' })
    expect(api.challenge(error)).toEqual(before)
  })
})

describe('a denial', () => {
  test('is an event, as a refusal is: its code, its detail and what is needed', async () => {
    const { api, events } = await fixture()
    const token = await api.verify(await signToken())
    events.length = 0
    api.authorize(token, scope('orders:read'))
    expect(events).toEqual([])
    expect(() => api.authorize(token, scope('admin'))).toThrow(BearwardError)
    expect(() => api.authorize(token, claim('tenant', 'acme'))).toThrow(BearwardError)
    expect(events).toEqual([
      {
        type: 'operation_denied',
        code: 'scope_insufficient',
        detail: 'the token lacks scope admin',
        scopes: ['admin'],
      },
      { type: 'operation_denied', code: 'access_denied', detail: 'the token has no claim "tenant"' },
    ])
  })

  test('knows its requirement: its challenge needs no other word', async () => {
    const { api } = await fixture()
    const token = await api.verify(await signToken())
    const needed = allOf(scope('orders:read'), scope('admin'))
    const other = scope('another')
    let denial: unknown
    try {
      api.authorize(token, needed)
    } catch (error) {
      denial = error
    }
    expect(denial).toMatchObject({ requirement: needed })
    expect(JSON.stringify(denial)).not.toContain('requirement')
    expect(api.challenge(denial)).toEqual(api.challenge(denial, { requirement: other }))
    expect(api.challenge(denial).headers['WWW-Authenticate']).toContain('scope="orders:read admin"')
  })

  test('that no scope would cure asks for none', async () => {
    const { api } = await fixture()
    const token = await api.verify(await signToken())
    const needed = Object.assign(() => deny('not the owner'), { scopes: ['admin'] })
    let denial: unknown
    try {
      api.authorize(token, needed)
    } catch (error) {
      denial = error
    }
    expect(api.challenge(denial)).toMatchObject({ status: 403, body: { code: 'access_denied' } })
    expect(api.challenge(denial).headers).not.toHaveProperty('WWW-Authenticate')
  })
})
