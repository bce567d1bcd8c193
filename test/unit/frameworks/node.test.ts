import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, expect, expectTypeOf, test, vi } from 'vitest'
import { metadataHandler, protect, type ProtectOptions } from '../../../src/frameworks/node.ts'
import {
  type AccessToken,
  BearwardError,
  createResourceServer,
  deny,
  type Requirement,
  type RequestView,
  type ResourceServer,
  scope,
  type StandardSchemaV1,
} from '../../../src/entry-points/index.ts'
import { goodClaims, ISSUER, NOW, RESOURCE, signToken } from '../../fixture/issuer.ts'
import { fixture } from '../../fixture/server.ts'
import { listen, type RawAnswer, send } from './loopback.ts'

const METADATA_PATH = '/.well-known/oauth-protected-resource'

interface Context {
  readonly token: AccessToken
}

function hello(_: IncomingMessage, response: ServerResponse, { token }: Context): void {
  response.end(`hello ${token.subject}`)
}

async function bearer(changes: Record<string, unknown> = {}): Promise<string> {
  return `Authorization: Bearer ${await signToken(goodClaims(changes))}`
}

/** Serves one handler; what rejects is kept, as an application would log it. */
async function serve(
  handler: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<{ port: number; failures: unknown[] }> {
  const failures: unknown[] = []
  const port = await listen((request, response) => {
    handler(request, response).catch((error: unknown) => {
      failures.push(error)
      if (!response.headersSent) response.writeHead(500)
      response.end('failed')
    })
  })
  return { port, failures }
}

function expectOwnAnswer({ headers }: RawAnswer): void {
  expect(headers['cache-control']).toBe('private, no-store')
  expect(headers['content-type']).toBe('application/json')
  expect(headers['access-control-expose-headers']).toContain('WWW-Authenticate')
}

describe('protect', () => {
  test('calls the handler with a verified token', async () => {
    const { api } = await fixture()
    const { port } = await serve(protect(api, scope('orders:read'), hello))
    expect(await send(port, ['GET /orders HTTP/1.1', await bearer()])).toMatchObject({
      status: 200,
      body: 'hello user-1',
    })
  })

  test('needs no requirement', async () => {
    const { api } = await fixture()
    const { port } = await serve(protect(api, hello))
    expect((await send(port, ['GET / HTTP/1.1', await bearer({ scope: '' })])).body).toBe('hello user-1')
  })

  test.each<[string, () => Promise<string[]>, number, string]>([
    ['no token', async () => [], 401, 'credentials_missing'],
    ['a malformed token', async () => ['Authorization: Bearer a b'], 400, 'credentials_malformed'],
    ['an opaque token', async () => ['Authorization: Bearer abc'], 401, 'token_malformed'],
    ['an expired token', async () => [await bearer({ iat: NOW - 90, exp: NOW - 60 })], 401, 'token_expired'],
    ['a token lacking the scope', async () => [await bearer({ scope: 'profile' })], 403, 'scope_insufficient'],
  ])('never calls the handler with %s', async (_, makeFields, status, code) => {
    const { api } = await fixture()
    const handler = vi.fn<typeof hello>(hello)
    const { port, failures } = await serve(protect(api, scope('orders:read'), handler))
    const answer = await send(port, ['GET /orders HTTP/1.1', ...(await makeFields())])
    expect(handler).not.toHaveBeenCalled()
    expect(failures).toEqual([])
    expect(answer.status).toBe(status)
    expect(JSON.parse(answer.body)).toMatchObject({ code })
    expectOwnAnswer(answer)
    expect(answer.headers['www-authenticate']).toContain(`resource_metadata="https://api.example.com${METADATA_PATH}"`)
    expect(answer.headers['www-authenticate']).toContain('scope="orders:read"')
  })

  test.each([
    ['two good lines', async () => [await bearer(), await bearer()]],
    ['a good line and another scheme', async () => [await bearer(), 'Authorization: Basic abc']],
    ['another scheme and a good line', async () => ['authorization: Basic abc', await bearer()]],
    ['a good line and an empty one', async () => [await bearer(), 'AUTHORIZATION:']],
  ])('two Authorization lines are ambiguous, though `headers` drops the second: %s', async (_, makeFields) => {
    const { api } = await fixture()
    const handler = vi.fn<typeof hello>(hello)
    const { port } = await serve(protect(api, handler))
    expect((await send(port, ['GET / HTTP/1.1', await bearer()])).status).toBe(200)
    handler.mockClear()
    const answer = await send(port, ['GET / HTTP/1.1', ...(await makeFields())])
    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'credentials_ambiguous' })
    expect(handler).not.toHaveBeenCalled()
  })

  test('the name of the header is of any case', async () => {
    const { api } = await fixture()
    const { port } = await serve(protect(api, hello))
    const field = (await bearer()).replace('Authorization', 'aUTHORIZATION')
    expect((await send(port, ['GET / HTTP/1.1', field])).status).toBe(200)
  })

  test('bytes beyond ASCII are malformed', async () => {
    const { api } = await fixture()
    const { port } = await serve(protect(api, hello))
    expect((await send(port, ['GET / HTTP/1.1', 'Authorization: Bearer abc\u00e9'])).status).toBe(400)
  })

  test('a HEAD request is refused without a body', async () => {
    const { api } = await fixture()
    const { port } = await serve(protect(api, hello))
    const answer = await send(port, ['HEAD / HTTP/1.1'])
    expect(answer).toMatchObject({ status: 401, body: '' })
    expect(answer.headers['www-authenticate']).toContain('Bearer')
    expectOwnAnswer(answer)
  })

  test('an outage is a 503 with Retry-After and without a challenge', async () => {
    const { api, upstream } = await fixture()
    upstream.answers.clear()
    const { port } = await serve(protect(api, hello))
    const answer = await send(port, ['GET / HTTP/1.1', await bearer()])
    expect(answer.status).toBe(503)
    expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(1)
    expect(answer.headers).not.toHaveProperty('www-authenticate')
    expectOwnAnswer(answer)
  })

  test('keeps headers that were set before it', async () => {
    const { api } = await fixture()
    const handler = protect(api, hello)
    const { port } = await serve(async (request, response) => {
      response.setHeader('Access-Control-Allow-Origin', 'https://app.example.com')
      await handler(request, response)
    })
    const { headers } = await send(port, ['GET / HTTP/1.1'])
    expect(headers).toMatchObject({ 'access-control-allow-origin': 'https://app.example.com' })
  })
})

