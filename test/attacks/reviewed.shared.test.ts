import { expect, test } from 'vitest'
import { withDetail } from '../fixture/detail.ts'
import {
  bearerToken,
  BearwardError,
  clientSecretBasic,
  createResourceServer,
  googleTokenInfo,
  granted,
  introspect,
  type IntrospectOptions,
  type RequestView,
  resolveIssuers,
} from '../../src/entry-points/index.ts'
import { goodClaims, fakeUpstream, ISSUER, NOW, NOW_MS, RESOURCE, signingKey, signToken } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'

// What reviews of the finished code found, each with its accepted twin.

const ENDPOINT = `${ISSUER}/introspect`
const TOKEN = 'opaque-0123456789abcdefghijklmnop'
const ACTIVE = { active: true, aud: RESOURCE, sub: 'user-1', token_type: 'Bearer', exp: NOW + 60 }

function asking(introspection: Partial<IntrospectOptions>, answer: unknown = ACTIVE) {
  const asked: RequestInit[] = []
  const api = createResourceServer({
    resource: RESOURCE,
    issuers: [
      { issuer: ISSUER, jwt: false, introspection: introspect({ endpoint: ENDPOINT, auth: 'none', ...introspection }) },
    ],
    fetch: async (_, init) => {
      asked.push(init)
      return Response.json(answer)
    },
    now: () => NOW_MS,
  })
  return { api, asked }
}

async function refusalOf(work: Promise<unknown>): Promise<BearwardError> {
  const error = await work.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  if (error instanceof BearwardError) return error
  throw new Error('expected a refusal', { cause: error })
}

test('our own credentials never take the place of the token that is asked about', async () => {
  const google = { ...ACTIVE, azp: 'client-1', exp: String(NOW + 60) }
  const good = asking({ dialect: googleTokenInfo() }, google)
  expect(await codeOf(good.api.verify(TOKEN))).toBe('accepted')
  for (const auth of [bearerToken('our-own'), clientSecretBasic({ clientId: 'a', clientSecret: 'b' })]) {
    const { api, asked } = asking({ dialect: googleTokenInfo(), auth }, google)
    expect(await codeOf(api.verify(TOKEN))).toBe('issuer_unavailable')
    expect(asked).toEqual([])
  }
})

test('a credential that cannot be sent is neither told nor handed on', async () => {
  expect(await codeOf(asking({ auth: bearerToken('fine') }).api.verify(TOKEN))).toBe('accepted')
  const error = await refusalOf(asking({ auth: bearerToken('S3CRET\nTOKEN') }).api.verify(TOKEN))
  expect(error.code).toBe('issuer_unavailable')
  const chain: string[] = []
  for (let each: unknown = error; each instanceof Error; each = each.cause) chain.push(each.message)
  expect(chain.join(' ')).not.toContain('S3CRET')
})

test('a token that the endpoint repeats behind other words is not told', async () => {
  const plain = await refusalOf(asking({}, { ...ACTIVE, aud: 'https://other.example' }).api.verify(TOKEN))
  expect(plain.detail).toContain('https://other.example')
  const repeated = await refusalOf(asking({}, { ...ACTIVE, aud: `https://as.example/of/${TOKEN}` }).api.verify(TOKEN))
  expect(repeated.code).toBe('audience_mismatch')
  expect(repeated.detail).not.toContain(TOKEN.slice(0, 16))
})

test('the query of a configured address is not told: there may be a key in it', async () => {
  const url = `${ISSUER}/metadata?apikey=S3CRET`
  const { api, upstream, events } = await fixture({ issuers: [{ issuer: ISSUER, metadata: { url } }] })
  const error = await refusalOf(api.verify(await signToken()))
  expect(upstream.calls).toEqual([url])
  expect(error.detail).toContain(`${ISSUER}/metadata answered`)
  expect(JSON.stringify([error.detail, events, api.snapshot()])).not.toContain('S3CRET')
})

test('a key that stands alone in the query of an address is not told either, where fetch quotes the address', async () => {
  const jwksUri = `${ISSUER}/jwks?S3CRET-key-of-some-length`
  const { api, events } = await fixture({
    issuers: [{ issuer: ISSUER, jwt: { jwksUri } }],
    fetch: (url) => Promise.reject(new TypeError(`cannot fetch ${url}`)),
  })
  const error = await refusalOf(api.verify(await signToken()))
  expect(error.detail).toContain('cannot be reached: TypeError')
  expect(JSON.stringify([error.detail, events, api.snapshot()])).not.toContain('S3CRET')
})

test('a key in the query of an address is not told by the name of an error', async () => {
  const key = 'hunterTwoPasswordError'
  const { api, events } = await fixture({
    issuers: [{ issuer: ISSUER, metadata: { url: `${ISSUER}/metadata?key=${key}` } }],
    fetch: () => Promise.reject(Object.assign(new Error('it failed'), { name: key })),
  })
  const error = await refusalOf(api.verify(await signToken()))
  expect(error.detail).toContain('cannot be reached: unknown reason')
  expect(JSON.stringify([error.detail, events, api.snapshot()])).not.toContain('hunterTwo')
})

test.each<[string, unknown]>([
  ['issues that are no list', { issues: {} }],
  ['an issue that is null', { issues: [null] }],
  ['a path with null in it', { issues: [{ message: 'no', path: [null] }] }],
])('a schema that answers with %s refuses by name', async (_, result) => {
  for (const [answer, expected] of [
    [{ value: {} }, 'accepted'],
    [result, 'claim_invalid'],
  ] as const) {
    const claims = { '~standard': { version: 1 as const, vendor: 'by hand', validate: () => answer as never } }
    const upstream = fakeUpstream(ISSUER, (await signingKey()).jwk)
    const issuers = [{ issuer: ISSUER }]
    const api = createResourceServer({ resource: RESOURCE, issuers, claims, fetch: upstream.fetch, now: () => NOW_MS })
    expect(await codeOf(api.verify(await signToken()))).toBe(expected)
  }
})

