// fastify/fastify-jwt#90, honojs/hono#437, awslabs/aws-jwt-verify#71: the token is in a cookie, or in a header field of a
// proxy's own. RFC 6750 §2 knows neither, so `protect` takes it from neither by itself; whoever wants to rewrites the request,
// or calls `verify`, `authorize` and `challenge`. RFC 6750 §3.1: a request without a token gets no error code.
import { expect, test } from 'vitest'
import { BearwardError, type ResourceServer, scope } from '../../src/entry-points/index.ts'
import { protect } from '../../src/frameworks/fetch.ts'
import { RESOURCE, signToken } from '../fixture/issuer.ts'
import { parseChallenges } from '../fixture/reply.ts'
import { fixture } from '../fixture/server.ts'

const FIELD = 'x-amzn-oidc-accesstoken'
const needed = scope('orders:read')

function request(headers: Record<string, string> = {}): Request {
  return new Request(`${RESOURCE}/orders`, { headers })
}

/** The way of a user who writes the gate by hand. */
async function byHand(api: ResourceServer, { headers }: Request): Promise<Response> {
  try {
    const credential = headers.get(FIELD)
    if (credential === null) throw new BearwardError('credentials_missing', `the request has no field ${FIELD}`)
    const token = await api.verify(credential)
    api.authorize(token, needed)
    return new Response(token.subject)
  } catch (error) {
    const { status, headers: fields, body } = api.challenge(error, { requirement: needed })
    return new Response(JSON.stringify(body), { status, headers: fields })
  }
}

function challengesOf(response: Response) {
  return parseChallenges(response.headers.get('www-authenticate') ?? '')
}

test('a token in a cookie alone is none, as far as `protect` is concerned', async () => {
  const { api } = await fixture()
  const handler = protect(api, needed, (_, { token }) => new Response(token.subject))
  const response = await handler(request({ cookie: `access_token=${await signToken()}` }))
  expect(response.status).toBe(401)
  expect(challengesOf(response)).toMatchObject([{ scheme: 'Bearer', parameters: { scope: 'orders:read' } }])
  expect(challengesOf(response)[0]?.parameters).not.toHaveProperty('error')
})

test.each<[string, (token: string) => Record<string, string>, (headers: Headers) => string]>([
  [
    'a cookie',
    (token) => ({ cookie: `a=b; access_token=${token}` }),
    (headers) => /access_token=([^;]+)/.exec(headers.get('cookie') ?? '')?.[1] ?? '',
  ],
  ['a field of a proxy', (token) => ({ [FIELD]: token }), (headers) => headers.get(FIELD) ?? ''],
])('a token out of %s is accepted once the request is rewritten', async (_, sent, found) => {
  const { api } = await fixture()
  const handler = protect(api, needed, (__, { token }) => new Response(token.subject))
  const original = request(sent(await signToken()))
  const rewritten = new Request(original, {
    headers: new Headers([...original.headers, ['authorization', `Bearer ${found(original.headers)}`]]),
  })
  const response = await handler(rewritten)
  expect(response.status).toBe(200)
  expect(await response.text()).toBe('user-1')
})

test('`verify`, `authorize` and `challenge` are a gate of one’s own', async () => {
  const { api } = await fixture()
  const accepted = await byHand(api, request({ [FIELD]: await signToken() }))
  expect(accepted.status).toBe(200)
  const refused = await byHand(api, request({ [FIELD]: 'no-token' }))
  expect(challengesOf(refused)).toMatchObject([{ parameters: { error: 'invalid_token' } }])
  const missing = await byHand(api, request())
  expect(missing.status).toBe(401)
  expect(challengesOf(missing)[0]?.parameters).not.toHaveProperty('error')
  expect(missing.headers.get('cache-control')).toBe('private, no-store')
})
