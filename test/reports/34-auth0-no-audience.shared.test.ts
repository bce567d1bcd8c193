// support.auth0.com "Invalid Access Token Error When Decoding an Access Token", community.auth0.com 105796: a client that asks
// for no `audience` gets an encrypted token (RFC 7516 §3.1: five parts) or an opaque one. Neither is for this API: 401, and whoever
// reads the log must learn which of the two came.
import { expect, test } from 'vitest'
import { withDetail } from '../fixture/detail.ts'
import { base64url, goodClaims, openidUpstream, signingKey, signToken } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'

const AUTH0 = 'https://tenant.auth0.example/'

async function tenant() {
  const upstream = openidUpstream(AUTH0, (await signingKey('RS256')).jwk)
  const { api } = await fixture({ issuers: [{ issuer: AUTH0, jwt: { profile: 'compatible' } }], fetch: upstream.fetch })
  return { api, upstream }
}

test.each([
  [
    'an encrypted token',
    [
      base64url(JSON.stringify({ alg: 'dir', enc: 'A256GCM', iss: AUTH0 })),
      '',
      'MDEyMzQ1Njc4OWFi',
      base64url('x'.repeat(120)),
      'MDEyMzQ1Njc4OWFiY2RlZg',
    ].join('.'),
    /encrypted|JWE/,
  ],
  ['an opaque token', 'LmBxP5x9kQ2cVwTn1o5gRz8eYb3uJdAa', /not a JWT/],
])('refuses %s, and says so', async (_, token, words) => {
  const { api, upstream } = await tenant()
  const refused = api.verify(token)
  await expect(refused).rejects.toMatchObject({ code: 'token_malformed', status: 401 })
  await expect(refused).rejects.toThrow(withDetail(words))
  expect(upstream.calls).toEqual([])
})

test('accepts the token that the same tenant issues for this API', async () => {
  const { api } = await tenant()
  const claims = goodClaims({ iss: AUTH0, azp: 'client-1', client_id: undefined })
  expect(await codeOf(api.verify(await signToken(claims, { typ: 'JWT' }, await signingKey('RS256'))))).toBe('accepted')
})
