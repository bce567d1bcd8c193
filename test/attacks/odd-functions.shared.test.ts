import { describe, expect, test } from 'vitest'
import {
  BearwardError,
  type CacheTier,
  clientSecretBasic,
  clientSecretJwt,
  clientSecretPost,
  createResourceServer,
  introspect,
  type IntrospectionDialect,
  resolveIssuers,
  type ResourceServerOptions,
  sharedTiers,
  type TrustedIssuer,
} from '../../src/entry-points/index.ts'
import { protect } from '../../src/frameworks/fetch.ts'
import { withDetail } from '../fixture/detail.ts'
import { CLIENT_SECRET, introspecting, opaque, searchWhatWasEmitted, settle } from '../fixture/introspection.ts'
import { fakeUpstream, ISSUER, NOW_MS, RESOURCE, signingKey, signToken } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'

// A function of the user's own may throw, reject, or return what it should not. A rejection that nobody handles ends a Node
// process, and one token is enough to cause it: vitest fails a run with such a rejection in it.

searchWhatWasEmitted()

function rejecting(words = 'refused inside'): () => never {
  return (() => Promise.reject(new Error(words))) as () => never
}

function throwing(words = 'refused inside'): () => never {
  return () => {
    throw new Error(words)
  }
}

function resolving(value: unknown): () => never {
  return (async () => value) as () => never
}

const dialect: IntrospectionDialect = {
  name: 'legacy "check"',
  request: (token, { endpoint }) => ({
    url: endpoint,
    method: 'POST',
    headers: new Headers(),
    body: new URLSearchParams({ token }),
  }),
  read: ({ status }) =>
    status === 200 ? { active: true, token_type: 'Bearer', aud: RESOURCE, sub: 'user-1' } : { active: false },
}

async function asking(changes: Partial<IntrospectionDialect>, introspection: object = {}) {
  const made = await introspecting({
    introspection: { dialect: { ...dialect, ...changes }, ...introspection },
    reply: () => Response.json({}, { status: 203 }),
  })
  return { ...made, refused: made.api.verify(opaque()) }
}

const json: IntrospectionDialect['request'] = (token, context) => ({
  ...dialect.request(token, context),
  body: JSON.stringify({ token }),
})

describe('a dialect', () => {
  test('that keeps to its type is the accepted twin', async () => {
    const { api } = await introspecting({ introspection: { dialect } })
    expect(await codeOf(api.verify(opaque()))).toBe('accepted')
  })

  test.each<[string, () => never, string | RegExp]>([
    ['rejects', rejecting(), /status 203.*promise.*`read` answers at once/],
    ['returns a promise', resolving({ active: true }), /status 203.*promise.*`read` answers at once/],
    ['throws', throwing(), /status 203: refused inside/],
    ['returns nothing', () => undefined as never, /no JSON object of an answer with status 203/],
    ['returns text', () => 'active' as never, /no JSON object of an answer with status 203/],
  ])('whose `read` %s is a 503 that says so, with the status', async (_, read, words) => {
    const { refused, endpoint, events } = await asking({ read })
    await expect(refused).rejects.toThrow(withDetail(words))
    await expect(refused).rejects.toThrow(withDetail('dialect "legacy ?check?"'))
    expect(await codeOf(refused)).toBe('issuer_unavailable')
    expect(endpoint.asked).toHaveLength(1)
    expect(events.map(({ type }) => type)).toEqual(['introspection_failed', 'token_refused'])
    await settle()
  })

  test.each<[string, () => never, string | RegExp]>([
    ['rejects', rejecting(), /promise: `request` answers at once/],
    ['returns a promise', resolving({}), /promise: `request` answers at once/],
    ['throws', throwing(), 'cannot build its request: refused inside'],
    ['returns nothing', () => undefined as never, 'cannot build its request'],
    ['has no headers', () => ({ url: ISSUER, method: 'POST', body: undefined }) as never, 'built no request'],
    ['has another method', () => ({ url: ISSUER, method: 'PUT', headers: new Headers() }) as never, 'built no request'],
    [
      'has a body that is a number',
      () => ({ ...dialect.request('', { endpoint: ISSUER, clientId: '' }), body: 7 }) as never,
      'built no request',
    ],
  ])('whose `request` %s asks nobody, and the 503 says so', async (_, request, words) => {
    const { refused, endpoint } = await asking({ request })
    await expect(refused).rejects.toThrow(withDetail(words))
    expect(await codeOf(refused)).toBe('issuer_unavailable')
    expect(endpoint.asked).toEqual([])
    await settle()
  })

  test.each([
    ['clientSecretPost', clientSecretPost],
    ['clientSecretJwt', clientSecretJwt],
  ])('that sends a string as its body has no place for the secret of %s', async (_, make) => {
    const auth = make({ clientId: 'orders-api', clientSecret: CLIENT_SECRET })
    const { refused, endpoint } = await asking({ request: json }, { auth })
    await expect(refused).rejects.toThrow(withDetail(/sends a string as its body, expected URLSearchParams/))
    expect(endpoint.asked).toEqual([])

    const basic = clientSecretBasic({ clientId: 'orders-api', clientSecret: CLIENT_SECRET })
    for (const [request, each] of [
      [dialect.request, auth],
      [json, basic],
    ] as const) {
      const { api } = await introspecting({ introspection: { dialect: { ...dialect, request }, auth: each } })
      expect(await codeOf(api.verify(opaque()))).toBe('accepted')
    }
  })
})

