import { describe, expect, test, vi } from 'vitest'
import { introspect } from '../../../../src/entry-points/index.ts'
import { createMetadataCache, type MetadataCache } from '../../../../src/stages/issuer/metadata.ts'
import { parseIssuer } from '../../../../src/options/issuer.ts'
import {
  type FakeUpstream,
  fakeUpstream,
  goodClaims,
  ISSUER,
  NOW,
  NOW_MS,
  signingKey,
  signToken,
} from '../../../fixture/issuer.ts'
import { codeOf, fixture } from '../../../fixture/server.ts'

const OAUTH = `${ISSUER}/.well-known/oauth-authorization-server`
const OPENID = `${ISSUER}/.well-known/openid-configuration`
const HOUR_MS = 3_600_000

interface Bench {
  readonly source: MetadataCache
  readonly upstream: FakeUpstream
  readonly clock: { ms: number }
  readonly stale: unknown[]
}

/** A metadata source whose upstream has nothing yet. */
function bench(issuer: Record<string, unknown> = {}): Bench {
  const upstream = fakeUpstream()
  upstream.answers.clear()
  const clock = { ms: NOW_MS }
  const stale: unknown[] = []
  const parsed = parseIssuer({ issuer: ISSUER, ...issuer }, 'issuers[0]', { audience: new Set('a'), insecureHosts: [] })
  const source = createMetadataCache(parsed, {
    tiers: undefined,
    fetch: upstream.fetch,
    insecureHosts: [],
    loopback: true,
    timeoutMs: 5_000,
    maxStaleMs: 24 * HOUR_MS,
    now: () => clock.ms,
    onStale: (fault) => stale.push(fault),
  })
  return { source, upstream, clock, stale }
}

function answer(issuer: unknown = ISSUER, more: Record<string, unknown> = {}): () => Response {
  return () => Response.json({ issuer, jwks_uri: `${ISSUER}/jwks`, ...more })
}

function json(body: string): Response {
  return new Response(body, { headers: { 'content-type': 'application/json' } })
}

function brokenBody(): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('{"error":'))
      controller.error(new Error('ECONNRESET'))
    },
  })
}

function longLived() {
  return goodClaims({ exp: NOW + 86_400 })
}

describe('where it is looked for', () => {
  test.each([
    [
      'https://login.example.com',
      'https://login.example.com/.well-known/oauth-authorization-server',
      'https://login.example.com/.well-known/openid-configuration',
    ],
    [
      'https://login.example.com/',
      'https://login.example.com/.well-known/oauth-authorization-server',
      'https://login.example.com/.well-known/openid-configuration',
    ],
    [
      'https://login.example.com/tenant-1',
      'https://login.example.com/.well-known/oauth-authorization-server/tenant-1',
      'https://login.example.com/tenant-1/.well-known/openid-configuration',
    ],
    [
      'https://login.example.com/realms/one/',
      'https://login.example.com/.well-known/oauth-authorization-server/realms/one',
      'https://login.example.com/realms/one/.well-known/openid-configuration',
    ],
    [
      'https://login.example.com:8443/v2.0',
      'https://login.example.com:8443/.well-known/oauth-authorization-server/v2.0',
      'https://login.example.com:8443/v2.0/.well-known/openid-configuration',
    ],
    [
      'http://127.0.0.1:4000/a%20b',
      'http://127.0.0.1:4000/.well-known/oauth-authorization-server/a%20b',
      'http://127.0.0.1:4000/a%20b/.well-known/openid-configuration',
    ],
  ])('%s: in the form of RFC 8414, then in that of OpenID', async (issuer, oauth, openid) => {
    const { source, upstream } = bench({ issuer })
    upstream.answers.set(openid, answer(issuer))
    expect((await source.get({}))['issuer']).toBe(issuer)
    expect(upstream.calls).toEqual([oauth, openid])
  })

  test('the second form is not asked where the first answers', async () => {
    const { source, upstream } = bench()
    upstream.answers.set(OAUTH, answer())
    upstream.answers.set(OPENID, answer())
    await source.get({})
    expect(upstream.calls).toEqual([OAUTH])
  })

  test('where neither is there, both are named', async () => {
    const { source, upstream } = bench()
    await expect(source.get({})).rejects.toThrow(/oauth-authorization-server.*404.*openid-configuration.*404/)
    expect(upstream.calls).toEqual([OAUTH, OPENID])
  })

  test('the address that answered is asked first from then on', async () => {
    const { source, upstream, clock } = bench()
    upstream.answers.set(OPENID, answer())
    await source.get({})
    upstream.calls.length = 0
    clock.ms += 2 * HOUR_MS
    await source.get({})
    expect(upstream.calls).toEqual([OPENID])
  })

  test('when the remembered address is gone, the other is asked again', async () => {
    const { source, upstream } = bench()
    upstream.answers.set(OPENID, answer())
    await source.get({})
    upstream.answers.delete(OPENID)
    upstream.answers.set(OAUTH, answer(ISSUER, { jwks_uri: `${ISSUER}/moved` }))
    upstream.calls.length = 0
    source.markOutdated()
    expect((await source.getUpdated({}))['jwks_uri']).toBe(`${ISSUER}/moved`)
    expect(upstream.calls).toEqual([OPENID, OAUTH])
  })
})