describe('within the handler', () => {
  test('a denial thrown by authorize becomes its challenge', async () => {
    const { api } = await fixture()
    const { port, failures } = await serve(
      protect(api, scope('orders:read'), async (_, response, { token }) => {
        await Promise.resolve()
        api.authorize(token, scope('orders:admin'))
        response.end('not reached')
      }),
    )
    const answer = await send(port, ['GET / HTTP/1.1', await bearer()])
    expect(answer.status).toBe(403)
    expect(answer.headers['www-authenticate']).toContain('scope="orders:admin"')
    expect(failures).toEqual([])
    expectOwnAnswer(answer)
  })

  test('a denial of one’s own is a 403 without a challenge', async () => {
    const { api } = await fixture()
    const { port } = await serve(protect(api, (_, __, { token }) => api.authorize(token, () => deny('SECRET'))))
    const answer = await send(port, ['GET / HTTP/1.1', await bearer()])
    expect(answer.status).toBe(403)
    expect(answer.headers).not.toHaveProperty('www-authenticate')
    expect(answer.body).not.toContain('SECRET')
  })

  test.each<[string, unknown]>([
    ['an Error', new Error('own')],
    [
      'an Error that looks like ours',
      Object.assign(new Error('own'), { name: 'BearwardError', code: 'access_denied' }),
    ],
    ['a string', 'own'],
  ])('with `onError: "reject"` %s that is thrown rejects untouched, and nothing is answered', async (_, thrown) => {
    const { api } = await fixture()
    const { port, failures } = await serve(
      protect(
        api,
        () => {
          throw thrown
        },
        { onError: 'reject' },
      ),
    )
    expect(await send(port, ['GET / HTTP/1.1', await bearer()])).toMatchObject({ status: 500, body: 'failed' })
    expect(failures).toEqual([thrown])
  })

  test('a requirement that is malformed is the programmer’s fault, and rejects untouched', async () => {
    const { api } = await fixture()
    const { port, failures } = await serve(
      protect(api, (_, __, { token }) => api.authorize(token, scope('orders:read orders:write')), {
        onError: 'reject',
      }),
    )
    expect(await send(port, ['GET / HTTP/1.1', await bearer()])).toMatchObject({ status: 500, body: 'failed' })
    expect(failures).toMatchObject([{ code: 'configuration_invalid' }])
  })

  test('a denial after the answer began rejects: half an answer cannot be taken back', async () => {
    const { api } = await fixture()
    const { port, failures } = await serve(
      protect(
        api,
        (_, response, { token }) => {
          response.writeHead(200)
          response.write('half ')
          api.authorize(token, scope('orders:admin'))
        },
        { onError: 'reject' },
      ),
    )
    expect(await send(port, ['GET / HTTP/1.1', await bearer()])).toMatchObject({ status: 200, body: 'half failed' })
    expect(failures).toMatchObject([{ code: 'scope_insufficient' }])
  })
})

