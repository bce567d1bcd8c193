// justinlettau/azure-ad-verify-token#5, AzureAD/microsoft-identity-web#452, MicrosoftDocs/azure-docs#80018: a client sends a
// token for Microsoft Graph to another API. Entra hashes the `nonce` in its header before it signs, so that nobody but Graph
// can verify it. RFC 9068 §4: refuse; whoever reads the log must learn that the token is for another API.
import { expect, test } from 'vitest'
import { base64url, fakeUpstream, NOW, signingKey, signToken } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'

const TENANT = '11111111-2222-3333-4444-555555555555'
const ENTRA = `https://sts.windows.net/${TENANT}/`
const METADATA = `https://login.microsoftonline.com/${TENANT}/.well-known/openid-configuration`
const KEYS = `https://login.microsoftonline.com/${TENANT}/discovery/keys`
const GRAPH = '00000003-0000-0000-c000-000000000000'

async function entra() {
  const { jwk } = await signingKey('RS256')
  const upstream = fakeUpstream(ENTRA)
  upstream.answers.set(METADATA, () => Response.json({ issuer: ENTRA, jwks_uri: KEYS }))
  upstream.answers.set(KEYS, () => Response.json({ keys: [jwk] }))
  const { api, clock } = await fixture({
    resource: 'api://orders',
    issuers: [{ issuer: ENTRA, metadata: { url: METADATA }, jwt: { profile: 'compatible' } }],
    fetch: upstream.fetch,
  })
  return { api, clock, keyFetches: () => upstream.calls.filter((url) => url === KEYS).length }
}

/** A token as Entra makes it: with a `nonce` in its header, another header is signed than is sent. */
async function accessToken(aud: string, nonce?: string): Promise<string> {
  const claims = {
    iss: ENTRA,
    aud,
    iat: NOW - 5,
    nbf: NOW - 5,
    exp: NOW + 3600,
    appid: 'web',
    scp: 'User.Read',
    sub: 's',
  }
  const key = await signingKey('RS256')
  if (nonce === undefined) return signToken(claims, { typ: 'JWT' }, key)
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(nonce)))
  const [, payload, signature] = (await signToken(claims, { typ: 'JWT', nonce: base64url(digest) }, key)).split('.')
  const sent = { alg: 'RS256', kid: key.jwk.kid, typ: 'JWT', nonce }
  return [base64url(JSON.stringify(sent)), payload, signature].join('.')
}

test('refuses a Graph token with 401, and says that it is meant for another API', async () => {
  const { api } = await entra()
  const refused = await api.verify(await accessToken(GRAPH, 'nonce-1')).catch((error: unknown) => error)
  expect(refused).toMatchObject({ code: 'signature_invalid', status: 401 })
  expect(refused).toMatchObject({ detail: expect.stringMatching(/another API/) as unknown })
})

test('accepts a token of the same issuer for this API', async () => {
  const { api } = await entra()
  expect(await codeOf(api.verify(await accessToken('api://orders')))).toBe('accepted')
})

test('says nothing of another API where the signature of a token for this one is wrong', async () => {
  const { api } = await entra()
  const [header, payload] = (await accessToken('api://orders')).split('.')
  const [, , signature] = (await accessToken('api://other')).split('.')
  const refused = await api.verify([header, payload, signature].join('.')).catch((error: unknown) => error)
  expect(refused).toMatchObject({ code: 'signature_invalid' })
  expect(refused).toMatchObject({ detail: expect.not.stringMatching(/another API/) as unknown })
})

test('twenty Graph tokens cause no more than two fetches of the keys', async () => {
  const { api, keyFetches } = await entra()
  for (let turn = 0; turn < 20; turn++) {
    expect(await codeOf(api.verify(await accessToken(GRAPH, `nonce-${turn}`)))).toBe('signature_invalid')
  }
  expect(keyFetches()).toBeLessThanOrEqual(2)
})
