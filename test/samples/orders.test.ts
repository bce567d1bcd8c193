// Both samples, end to end, with tokens of a real authorization server. Each test is one claim about the Orders API.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  clients,
  ordersResource,
  startAuthorizationServer,
  type AuthorizationServer,
} from '../../demo/authorization-server.ts'
import { parseChallenge } from '../../demo/challenge.ts'
import { obtainCredentials, readClaims, type CredentialName, type Credentials } from '../../demo/credentials.ts'
import { jwtRows, metadataUrl } from '../../demo/expectations.ts'
import { clientCredentials, discoverEndpoints } from '../../demo/flows.ts'
import { startNodeApi } from '../../demo/node-api.ts'
import { runRows } from '../../demo/run.ts'
import { bundleWorker, startWorker, type RunningApi, type WorkerBundle } from '../../demo/worker.ts'
import { maxBodyBytes } from '../../samples/orders/body.ts'

type Start = (settings: Record<string, string>) => Promise<RunningApi>

const runtimes: Record<'Worker' | 'Node', Start> = {
  Worker: (vars) => startWorker(bundle, { port: 0, vars }),
  Node: (environment) => startNodeApi({ port: 0, environment }),
}

function challengeOf(response: Response): Readonly<Record<string, string>> | undefined {
  const challenge = parseChallenge(response.headers.get('www-authenticate') ?? '')
  expect(challenge?.scheme).toBe('Bearer')
  return challenge?.params
}

/** Settings of an API whose own name is not in the tokens. */
function elsewhere(): Record<string, string> {
  return { ISSUER: authorizationServer.issuer, RESOURCE: 'https://elsewhere.example' }
}

let bundle: WorkerBundle
let authorizationServer: AuthorizationServer
let credentials: Credentials
/** The nightly job again, granted orders:write and nothing else. */
let writeOnly: string
/** An issuer that answers no more, and a token that it issued before. */
let goneIssuer: string
let goneToken: string

beforeAll(async () => {
  const [built, gone, here] = await Promise.all([
    bundleWorker(),
    startAuthorizationServer({ port: 0 }),
    startAuthorizationServer({ port: 0 }),
  ])
  bundle = built
  authorizationServer = here
  goneIssuer = gone.issuer
  goneToken = await tokenOfTheJob(gone.issuer, 'orders:read')
  await gone.stop()
  writeOnly = await tokenOfTheJob(here.issuer, 'orders:write')
  credentials = await obtainCredentials(await discoverEndpoints(here.issuer))
})

async function tokenOfTheJob(issuer: string, scope: string): Promise<string> {
  const endpoints = await discoverEndpoints(issuer)
  return (await clientCredentials(endpoints, clients.job, { resource: ordersResource, scope })).accessToken
}

afterAll(() => authorizationServer?.stop())