function who(_: IncomingMessage, response: ServerResponse, { token }: { token: AccessToken | undefined }): void {
  response.end(token?.subject ?? 'nobody')
}

describe('optional credentials', () => {
  test('none: the handler is called without a token; good ones: with it; bad ones are refused', async () => {
    const { api } = await fixture()
    const { port } = await serve(protect(api, scope('orders:read'), who, { optional: true }))
    expect((await send(port, ['GET / HTTP/1.1'])).body).toBe('nobody')
    expect((await send(port, ['GET / HTTP/1.1', await bearer()])).body).toBe('user-1')
    expect((await send(port, ['GET / HTTP/1.1', 'Authorization: Bearer'])).status).toBe(400)
    expect((await send(port, ['GET / HTTP/1.1', await bearer({ iat: NOW - 90, exp: NOW - 60 })])).status).toBe(401)
    expect((await send(port, ['GET / HTTP/1.1', await bearer({ scope: '' })])).status).toBe(403)
  })

  test('what is said of a token that was there is not taken for missing credentials', async () => {
    const { api } = await fixture()
    const odd = {
      ...api,
      authorize() {
        throw new BearwardError('credentials_missing', 'somebody else’s authorize')
      },
    }
    const { port } = await serve(protect(odd, scope('orders:read'), who, { optional: true }))
    expect((await send(port, ['GET / HTTP/1.1'])).body).toBe('nobody')
    expect((await send(port, ['GET / HTTP/1.1', await bearer()])).status).toBe(401)
  })
})

describe('a CORS preflight', () => {
  const fields = ['Origin: https://app.example.com', 'Access-Control-Request-Method: POST']
  const options = { preflight: (_, response) => void response.writeHead(204).end() } satisfies ProtectOptions

  test('goes to `preflight` where that is given', async () => {
    const { api } = await fixture()
    const { port } = await serve(protect(api, hello, options))
    expect((await send(port, ['OPTIONS / HTTP/1.1', ...fields])).status).toBe(204)
  })

  test('is a request like any other where it is not', async () => {
    const { api } = await fixture()
    const { port } = await serve(protect(api, hello))
    expect((await send(port, ['OPTIONS / HTTP/1.1', ...fields])).status).toBe(401)
  })

  test.each([
    ['OPTIONS without an origin', ['OPTIONS / HTTP/1.1', ...fields.slice(1)]],
    ['OPTIONS without a requested method', ['OPTIONS / HTTP/1.1', ...fields.slice(0, 1)]],
    ['another method with both', ['POST / HTTP/1.1', ...fields]],
  ])('%s is none', async (_, head) => {
    const { api } = await fixture()
    const { port } = await serve(protect(api, hello, options))
    expect((await send(port, head)).status).toBe(401)
    expect((await send(port, [...head, await bearer()])).status).toBe(200)
  })
})

