// envoyproxy/envoy#4912: Cloud Foundry's UAA puts a `jku` into headers and an array into `scope`, has an issuer with a path, and
// redirects every unknown path to a log-in page. RFC 8725 §3.10: an address in a token is never asked; RFC 8414 §3.1: the
// well-known part stands before the path, so that OpenID's address must get its turn.
import { expect, test } from 'vitest'
import { NOW, openidUpstream, signingKey, type SigningKey, signToken, wellKnown } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'

const UAA = 'https://uaa.example.com/oauth/token'
const KID = 'legacy-token-key'

async function uaa() {
  const key = await signingKey('RS256', KID)
  const upstream = openidUpstream(UAA, { ...key.jwk, value: '-----BEGIN PUBLIC KEY-----' })
  upstream.answers.set(wellKnown(UAA).oauth, () => new Response(null, { status: 302, headers: { location: '/login' } }))
  const issuers = [{ issuer: UAA, audience: 'northwind', jwt: { profile: 'compatible' } }] as const
  const { api } = await fixture({ issuers, fetch: upstream.fetch })
  return { api, upstream, key }
}

function token(key: SigningKey, jku: string): Promise<string> {
  const claims = {
    iss: UAA,
    aud: ['northwind', 'openid', 'gateway'],
    sub: 'u',
    scope: ['openid', 'northwind.user'],
    client_id: 'gateway',
    cid: 'gateway',
    azp: 'gateway',
    auth_time: NOW - 10,
    rev_sig: 'd761',
    iat: NOW - 5,
    exp: NOW + 36_000,
    jti: 'j',
  }
  return signToken(claims, { typ: 'JWT', jku }, key)
}

test('accepts its token, whatever address stands in the header', async () => {
  const { api, upstream, key } = await uaa()
  const accepted = await api.verify(await token(key, 'https://uaa.example.com/token_keys'))
  expect(accepted).toMatchObject({ clientId: 'gateway', scopes: ['openid', 'northwind.user'] })
  const { oauth, openid } = wellKnown(UAA)
  expect(upstream.calls).toEqual([oauth, openid, `${UAA}/jwks`])
})

test('refuses a token of another key under the same name, and asks nothing at its address', async () => {
  const { api, upstream, key } = await uaa()
  const { privateKey } = await signingKey('RS256', 'somebody-else')
  const forged = await token({ ...key, privateKey }, 'https://evil.example/keys')
  expect(await codeOf(api.verify(forged))).toBe('signature_invalid')
  expect(upstream.calls.filter((url) => !url.startsWith('https://uaa.example.com/'))).toEqual([])
})