describe('the second form is asked', () => {
  test.each<[string, () => Response]>([
    ['400', () => new Response('', { status: 400 })],
    ['401', () => new Response('', { status: 401 })],
    ['403', () => new Response('', { status: 403 })],
    ['404', () => new Response('', { status: 404 })],
    ['a redirect', () => new Response(null, { status: 302, headers: { location: '/login' } })],
    ['a page with status 200', () => new Response('<html>', { headers: { 'content-type': 'text/html' } })],
    ['a page that calls itself JSON', () => json('<html>')],
    ['invalid JSON', () => json('{')],
    ['an empty body', () => json('')],
    ['JSON that is no object', () => Response.json([])],
    ['an empty object', () => Response.json({})],
    ['an error in JSON with status 200', () => Response.json({ error: 'not_found' })],
    ['another issuer', answer('https://evil.example')],
    ['the issuer with a slash', answer(`${ISSUER}/`)],
    ['a document whose issuer is null', answer(null)],
  ])('after %s', async (_, first) => {
    const { source, upstream } = bench()
    upstream.answers.set(OAUTH, first)
    upstream.answers.set(OPENID, answer(ISSUER, { jwks_uri: `${ISSUER}/second` }))
    expect((await source.get({}))['jwks_uri']).toBe(`${ISSUER}/second`)
    expect(upstream.calls).toEqual([OAUTH, OPENID])
  })

  test('not after this issuer’s document, however little it says', async () => {
    const { source, upstream } = bench()
    upstream.answers.set(OAUTH, () => Response.json({ issuer: ISSUER }))
    upstream.answers.set(OPENID, answer())
    expect(await source.get({})).toEqual({ issuer: ISSUER })
    expect(upstream.calls).toEqual([OAUTH])
  })

  test('but what it says is used no more than what the first one said', async () => {
    const { source, upstream } = bench()
    upstream.answers.set(OAUTH, answer('https://evil.example'))
    upstream.answers.set(OPENID, answer(`${ISSUER}/`))
    await expect(source.get({})).rejects.toThrow(/"https:\/\/evil\.example".*"https:\/\/login\.example\.com\/"/)
    expect(upstream.calls).toEqual([OAUTH, OPENID])
  })

  test.each<[string, () => Response | Promise<Response>]>([
    ['a network failure', () => Promise.reject(new TypeError('fetch failed'))],
    ['429', () => new Response('', { status: 429 })],
    ['500', () => new Response('', { status: 500 })],
    ['503', () => new Response('', { status: 503 })],
    ['a body that breaks off', () => new Response(brokenBody(), { headers: { 'content-type': 'application/json' } })],
    ['more than is read', () => json(`{"error":"${'x'.repeat(512 * 1024)}"}`)],
  ])('but not after %s', async (_, first) => {
    const { source, upstream } = bench()
    upstream.answers.set(OAUTH, first)
    upstream.answers.set(OPENID, answer())
    await expect(source.get({})).rejects.toThrow()
    expect(upstream.calls).toEqual([OAUTH])
  })
})