describe('a CORS preflight of the protected resource metadata', () => {
  const fields = ['Origin: https://inspector.example.com', 'Access-Control-Request-Method: GET']
  const options = { preflight: (_, response) => void response.writeHead(204).end() } satisfies ProtectOptions

  test('permits reading it to every origin, with every field', async () => {
    const { api } = await fixture()
    for (const handler of [protect(api, scope('a'), hello, options), metadataHandler(api)]) {
      const { port } = await serve(handler)
      const asked = [...fields, 'Access-Control-Request-Headers: mcp-protocol-version']
      const answer = await send(port, [`OPTIONS ${METADATA_PATH} HTTP/1.1`, ...asked])
      expect([answer.status, answer.body]).toEqual([204, ''])
      expect(answer.headers).toMatchObject({
        'access-control-allow-origin': '*',
        'access-control-allow-methods': 'GET, HEAD',
        'access-control-allow-headers': '*',
      })
    }
  })

  test.each([
    ['another path', 'OPTIONS /orders HTTP/1.1', fields],
    ['another method', `OPTIONS ${METADATA_PATH} HTTP/1.1`, [fields[0] ?? '', 'Access-Control-Request-Method: POST']],
  ])('for %s it goes to `preflight`, or is a request like any other', async (_, line, asked) => {
    const { api } = await fixture()
    const { port } = await serve(protect(api, hello, options))
    const answer = await send(port, [line, ...asked])
    expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([204, undefined])
    const { port: without } = await serve(protect(api, hello))
    expect((await send(without, [line, ...asked])).status).toBe(401)
  })

  test.each([
    ['an origin', fields.slice(1)],
    ['a requested method', fields.slice(0, 1)],
  ])('is none without %s', async (_, asked) => {
    const { api } = await fixture()
    const { port } = await serve(protect(api, hello))
    expect((await send(port, [`OPTIONS ${METADATA_PATH} HTTP/1.1`, ...asked])).status).toBe(401)
  })
})

describe('the protected resource metadata', () => {
  test('is served without a token', async () => {
    const { api } = await fixture()
    const { port } = await serve(protect(api, scope('a'), hello))
    const answer = await send(port, [`GET ${METADATA_PATH} HTTP/1.1`])
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.body)).toMatchObject({ resource: RESOURCE, authorization_servers: [ISSUER] })
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'private, no-store',
      'access-control-allow-origin': '*',
    })
    expect(await send(port, [`HEAD ${METADATA_PATH} HTTP/1.1`])).toMatchObject({ status: 200, body: '' })
  })

  test('is found by its whole path and query, in each form of a target', async () => {
    const { api } = await fixture({ resource: 'https://api.example.com/v1?tenant=a' })
    const { port } = await serve(protect(api, hello))
    for (const target of [`${METADATA_PATH}/v1?tenant=a`, `http://anything.example${METADATA_PATH}/v1?tenant=a`]) {
      expect((await send(port, [`GET ${target} HTTP/1.1`])).status, target).toBe(200)
    }
    for (const target of [METADATA_PATH, `${METADATA_PATH}/v1`, `/${METADATA_PATH}/v1?tenant=a`]) {
      expect((await send(port, [`GET ${target} HTTP/1.1`])).status, target).toBe(401)
    }
    expect((await send(port, [`POST ${METADATA_PATH}/v1?tenant=a HTTP/1.1`])).status).toBe(401)
  })

  test('is served by metadataHandler wherever that stands', async () => {
    const { api } = await fixture({ resourceMetadata: false })
    const { port } = await serve(metadataHandler(api))
    expect(JSON.parse((await send(port, ['GET /anywhere HTTP/1.1'])).body)).toMatchObject({ resource: RESOURCE })
    expect((await send(port, ['HEAD /anywhere HTTP/1.1'])).body).toBe('')
  })
})

