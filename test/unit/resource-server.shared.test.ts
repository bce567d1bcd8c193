import { afterEach, beforeEach, describe, expect, expectTypeOf, type MockInstance, test, vi } from 'vitest'
import {
  BearwardError,
  type BearwardEvent,
  createResourceServer,
  type IssuerResolver,
  resolveIssuers,
  type ResourceServer,
  scope,
  type TrustedIssuer,
} from '../../src/entry-points/index.ts'
import { base64url, goodClaims, ISSUER, NOW, NOW_MS, RESOURCE, signingKey, signToken } from '../fixture/issuer.ts'
import { codeOf, type Fixture, fixture } from '../fixture/server.ts'

const HOUR = 3600
/** So that nothing but what a test is about ends a cached token's life. */
const LONG_CACHE = { maxAgeSeconds: 24 * HOUR }

let signatureChecks: MockInstance<SubtleCrypto['verify']>

beforeEach(() => {
  signatureChecks = vi.spyOn(crypto.subtle, 'verify')
})

afterEach(() => {
  vi.restoreAllMocks()
})

/** How many signatures are checked while `work` is done. */
async function checksDuring(work: () => Promise<unknown>): Promise<number> {
  const before = signatureChecks.mock.calls.length
  await work()
  return signatureChecks.mock.calls.length - before
}

function bearer(token: string): Request {
  return new Request('https://api.example.com/orders', { headers: { Authorization: `Bearer ${token}` } })
}

function longLived(changes: Record<string, unknown> = {}): Promise<string> {
  return signToken(goodClaims({ exp: NOW + 48 * HOUR, ...changes }))
}

function tampered(token: string): string {
  const at = token.lastIndexOf('.') + 10
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
}

describe('a cached token', () => {
  test('is not verified again', async () => {
    const { api, upstream } = await fixture()
    const token = await signToken()
    expect(await checksDuring(() => api.verify(token))).toBe(1)
    const calls = upstream.calls.length
    expect(await checksDuring(() => api.verify(token))).toBe(0)
    expect(await checksDuring(() => api.authenticate(bearer(token)))).toBe(0)
    expect(upstream.calls).toHaveLength(calls)
  })

  test('is the same object for every request', async () => {
    const { api } = await fixture()
    const token = await signToken()
    expect(await api.verify(token)).toBe(await api.verify(token))
  })

  test('is verified each time where the cache is off', async () => {
    const { api } = await fixture({ tokenCache: false })
    const token = await signToken()
    for (let time = 0; time < 3; time++) expect(await checksDuring(() => api.verify(token))).toBe(1)
  })

  test('that was refused is not remembered as refused', async () => {
    const { api, clock } = await fixture()
    const token = await signToken(goodClaims({ nbf: NOW + 60 }))
    expect(await codeOf(api.verify(token))).toBe('token_not_yet_valid')
    clock.ms += 60_000
    expect(await codeOf(api.verify(token))).toBe('accepted')
  })

  test('stands for no other with the same last 32 characters', async () => {
    const { api } = await fixture()
    const token = await signToken()
    await api.verify(token)
    const [header, , signature] = token.split('.')
    const payload = base64url(JSON.stringify(goodClaims({ scope: 'admin' })))
    const forged = `${header}.${payload}.${signature}`
    expect(forged.slice(-32)).toBe(token.slice(-32))
    expect(await codeOf(api.verify(forged))).toBe('signature_invalid')
    expect(await checksDuring(() => api.verify(token))).toBe(0)
  })

  test('is kept within `max`', async () => {
    const { api } = await fixture({ tokenCache: { max: 1 } })
    const [first, second] = [await signToken(), await signToken(goodClaims({ jti: 'token-2' }))]
    await api.verify(first)
    await api.verify(second)
    expect(await checksDuring(() => api.verify(second))).toBe(0)
    expect(await checksDuring(() => api.verify(first))).toBe(1)
  })

  test('of one server is unknown to another', async () => {
    const one = await fixture()
    const two = await fixture()
    const other = await fixture({ audience: 'https://other.example.com' })
    const token = await signToken()
    await one.api.verify(token)
    expect(await checksDuring(() => two.api.verify(token))).toBe(1)
    expect(await codeOf(other.api.verify(token))).toBe('audience_mismatch')
    await two.api.invalidateAll()
    two.api.close()
    expect(await checksDuring(() => one.api.verify(token))).toBe(0)
  })
})

