import { describe, expect, expectTypeOf, test, vi } from 'vitest'
import { metadataHandler, protect } from '../../../src/frameworks/fetch.ts'
import {
  type AccessToken,
  BearwardError,
  createResourceServer,
  deny,
  type Requirement,
  type ResourceServer,
  type ResourceServerOptions,
  scope,
  type StandardSchemaV1,
} from '../../../src/entry-points/index.ts'
import { goodClaims, ISSUER, NOW, RESOURCE, signToken } from '../../fixture/issuer.ts'
import { type Fixture, fixture } from '../../fixture/server.ts'

const METADATA_URL = 'https://api.example.com/.well-known/oauth-protected-resource'

function request(token?: string, init: RequestInit = {}, url = 'https://api.example.com/orders'): Request {
  const headers = new Headers(init.headers)
  if (token !== undefined) headers.set('Authorization', `Bearer ${token}`)
  return new Request(url, { ...init, headers })
}

const hello = (_: Request, { token }: { token: AccessToken }): Response => new Response(`hello ${token.subject}`)

/** What bearward answers itself must say this, whatever it is. */
function expectOwnAnswer(response: Response): void {
  expect(response.headers.get('Cache-Control')).toBe('private, no-store')
  expect(response.headers.get('Content-Type')).toBe('application/json')
  expect(response.headers.get('Access-Control-Expose-Headers')).toContain('WWW-Authenticate')
}

describe('protect', () => {
  test('calls the handler with a verified token, and hands its answer over as it is', async () => {
    const { api } = await fixture()
    const given = new Response('as it is', { status: 202, headers: { 'X-Own': '1' } })
    const handler = vi.fn<(request: Request, context: { token: AccessToken }) => Response>(() => given)
    const incoming = request(await signToken())
    expect(await protect(api, handler)(incoming)).toBe(given)
    expect(handler).toHaveBeenCalledOnce()
    expect(handler.mock.calls[0]?.[0]).toBe(incoming)
    expect(handler.mock.calls[0]?.[1].token.subject).toBe('user-1')
  })

  test('hands `env` and `ctx` over to the handler', async () => {
    const { api } = await fixture()
    const env = { NAME: 'value' }
    const ctx = { waitUntil: () => {} }
    const seen: unknown[] = []
    const handler = protect(api, (_, context) => {
      seen.push(context.env, context.ctx)
      return new Response()
    })
    await handler(request(await signToken()), env, ctx)
    expect(seen).toEqual([env, ctx])
  })

  test.each<[string, () => Promise<string | undefined>, number, string]>([
    ['no token', async () => undefined, 401, 'credentials_missing'],
    ['a malformed token', async () => 'abc def', 400, 'credentials_malformed'],
    ['an opaque token', async () => 'abc', 401, 'token_malformed'],
    ['an expired token', () => signToken(goodClaims({ iat: NOW - 90, exp: NOW - 60 })), 401, 'token_expired'],
    ['a token for another audience', () => signToken(goodClaims({ aud: 'other' })), 401, 'audience_mismatch'],
    ['a token lacking the scope', () => signToken(goodClaims({ scope: 'profile' })), 403, 'scope_insufficient'],
  ])('never calls the handler with %s', async (_, makeToken, status, code) => {
    const { api } = await fixture()
    const handler = vi.fn<typeof hello>(hello)
    const response = await protect(api, scope('orders:read'), handler)(request(await makeToken()))
    expect(handler).not.toHaveBeenCalled()
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ code })
    expectOwnAnswer(response)
    expect(response.headers.get('WWW-Authenticate')).toContain(`resource_metadata="${METADATA_URL}"`)
    expect(response.headers.get('WWW-Authenticate')).toContain('scope="orders:read"')
  })

  test('calls it with a token that meets the requirement', async () => {
    const { api } = await fixture()
    const response = await protect(api, scope('orders:read'), hello)(request(await signToken()))
    expect(await response.text()).toBe('hello user-1')
  })

  test('a denial by a requirement of one’s own is a 403 without a challenge', async () => {
    const { api } = await fixture()
    const response = await protect(api, () => deny('SECRET reason'), hello)(request(await signToken()))
    expect(response.status).toBe(403)
    expect(response.headers.get('WWW-Authenticate')).toBeNull()
    expect(await response.text()).not.toContain('SECRET')
    expectOwnAnswer(response)
  })

  test('an outage is a 503 with Retry-After and without a challenge', async () => {
    const { api, upstream } = await fixture()
    upstream.answers.clear()
    const response = await protect(api, hello)(request(await signToken()))
    expect(response.status).toBe(503)
    expect(Number(response.headers.get('Retry-After'))).toBeGreaterThanOrEqual(1)
    expect(response.headers.get('WWW-Authenticate')).toBeNull()
    expect(response.headers.get('Access-Control-Expose-Headers')).toContain('Retry-After')
    expectOwnAnswer(response)
  })

  test('a HEAD request is refused without a body', async () => {
    const { api } = await fixture()
    const response = await protect(api, hello)(request(undefined, { method: 'HEAD' }))
    expect(response.status).toBe(401)
    expect(response.headers.get('WWW-Authenticate')).toContain('Bearer')
    expect(response.body).toBeNull()
    expectOwnAnswer(response)
  })

  test('the token in the query counts for nothing', async () => {
    const { api } = await fixture({ form: true })
    const url = `https://api.example.com/orders?access_token=${await signToken()}`
    expect((await protect(api, hello)(request(undefined, {}, url))).status).toBe(401)
    expect((await protect(api, hello)(request(await signToken(), {}, url))).status).toBe(200)
  })

  test('a handler can read the form that the token came in', async () => {
    const { api } = await fixture({ form: true })
    const body = new URLSearchParams({ access_token: await signToken(), item: 'honey' })
    const handler = protect(api, async (incoming) => Response.json((await incoming.formData()).get('item')))
    const response = await handler(request(undefined, { method: 'POST', body }))
    expect(await response.json()).toBe('honey')
  })

  test('a handler can read a body that is no form', async () => {
    const { api } = await fixture({ form: true })
    const init = { method: 'POST', body: '{"item":"honey"}', headers: { 'Content-Type': 'application/json' } }
    const handler = protect(api, async (incoming) => Response.json(await incoming.json()))
    expect(await (await handler(request(await signToken(), init))).json()).toEqual({ item: 'honey' })
  })
})