describe('the issuer in it', () => {
  test.each([
    'https://evil.example',
    `${ISSUER}/`,
    `${ISSUER}/tenant`,
    ISSUER.toUpperCase(),
    'https://LOGIN.example.com',
    'http://login.example.com',
    'https://login.example.com:443',
    'https://login.exаmple.com',
    ` ${ISSUER}`,
    '',
    undefined,
    null,
    [ISSUER],
    { issuer: ISSUER },
  ])('must be the configured one, not %j', async (issuer) => {
    const { source, upstream } = bench()
    upstream.answers.set(OAUTH, () => Response.json({ issuer, jwks_uri: `${ISSUER}/jwks` }))
    await expect(source.get({})).rejects.toThrow('expected exactly "https://login.example.com"')
  })

  test('its accepted twin is identical', async () => {
    const { source, upstream } = bench()
    upstream.answers.set(OAUTH, answer(ISSUER))
    expect((await source.get({}))['issuer']).toBe(ISSUER)
  })

  test('that is wrong is the issuer’s fault and never the caller’s', async () => {
    const { api, upstream } = await fixture()
    upstream.answers.set(OAUTH, answer('https://evil.example'))
    expect(await codeOf(api.verify(await signToken()))).toBe('issuer_unavailable')
  })
})

describe('an explicit address', () => {
  const url = 'https://elsewhere.example/metadata.json'

  test('is the only one asked', async () => {
    const { source, upstream } = bench({ metadata: { url } })
    upstream.answers.set(url, answer())
    await source.get({})
    expect(upstream.calls).toEqual([url])
  })

  test('has no alternative', async () => {
    const { source, upstream } = bench({ metadata: { url } })
    upstream.answers.set(OAUTH, answer())
    await expect(source.get({})).rejects.toThrow('404')
    expect(upstream.calls).toEqual([url])
  })

  test('is not excused from naming the issuer', async () => {
    const { source, upstream } = bench({ metadata: { url } })
    upstream.answers.set(url, answer('https://elsewhere.example'))
    await expect(source.get({})).rejects.toThrow('expected exactly')
  })

  test('serves an issuer whose identifier is no URL', async () => {
    const { source, upstream } = bench({ issuer: 'accounts.example.com', metadata: { url } })
    upstream.answers.set(url, answer('accounts.example.com'))
    expect((await source.get({}))['issuer']).toBe('accounts.example.com')
  })
})

describe('metadata as data', () => {
  test('is not asked for', async () => {
    const { source, upstream } = bench({ metadata: { issuer: ISSUER, jwks_uri: `${ISSUER}/jwks` } })
    expect((await source.get({}))['jwks_uri']).toBe(`${ISSUER}/jwks`)
    expect(upstream.calls).toEqual([])
  })

  test('leads to keys that are fetched', async () => {
    const { api, upstream } = await fixture({
      issuers: [{ issuer: ISSUER, metadata: { issuer: ISSUER, jwks_uri: `${ISSUER}/jwks` } }],
    })
    expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
    expect(upstream.calls).toEqual([`${ISSUER}/jwks`])
  })
})