/** What the resource server is told. */
async function seenFor(
  head: readonly string[],
  options: ProtectOptions & { readonly optional?: false } = {},
  resource = RESOURCE,
): Promise<RequestView> {
  const { api } = await fixture({ resource, audience: RESOURCE })
  const views: RequestView[] = []
  const spy: ResourceServer = {
    ...api,
    authenticate(view) {
      views.push(view)
      return api.authenticate(view)
    },
  }
  const { port } = await serve(protect(spy, hello, options))
  await send(port, head)
  expect(views).toHaveLength(1)
  return views[0] as RequestView
}

describe('the address of a request', () => {
  test('has the origin of the resource, whatever the client says', async () => {
    const lies = [
      'Host: evil.example',
      'X-Forwarded-Host: evil.example',
      'X-Forwarded-Proto: http',
      'Forwarded: host=evil',
    ]
    const view = await seenFor(['GET /orders?x=1 HTTP/1.1', ...lies.slice(1)])
    expect(view).toMatchObject({ method: 'GET', url: 'https://api.example.com/orders?x=1' })
  })

  test.each([
    ['https://api.example.com:8443/v1', 'https://api.example.com:8443/orders'],
    ['http://127.0.0.1:3000', 'http://127.0.0.1:3000/orders'],
    ['urn:example:orders', 'http://localhost/orders'],
    ['api://orders', 'http://localhost/orders'],
  ])('with resource %s', async (resource, url) => {
    expect((await seenFor(['GET /orders HTTP/1.1'], {}, resource)).url).toBe(url)
  })

  test.each([
    ['an absolute form', 'GET http://evil.example:81/orders?x=1 HTTP/1.1', '/orders?x=1'],
    ['an absolute form without a path', 'GET http://evil.example HTTP/1.1', '/'],
    ['an absolute form with a user', 'GET http://user@evil.example/orders HTTP/1.1', '/orders'],
    ['an asterisk', 'OPTIONS * HTTP/1.1', '/'],
    ['two slashes', 'GET //evil.example/orders HTTP/1.1', '//evil.example/orders'],
    ['an address in the path', 'GET /http://evil.example/ HTTP/1.1', '/http://evil.example/'],
    ['an at sign', 'GET /@evil.example/ HTTP/1.1', '/@evil.example/'],
  ])('with a target in %s', async (_, line, path) => {
    expect((await seenFor([line])).url).toBe(`https://api.example.com${path}`)
  })

  describe('behind a proxy', () => {
    const known = ['x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-prefix'] as const
    const trusted = { trustedProxies: { addresses: ['127.0.0.1'], fields: known } }
    const forwarded = [
      'X-Forwarded-Proto: http',
      'X-Forwarded-Host: public.example.com:8080',
      'X-Forwarded-Prefix: /shop',
    ]

    test('is what a trusted one says', async () => {
      const view = await seenFor(['GET /orders?x=1 HTTP/1.1', ...forwarded], trusted)
      expect(view.url).toBe('http://public.example.com:8080/shop/orders?x=1')
    })

    test.each([
      ['nobody', {}],
      ['another address', { trustedProxies: { addresses: ['10.0.0.7'], fields: known } }],
      ['the name of this one', { trustedProxies: { addresses: ['localhost'], fields: known } }],
      ['none', { trustedProxies: { addresses: [], fields: known } }],
    ])('is not what it says where the trusted one is %s', async (_, options) => {
      const view = await seenFor(['GET /orders HTTP/1.1', ...forwarded], options)
      expect(view.url).toBe('https://api.example.com/orders')
    })

    test.each([
      ['nothing', [], 'https://api.example.com/orders'],
      ['the scheme alone', forwarded.slice(0, 1), 'http://api.example.com/orders'],
      ['the host alone', forwarded.slice(1, 2), 'https://public.example.com:8080/orders'],
      ['the prefix alone', forwarded.slice(2), 'https://api.example.com/shop/orders'],
      ['a prefix that ends in slashes', ['X-Forwarded-Prefix: /shop//'], 'https://api.example.com/shop/orders'],
      ['a prefix of slashes', ['X-Forwarded-Prefix: //'], 'https://api.example.com/orders'],
      ['an empty host', ['X-Forwarded-Host:'], 'https://api.example.com/orders'],
    ])('that says %s', async (_, fields, url) => {
      expect((await seenFor(['GET /orders HTTP/1.1', ...fields], trusted)).url).toBe(url)
    })

    test.each([
      ['in one line', ['X-Forwarded-Host: evil.example, public.example.com']],
      ['in two lines', ['X-Forwarded-Host: evil.example', 'X-Forwarded-Host: public.example.com']],
      [
        'in both',
        ['X-Forwarded-Host: evil.example, evil.example', 'X-Forwarded-Host: evil.example,public.example.com'],
      ],
    ])('of several values the last counts, which the nearest proxy wrote: %s', async (_, fields) => {
      const view = await seenFor(['GET /orders HTTP/1.1', ...fields], trusted)
      expect(view.url).toBe('https://public.example.com/orders')
    })

    test.each([
      ['a scheme that is none', ['X-Forwarded-Proto: javascript']],
      ['a scheme with more behind', ['X-Forwarded-Proto: https://evil.example/?']],
      ['a host with a path', ['X-Forwarded-Host: evil.example/path']],
      ['a host with a user', ['X-Forwarded-Host: api.example.com@evil.example']],
      ['a host with a query', ['X-Forwarded-Host: evil.example?']],
      ['a host with a fragment', ['X-Forwarded-Host: evil.example#']],
      ['a host with a backslash', ['X-Forwarded-Host: evil.example\\x']],
      ['a host with a space', ['X-Forwarded-Host: evil example']],
      ['a host with a bad port', ['X-Forwarded-Host: evil.example:99999']],
      ['a prefix that is no path', ['X-Forwarded-Prefix: @evil.example']],
      ['a prefix that lengthens the host', ['X-Forwarded-Prefix: .evil.example']],
    ])('garbage leaves the origin of the resource: %s', async (_, fields) => {
      expect((await seenFor(['GET /orders HTTP/1.1', ...fields], trusted)).url).toBe('https://api.example.com/orders')
    })

    test.each([
      ['a query', ['X-Forwarded-Prefix: /shop?x=']],
      ['a fragment', ['X-Forwarded-Prefix: /shop#x']],
    ])('a prefix cannot push the path into %s', async (_, fields) => {
      const view = await seenFor(['GET /orders HTTP/1.1', ...fields], trusted)
      expect(new URL(view.url).pathname.endsWith('/orders')).toBe(true)
    })

    test('IPv4 addresses are known in their IPv6 form too', async () => {
      const proxies = { addresses: ['127.0.0.1', '::1'], fields: known }
      const view = await seenFor(['GET /orders HTTP/1.1', ...forwarded], { trustedProxies: proxies })
      expect(view.url).toContain('public.example.com')
    })
  })
})