describe('a cached token dies', () => {
  test('with its exp', async () => {
    const { api, clock } = await fixture({ tokenCache: LONG_CACHE })
    const token = await signToken()
    expect(await codeOf(api.verify(token))).toBe('accepted')
    clock.ms = (NOW + 309) * 1000
    expect(await checksDuring(() => api.verify(token))).toBe(0)
    clock.ms = (NOW + 310) * 1000
    expect(await codeOf(api.verify(token))).toBe('token_expired')
    expect(await codeOf(api.authenticate(bearer(token)))).toBe('token_expired')
  })

  test('when the clock is set back before its nbf', async () => {
    const { api, clock } = await fixture()
    const token = await signToken(goodClaims({ nbf: NOW, iat: NOW - 100 }))
    expect(await codeOf(api.verify(token))).toBe('accepted')
    clock.ms = (NOW - 11) * 1000
    expect(await codeOf(api.verify(token))).toBe('token_not_yet_valid')
  })

  test('when the clock is set back before it was verified: it is verified anew', async () => {
    const { api, clock } = await fixture()
    const token = await signToken()
    await api.verify(token)
    clock.ms -= 1
    expect(await checksDuring(() => api.verify(token))).toBe(1)
  })

  test('at its greatest age: it is verified anew', async () => {
    const { api, clock } = await fixture({ tokenCache: { maxAgeSeconds: 60 } })
    const token = await signToken()
    await api.verify(token)
    clock.ms += 59_999
    expect(await checksDuring(() => api.verify(token))).toBe(0)
    clock.ms += 1
    expect(await checksDuring(() => api.verify(token))).toBe(1)
    expect(await checksDuring(() => api.verify(token))).toBe(0)
  })

  test('once its key was withdrawn and the keys are no longer fresh', async () => {
    const { api, upstream, clock } = await fixture({ tokenCache: LONG_CACHE })
    const token = await longLived()
    await api.verify(token)
    upstream.publish((await signingKey('ES256', 'next')).jwk)
    clock.ms += 600_000
    expect(await codeOf(api.verify(token))).toBe('key_unknown')
  })

  test('once its key was withdrawn and a refresh in the background found out', async () => {
    const { api, upstream, clock } = await fixture({ tokenCache: LONG_CACHE })
    const token = await longLived()
    await api.verify(token)
    const next = await signingKey('ES256', 'next')
    upstream.publish(next.jwk)
    clock.ms += 500_000
    expect(await codeOf(api.verify(token))).toBe('accepted')
    await expect.poll(() => upstream.calls.filter((url) => url.endsWith('/jwks')).length).toBe(2)
    await api.verify(await signToken(goodClaims({ exp: NOW + HOUR }), {}, next))
    expect(await codeOf(api.verify(token))).toBe('key_unknown')
  })

  test('once an extra fetch for another token found its key withdrawn', async () => {
    const { api, upstream } = await fixture({ tokenCache: LONG_CACHE })
    const token = await longLived()
    await api.verify(token)
    const next = await signingKey('ES256', 'next')
    upstream.publish(next.jwk)
    expect(await codeOf(api.verify(await signToken(goodClaims(), {}, next)))).toBe('accepted')
    expect(await codeOf(api.verify(token))).toBe('key_unknown')
  })

  test('not while its key stays, however often the keys are refreshed', async () => {
    const { api, upstream, clock } = await fixture({ tokenCache: LONG_CACHE })
    const token = await longLived()
    await api.verify(token)
    upstream.publish((await signingKey('ES256', 'next')).jwk, (await signingKey()).jwk)
    for (let hour = 0; hour < 3; hour++) {
      clock.ms += HOUR * 1000
      expect(await codeOf(api.verify(token))).toBe('accepted')
    }
    expect(await checksDuring(() => api.verify(token))).toBe(0)
  })

  test('not while the issuer is down, until the keys are too stale; then it is an outage', async () => {
    const { api, upstream, clock } = await fixture({ tokenCache: LONG_CACHE, keys: { maxStaleSeconds: 6 * HOUR } })
    const token = await longLived()
    await api.verify(token)
    upstream.answers.clear()
    upstream.answers.set(`${ISSUER}/jwks`, () => new Response('', { status: 500 }))
    for (let hour = 1; hour <= 5; hour++) {
      clock.ms = NOW_MS + hour * HOUR * 1000
      expect(await codeOf(api.verify(token))).toBe('accepted')
    }
    clock.ms = NOW_MS + 6 * HOUR * 1000
    expect(await codeOf(api.verify(token))).toBe('issuer_unavailable')
  })

  test('by invalidate(), and is verified anew', async () => {
    const { api } = await fixture()
    const [token, other] = [await signToken(), await signToken(goodClaims({ jti: 'token-2' }))]
    await api.verify(token)
    await api.verify(other)
    await api.invalidate(token)
    expect(await checksDuring(() => api.verify(other))).toBe(0)
    expect(await checksDuring(() => api.verify(token))).toBe(1)
  })

  test('by invalidateAll(), and is verified anew', async () => {
    const { api } = await fixture()
    const [token, other] = [await signToken(), await signToken(goodClaims({ jti: 'token-2' }))]
    await api.verify(token)
    await api.verify(other)
    await api.invalidateAll()
    expect(await checksDuring(() => api.verify(other))).toBe(1)
    expect(await checksDuring(() => api.verify(token))).toBe(1)
  })

  test.each([
    ['invalidate()', (api: ResourceServer, token: string) => api.invalidate(token)],
    ['invalidateAll()', (api: ResourceServer) => api.invalidateAll()],
  ])('by %s while it is being verified', async (_, invalidate) => {
    const { api, upstream } = await fixture()
    const gate = Promise.withResolvers<void>()
    const { jwk } = await signingKey()
    upstream.answers.set(`${ISSUER}/jwks`, async () => {
      await gate.promise
      return Response.json({ keys: [jwk] })
    })
    const token = await signToken()
    const running = api.verify(token)
    await expect.poll(() => upstream.calls.length).toBe(2)
    await invalidate(api, token)
    gate.resolve()
    expect(await codeOf(running)).toBe('accepted')
    expect(await checksDuring(() => api.verify(token))).toBe(1)
    expect(await checksDuring(() => api.verify(token))).toBe(0)
  })

  test('by close()', async () => {
    const { api } = await fixture()
    const token = await signToken()
    await api.verify(token)
    api.close()
    expect(await codeOf(api.verify(token))).toBe('issuer_unavailable')
    expect(await codeOf(api.authenticate(bearer(token)))).toBe('issuer_unavailable')
  })

  test('invalidating what nobody knows is harmless', async () => {
    const { api } = await fixture()
    await api.invalidate('nobody')
    await api.invalidate('')
    expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
  })
})