describe('within the handler', () => {
  test('a denial thrown by authorize becomes its challenge', async () => {
    const { api } = await fixture()
    const handler = protect(api, scope('orders:read'), (_, { token }) => {
      api.authorize(token, scope('orders:admin'))
      return new Response('not reached')
    })
    const response = await handler(request(await signToken()))
    expect(response.status).toBe(403)
    expect(response.headers.get('WWW-Authenticate')).toContain('error="insufficient_scope"')
    expect(response.headers.get('WWW-Authenticate')).toContain('scope="orders:admin"')
    expectOwnAnswer(response)
  })

  test('a denial that a promise brings becomes its challenge', async () => {
    const { api } = await fixture()
    const handler = protect(api, async (_, { token }) => {
      await Promise.resolve()
      api.authorize(token, () => deny('not the owner'))
      return new Response('not reached')
    })
    expect((await handler(request(await signToken()))).status).toBe(403)
  })

  test.each<[string, unknown]>([
    ['an Error', new Error('own')],
    [
      'an Error that looks like ours',
      Object.assign(new Error('own'), { name: 'BearwardError', code: 'access_denied' }),
    ],
    ['a string', 'own'],
    ['nothing', undefined],
    ['a Response', new Response('own')],
  ])('%s that is thrown passes untouched', async (_, thrown) => {
    const { api } = await fixture()
    const handler = protect(api, () => {
      throw thrown
    })
    const outcome = await handler(request(await signToken())).then(
      () => 'answered',
      (error: unknown) => ({ error }),
    )
    expect(outcome).toEqual({ error: thrown })
  })

  test('a requirement that is malformed is the programmer’s fault, and passes untouched', async () => {
    const { api } = await fixture()
    const handler = protect(api, (_, { token }) => {
      api.authorize(token, scope('orders:read orders:write'))
      return new Response('not reached')
    })
    await expect(handler(request(await signToken()))).rejects.toMatchObject({ code: 'configuration_invalid' })
  })

  test('a promise that rejects passes untouched', async () => {
    const { api } = await fixture()
    const own = new Error('own')
    await expect(protect(api, () => Promise.reject(own))(request(await signToken()))).rejects.toBe(own)
  })
})