test('a caller that is gone waits for no form', async () => {
  const { api } = await fixture({ form: true })
  const view = {
    method: 'POST',
    url: RESOURCE,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    form: () => new Promise<URLSearchParams>(() => {}),
  }
  expect(await codeOf(api.authenticate(view, { signal: AbortSignal.abort() }))).toBe('credentials_malformed')
})

function viewOf(token: string): RequestView {
  return { method: 'GET', url: RESOURCE, headers: { authorization: `Bearer ${token}` } }
}

/** Runs something where the global Promise was replaced, as zone.js does: what async functions return is none of it then. */
async function whereReplaced(run: () => Promise<void>): Promise<void> {
  const native = globalThis.Promise
  globalThis.Promise = class Replaced<T> extends native<T> {}
  try {
    await run()
  } finally {
    globalThis.Promise = native
  }
}

test('where the global Promise was replaced, nothing that takes time is overlooked', async () => {
  const { api, events } = await fixture({ form: true })
  const tenants = await fixture({ issuers: resolveIssuers(async () => ({ issuer: ISSUER })) })
  const opaque = asking({})
  const bound = await signToken(goodClaims({ cnf: { jkt: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I' } }))
  const good = await signToken()
  const expired = await signToken(goodClaims({ iat: NOW - 120, exp: NOW - 60 }))
  const body = {
    method: 'POST',
    url: RESOURCE,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    form: async () => new URLSearchParams({ access_token: good }),
  }
  await whereReplaced(async () => {
    expect(await codeOf(api.verify(bound))).toBe('binding_mismatch')
    expect(await codeOf(api.authenticate(viewOf(bound)))).toBe('binding_mismatch')
    expect(await codeOf(api.verify(good))).toBe('accepted')
    expect(await codeOf(api.authenticate(viewOf(good)))).toBe('accepted')
    expect(await codeOf(api.authenticate(body))).toBe('accepted')
    events.length = 0
    expect(await codeOf(api.authenticate(viewOf(expired)))).toBe('token_expired')
    expect(events).toEqual([expect.objectContaining({ type: 'token_refused', code: 'token_expired' })])
    expect(await codeOf(tenants.api.verify(bound))).toBe('binding_mismatch')
    expect(await codeOf(tenants.api.verify(good))).toBe('accepted')
    expect(await codeOf(opaque.api.verify(TOKEN))).toBe('accepted')
  })
})

test('there a new token that is bound is refused in a request too', async () => {
  const { api } = await fixture()
  const bound = await signToken(goodClaims({ cnf: { jkt: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I' } }))
  const good = await signToken()
  await whereReplaced(async () => {
    expect(await codeOf(api.authenticate(viewOf(bound)))).toBe('binding_mismatch')
    expect(await codeOf(api.authenticate(viewOf(good)))).toBe('accepted')
  })
})

test('there a key that is yet to be made ready for its algorithm is waited for', async () => {
  const key = await signingKey('PS256')
  // Without `alg` it is ready for the first of six algorithms alone.
  const { alg: _, ...jwk } = key.jwk
  const { api } = await fixture({ fetch: fakeUpstream(ISSUER, jwk).fetch })
  const good = await signToken(goodClaims(), {}, key)
  await whereReplaced(async () => expect(await codeOf(api.verify(good))).toBe('accepted'))
})

test('there a promise from a requirement is told as one, and the fault of one from an observer is nobody’s', async () => {
  const asked: string[] = []
  async function late(): Promise<never> {
    asked.push('late')
    throw new Error('late')
  }
  const { api } = await fixture({ onEvent: () => late() })
  const good = await signToken()
  await whereReplaced(async () => {
    const token = await api.verify(good)
    expect(asked.length).toBeGreaterThan(0)
    // The compiler would refuse it; callers in plain JavaScript have none.
    expect(() => api.authorize(token, late as unknown as typeof allow)).toThrow(withDetail(/promise/))
    expect(() => api.authorize(token, allow)).not.toThrow()
  })
})

function allow(): typeof granted {
  return granted
}

function tornOff(): never {
  throw new TypeError('Illegal invocation')
}

test('a waitUntil that throws spoils no good token', async () => {
  const { api } = await fixture()
  expect(await codeOf(api.verify(await signToken(goodClaims()), { waitUntil: tornOff }))).toBe('accepted')
})

test('ready() names an issuer that cannot be asked, and is refused after close()', async () => {
  const auth = 'none' as const
  const { api, upstream } = await fixture({
    issuers: [{ issuer: ISSUER, jwt: false, introspection: introspect({ auth }) }],
  })
  const unnamed = await refusalOf(api.ready())
  expect(unnamed.code).toBe('issuer_unavailable')
  expect(unnamed.detail).toContain(ISSUER)
  const metadata = { issuer: ISSUER, introspection_endpoint: ENDPOINT }
  const good = await fixture({
    issuers: [{ issuer: ISSUER, jwt: false, introspection: introspect({ auth }), metadata }],
  })
  await good.api.ready()
  expect(upstream.calls).toHaveLength(1)
  good.api.close()
  expect((await refusalOf(good.api.ready())).code).toBe('issuer_unavailable')
})