describe('a cached token of a resolved issuer dies', () => {
  interface Tenancy extends Fixture {
    readonly asked: string[]
    answer: TrustedIssuer | undefined
  }

  async function tenancy(): Promise<Tenancy> {
    const asked: string[] = []
    const resolve: IssuerResolver = ({ iss = '' }) => {
      asked.push(iss)
      return tenants.answer
    }
    const tenants: Tenancy = {
      // Keys that stay fresh for a day, so that only the resolver's answer grows old.
      ...(await fixture({
        issuers: resolveIssuers(resolve),
        tokenCache: LONG_CACHE,
        keys: { refreshSeconds: 24 * HOUR },
      })),
      asked,
      answer: { issuer: ISSUER },
    }
    return tenants
  }

  test('once the resolver no longer trusts the issuer', async () => {
    const tenants = await tenancy()
    const { api, clock } = tenants
    const token = await longLived()
    expect(await codeOf(api.verify(token))).toBe('accepted')
    tenants.answer = undefined
    clock.ms += 599_999
    expect(await codeOf(api.verify(token))).toBe('accepted')
    clock.ms += 1
    expect(await codeOf(api.verify(token))).toBe('issuer_untrusted')
  })

  test('at once by invalidateAll(), which forgets the answers too', async () => {
    const tenants = await tenancy()
    const token = await longLived()
    await tenants.api.verify(token)
    tenants.answer = undefined
    await tenants.api.invalidateAll()
    expect(await codeOf(tenants.api.verify(token))).toBe('issuer_untrusted')
  })

  test('once the resolver trusts the issuer otherwise', async () => {
    const tenants = await tenancy()
    const { api, clock } = tenants
    const token = await longLived()
    await api.verify(token)
    tenants.answer = { issuer: ISSUER, clients: ['somebody-else'] }
    clock.ms += 600_000
    expect(await codeOf(api.verify(token))).toBe('client_refused')
  })

  test('not while the answer stays the same; the resolver is asked once in a while', async () => {
    const tenants = await tenancy()
    const { api, clock } = tenants
    const token = await longLived()
    for (let time = 0; time < 3; time++) await api.verify(token)
    expect(tenants.asked).toEqual([ISSUER])
    clock.ms += 600_000
    expect(await codeOf(api.verify(token))).toBe('accepted')
    expect(tenants.asked).toEqual([ISSUER, ISSUER])
  })
})