const who = (_: Request, { token }: { token: AccessToken | undefined }): Response =>
  new Response(token?.subject ?? 'nobody')

describe('optional credentials', () => {
  const optional = { optional: true }

  test('none: the handler is called without a token', async () => {
    const { api } = await fixture()
    expect(await (await protect(api, who, optional)(request())).text()).toBe('nobody')
    expect(await (await protect(api, scope('orders:read'), who, optional)(request())).text()).toBe('nobody')
  })

  test('good ones: it is called with the token', async () => {
    const { api } = await fixture()
    expect(await (await protect(api, who, optional)(request(await signToken()))).text()).toBe('user-1')
  })

  test('bad ones are refused still', async () => {
    const { api } = await fixture()
    const expired = await signToken(goodClaims({ iat: NOW - 90, exp: NOW - 60 }))
    expect((await protect(api, who, optional)(request(expired))).status).toBe(401)
    expect((await protect(api, who, optional)(request('a b'))).status).toBe(400)
    expect((await protect(api, scope('admin'), who, optional)(request(await signToken()))).status).toBe(403)
  })
})

const preflight = (): Response => new Response(null, { status: 204, headers: { 'X-Preflight': '1' } })

describe('a CORS preflight', () => {
  const headers = { Origin: 'https://app.example.com', 'Access-Control-Request-Method': 'POST' }

  test('goes to `preflight` where that is given', async () => {
    const { api } = await fixture()
    const response = await protect(api, scope('a'), hello, { preflight })(
      request(undefined, { method: 'OPTIONS', headers }),
    )
    expect(response.status).toBe(204)
    expect(response.headers.get('X-Preflight')).toBe('1')
  })

  test('is a request like any other where it is not', async () => {
    const { api } = await fixture()
    expect((await protect(api, hello)(request(undefined, { method: 'OPTIONS', headers }))).status).toBe(401)
  })

  test.each<[string, RequestInit]>([
    ['OPTIONS without an origin', { method: 'OPTIONS', headers: { 'Access-Control-Request-Method': 'POST' } }],
    ['OPTIONS without a requested method', { method: 'OPTIONS', headers: { Origin: 'https://app.example.com' } }],
    ['OPTIONS with neither', { method: 'OPTIONS' }],
    ['another method with both', { method: 'POST', headers }],
  ])('%s is none', async (_, init) => {
    const { api } = await fixture()
    expect((await protect(api, hello, { preflight })(request(undefined, init))).status).toBe(401)
    expect((await protect(api, hello, { preflight })(request(await signToken(), init))).status).toBe(200)
  })
})

/** What browsers look at. */
function readPermission(response: Response): readonly unknown[] {
  const names = ['Origin', 'Methods', 'Headers', 'Credentials']
  return [response.status, ...names.map((name) => response.headers.get(`Access-Control-Allow-${name}`))]
}

