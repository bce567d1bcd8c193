// dotnet/aspnetcore#67991, AzureAD/microsoft-identity-web#2918: a wrong authority, the template of `common` or a misspelt host
// shows as a 401 for every token, and nobody sees why. RFC 8414 §3.3: metadata of another issuer must not be used; so the start
// must fail, with address and reason.
import { expect, test } from 'vitest'
import { withDetail } from '../fixture/detail.ts'
import {
  type FakeUpstream,
  fakeUpstream,
  goodClaims,
  openidUpstream,
  signingKey,
  signToken,
  wellKnown,
} from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'

const MICROSOFT = 'https://login.microsoftonline.example'

function trusting(issuer: string, upstream: FakeUpstream) {
  return fixture({ issuers: [{ issuer, jwt: { profile: 'compatible' } }], fetch: upstream.fetch })
}

test('`ready` names the address and the status of a wrong tenant, and the snapshot shows the issuer down', async () => {
  const issuer = `${MICROSOFT}/organisations/v2.0`
  const upstream = fakeUpstream(issuer)
  upstream.answers.clear()
  upstream.answers.set(wellKnown(issuer).openid, () => Response.json({ error: 'invalid_tenant' }, { status: 400 }))
  const { api } = await trusting(issuer, upstream)
  const started = api.ready()
  await expect(started).rejects.toMatchObject({ code: 'issuer_unavailable' })
  await expect(started).rejects.toThrow(withDetail(`${wellKnown(issuer).openid} answered with status 400`))
  expect(api.snapshot()).toMatchObject([{ issuer, state: 'down' }])
})

test('`ready` shows the template that stands for an issuer', async () => {
  const issuer = `${MICROSOFT}/common/v2.0`
  const upstream = openidUpstream(issuer)
  upstream.answers.set(wellKnown(issuer).openid, () =>
    Response.json({ issuer: `${MICROSOFT}/{tenantid}/v2.0`, jwks_uri: `${MICROSOFT}/keys` }),
  )
  const { api } = await trusting(issuer, upstream)
  await expect(api.ready()).rejects.toThrow(withDetail('{tenantid}'))
})

test('`ready` shows a host that does not exist, and a good token of the real issuer shows its own', async () => {
  const issuer = 'https://login.micorosftonline.example/t/v2.0'
  const upstream = fakeUpstream(issuer)
  const cause = new Error('getaddrinfo ENOTFOUND login.micorosftonline.example')
  upstream.answers.set(wellKnown(issuer).oauth, () => Promise.reject(new TypeError('fetch failed', { cause })))
  const { api } = await trusting(issuer, upstream)
  await expect(api.ready()).rejects.toThrow(withDetail(/micorosft.*ENOTFOUND/))
  const real = await signToken(goodClaims({ iss: `${MICROSOFT}/t/v2.0` }))
  await expect(api.verify(real)).rejects.toMatchObject({ code: 'issuer_untrusted' })
  await expect(api.verify(real)).rejects.toThrow(withDetail(`${MICROSOFT}/t/v2.0`))
})

test('`ready` resolves for the right authority', async () => {
  const issuer = `${MICROSOFT}/t/v2.0`
  const { api } = await trusting(issuer, openidUpstream(issuer, (await signingKey()).jwk))
  expect(await codeOf(api.ready())).toBe('accepted')
  expect(api.snapshot()).toMatchObject([{ issuer, state: 'fresh' }])
})