describe('verify and authenticate', () => {
  test('give the same token', async () => {
    const { api } = await fixture()
    const token = await signToken()
    expect(await api.authenticate(bearer(token))).toEqual(await api.verify(token))
  })

  test.each([
    ['illegal characters', 'abc def', 'token_malformed', 'credentials_malformed'],
    ['an empty token', '', 'token_malformed', 'credentials_malformed'],
    ['JSON serialization', '{"payload":"e30"}', 'token_malformed', 'credentials_malformed'],
    ['an opaque token', 'opaque', 'token_malformed', 'token_malformed'],
    ['a token over the bound', 'a'.repeat(16_385), 'token_too_large', 'token_too_large'],
    ['a token of just the bound', 'a'.repeat(16_384), 'token_malformed', 'token_malformed'],
  ])('with %s', async (_, token, fromVerify, fromAuthenticate) => {
    const { api } = await fixture()
    expect(await codeOf(api.verify(token))).toBe(fromVerify)
    expect(await codeOf(api.authenticate(bearer(token)))).toBe(fromAuthenticate)
  })

  test('differ on nothing else', async () => {
    const { api } = await fixture()
    for (const token of [
      await signToken(goodClaims({ iat: NOW - 90, exp: NOW - 60 })),
      await signToken(goodClaims({ aud: 'other' })),
      tampered(await signToken()),
    ]) {
      expect(await codeOf(api.verify(token))).toBe(await codeOf(api.authenticate(bearer(token))))
    }
  })

  test('authenticate takes a view with headers of every kind', async () => {
    const { api } = await fixture()
    const authorization = `Bearer ${await signToken()}`
    const view = { method: 'GET', url: 'https://api.example.com/' }
    expect(await codeOf(api.authenticate({ ...view, headers: { authorization } }))).toBe('accepted')
    expect(await codeOf(api.authenticate({ ...view, headers: { Authorization: [authorization] } }))).toBe('accepted')
    expect(await codeOf(api.authenticate({ ...view, headers: new Headers({ authorization }) }))).toBe('accepted')
    const read = (name: string) => (name === 'authorization' ? [authorization] : [])
    expect(await codeOf(api.authenticate({ ...view, headers: read }))).toBe('accepted')
  })

  test.each([
    ['nothing', undefined],
    ['null', null],
    ['a token', 'abc'],
    ['headers alone', { headers: {} }],
    ['a view without headers', { method: 'GET', url: RESOURCE }],
    ['a view whose headers are a string', { method: 'GET', url: RESOURCE, headers: 'Bearer abc' }],
    ['a view whose headers are null', { method: 'GET', url: RESOURCE, headers: null }],
  ])('authenticate refuses %s with a code', async (_, request) => {
    const { api } = await fixture()
    expect(await codeOf(api.authenticate(request as unknown as Request))).toBe('credentials_malformed')
  })

  test('a request without credentials is credentials_missing, and nothing is fetched', async () => {
    const { api, upstream } = await fixture()
    expect(await codeOf(api.authenticate(new Request('https://api.example.com/')))).toBe('credentials_missing')
    expect(upstream.calls).toEqual([])
  })

  test('a caller that gave up is told so, and the load goes on for the others', async () => {
    const { api, upstream } = await fixture()
    const token = await signToken()
    const gone = api.verify(token, { signal: AbortSignal.abort() })
    const other = api.verify(token)
    expect(await codeOf(gone)).toBe('issuer_unavailable')
    expect(await codeOf(other)).toBe('accepted')
    expect(upstream.calls.filter((url) => url.endsWith('/jwks'))).toHaveLength(1)
  })

  test('waitUntil keeps the shared load', async () => {
    const { api } = await fixture()
    const kept: Promise<unknown>[] = []
    await api.verify(await signToken(), { waitUntil: (promise) => void kept.push(promise) })
    expect(kept.length).toBeGreaterThan(0)
    await Promise.all(kept)
  })
})