describe('a CORS preflight of the protected resource metadata', () => {
  const headers = {
    Origin: 'https://inspector.example.com',
    'Access-Control-Request-Method': 'GET',
    'Access-Control-Request-Headers': 'mcp-protocol-version',
  }

  const permitted = [204, '*', 'GET, HEAD', '*', null]

  test.each(['GET', 'HEAD'])('permits %s to every origin, with every field', async (method) => {
    const { api } = await fixture()
    const init = { method: 'OPTIONS', headers: { ...headers, 'Access-Control-Request-Method': method } }
    for (const handler of [protect(api, scope('a'), hello), metadataHandler(api), metadataHandler(() => api)]) {
      const response = await handler(request(undefined, init, METADATA_URL))
      expect(readPermission(response)).toEqual(permitted)
      expect(response.headers.get('Access-Control-Max-Age')).toBe('86400')
      expect(await response.text()).toBe('')
    }
  })

  test('is answered by the document, and the option `preflight` answers for all else', async () => {
    const { api } = await fixture()
    const handler = protect(api, scope('a'), hello, { preflight })
    expect(readPermission(await handler(request(undefined, { method: 'OPTIONS', headers }, METADATA_URL)))).toEqual(
      permitted,
    )
    for (const [url, changes] of [
      ['https://api.example.com/orders', {}],
      [`${METADATA_URL}/other`, {}],
      [METADATA_URL, { 'Access-Control-Request-Method': 'POST' }],
      [METADATA_URL, { 'Access-Control-Request-Method': 'DELETE' }],
    ] as const) {
      const init = { method: 'OPTIONS', headers: { ...headers, ...changes } }
      expect((await handler(request(undefined, init, url))).headers.get('X-Preflight')).toBe('1')
      expect((await protect(api, hello)(request(undefined, init, url))).status).toBe(401)
    }
  })

  test.each(['Origin', 'Access-Control-Request-Method'])('is none without %s', async (name) => {
    const { api } = await fixture()
    const init = { method: 'OPTIONS', headers: Object.fromEntries(Object.entries(headers).filter(([n]) => n !== name)) }
    expect((await protect(api, hello)(request(undefined, init, METADATA_URL))).status).toBe(401)
    expect((await protect(api, hello)(request(await signToken(), init, METADATA_URL))).status).toBe(200)
  })

  test('is answered nowhere where the document is not served', async () => {
    const { api } = await fixture({ resourceMetadata: false })
    const init = { method: 'OPTIONS', headers }
    expect((await protect(api, hello)(request(undefined, init, METADATA_URL))).status).toBe(401)
  })

  test('repeats nothing that was sent', async () => {
    const { api } = await fixture()
    const marked = { ...headers, Origin: 'https://mark.example', 'Access-Control-Request-Headers': 'x-mark' }
    const response = await protect(api, hello)(request(undefined, { method: 'OPTIONS', headers: marked }, METADATA_URL))
    expect(response.status).toBe(204)
    expect(JSON.stringify([...response.headers])).not.toContain('mark')
  })
})

describe('a factory', () => {
  interface Env {
    readonly ISSUER: string
  }

  const env: Env = { ISSUER }

  test('is called once with `env`, however often and wherever it is passed', async () => {
    const { api } = await fixture()
    const make = vi.fn<(env: Env) => ResourceServer>(() => api)
    const one = protect(make, hello)
    const two = protect(make, scope('orders:read'), hello)
    const document = metadataHandler(make)
    expect(make).not.toHaveBeenCalled()
    const token = await signToken()
    for (const handler of [one, two, one, document]) {
      expect((await handler(request(token), env)).status).toBe(200)
    }
    expect(make).toHaveBeenCalledExactlyOnceWith(env)
  })

  test('another factory is another server', async () => {
    const [first, second] = [await fixture(), await fixture({ audience: 'other' })]
    const token = await signToken()
    expect((await protect(() => first.api, hello)(request(token))).status).toBe(200)
    expect((await protect(() => second.api, hello)(request(token))).status).toBe(401)
  })

  test('that threw is called again', async () => {
    const { api } = await fixture()
    let calls = 0
    const make = (): ResourceServer => {
      if (++calls === 1) throw new BearwardError('configuration_invalid', 'no issuer yet')
      return api
    }
    const handler = protect(make, hello)
    const token = await signToken()
    await expect(handler(request(token), env)).rejects.toMatchObject({ code: 'configuration_invalid' })
    expect((await handler(request(token), env)).status).toBe(200)
    expect((await handler(request(token), env)).status).toBe(200)
    expect(calls).toBe(2)
  })
})

