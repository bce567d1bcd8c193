// surrealdb/docs.surrealdb.com#1927, modelcontextprotocol/typescript-sdk#2783: the address of RFC 8414 answers with a login
// page, an error with status 200 or a refusal, and that of OpenID has the metadata. RFC 8414 §3.3 forbids the use of a
// document that names another issuer, §5 lets a client ask at both addresses.
import { expect, test } from 'vitest'
import { type FakeUpstream, openidUpstream, signingKey, signToken, goodClaims, wellKnown } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'

const TENANT = 'https://id.example.com/tenant'

/** What a token gets whose issuer answers like this at the first address. */
async function outcomeOf(answer: () => Response): Promise<{ readonly code: unknown; readonly upstream: FakeUpstream }> {
  const upstream = openidUpstream(TENANT, (await signingKey()).jwk)
  upstream.answers.set(wellKnown(TENANT).oauth, answer)
  const { api } = await fixture({ issuers: [{ issuer: TENANT }], fetch: upstream.fetch })
  return { code: await codeOf(api.verify(await signToken(goodClaims({ iss: TENANT })))), upstream }
}

const json = (body: unknown, status = 200): Response => Response.json(body, { status })

test.each<[string, () => Response]>([
  ['400', () => json({ error: 'invalid_request' }, 400)],
  ['401', () => new Response('no', { status: 401 })],
  ['403', () => new Response('blocked', { status: 403 })],
  ['405', () => new Response('', { status: 405 })],
  ['410', () => new Response('', { status: 410 })],
  ['a redirect to a login page', () => new Response(null, { status: 302, headers: { location: '/login' } })],
  ['an HTML page', () => new Response('<!doctype html>', { headers: { 'content-type': 'text/html; charset=utf-8' } })],
  ['something without a type', () => new Response(new Uint8Array([60, 33]))],
  ['an error with status 200', () => json({ error: 'not_found' })],
  ['another issuer’s metadata', () => json({ issuer: 'https://evil.example', jwks_uri: 'https://evil.example/jwks' })],
  ['a template', () => json({ issuer: 'https://id.example.com/{tenant}', jwks_uri: `${TENANT}/jwks` })],
])('goes on to the second address after %s', async (_, answer) => {
  const { code, upstream } = await outcomeOf(answer)
  expect(code).toBe('accepted')
  const { oauth, openid } = wellKnown(TENANT)
  expect(upstream.calls).toEqual([oauth, openid, `${TENANT}/jwks`])
})

test.each([500, 501, 503, 429])('takes %i for an outage, and asks at no second address', async (status) => {
  const { code, upstream } = await outcomeOf(() => json({ error: 'internal' }, status))
  expect(code).toBe('issuer_unavailable')
  expect(upstream.calls).toEqual([wellKnown(TENANT).oauth])
})

test('asks at no second address after the issuer’s own metadata', async () => {
  const { code, upstream } = await outcomeOf(() => json({ issuer: TENANT, jwks_uri: `${TENANT}/jwks` }))
  expect(code).toBe('accepted')
  expect(upstream.calls).toEqual([wellKnown(TENANT).oauth, `${TENANT}/jwks`])
})