/** A resource server of which a stage adds fields to each answer. */
function adding(api: ResourceServer): ResourceServer {
  return {
    ...api,
    authenticate(view, context) {
      context?.responseHeaders?.append('DPoP-Nonce', 'nonce-1')
      context?.responseHeaders?.append('Vary', 'DPoP')
      return api.authenticate(view, context)
    },
  }
}

function fail(): never {
  throw new Error('own')
}

describe('header fields that a stage adds', () => {
  test('stay where the handler gives other fields to `writeHead`, and give way to those that it names', async () => {
    const { api } = await fixture()
    const { port } = await serve(
      protect(adding(api), (request, response) => {
        const own = request.url === '/own' ? { 'DPoP-Nonce': 'own' } : { 'X-Own': '1' }
        response.writeHead(200, own).end()
      }),
    )
    const field = await bearer()
    expect((await send(port, ['GET / HTTP/1.1', field])).headers).toMatchObject({
      'dpop-nonce': 'nonce-1',
      'x-own': '1',
    })
    expect((await send(port, ['GET /own HTTP/1.1', field])).headers).toMatchObject({ 'dpop-nonce': 'own' })
  })

  test('replace what was set before, and add to the lists', async () => {
    const { api } = await fixture()
    const handler = protect(adding(api), hello)
    const { port } = await serve(async (request, response) => {
      response.setHeader('DPoP-Nonce', 'older')
      response.setHeader('Vary', 'Origin')
      await handler(request, response)
    })
    for (const fields of [[await bearer()], []]) {
      const { lines } = await send(port, ['GET / HTTP/1.1', ...fields])
      expect(lines.filter(([name]) => /^(dpop-nonce|vary)$/i.test(name))).toEqual([
        ['dpop-nonce', 'nonce-1'],
        ['Vary', 'Origin'],
        ['Vary', 'DPoP'],
      ])
    }
  })

  test('come with the 500 after a handler that failed', async () => {
    const { api } = await fixture()
    const { port } = await serve(protect(adding(api), fail, { onError: () => {} }))
    const { status, headers } = await send(port, ['GET / HTTP/1.1', await bearer()])
    expect([status, headers['dpop-nonce']]).toEqual([500, 'nonce-1'])
  })
})