describe('the protected resource metadata', () => {
  test.each(['GET', 'HEAD'])('is served without a token: %s', async (method) => {
    const { api } = await fixture()
    const handler = vi.fn<typeof hello>(hello)
    const response = await protect(api, scope('a'), handler)(request(undefined, { method }, METADATA_URL))
    expect(handler).not.toHaveBeenCalled()
    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toBe('application/json')
    expect(response.headers.get('Cache-Control')).toBe('private, no-store')
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe('*')
    const body = await response.text()
    if (method === 'HEAD') expect(body).toBe('')
    else expect(JSON.parse(body)).toMatchObject({ resource: RESOURCE, authorization_servers: [ISSUER] })
  })

  test('is the one that challenges name', async () => {
    const { api } = await fixture({ resource: 'https://api.example.com/orders?tenant=a' })
    const refusal = await protect(api, hello)(request())
    const url = /resource_metadata="([^"]+)"/.exec(refusal.headers.get('WWW-Authenticate') ?? '')?.[1] ?? ''
    const response = await protect(api, hello)(request(undefined, {}, url))
    expect(await response.json()).toMatchObject({ resource: 'https://api.example.com/orders?tenant=a' })
  })

  test.each([
    ['POST', METADATA_URL],
    ['GET', `${METADATA_URL}/orders`],
    ['GET', `${METADATA_URL}?x=1`],
    ['GET', 'https://api.example.com/.well-known/openid-configuration'],
  ])('is not at %s %s', async (method, url) => {
    const { api } = await fixture()
    expect((await protect(api, hello)(request(undefined, { method }, url))).status).toBe(401)
  })

  test('is not served where it is switched off', async () => {
    const { api } = await fixture({ resourceMetadata: false })
    expect((await protect(api, hello)(request(undefined, {}, METADATA_URL))).status).toBe(401)
  })

  test('is served by metadataHandler wherever that stands', async () => {
    const { api } = await fixture()
    const response = await metadataHandler(api)(request())
    expect(await response.json()).toMatchObject({ resource: RESOURCE })
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe('*')
    const head = await metadataHandler(() => api)(request(undefined, { method: 'HEAD' }))
    expect(head.body).toBeNull()
  })
})

describe('waitUntil', () => {
  test('is taken from the context, and called as its method', async () => {
    const { api } = await fixture()
    const kept: Promise<unknown>[] = []
    const ctx = {
      waitUntil(this: unknown, promise: Promise<unknown>): void {
        expect(this).toBe(ctx)
        kept.push(promise)
      },
    }
    await protect(api, hello)(request(await signToken()), {}, ctx)
    expect(kept.length).toBeGreaterThan(0)
    await Promise.all(kept)
  })

  test.each([
    ['none', undefined],
    ['null', null],
    ['one without waitUntil', {}],
    ['one whose waitUntil is no function', { waitUntil: true }],
    ['Deno’s', { remoteAddr: { hostname: '127.0.0.1' } }],
  ])('a context that has none is fine: %s', async (_, ctx) => {
    const { api } = await fixture()
    expect((await protect(api, hello)(request(await signToken()), {}, ctx)).status).toBe(200)
  })
})

/** A resource server of which a stage adds another `DPoP-Nonce` to each answer. */
function numbering(api: ResourceServer): ResourceServer {
  let count = 0
  return {
    ...api,
    authenticate(incoming, context) {
      context?.responseHeaders?.append('DPoP-Nonce', `nonce-${++count}`)
      context?.responseHeaders?.append('Vary', 'DPoP')
      return api.authenticate(incoming, context)
    },
  }
}

describe('header fields that a stage adds', () => {
  test('come with a response whose headers are immutable', async () => {
    const { api } = await fixture()
    const handler = protect(numbering(api), () => Response.redirect('https://app.example.com/', 303))
    const { status, headers } = await handler(request(await signToken()))
    expect(status).toBe(303)
    expect(headers.get('Location')).toBe('https://app.example.com/')
    expect(headers.get('DPoP-Nonce')).toBe('nonce-1')
  })

  test('come with status, headers and the stream of the response, which may be a promise', async () => {
    const { api } = await fixture()
    const init = { status: 202, statusText: 'On its way', headers: { 'X-Own': '1', Vary: 'Origin' } }
    const handler = protect(numbering(api), async () => new Response(new Blob(['as it is']).stream(), init))
    const response = await handler(request(await signToken()))
    expect([response.status, response.statusText, await response.text()]).toEqual([202, 'On its way', 'as it is'])
    expect(response.headers.get('X-Own')).toBe('1')
    expect(response.headers.get('Vary')).toBe('Origin, DPoP')
  })

  test('leave a response alone that answers several requests', async () => {
    const { api } = await fixture()
    const shared = new Response(null, { status: 204 })
    const handler = protect(numbering(api), () => shared)
    const token = await signToken()
    expect((await handler(request(token))).headers.get('DPoP-Nonce')).toBe('nonce-1')
    expect((await handler(request(token))).headers.get('DPoP-Nonce')).toBe('nonce-2')
    expect([...shared.headers]).toEqual([])
  })

  test('are left out of a response that cannot be copied', async () => {
    const { api } = await fixture()
    const error = Response.error()
    expect(await protect(numbering(api), () => error)(request(await signToken()))).toBe(error)
  })

  test('come with a refusal without a body', async () => {
    const { api } = await fixture()
    const response = await protect(numbering(api), hello)(request(undefined, { method: 'HEAD' }))
    expect([response.status, response.headers.get('DPoP-Nonce'), response.body]).toEqual([401, 'nonce-1', null])
  })
})