describe('authorize', () => {
  test('throws the denial and returns nothing', async () => {
    const { api } = await fixture()
    const token = await api.verify(await signToken())
    expect(api.authorize(token, scope('orders:read'))).toBeUndefined()
    expect(() => api.authorize(token, scope('admin'))).toThrow(expect.objectContaining({ code: 'scope_insufficient' }))
  })

  test('comes after authentication: expired is expired, though scope is lacking too', async () => {
    const { api } = await fixture()
    const expired = await signToken(goodClaims({ iat: NOW - 90, exp: NOW - 60, scope: '' }))
    expect(await codeOf(api.authenticate(bearer(expired)))).toBe('token_expired')
  })
})

describe('ready', () => {
  test('resolves once every issuer has keys', async () => {
    const { api, upstream } = await fixture()
    await api.ready()
    const calls = upstream.calls.length
    expect(calls).toBe(2)
    await api.ready()
    expect(upstream.calls).toHaveLength(calls)
  })

  test('rejects naming the issuers that have none, and those alone', async () => {
    const down = 'https://down.example.com'
    const { api } = await fixture({ issuers: [{ issuer: ISSUER }, { issuer: down }] })
    const error: unknown = await api.ready().catch((cause: unknown) => cause)
    expect(error).toMatchObject({ code: 'issuer_unavailable', status: 503 })
    expect((error as BearwardError).detail).toContain(down)
    expect((error as BearwardError).detail).not.toContain(ISSUER)
    expect((error as BearwardError).retryAfterSeconds).toBeGreaterThanOrEqual(1)
  })

  test('resolves with stale keys', async () => {
    const { api, upstream, clock } = await fixture()
    await api.ready()
    upstream.answers.clear()
    clock.ms += HOUR * 1000
    expect(await codeOf(api.ready())).toBe('accepted')
  })

  test('recovers', async () => {
    const { api, upstream, clock } = await fixture()
    const answers = new Map(upstream.answers)
    upstream.answers.clear()
    expect(await codeOf(api.ready())).toBe('issuer_unavailable')
    for (const [url, answer] of answers) upstream.answers.set(url, answer)
    clock.ms += 60_000
    expect(await codeOf(api.ready())).toBe('accepted')
  })

  test('resolves at once where the keys were given as data', async () => {
    const jwks = { keys: [(await signingKey()).jwk] }
    const { api, upstream } = await fixture({ issuers: [{ issuer: ISSUER, jwt: { jwks } }] })
    await api.ready()
    expect(upstream.calls).toEqual([])
  })

  test('rejects once closed', async () => {
    const { api } = await fixture()
    await api.ready()
    api.close()
    expect(await codeOf(api.ready())).toBe('issuer_unavailable')
  })
})

