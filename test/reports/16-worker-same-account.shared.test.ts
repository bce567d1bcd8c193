// PackRat-AI/PackRat#2613, EpicenterHQ/epicenter#1883, ValueMelody/melody-auth#320: a Worker cannot fetch the keys from another
// Worker of its account: it gets a 404 with "error code: 1042". That says nothing about the token, so it is a 503 and no 401
// (RFC 9110 §15.6.4); a service binding is the way there.
import { expect, test } from 'vitest'
import { createResourceServer, type FetchFunction } from '../../src/entry-points/index.ts'
import { protect } from '../../src/frameworks/fetch.ts'
import { withDetail } from '../fixture/detail.ts'
import { fakeUpstream, NOW, NOW_MS, signingKey, signToken } from '../fixture/issuer.ts'
import { codeOf } from '../fixture/server.ts'

const AUTH = 'https://auth.team.workers.example'
const KEYS = `${AUTH}/api/auth/jwks`
const RESOURCE = 'https://mcp.team.workers.example'

interface Env {
  readonly AUTH: { readonly fetch: FetchFunction }
}

function apiWith(fetch: FetchFunction) {
  const issuers = [{ issuer: AUTH, jwt: { profile: 'compatible', jwksUri: KEYS } }] as const
  return createResourceServer({ resource: RESOURCE, issuers, now: () => NOW_MS, fetch })
}

async function accessToken(): Promise<string> {
  const claims = { iss: AUTH, aud: RESOURCE, sub: 'u', azp: 'c', scope: 'mcp', iat: NOW - 5, exp: NOW + 600 }
  return signToken(claims, { typ: undefined }, await signingKey('EdDSA'))
}

async function binding(): Promise<Env['AUTH']> {
  const upstream = fakeUpstream(AUTH)
  const { jwk } = await signingKey('EdDSA')
  upstream.answers.set(KEYS, () => Response.json({ keys: [jwk] }))
  return { fetch: (url, init) => upstream.fetch(new Request(url, init).url, init) }
}

test('keys that a Worker cannot fetch are an outage: address and status are named', async () => {
  const api = apiWith(async () => new Response('error code: 1042', { status: 404 }))
  const refused = api.verify(await accessToken())
  await expect(refused).rejects.toMatchObject({ code: 'issuer_unavailable', status: 503 })
  await expect(refused).rejects.toThrow(withDetail(`${KEYS} answered with status 404`))
})

test('a service binding fetches them', async () => {
  const handler = protect(
    (env: Env) => apiWith((url, init) => env.AUTH.fetch(url, init)),
    (_, { token }) => new Response(token.subject),
  )
  const request = new Request(RESOURCE, { headers: { authorization: `Bearer ${await accessToken()}` } })
  const response = await handler(request, { AUTH: await binding() }, { waitUntil() {} })
  expect(response.status).toBe(200)
})

test('the binding’s function does too, without its object', async () => {
  const { fetch } = await binding()
  expect(await codeOf(apiWith(fetch).verify(await accessToken()))).toBe('accepted')
})