describe('arguments that are wrong are refused when the handler is made', () => {
  test.each<[string, (api: Fixture['api']) => unknown]>([
    ['no handler', (api) => protect(api, undefined as unknown as typeof hello)],
    ['options in place of a handler', (api) => protect(api, { optional: true } as unknown as typeof hello)],
    ['a requirement that is undefined', (api) => protect(api, undefined as unknown as Requirement, hello)],
    ['a requirement that is a string', (api) => protect(api, 'orders:read' as unknown as Requirement, hello)],
    ['optional: 1', (api) => protect(api, hello, { optional: 1 } as unknown as { optional: false })],
    ['optional: "true"', (api) => protect(api, hello, { optional: 'true' } as unknown as { optional: false })],
    ['an unknown option', (api) => protect(api, hello, { optinal: true } as unknown as { optional: false })],
    ['preflight: true', (api) => protect(api, hello, { preflight: true } as unknown as { optional: false })],
  ])('%s', async (_, make) => {
    const { api } = await fixture()
    expect(() => protect(api, scope('a'), hello, { optional: false })).not.toThrow()
    expect(() => make(api)).toThrow()
  })
})

interface Tenant {
  readonly tenant: string
}

const ofTenant: Requirement<Tenant> = () => deny('no')

describe('types', () => {
  interface Env {
    readonly NAME: string
  }

  const options: ResourceServerOptions = { resource: RESOURCE, issuers: [{ issuer: ISSUER }] }
  const schema: StandardSchemaV1<unknown, Tenant> = {
    '~standard': { version: 1, vendor: 'by hand', validate: () => ({ value: { tenant: 'acme' } }) },
  }
  const api = createResourceServer(options)
  const typed = createResourceServer({ resource: RESOURCE, issuers: [{ issuer: ISSUER }], claims: schema })

  test('the token is there unless credentials are optional', () => {
    protect(api, (_, { token }) => {
      expectTypeOf(token).toEqualTypeOf<AccessToken>()
      return new Response()
    })
    protect(api, scope('a'), (_, { token }) => {
      expectTypeOf(token).toEqualTypeOf<AccessToken>()
      return new Response()
    })
    protect(
      api,
      scope('a'),
      (_, { token }) => {
        expectTypeOf(token).toEqualTypeOf<AccessToken>()
        return new Response()
      },
      { optional: false },
    )
    protect(
      api,
      (_, { token }) => {
        expectTypeOf(token).toEqualTypeOf<AccessToken>()
        return new Response()
      },
      { preflight: () => new Response() },
    )
    expect(api).toBeDefined()
  })

  test('the token may be missing where credentials are optional, or may be', () => {
    protect(
      api,
      (_, { token }) => {
        expectTypeOf(token).toEqualTypeOf<AccessToken | undefined>()
        return new Response()
      },
      { optional: true },
    )
    protect(
      api,
      scope('a'),
      (_, { token }) => {
        expectTypeOf(token).toEqualTypeOf<AccessToken | undefined>()
        return new Response()
      },
      { optional: Boolean(api) },
    )
    expect(api).toBeDefined()
  })

  test('the claims of a schema reach requirement and handler', () => {
    protect(typed, ofTenant, (_, { token }) => {
      expectTypeOf(token.claims).toEqualTypeOf<Tenant>()
      return new Response()
    })
    protect(
      typed,
      (_, { token }) => {
        expectTypeOf(token?.claims).toEqualTypeOf<Tenant | undefined>()
        return new Response()
      },
      { optional: true },
    )
    expect(typed).toBeDefined()
  })

  test('the environment of a factory reaches the handler', () => {
    protect(
      (env: Env) => {
        expectTypeOf(env.NAME).toEqualTypeOf<string>()
        return typed
      },
      (_, { env, token }) => {
        expectTypeOf(env).toEqualTypeOf<Env>()
        expectTypeOf(token).toEqualTypeOf<AccessToken<Tenant>>()
        return new Response()
      },
    )
    expect(typed).toBeDefined()
  })
})
