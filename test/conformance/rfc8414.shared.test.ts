import { describe, expect, test } from 'vitest'
import { createResourceServer, type ResourceServer, type TrustedIssuer } from '../../src/entry-points/index.ts'
import {
  fakeUpstream,
  type FakeUpstream,
  goodClaims,
  ISSUER,
  NOW_MS,
  RESOURCE,
  signingKey,
  signToken,
} from '../fixture/issuer.ts'
import { codeOf } from '../fixture/server.ts'

/** An issuer that answers at these well-known addresses alone. */
async function issuerAt(
  issuer: string,
  metadata: Record<string, (() => Response) | Record<string, unknown>>,
  trusted: Omit<TrustedIssuer, 'issuer'> = {},
): Promise<{ api: ResourceServer; upstream: FakeUpstream; outcome: () => Promise<unknown> }> {
  const { jwk } = await signingKey()
  const upstream = fakeUpstream(issuer, jwk)
  for (const url of upstream.answers.keys()) if (url.includes('/.well-known/')) upstream.answers.delete(url)
  for (const [url, answer] of Object.entries(metadata)) {
    upstream.answers.set(url, typeof answer === 'function' ? answer : () => Response.json(answer))
  }
  const api = createResourceServer({
    resource: RESOURCE,
    issuers: [{ issuer, ...trusted }],
    fetch: upstream.fetch,
    now: () => NOW_MS,
  })
  const token = await signToken(goodClaims({ iss: issuer }))
  return { api, upstream, outcome: () => codeOf(api.verify(token)) }
}

function metadataOf(issuer: string): Record<string, unknown> {
  return { issuer, jwks_uri: `${issuer.replace(/\/$/, '')}/jwks`, token_endpoint: `${issuer}/token` }
}

const OAUTH = `${ISSUER}/.well-known/oauth-authorization-server`
const OPENID = `${ISSUER}/.well-known/openid-configuration`

describe('RFC 8414 §3, where the metadata is', () => {
  test.each([
    ['https://login.example.com', 'https://login.example.com/.well-known/oauth-authorization-server'],
    ['https://login.example.com/', 'https://login.example.com/.well-known/oauth-authorization-server'],
    ['https://login.example.com/tenant', 'https://login.example.com/.well-known/oauth-authorization-server/tenant'],
    ['https://login.example.com/a/b/', 'https://login.example.com/.well-known/oauth-authorization-server/a/b'],
    ['https://login.example.com:8443/t', 'https://login.example.com:8443/.well-known/oauth-authorization-server/t'],
  ])('§3.1: for issuer %s asks %s first', async (issuer, url) => {
    const { upstream, outcome } = await issuerAt(issuer, { [url]: metadataOf(issuer) })
    expect(await outcome()).toBe('accepted')
    expect(upstream.calls).toEqual([url, `${issuer.replace(/\/$/, '')}/jwks`])
  })

  test.each([
    ['https://login.example.com', 'https://login.example.com/.well-known/openid-configuration'],
    ['https://login.example.com/tenant', 'https://login.example.com/tenant/.well-known/openid-configuration'],
    ['https://login.example.com/tenant/', 'https://login.example.com/tenant/.well-known/openid-configuration'],
  ])('OpenID Discovery §4.1: for issuer %s asks %s second', async (issuer, url) => {
    const { upstream, outcome } = await issuerAt(issuer, { [url]: metadataOf(issuer) })
    expect(await outcome()).toBe('accepted')
    expect(upstream.calls[1]).toBe(url)
  })

  test('§3.2: asks the second address after an answer that is not this issuer’s document', async () => {
    const notHere = [
      () => new Response('', { status: 404 }),
      () => new Response('', { status: 403 }),
      () => new Response(null, { status: 302, headers: { Location: 'https://login.example.com/login' } }),
      () => new Response('<html>Sign in</html>', { headers: { 'Content-Type': 'text/html' } }),
      () => Response.json({ error: 'not_found' }),
      () => Response.json({ ...metadataOf('https://evil.example.com'), jwks_uri: 'https://evil.example.com/jwks' }),
    ]
    for (const answer of notHere) {
      const { upstream, outcome } = await issuerAt(ISSUER, { [OAUTH]: answer, [OPENID]: metadataOf(ISSUER) })
      expect(await outcome()).toBe('accepted')
      expect(upstream.calls.slice(0, 2)).toEqual([OAUTH, OPENID])
    }
  })

  test('§3.2: asks no second address after an outage', async () => {
    const outages = [
      () => new Response('', { status: 500 }),
      () => new Response('', { status: 429 }),
      (): Response => {
        throw new TypeError('connection refused')
      },
    ]
    for (const answer of outages) {
      const { upstream, outcome } = await issuerAt(ISSUER, { [OAUTH]: answer, [OPENID]: metadataOf(ISSUER) })
      expect(await outcome()).toBe('issuer_unavailable')
      expect(upstream.calls).toEqual([OAUTH])
    }
  })

  test('§3: takes the metadata from a URL that is configured', async () => {
    const url = 'https://metadata.example.com/login'
    const { upstream, outcome } = await issuerAt(ISSUER, { [url]: metadataOf(ISSUER) }, { metadata: { url } })
    expect(await outcome()).toBe('accepted')
    expect(upstream.calls).toEqual([url, `${ISSUER}/jwks`])
  })

  test('§3: takes the metadata as data', async () => {
    const metadata = { ...metadataOf(ISSUER), issuer: ISSUER }
    const { upstream, outcome } = await issuerAt(ISSUER, {}, { metadata })
    expect(await outcome()).toBe('accepted')
    expect(upstream.calls).toEqual([`${ISSUER}/jwks`])
  })
})