describe('age', () => {
  test('is fetched once an hour', async () => {
    const { source, upstream, clock } = bench()
    upstream.answers.set(OAUTH, answer())
    await source.get({})
    clock.ms += HOUR_MS - 1
    await source.get({})
    expect(upstream.calls).toHaveLength(1)
    clock.ms += 1
    await source.get({})
    expect(upstream.calls).toHaveLength(2)
  })

  test('concurrent callers share one fetch', async () => {
    const { source, upstream } = bench()
    upstream.answers.set(OAUTH, answer())
    await Promise.all(Array.from({ length: 100 }, () => source.get({})))
    expect(upstream.calls).toHaveLength(1)
  })

  test('a clock set back asks again', async () => {
    const { source, upstream, clock } = bench()
    upstream.answers.set(OAUTH, answer())
    await source.get({})
    clock.ms -= 10 * HOUR_MS
    await source.get({})
    expect(upstream.calls).toHaveLength(2)
    await source.get({})
    expect(upstream.calls).toHaveLength(2)
  })

  test('a clock set back does not let metadata serve for ever while its endpoint fails', async () => {
    const { source, upstream, clock } = bench()
    upstream.answers.set(OAUTH, answer())
    await source.get({})
    upstream.answers.set(OAUTH, () => new Response('', { status: 503 }))
    clock.ms -= 10 * 365 * 24 * HOUR_MS
    expect((await source.get({}))['issuer']).toBe(ISSUER)
    clock.ms += 23 * HOUR_MS - 1
    expect((await source.get({}))['issuer']).toBe(ISSUER)
    clock.ms += 1
    await expect(source.get({})).rejects.toThrow('status 503')
  })

  test('old metadata serves on while its endpoint fails, and that is told', async () => {
    const { source, upstream, clock, stale } = bench()
    upstream.answers.set(OAUTH, answer())
    await source.get({})
    upstream.answers.set(OAUTH, () => new Response('', { status: 503 }))
    clock.ms += 2 * HOUR_MS
    expect((await source.get({}))['issuer']).toBe(ISSUER)
    await vi.waitFor(() => expect(stale).toHaveLength(1))
    clock.ms += 22 * HOUR_MS
    await expect(source.get({})).rejects.toThrow('503')
  })

  test('old metadata serves on when its endpoint begins to lie', async () => {
    const { source, upstream, clock } = bench()
    upstream.answers.set(OAUTH, answer())
    await source.get({})
    upstream.answers.set(OAUTH, answer('https://evil.example', { jwks_uri: 'https://evil.example/jwks' }))
    clock.ms += 2 * HOUR_MS
    expect((await source.get({}))['jwks_uri']).toBe(`${ISSUER}/jwks`)
  })

  test('never read metadata cannot serve', async () => {
    const { source, upstream } = bench()
    upstream.answers.set(OAUTH, () => new Response('', { status: 503 }))
    await expect(source.get({})).rejects.toThrow('503')
    await expect(source.get({})).rejects.toThrow('503')
    expect(upstream.calls).toHaveLength(2)
  })

  test('in doubt it is asked again, once', async () => {
    const { source, upstream } = bench()
    upstream.answers.set(OAUTH, answer())
    await source.get({})
    source.markOutdated()
    await source.get({})
    await source.get({})
    expect(upstream.calls).toHaveLength(2)
  })
})