describe('snapshot', () => {
  test('tells cold, fresh, stale and down', async () => {
    const { api, upstream, clock } = await fixture({ keys: { maxStaleSeconds: HOUR } })
    expect(api.snapshot()).toEqual([{ issuer: ISSUER, state: 'cold', keys: 0 }])
    await api.ready()
    expect(api.snapshot()).toEqual([{ issuer: ISSUER, state: 'fresh', keys: 1, freshUntilMs: NOW_MS + 600_000 }])

    upstream.answers.clear()
    clock.ms = NOW_MS + 700_000
    await api.ready()
    expect(api.snapshot()[0]).toMatchObject({ state: 'stale', keys: 1, downSinceMs: NOW_MS + 700_000 })
    expect(api.snapshot()[0]?.lastError).toContain('404')

    clock.ms = NOW_MS + HOUR * 1000
    expect(api.snapshot()[0]).toMatchObject({ state: 'down', keys: 0, downSinceMs: NOW_MS + 700_000 })
  })

  test('names every listed issuer, in order', async () => {
    const issuers = ['https://a.example.com', 'https://b.example.com'].map((issuer) => ({ issuer }))
    const { api } = await fixture({ issuers })
    expect(api.snapshot().map(({ issuer }) => issuer)).toEqual(['https://a.example.com', 'https://b.example.com'])
  })

  test('names the resolved issuers that are at hand', async () => {
    const { api } = await fixture({ issuers: resolveIssuers(({ iss = '' }) => ({ issuer: iss })) })
    expect(api.snapshot()).toEqual([])
    await api.verify(await signToken())
    expect(api.snapshot()).toMatchObject([{ issuer: ISSUER, state: 'fresh' }])
  })
})

describe('close', () => {
  test('refuses every later call, and closing twice is harmless', async () => {
    const { api, upstream } = await fixture()
    api.close()
    api.close()
    expect(await codeOf(api.verify(await signToken()))).toBe('issuer_unavailable')
    expect(upstream.calls).toEqual([])
  })

  test('asks no resolver and judges no token any more', async () => {
    const resolve = vi.fn<IssuerResolver>(() => ({ issuer: ISSUER }))
    const { api } = await fixture({ issuers: resolveIssuers(resolve) })
    expect(await codeOf(api.verify('opaque'))).toBe('token_malformed')
    expect(resolve).toHaveBeenCalledTimes(1)
    api.close()
    expect(await codeOf(api.verify('opaque'))).toBe('issuer_unavailable')
    expect(await codeOf(api.verify(await signToken()))).toBe('issuer_unavailable')
    expect(resolve).toHaveBeenCalledTimes(1)
  })

  test('ends a load that runs', async () => {
    const { api, upstream } = await fixture()
    upstream.answers.set(`${ISSUER}/jwks`, () => new Promise<Response>(() => {}))
    const running = api.verify(await signToken())
    await expect.poll(() => upstream.calls.length).toBe(2)
    api.close()
    expect(await codeOf(running)).toBe('issuer_unavailable')
  })

  test('leaves challenges and metadata, for requests that still come', async () => {
    const { api } = await fixture()
    api.close()
    const error = await api.verify(await signToken()).catch((cause: unknown) => cause)
    expect(api.challenge(error).status).toBe(503)
    expect(api.metadata().resource).toBe(RESOURCE)
  })

  test('does not let a verification that was running fill the cache', async () => {
    const { api } = await fixture()
    await api.ready()
    const running = api.verify(await signToken())
    api.close()
    await codeOf(running)
    expect(await codeOf(api.verify(await signToken()))).toBe('issuer_unavailable')
  })
})