describe('client authentication', () => {
  test.each<[string, () => never]>([
    ['throws', throwing('hunter2')],
    ['rejects', rejecting('hunter2')],
    ['rejects with nothing', (() => Promise.reject()) as () => never],
  ])('that %s asks nobody, and is told by its kind alone', async (_, authenticate) => {
    const auth = { method: 'custom', authenticate }
    const { api, endpoint } = await introspecting({ introspection: { auth } })
    const refused = api.verify(opaque())
    await expect(refused).rejects.toThrow(
      withDetail(/our own credentials \(custom\) cannot be had: (Error|unknown reason)$/),
    )
    expect(await codeOf(refused)).toBe('issuer_unavailable')
    expect(endpoint.asked).toEqual([])
    await settle()
  })
})

describe('an issuer resolver', () => {
  const proxy = new Proxy({}, { get: throwing(), ownKeys: throwing(), has: throwing() })

  test.each<[string, () => never]>([
    ['throws', throwing()],
    ['rejects', rejecting()],
    ['returns a number', () => 7 as never],
    ['returns what throws when it is looked at', () => proxy as never],
    ['resolves to what throws when it is looked at', resolving([proxy])],
    ['never answers', () => new Promise(() => {}) as never],
  ])('that %s refuses with 503', async (_, resolve) => {
    const { api } = await fixture({ issuers: resolveIssuers(resolve), keys: { timeoutMs: 100 } })
    expect(await codeOf(api.verify(await signToken()))).toBe('issuer_unavailable')
    await settle()
  })

  test('that answers is the accepted twin', async () => {
    const { api } = await fixture({ issuers: resolveIssuers(({ iss }) => ({ issuer: iss ?? ISSUER })) })
    expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
  })
})

test.each<[string, () => never]>([
  ['throws', throwing()],
  ['rejects', rejecting()],
  ['returns what throws when it is looked at', () => new Proxy({}, { get: throwing() }) as never],
])('an `onEvent` that %s changes nothing', async (_, onEvent) => {
  const { api } = await fixture({ onEvent })
  expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
  expect(await codeOf(api.verify('x'))).toBe('token_malformed')
  await settle()
})

test.each<[string, () => never]>([
  ['throws', throwing()],
  ['reject', rejecting()],
  ['return a number', () => 7 as never],
  ['return an object, as clients do that parse what they read', resolving({ originMs: NOW_MS })],
  ['return what throws when it is looked at', () => new Proxy({}, { get: throwing() }) as never],
])('tiers whose functions %s are passed over', async (_, act) => {
  const tier: CacheTier = { name: 'odd', get: act, put: act, delete: act }
  const { api, events } = await fixture({ tiers: sharedTiers([tier]) })
  expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
  await api.invalidate(await signToken())
  expect(events.some(({ type }) => type === 'tier_failed')).toBe(true)
  await settle()
})

