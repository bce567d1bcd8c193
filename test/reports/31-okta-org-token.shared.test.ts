// okta/okta-jwt-verifier-python#51, okta/okta-oidc-js#46, trinodb/trino#7879: a token of Okta's org authorization server names the
// right issuer and a key that is in no published set. RFC 7515 §6: without its key a signature cannot be verified, so 401; and a
// flood of such tokens must not become a flood of key fetches.
import { expect, test } from 'vitest'
import { withDetail } from '../fixture/detail.ts'
import { fakeUpstream, NOW, signingKey, signToken } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'

const OKTA = 'https://example.okta.example'

async function okta() {
  const upstream = fakeUpstream(OKTA, (await signingKey('RS256', 'published')).jwk)
  const { api } = await fixture({
    resource: OKTA,
    issuers: [{ issuer: OKTA, jwt: { profile: 'compatible' } }],
    fetch: upstream.fetch,
  })
  return { api, keyFetches: () => upstream.calls.filter((url) => url.endsWith('/jwks')).length }
}

async function token(kid: string, jti = 'AT.1'): Promise<string> {
  const claims = {
    ver: 1,
    jti,
    iss: OKTA,
    aud: OKTA,
    iat: NOW - 5,
    exp: NOW + 3600,
    cid: '0oa',
    uid: '00u',
    scp: ['openid'],
  }
  return signToken(claims, { typ: undefined }, await signingKey('RS256', kid))
}

test('a token of an unpublished key is refused, and issuer and key are named', async () => {
  const { api } = await okta()
  const refused = api.verify(await token('hidden'))
  await expect(refused).rejects.toMatchObject({ code: 'key_unknown', status: 401 })
  await expect(refused).rejects.toThrow(withDetail(/example\.okta\.example.*"hidden"/))
  expect(await codeOf(api.verify(await token('published')))).toBe('accepted')
})

test('twenty-one such tokens cause no more than two fetches of the keys', async () => {
  const { api, keyFetches } = await okta()
  for (let turn = 0; turn < 21; turn++) {
    expect(await codeOf(api.verify(await token('hidden', `AT.${turn}`)))).toBe('key_unknown')
  }
  expect(keyFetches()).toBe(2)
})