describe('the address of the keys', () => {
  test.each([
    undefined,
    null,
    1,
    [`${ISSUER}/jwks`],
    '',
    '/jwks',
    'http://login.example.com/jwks',
    'file:///etc/passwd',
    'http://169.254.169.254/keys',
  ])('%j leads nowhere and is the issuer’s fault', async (uri) => {
    const { api, upstream } = await fixture()
    upstream.answers.set(OAUTH, answer(ISSUER, { jwks_uri: uri }))
    expect(await codeOf(api.verify(await signToken()))).toBe('issuer_unavailable')
    expect(upstream.calls).toEqual([OAUTH])
  })

  test('that moved is found after one load of keys failed', async () => {
    const { api, upstream, clock } = await fixture()
    const token = await signToken()
    expect(await codeOf(api.verify(token))).toBe('accepted')

    const rotated = await signingKey('ES256', 'rotated')
    upstream.answers.delete(`${ISSUER}/jwks`)
    upstream.answers.set(OAUTH, answer(ISSUER, { jwks_uri: `${ISSUER}/v2/jwks` }))
    upstream.answers.set(`${ISSUER}/v2/jwks`, () => Response.json({ keys: [rotated.jwk] }))
    const newToken = await signToken(undefined, {}, rotated)
    expect(await codeOf(api.verify(newToken))).toBe('issuer_unavailable')
    clock.ms += 1_000
    expect(await codeOf(api.verify(newToken))).toBe('accepted')
    expect(await codeOf(api.verify(token))).toBe('key_unknown')
  })

  test('that moved is found after one load brought an empty set', async () => {
    const { api, upstream, clock } = await fixture()
    expect(await codeOf(api.verify(await signToken()))).toBe('accepted')

    const rotated = await signingKey('ES256', 'rotated')
    upstream.publish()
    upstream.answers.set(OAUTH, answer(ISSUER, { jwks_uri: `${ISSUER}/v2/jwks` }))
    upstream.answers.set(`${ISSUER}/v2/jwks`, () => Response.json({ keys: [rotated.jwk] }))
    const newToken = await signToken(undefined, {}, rotated)
    expect(await codeOf(api.verify(newToken))).toBe('issuer_unavailable')
    clock.ms += 1_000
    expect(await codeOf(api.verify(newToken))).toBe('accepted')
  })

  test('old metadata leads to the keys while its own endpoint fails', async () => {
    const { api, upstream, clock, events } = await fixture()
    expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
    const rotated = await signingKey('ES256', 'rotated')
    upstream.answers.set(OAUTH, () => new Response('', { status: 503 }))
    upstream.publish(rotated.jwk)
    clock.ms += 2 * HOUR_MS
    const token = await signToken(longLived(), {}, rotated)
    expect(await codeOf(api.verify(token))).toBe('accepted')
    expect(events.filter(({ type }) => type === 'metadata_stale')).toHaveLength(1)
  })

  test('old metadata leads to the keys while its own endpoint hangs', async () => {
    const { api, upstream, clock } = await fixture({ keys: { timeoutMs: 300 } })
    expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
    const rotated = await signingKey('ES256', 'rotated')
    upstream.answers.set(OAUTH, () => new Promise(() => {}))
    upstream.publish(rotated.jwk)
    clock.ms += 2 * HOUR_MS
    const token = await signToken(longLived(), {}, rotated)
    const outcomes: unknown[] = []
    for (let round = 0; round < 4 && !outcomes.includes('accepted'); round++) {
      outcomes.push(await codeOf(api.verify(token)))
      clock.ms += 30_000
      // Lets the question that hung end as well, so that the next round asks anew.
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    expect(outcomes).toContain('accepted')
  })
})

describe('what is kept of a document', () => {
  test('is what is used, as it came', async () => {
    const { source, upstream } = bench({ introspection: introspect({ auth: 'none' }) })
    const used = {
      jwks_uri: `${ISSUER}/keys`,
      introspection_endpoint: `${ISSUER}/introspect`,
      mtls_endpoint_aliases: { introspection_endpoint: 'https://mtls.example.com/introspect' },
    }
    const junk = { scopes_supported: ['a', 'b'], junk: [{}, {}, {}] }
    const aliases = { ...used.mtls_endpoint_aliases, token_endpoint: 'https://mtls.example.com/token', junk }
    upstream.answers.set(OAUTH, answer(ISSUER, { ...junk, ...used, mtls_endpoint_aliases: aliases }))
    expect(await source.get({})).toEqual({ issuer: ISSUER, ...used })
  })

  test('names no endpoint that nobody asks', async () => {
    const { source, upstream } = bench()
    const endpoints = { introspection_endpoint: `${ISSUER}/introspect`, token_endpoint: `${ISSUER}/token` }
    upstream.answers.set(OAUTH, answer(ISSUER, { ...endpoints, mtls_endpoint_aliases: endpoints }))
    expect(await source.get({})).toEqual({ issuer: ISSUER, jwks_uri: `${ISSUER}/jwks`, mtls_endpoint_aliases: {} })
  })

  test.each<[string, unknown, unknown]>([
    ['an address of 4,096 characters', `https://a/${'x'.repeat(4_086)}`, `https://a/${'x'.repeat(4_086)}`],
    ['an address of 4,097 characters', `https://a/${'x'.repeat(4_087)}`, undefined],
    ['an array', [{}, {}], []],
    ['an object', { a: {} }, {}],
    ['a number', 1, 1],
    ['null', null, null],
  ])('of %s where an address belongs, no more than its kind', async (_, came, kept) => {
    const { source, upstream } = bench({ introspection: introspect({ auth: 'none' }) })
    upstream.answers.set(OAUTH, answer(ISSUER, { introspection_endpoint: came }))
    expect((await source.get({}))['introspection_endpoint']).toEqual(kept)
  })
})