describe('a `fetch`', () => {
  const junk: readonly (readonly [string, () => never])[] = [
    ['throws', throwing()],
    ['rejects', rejecting()],
    ['rejects with nothing', (() => Promise.reject()) as () => never],
    ['returns nothing', () => undefined as never],
    ['resolves to null', resolving(null)],
    ['resolves to text', resolving('{}')],
    ['resolves to a parsed body', resolving({ keys: [] })],
    ['resolves to what has no headers', resolving({ status: 200 })],
    ['resolves to a body of text', resolving({ status: 200, headers: new Headers(JSON_TYPE), body: '{}' })],
    ['resolves to chunks that are no bytes', (async () => odd([new ArrayBuffer(8), '{}', 7])) as () => never],
  ]

  test.each(junk)('that %s is an outage of the issuer', async (_, fetch) => {
    const { api } = await fixture({ fetch })
    const refused = api.verify(await signToken())
    await expect(refused).rejects.toThrow(withDetail(/issuer "https:\/\/login\.example\.com"/))
    expect(await codeOf(refused)).toBe('issuer_unavailable')
    await settle()
  })

  test.each(junk)('that %s is one of the endpoint', async (_, fetch) => {
    const issuer: TrustedIssuer = {
      issuer: ISSUER,
      jwt: false,
      introspection: introspect({ endpoint: `${ISSUER}/introspect`, auth: 'none' }),
    }
    const options: ResourceServerOptions = { resource: RESOURCE, issuers: [issuer], fetch, now: () => NOW_MS }
    const refused = createResourceServer(options).verify(opaque())
    expect(await codeOf(refused)).toBe('issuer_unavailable')
    await settle()
  })

  test.each(junk.slice(3, 8))('that %s is named', async (_, fetch) => {
    const { api } = await fixture({ fetch })
    await expect(api.verify(await signToken())).rejects.toThrow(withDetail('the option "fetch" returned no Response'))
  })

  test('of another library is one, as long as it answers alike', async () => {
    const upstream = fakeUpstream(ISSUER, (await signingKey()).jwk)
    const { api } = await fixture({
      async fetch(url, init) {
        const { status, headers, body } = await upstream.fetch(url, init)
        return { status, headers, body } as Response
      },
    })
    expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
  })
})

const JSON_TYPE = { 'content-type': 'application/json' }

/** An answer whose body is a stream of anything. */
function odd(chunks: readonly unknown[]): unknown {
  const body = new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk)
      controller.close()
    },
  })
  return { status: 200, headers: new Headers(JSON_TYPE), body }
}

const handler = (): Response => new Response()

test('a `preflight` that rejects is the handler’s error, and nothing more', async () => {
  const { api } = await fixture()
  const headers = { Origin: 'https://app.example.com', 'Access-Control-Request-Method': 'POST' }
  const request = (): Request => new Request(`${RESOURCE}/orders`, { method: 'OPTIONS', headers })
  for (const preflight of [throwing(), rejecting()]) {
    await expect(protect(api, handler, { preflight })(request())).rejects.toThrow('refused inside')
  }
  expect((await protect(api, handler, { preflight: handler })(request())).status).toBe(200)
})

/** Authenticates a request whose form body cannot be read. */
async function authenticateForm(error: unknown): Promise<unknown> {
  const headers = new Headers({ 'content-type': 'application/x-www-form-urlencoded' })
  const form = async (): Promise<never> => {
    throw error
  }
  const { api } = await fixture({ form: true })
  return api.authenticate({ method: 'POST', url: RESOURCE, headers, form })
}

describe('an error of the application’s own functions that is odd', () => {
  test.each<[string, (error: BearwardError) => unknown]>([
    ['as it is', (error) => error],
    ['frozen', (error) => Object.freeze(error)],
    ['behind a proxy', (error) => new Proxy(error, {})],
    [
      'an object with its prototype',
      () => Object.assign(Object.create(BearwardError.prototype), { code: 'credentials_malformed' }),
    ],
  ])('comes out as a refusal: %s', async (_, make) => {
    const error = make(new BearwardError('credentials_malformed', 'the form is not good'))
    await expect(authenticateForm(error)).rejects.toMatchObject({ code: 'credentials_malformed' })
  })
})