describe.each(Object.entries(runtimes))('the Orders API on %s', (runtime, start) => {
  let api: RunningApi

  beforeAll(async () => {
    api = await start({
      ISSUER: authorizationServer.issuer,
      RESOURCE: ordersResource,
      CLOCK_TOLERANCE_SECONDS: '0',
    })
  })

  afterAll(() => api?.stop())

  interface Options {
    readonly method?: string
    readonly token?: string | undefined
    readonly body?: NonNullable<RequestInit['body']>
    readonly type?: string
  }

  function call(path: string, { method = 'GET', token, body, type }: Options = {}): Promise<Response> {
    const headers = new Headers()
    if (token !== undefined) headers.set('authorization', `Bearer ${token}`)
    if (type !== undefined) headers.set('content-type', type)
    const init = { method, headers, ...(body !== undefined && { body, duplex: 'half' as const }) }
    return fetch(`${api.url}${path}`, init)
  }

  function place(order: unknown, token = credentials['client credentials']): Promise<Response> {
    return call('/orders', { method: 'POST', token, body: JSON.stringify(order), type: 'application/json' })
  }

  async function placed(token: string | undefined): Promise<string> {
    const response = await place({ item: 'A jar', quantity: 1 }, token)
    expect(response.status).toBe(201)
    return ((await response.json()) as { id: string }).id
  }

  function remove(id: string, token: string | undefined): Promise<Response> {
    return call(`/orders/${id}`, { method: 'DELETE', token })
  }

  test('answers every row of the demo with a JWT as the demo expects', async () => {
    const outcomes = await runRows(api.url, jwtRows, credentials)
    expect(outcomes).toHaveLength(jwtRows.length)
    expect(outcomes.filter(({ differences }) => differences.length > 0)).toEqual([])
  })

  describe('every flow', () => {
    test.each<[CredentialName, { subject: string; clientId: string; scopes: string[] }]>([
      [
        'client credentials',
        { subject: 'nightly-job', clientId: 'nightly-job', scopes: ['orders:read', 'orders:write'] },
      ],
      ['code + PKCE', { subject: 'alice', clientId: 'web-shop', scopes: ['orders:read', 'orders:write'] }],
      ['refresh token', { subject: 'alice', clientId: 'web-shop', scopes: ['orders:read', 'orders:write'] }],
      ['device code', { subject: 'bob', clientId: 'kiosk', scopes: ['orders:read'] }],
    ])('%s brings a token that says who calls and what they may do', async (name, expected) => {
      const token = credentials[name]!
      const response = await call('/me', { token })
      expect(response.status).toBe(200)
      expect(response.headers.get('cache-control')).toBe('private, no-store')
      expect(await response.json()).toEqual({
        ...expected,
        expiresAt: new Date(Number(readClaims(token)['exp']) * 1000).toISOString(),
      })
    })

    test('refreshing brings another token, not the same again', () => {
      expect(credentials['refresh token']).not.toBe(credentials['code + PKCE'])
    })
  })

  describe('refusals', () => {
    test.each<[CredentialName, string, string]>([
      ['expired', 'token_expired', 'The access token expired'],
      ['other audience', 'audience_mismatch', 'The access token is meant for another resource'],
      ['tampered', 'signature_invalid', 'The signature of the access token is invalid'],
      ['ID token', 'token_type_wrong', 'The token is not an access token of the expected type'],
    ])('refuses %s with its reason in the challenge and the body', async (name, code, description) => {
      const response = await call('/orders', { token: credentials[name] })
      expect(response.status).toBe(401)
      expect(response.headers.get('cache-control')).toBe('private, no-store')
      expect(challengeOf(response)).toEqual({
        error: 'invalid_token',
        error_description: description,
        scope: 'orders:read',
        resource_metadata: metadataUrl,
      })
      expect(await response.json()).toEqual({ code, error: 'invalid_token', error_description: description })
    })

    test.each(['/orders', '/me'])('asks for a token at %s without calling its absence an error', async (path) => {
      const response = await call(path)
      expect(response.status).toBe(401)
      expect(challengeOf(response)).not.toHaveProperty('error')
      expect(await response.json()).toMatchObject({ code: 'credentials_missing' })
    })

    test('refuses a token in the query string as no token at all', async () => {
      const response = await call(`/orders?access_token=${credentials['code + PKCE']}`)
      expect(response.status).toBe(401)
      expect(await response.json()).toMatchObject({ code: 'credentials_missing' })
    })

    test('refuses what is no token as malformed', async () => {
      const response = await call('/orders', { token: 'not-a-token' })
      expect(response.status).toBe(401)
      expect(challengeOf(response)).toMatchObject({ error: 'invalid_token' })
    })

    test('refuses an opaque token where it may ask nobody about it', async () => {
      const response = await call('/orders', { token: credentials['opaque: alice'] })
      expect(response.status).toBe(401)
      expect(await response.json()).toMatchObject({ code: 'token_malformed' })
    })
  })

  describe('the policy', () => {
    test('reading needs orders:read', async () => {
      const refused = await call('/orders', { token: writeOnly })
      expect(refused.status).toBe(403)
      expect(challengeOf(refused)).toEqual({
        error: 'insufficient_scope',
        error_description: 'The access token lacks a scope that this operation needs',
        scope: 'orders:read',
        resource_metadata: metadataUrl,
      })
      expect(await refused.json()).toEqual({
        code: 'scope_insufficient',
        error: 'insufficient_scope',
        error_description: 'The access token lacks a scope that this operation needs',
      })
      expect((await call('/orders', { token: credentials['device code'] })).status).toBe(200)
    })

    test('writing needs orders:write', async () => {
      const refused = await place({ item: 'A jar', quantity: 1 }, credentials['device code'])
      expect(refused.status).toBe(403)
      expect(challengeOf(refused)).toMatchObject({ error: 'insufficient_scope', scope: 'orders:write' })
      expect((await place({ item: 'A jar', quantity: 1 }, writeOnly)).status).toBe(201)
    })

    test('orders:admin implies both', async () => {
      expect((await call('/orders', { token: credentials['back office'] })).status).toBe(200)
      expect((await place({ item: 'A jar', quantity: 1 }, credentials['back office'])).status).toBe(201)
    })

    test('an order is kept with its owner and listed', async () => {
      const response = await place({ item: ' A book about bears ', quantity: 2 }, credentials['code + PKCE'])
      expect(response.status).toBe(201)
      const order = (await response.json()) as { id: string }
      expect(order).toEqual({ id: expect.any(String), item: 'A book about bears', quantity: 2, owner: 'alice' })
      const listed = await call('/orders', { token: credentials['device code'] })
      expect(((await listed.json()) as { orders: unknown[] }).orders).toContainEqual(order)
    })

    test('its owner may delete it, with a token of any flow, and then it is gone', async () => {
      const id = await placed(credentials['code + PKCE'])
      const response = await remove(id, credentials['refresh token'])
      expect(response.status).toBe(204)
      expect(await response.text()).toBe('')
      expect((await remove(id, credentials['refresh token'])).status).toBe(404)
    })

    test('someone else may not, whatever they may write, and it stays', async () => {
      const id = await placed(credentials['code + PKCE'])
      const refused = await remove(id, credentials['client credentials'])
      expect(refused.status).toBe(403)
      expect(challengeOf(refused)).toMatchObject({ error: 'insufficient_scope', scope: 'orders:admin' })
      expect((await remove(id, credentials['code + PKCE'])).status).toBe(204)
    })

    test('an administrator may', async () => {
      const id = await placed(credentials['code + PKCE'])
      expect((await remove(id, credentials['back office'])).status).toBe(204)
    })

    test('without a token it is not said whether an order exists', async () => {
      const id = await placed(credentials['code + PKCE'])
      expect((await remove(id, undefined)).status).toBe(401)
      expect((await remove('unknown', undefined)).status).toBe(401)
    })
  })

  describe('the body of a new order', () => {
    const longest = 'x'.repeat(100)

    test.each([
      ['the shortest', { item: 'x', quantity: 1 }],
      ['the longest', { item: longest, quantity: 1000 }],
    ])('may be %s', async (_, order) => {
      expect((await place(order)).status).toBe(201)
    })

    test.each<[string, unknown]>([
      ['no item', { quantity: 1 }],
      ['an empty item', { item: '', quantity: 1 }],
      ['an item of spaces', { item: '   ', quantity: 1 }],
      ['an item that is no string', { item: 1, quantity: 1 }],
      ['an item that is too long', { item: `${longest}x`, quantity: 1 }],
      ['no quantity', { item: 'x' }],
      ['a quantity of zero', { item: 'x', quantity: 0 }],
      ['a fraction', { item: 'x', quantity: 1.5 }],
      ['a quantity that is too large', { item: 'x', quantity: 1001 }],
      ['a quantity that is no number', { item: 'x', quantity: '1' }],
      ['an array', [{ item: 'x', quantity: 1 }]],
      ['null', null],
    ])('is refused with %s', async (_, order) => {
      const response = await place(order)
      expect(response.status).toBe(400)
      expect(await response.json()).toEqual({
        error: 'invalid_request',
        error_description: expect.stringContaining('The body must be an object with "item"'),
      })
    })

    test.each<[string, string | Uint8Array<ArrayBuffer>]>([
      ['is cut off', '{"item":"x"'],
      ['is empty', ''],
      ['is not UTF-8', new Uint8Array([0x22, 0xff, 0x22])],
    ])('is refused when it %s', async (_, body) => {
      const token = credentials['client credentials']
      const response = await call('/orders', { method: 'POST', token, body, type: 'application/json' })
      expect(response.status).toBe(400)
      expect(await response.json()).toEqual({ error: 'invalid_request', error_description: 'The body is not JSON.' })
    })

    test.each([undefined, 'text/plain', 'application/x-www-form-urlencoded', 'application/jsonp'])(
      'is refused as %s',
      async (type) => {
        const body = new TextEncoder().encode('{"item":"x","quantity":1}')
        const token = credentials['client credentials']
        const response = await call('/orders', { method: 'POST', token, body, ...(type !== undefined && { type }) })
        expect(response.status).toBe(415)
        expect(await response.json()).toMatchObject({ error: 'unsupported_media_type' })
      },
    )

    test('may name its charset', async () => {
      const body = '{"item":"x","quantity":1}'
      const token = credentials['client credentials']
      const type = 'Application/JSON; charset=utf-8'
      expect((await call('/orders', { method: 'POST', token, body, type })).status).toBe(201)
    })

    test('is refused one byte beyond the limit, and accepted at it', async () => {
      const token = credentials['client credentials']
      const atLimit = '{"item":"x","quantity":1}'.padEnd(maxBodyBytes)
      const options = { method: 'POST', token, type: 'application/json' }
      expect((await call('/orders', { ...options, body: atLimit })).status).toBe(201)
      const response = await call('/orders', { ...options, body: `${atLimit} ` })
      expect(response.status).toBe(413)
      expect(await response.json()).toMatchObject({ error: 'content_too_large' })
    })

    test('is refused while it still comes when it never ends', async () => {
      const token = credentials['client credentials']
      let sent = 0
      const endless = new ReadableStream<Uint8Array>({
        async pull(controller) {
          controller.enqueue(new Uint8Array(1024).fill(0x20))
          sent += 1024
          // Leaves the answer time to arrive, and would go on for minutes without one.
          await new Promise((resolve) => setTimeout(resolve, 5))
        },
      })
      const response = await call('/orders', { method: 'POST', token, body: endless, type: 'application/json' })
      expect(response.status).toBe(413)
      expect(sent).toBeLessThan(1024 * 1024)
    })

    test('is not read for those who may not write', async () => {
      const token = credentials['device code']
      const response = await call('/orders', { method: 'POST', token, body: 'not json', type: 'text/plain' })
      expect(response.status).toBe(403)
    })
  })

  describe('what is not there', () => {
    test.each(['/', '/order', '/orders/', '/orders/1/2', '//orders', '/me/'])('%s is not found', async (path) => {
      const response = await call(path)
      expect(response.status).toBe(404)
      expect(await response.json()).toMatchObject({ error: 'not_found' })
    })

    test.each([
      ['PUT', '/orders', 'GET, POST'],
      ['DELETE', '/orders', 'GET, POST'],
      ['GET', '/orders/1', 'DELETE'],
      ['POST', '/me', 'GET'],
      ['POST', '/healthz', 'GET'],
    ])('%s %s is not allowed, and %s is', async (method, path, allow) => {
      const response = await call(path, { method })
      expect(response.status).toBe(405)
      expect(response.headers.get('allow')).toBe(allow)
    })

    test('a query string does not change the route', async () => {
      expect((await call('/orders?page=1', { token: credentials['device code'] })).status).toBe(200)
    })
  })

  describe('the public routes', () => {
    test('/healthz says that the process runs', async () => {
      const response = await call('/healthz')
      expect(response.status).toBe(200)
      expect(await response.json()).toEqual({ status: 'ok' })
    })

    test('/readyz says that tokens can be checked', async () => {
      const response = await call('/readyz')
      expect(response.status).toBe(200)
      const issuers = [{ issuer: authorizationServer.issuer, state: 'fresh' }]
      expect(await response.json()).toEqual({ status: 'ready', issuers })
    })

    test('the metadata document says whom to ask for which scopes', async () => {
      const response = await call('/.well-known/oauth-protected-resource')
      expect(response.status).toBe(200)
      expect(response.headers.get('content-type')).toContain('application/json')
      expect(await response.json()).toMatchObject({
        resource: ordersResource,
        resource_name: 'Orders API',
        authorization_servers: [authorizationServer.issuer],
        scopes_supported: ['orders:read', 'orders:write', 'orders:admin'],
        bearer_methods_supported: ['header'],
      })
    })

    test('the metadata document lies below the path that the resource has', async () => {
      const shop = await start({ ISSUER: authorizationServer.issuer, RESOURCE: 'https://api.example/shop' })
      try {
        const response = await fetch(`${shop.url}/.well-known/oauth-protected-resource/shop`)
        expect(await response.json()).toMatchObject({ resource: 'https://api.example/shop' })
        expect((await fetch(`${shop.url}/.well-known/oauth-protected-resource`)).status).toBe(404)
      } finally {
        await shop.stop()
      }
    })
  })

  describe('with its issuer down', () => {
    let cut: RunningApi

    beforeAll(async () => {
      cut = await start({ ISSUER: goneIssuer, RESOURCE: ordersResource })
    })

    afterAll(() => cut?.stop())

    test('/readyz is 503 and names the issuer, to the public without the reason', async () => {
      const response = await fetch(`${cut.url}/readyz`)
      expect(response.status).toBe(503)
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(await response.json()).toEqual({
        status: 'not ready',
        issuers: [{ issuer: goneIssuer, state: 'down', downSince: expect.stringMatching(/^\d{4}-.*Z$/) }],
      })
      await expect
        .poll(() => cut.lastOutput())
        .toContain(`not ready: the keys of issuer "${goneIssuer}" are unavailable:`)
    })

    test('a good token is answered with 503, never with 401', async () => {
      const response = await fetch(`${cut.url}/orders`, { headers: { authorization: `Bearer ${goneToken}` } })
      expect(response.status).toBe(503)
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(response.headers.has('www-authenticate')).toBe(false)
      expect(await response.json()).toMatchObject({ code: 'issuer_unavailable' })
    })

    test('/healthz is 200 all the same', async () => {
      expect((await fetch(`${cut.url}/healthz`)).status).toBe(200)
    })

    test("another issuer's token is 401 without asking anyone", async () => {
      const headers = { authorization: `Bearer ${credentials['code + PKCE']}` }
      const response = await fetch(`${cut.url}/orders`, { headers })
      expect(response.status).toBe(401)
      expect(await response.json()).toMatchObject({ code: 'issuer_untrusted' })
    })
  })

  describe('configured by its environment', () => {
    test.each<[string, Record<string, string>, CredentialName, number]>([
      ['another audience', { AUDIENCE: `https://first.example, ${ordersResource}` }, 'code + PKCE', 200],
      ['another audience', { AUDIENCE: 'https://first.example' }, 'code + PKCE', 401],
      ['an unchecked audience and clients', { AUDIENCE: 'unchecked', CLIENTS: 'web-shop kiosk' }, 'code + PKCE', 200],
      ['an unchecked audience and clients', { AUDIENCE: 'unchecked', CLIENTS: 'web-shop' }, 'device code', 401],
      ['algorithms', { AUDIENCE: ordersResource, ALGORITHMS: 'ES256' }, 'device code', 200],
      ['algorithms', { AUDIENCE: ordersResource, ALGORITHMS: 'ES256' }, 'code + PKCE', 401],
      ['the compatible profile', { AUDIENCE: ordersResource, PROFILE: 'compatible' }, 'code + PKCE', 200],
      ['the compatible profile', { AUDIENCE: 'web-shop', PROFILE: 'compatible' }, 'ID token', 401],
    ])('with %s: %j answers %s with %i', async (_, more, name, status) => {
      const configured = await start({ ...elsewhere(), ...more })
      try {
        const headers = { authorization: `Bearer ${credentials[name]}` }
        expect((await fetch(`${configured.url}/orders`, { headers })).status).toBe(status)
      } finally {
        await configured.stop()
      }
    })

    test('with the address of the keys it asks for no metadata', async () => {
      const { jwks_uri: JWKS_URI } = (await (
        await fetch(`${authorizationServer.issuer}/.well-known/openid-configuration`)
      ).json()) as { jwks_uri: string }
      const configured = await start({ ...elsewhere(), AUDIENCE: ordersResource, JWKS_URI })
      try {
        const headers = { authorization: `Bearer ${credentials['code + PKCE']}` }
        expect((await fetch(`${configured.url}/orders`, { headers })).status).toBe(200)
      } finally {
        await configured.stop()
      }
    })

    test.each([
      ['no issuer', { RESOURCE: ordersResource }, 'ISSUER is not set.'],
      ['no resource', { ISSUER: 'https://login.example.com' }, 'RESOURCE is not set.'],
      ['an issuer over http', { ISSUER: 'http://login.example.com', RESOURCE: ordersResource }, 'issuer'],
    ])('with %s it says what to set, to the operator and not to callers', async (_, environment, message) => {
      if (runtime === 'Node') {
        await expect(start(environment)).rejects.toThrow(message)
        await expect(start(environment)).rejects.toThrow(/exit code 1/)
        return
      }
      const worker = await start(environment)
      try {
        const response = await fetch(`${worker.url}/me`)
        expect(response.status).toBe(500)
        expect(await response.json()).toEqual({
          error: 'server_error',
          error_description: 'The request could not be served.',
        })
        await expect.poll(() => worker.lastOutput()).toContain(message)
      } finally {
        await worker.stop()
      }
    })
  })
})