describe('arguments that are wrong are refused when the handler is made', () => {
  test.each<[string, (api: ResourceServer) => unknown]>([
    ['no handler', (api) => protect(api, undefined as unknown as typeof hello)],
    ['options in place of a handler', (api) => protect(api, { optional: true } as unknown as typeof hello)],
    ['a requirement that is undefined', (api) => protect(api, undefined as unknown as Requirement, hello)],
    ['a requirement that is a string', (api) => protect(api, 'orders:read' as unknown as Requirement, hello)],
  ])('%s', async (_, make) => {
    const { api } = await fixture()
    expect(() => protect(api, scope('a'), hello)).not.toThrow()
    expect(() => make(api)).toThrow()
  })
})

describe('types', () => {
  interface Tenant {
    readonly tenant: string
  }

  const schema: StandardSchemaV1<unknown, Tenant> = {
    '~standard': { version: 1, vendor: 'by hand', validate: () => ({ value: { tenant: 'acme' } }) },
  }
  const api = createResourceServer({ resource: RESOURCE, issuers: [{ issuer: ISSUER }], claims: schema })

  test('the token is there unless credentials are optional, and its claims are the schema’s', () => {
    protect(api, (_, __, { token }) => void expectTypeOf(token).toEqualTypeOf<AccessToken<Tenant>>())
    protect(api, scope('a'), (_, __, { token }) => void expectTypeOf(token).toEqualTypeOf<AccessToken<Tenant>>(), {
      trustedProxies: { addresses: ['10.0.0.7'], fields: ['x-forwarded-proto'] },
    })
    protect(api, (_, __, { token }) => void expectTypeOf(token).toEqualTypeOf<AccessToken<Tenant> | undefined>(), {
      optional: true,
    })
    protect(
      api,
      scope('a'),
      (_, __, { token }) => void expectTypeOf(token).toEqualTypeOf<AccessToken<Tenant> | undefined>(),
      {
        optional: Boolean(api),
      },
    )
    expect(api).toBeDefined()
  })
})