function headersFor(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` }
}

describe('events', () => {
  test('tell of loaded keys, once', async () => {
    const { api, events } = await fixture()
    await Promise.all(Array.from({ length: 20 }, async () => api.verify(await signToken())))
    expect(events).toEqual([{ type: 'keys_loaded', issuer: ISSUER, keys: 1, from: 'issuer' }])
  })

  test('tell of each refusal by its code', async () => {
    const { api, events } = await fixture()
    await codeOf(api.verify('opaque'))
    await codeOf(api.authenticate(new Request('https://api.example.com/')))
    await codeOf(api.verify(await signToken(goodClaims({ aud: 'other' }))))
    const refused = events.filter(({ type }) => type === 'token_refused')
    expect(refused.map((event) => 'code' in event && event.code)).toEqual([
      'token_malformed',
      'credentials_missing',
      'audience_mismatch',
    ])
  })

  test('tell of keys that are passed over, and of failures', async () => {
    const { api, events, upstream } = await fixture()
    upstream.publish({ kty: 'oct', k: 'c2VjcmV0' }, (await signingKey()).jwk)
    await api.verify(await signToken())
    expect(events).toMatchObject([{ type: 'key_ignored', reason: 'key 0: it is symmetric' }, { type: 'keys_loaded' }])

    const down = await fixture()
    down.upstream.answers.clear()
    await codeOf(down.api.verify(await signToken()))
    expect(down.events).toMatchObject([
      { type: 'issuer_failed', issuer: ISSUER },
      { type: 'token_refused', code: 'issuer_unavailable' },
    ])
  })

  test.each<[string, (event: BearwardEvent) => void]>([
    [
      'throws',
      () => {
        throw new Error('broken')
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken'))],
    ['calls back', () => void Promise.resolve()],
  ])('an onEvent that %s harms nobody', async (_, onEvent) => {
    const { api } = await fixture({ onEvent })
    expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
    expect(await codeOf(api.verify('opaque'))).toBe('token_malformed')
    await new Promise((resolve) => setTimeout(resolve, 0))
  })

  test('are of known types alone', () => {
    expectTypeOf<BearwardEvent['type']>().toEqualTypeOf<
      | 'keys_loaded'
      | 'key_ignored'
      | 'issuer_failed'
      | 'metadata_stale'
      | 'introspection_failed'
      | 'introspection_stale'
      | 'tier_failed'
      | 'token_refused'
      | 'operation_denied'
    >()
  })
})

/** All that an error says: its own members, its stack and its causes. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return JSON.stringify(error) ?? ''
  return [
    error.name,
    error.message,
    (error as Partial<BearwardError>).detail,
    error.stack,
    JSON.stringify(error),
    textOf(error.cause),
  ].join('\n')
}

test('what callers in plain JavaScript may give is answered or refused by name, with no raw error', async () => {
  const { api } = await fixture({ form: true })
  const token = await signToken()
  await expect(api.invalidate(undefined as unknown as string)).resolves.toBeUndefined()
  expect(await codeOf(api.verify(token, null as unknown as undefined))).toBe('accepted')
  expect(api.challenge(new BearwardError('credentials_missing', ''), null as unknown as undefined).status).toBe(401)
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  for (const form of [undefined, {}, { getAll: 7 }]) {
    const view = { method: 'POST', url: RESOURCE, headers, form: async () => form as unknown as URLSearchParams }
    expect(await codeOf(api.authenticate(view))).toBe('credentials_malformed')
  }
  const many = { method: 'GET', url: RESOURCE, headers: { authorization: Array<string>(300_000).fill('Bearer a') } }
  expect(await codeOf(api.authenticate(many))).toBe('credentials_ambiguous')
})

describe('nothing sensitive leaves', () => {
  const evil = `evil\r\nX-Evil: 1\u001b[31m"\\`

  async function badTokens(): Promise<string[]> {
    const good = await signToken()
    const [header, payload, signature] = good.split('.') as [string, string, string]
    return [
      tampered(good),
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `${good}=`,
      `${good} ${good}`,
      `${header}.${base64url('{"a":1,"a":2}')}.${signature}`,
      `${header}.a.${payload}.b.${signature}`,
      `{"payload":"${payload}","signature":"${signature}"}`,
      good.repeat(60),
      await signToken(goodClaims(), { typ: 'JWT' }),
      await signToken(goodClaims(), { typ: evil }),
      await signToken(goodClaims(), { kid: evil }),
      await signToken(goodClaims({ iss: evil })),
      await signToken(goodClaims({ aud: evil })),
      await signToken(goodClaims({ aud: undefined })),
      await signToken(goodClaims({ sub: 7 })),
      await signToken(goodClaims({ scope: { secret: 1 } })),
      await signToken(goodClaims({ exp: NOW - 60, iat: NOW - 90 })),
      await signToken(goodClaims({ nbf: NOW + 60 })),
      await signToken(goodClaims({ cnf: { jkt: 'thumbprint-of-a-key' } })),
      await signToken(goodClaims(), {}, await signingKey('ES256', 'stranger')),
      `${base64url(JSON.stringify({ alg: evil, typ: 'at+jwt' }))}.${payload}.${signature}`,
    ]
  }

  test('neither a token nor a part of one, in no error, event, header or body', async () => {
    const { api, events } = await fixture({ issuers: [{ issuer: ISSUER, clients: ['client-1'] }] })
    for (const token of await badTokens()) {
      events.length = 0
      const headers = headersFor(token)
      const calls = [() => api.verify(token), () => api.authenticate({ method: 'GET', url: RESOURCE, headers })]
      for (const call of calls) {
        const error: unknown = await call().then(
          () => undefined,
          (cause: unknown) => cause,
        )
        expect(error).toBeInstanceOf(BearwardError)
        const said = `${textOf(error)}\n${JSON.stringify(events)}\n${JSON.stringify(api.challenge(error))}`
        for (const part of token.split(/[^\w-]+/).filter((each) => each.length > 15)) expect(said).not.toContain(part)
        expect(said).not.toContain('thumbprint-of-a-key')
      }
    }
  })

  test('no unescaped bytes of a caller, in no message, event, header or body', async () => {
    const { api, events } = await fixture()
    for (const token of await badTokens()) {
      const error = (await api.verify(token).catch((cause: unknown) => cause)) as BearwardError
      for (const { detail } of [error, ...events.filter((event) => event.type === 'token_refused')]) {
        // Printable ASCII, and the punctuation of bearward's own sentences.
        expect(detail).toMatch(/^[\x20-\x7e…→≥−§]*$/)
      }
      const { headers, body } = api.challenge(error)
      expect(Object.values(headers).join('')).toMatch(/^[\x20-\x7e]*$/)
      expect(JSON.stringify(body)).not.toContain('evil')
    }
  })
})

test('a server without a schema gives plain JSON claims', () => {
  expectTypeOf(
    createResourceServer({ resource: RESOURCE, issuers: [{ issuer: ISSUER }] }),
  ).toEqualTypeOf<ResourceServer>()
})