describe('RFC 8414 §3.2 and §3.3, what the metadata says', () => {
  test.each([
    ['another issuer', { issuer: 'https://evil.example.com' }],
    ['the issuer with a trailing slash', { issuer: `${ISSUER}/` }],
    ['the issuer in capitals', { issuer: ISSUER.toUpperCase() }],
    ['a list of issuers', { issuer: [ISSUER] }],
    ['no issuer', { issuer: undefined }],
  ])('§3.3: metadata that names %s is the issuer’s fault, and none of its keys is used', async (_, changes) => {
    for (const url of [OAUTH, OPENID]) {
      const good = await issuerAt(ISSUER, { [url]: metadataOf(ISSUER) })
      const bad = await issuerAt(ISSUER, { [url]: { ...metadataOf(ISSUER), ...changes } })
      expect(await good.outcome()).toBe('accepted')
      expect(await bad.outcome()).toBe('issuer_unavailable')
      expect(bad.upstream.calls).not.toContain(`${ISSUER}/jwks`)
    }
  })

  test('§3.3: metadata given as data is compared at creation', () => {
    expect(() =>
      createResourceServer({
        resource: RESOURCE,
        issuers: [{ issuer: ISSUER, metadata: { issuer: `${ISSUER}/`, jwks_uri: `${ISSUER}/jwks` } }],
      }),
    ).toThrow(expect.objectContaining({ code: 'configuration_invalid' }))
  })

  test.each([
    ['HTML', () => new Response(JSON.stringify(metadataOf(ISSUER)), { headers: { 'Content-Type': 'text/html' } })],
    ['no JSON', () => new Response('{', { headers: { 'Content-Type': 'application/json' } })],
    ['an array', () => Response.json([metadataOf(ISSUER)])],
    ['null', () => Response.json(null)],
    ['600 KiB', () => Response.json({ ...metadataOf(ISSUER), filler: 'x'.repeat(600 * 1024) })],
    ['a status other than 200', () => Response.json(metadataOf(ISSUER), { status: 203 })],
  ])('§3.2: an answer of %s is refused as the issuer’s fault', async (_, answer) => {
    const { outcome } = await issuerAt(ISSUER, { [OAUTH]: answer, [OPENID]: answer })
    expect(await outcome()).toBe('issuer_unavailable')
  })

  test('§3.2: a content type with parameters is JSON too', async () => {
    const headers = { 'Content-Type': 'Application/JSON; charset=utf-8' }
    const { outcome } = await issuerAt(ISSUER, {
      [OAUTH]: () => new Response(JSON.stringify(metadataOf(ISSUER)), { headers }),
    })
    expect(await outcome()).toBe('accepted')
  })

  test.each([
    ['missing', undefined],
    ['a number', 1],
    ['http off loopback', 'http://login.example.com/jwks'],
    ['another scheme', 'data:application/json,{"keys":[]}'],
    ['relative', '/jwks'],
  ])('§2: a `jwks_uri` that is %s is not asked', async (_, jwksUri) => {
    const { upstream, outcome } = await issuerAt(ISSUER, { [OAUTH]: { ...metadataOf(ISSUER), jwks_uri: jwksUri } })
    expect(await outcome()).toBe('issuer_unavailable')
    expect(upstream.calls).toEqual([OAUTH])
  })

  test('§2: an issuer must be an https URL without query and fragment, http only on loopback', () => {
    for (const issuer of ['http://127.0.0.1:3000', 'http://localhost:3000', 'http://[::1]:3000', ISSUER]) {
      expect(() => createResourceServer({ resource: RESOURCE, issuers: [{ issuer }] })).not.toThrow()
    }
    for (const issuer of ['http://login.example.com', `${ISSUER}?a=b`, `${ISSUER}#a`, 'ftp://login.example.com']) {
      expect(() => createResourceServer({ resource: RESOURCE, issuers: [{ issuer }] })).toThrow(
        expect.objectContaining({ code: 'configuration_invalid' }),
      )
    }
  })
})
