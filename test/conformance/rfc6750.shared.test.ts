import { describe, expect, test } from 'vitest'
import { outcomeOf } from '../../src/errors.ts'
import { anyScope, type ErrorCode, scope } from '../../src/entry-points/index.ts'
import { protect } from '../../src/frameworks/fetch.ts'
import { goodClaims, NOW, RESOURCE, signToken } from '../fixture/issuer.ts'
import { ask } from '../fixture/reply.ts'
import { codeOf, fixture } from '../fixture/server.ts'

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' }

const CODES: readonly ErrorCode[] = [
  'credentials_missing',
  'credentials_malformed',
  'credentials_ambiguous',
  'token_malformed',
  'token_too_large',
  'token_type_wrong',
  'issuer_untrusted',
  'algorithm_refused',
  'key_unknown',
  'signature_invalid',
  'token_expired',
  'token_not_yet_valid',
  'audience_mismatch',
  'client_refused',
  'claim_missing',
  'claim_invalid',
  'binding_mismatch',
  'scope_insufficient',
  'access_denied',
  'issuer_unavailable',
  'configuration_invalid',
]

describe('RFC 6750 §2.1, the Authorization header', () => {
  test.each(['Bearer', 'bearer', 'BEARER', 'bEaReR'])('§2.1: accepts the scheme as %s', async (scheme) => {
    const { api } = await fixture()
    const reply = await ask(api, { headers: { Authorization: `${scheme} ${await signToken()}` } })
    expect(reply).toMatchObject({ status: 200, body: { subject: 'user-1' } })
  })

  test('§2.1: accepts several spaces between scheme and token (1*SP)', async () => {
    const { api } = await fixture()
    const reply = await ask(api, { headers: { Authorization: `Bearer   ${await signToken()}` } })
    expect(reply.status).toBe(200)
  })

  test.each([
    ['nothing', ''],
    ['a second word', ' junk'],
    ['a parameter', ', realm="x"'],
    ['a character outside b64token', '%'],
    ['a character behind the padding', '=a'],
    ['a tab', '\tx'],
  ])('§2.1: refuses a token that is followed by %s, save nothing, with 400 invalid_request', async (_, suffix) => {
    const { api } = await fixture()
    const reply = await ask(api, { token: `${await signToken()}${suffix}` })
    expect(reply.status).toBe(suffix === '' ? 200 : 400)
    expect(reply.challenges[0]?.parameters['error']).toBe(suffix === '' ? undefined : 'invalid_request')
  })

  test('§2.1: refuses the scheme without a token with 400 invalid_request', async () => {
    const { api } = await fixture()
    const reply = await ask(api, { headers: { Authorization: 'Bearer' } })
    expect(reply).toMatchObject({ status: 400, challenges: [{ parameters: { error: 'invalid_request' } }] })
  })
})

describe('RFC 6750 §2.2, the form body', () => {
  test('§2.2: takes `access_token` from a form body only where that is switched on', async () => {
    const body = new URLSearchParams({ access_token: await signToken() }).toString()
    const asking = { method: 'POST', headers: FORM, body }
    const on = await fixture({ form: true })
    const off = await fixture()
    expect((await ask(on.api, asking)).status).toBe(200)
    expect(await ask(off.api, asking)).toMatchObject({ status: 401, body: { code: 'credentials_missing' } })
  })

  test.each([
    ['another content type', { headers: { 'Content-Type': 'text/plain' } }],
    ['no content type of a form', { headers: { 'Content-Type': 'application/json' } }],
    ['a method whose body means nothing', { method: 'DELETE' }],
  ])('§2.2: looks at no body of %s', async (_, changes) => {
    const { api } = await fixture({ form: true })
    const body = new URLSearchParams({ access_token: await signToken() }).toString()
    const twin = { method: 'POST', headers: FORM, body }
    expect((await ask(api, twin)).status).toBe(200)
    expect(await ask(api, { ...twin, ...changes })).toMatchObject({
      status: 401,
      body: { code: 'credentials_missing' },
    })
  })

  test('§2.2: leaves the form readable to the handler', async () => {
    const { api } = await fixture({ form: true })
    const handler = protect(api, async (request) => Response.json(Object.fromEntries(await request.formData())))
    const token = await signToken()
    const body = new URLSearchParams({ access_token: token, item: 'honey' })
    const response = await handler(new Request(RESOURCE, { method: 'POST', body }))
    expect(await response.json()).toEqual({ access_token: token, item: 'honey' })
  })
})

describe('RFC 6750 §2, one transport', () => {
  test('§2: refuses a token in the header and one in the form with 400 invalid_request', async () => {
    const { api } = await fixture({ form: true })
    const token = await signToken()
    const body = new URLSearchParams({ access_token: token }).toString()
    expect((await ask(api, { token, method: 'POST', headers: FORM, body: 'a=b' })).status).toBe(200)
    expect(await ask(api, { token, method: 'POST', headers: FORM, body })).toMatchObject({
      status: 400,
      challenges: [{ parameters: { error: 'invalid_request' } }],
      body: { code: 'credentials_ambiguous' },
    })
  })

  test('§3.1: refuses a repeated `access_token` parameter with 400 invalid_request', async () => {
    const { api } = await fixture({ form: true })
    const token = await signToken()
    const body = `access_token=${token}&access_token=${token}`
    expect(await ask(api, { method: 'POST', headers: FORM, body })).toMatchObject({
      status: 400,
      challenges: [{ parameters: { error: 'invalid_request' } }],
    })
  })

  test('§2.3: never reads the query string (OAuth 2.1), neither alone nor beside a good header', async () => {
    const { api } = await fixture({ form: true })
    const token = await signToken()
    expect(await ask(api, { path: `/orders?access_token=${token}` })).toMatchObject({
      status: 401,
      body: { code: 'credentials_missing' },
    })
    expect((await ask(api, { path: '/orders?access_token=junk', token })).status).toBe(200)
  })
})

describe('RFC 6750 §3, the challenge', () => {
  test('§3.1: says no `error` where no credentials came', async () => {
    const { api } = await fixture({ realm: 'orders' })
    const reply = await ask(api)
    expect(reply.status).toBe(401)
    expect(reply.challenges).toHaveLength(1)
    expect(reply.challenges[0]).toMatchObject({ scheme: 'Bearer', parameters: { realm: 'orders' } })
    expect(reply.challenges[0]?.parameters).not.toHaveProperty('error')
    expect(reply.challenges[0]?.parameters).not.toHaveProperty('error_description')
  })

  test('§3.1: says no `error` where other credentials came', async () => {
    const { api } = await fixture()
    const reply = await ask(api, { headers: { Authorization: 'Basic dXNlcjpwYXNz' } })
    expect(reply.status).toBe(401)
    expect(reply.challenges[0]?.parameters).not.toHaveProperty('error')
  })

  test('§3.1: says 401 invalid_token for an expired, a tampered and a foreign token', async () => {
    const { api } = await fixture()
    const good = await signToken()
    expect((await ask(api, { token: good })).status).toBe(200)
    const bad = [
      await signToken(goodClaims({ exp: NOW - 60, iat: NOW - 600 })),
      good.slice(0, -6) + (good.at(-6) === 'A' ? 'B' : 'A') + good.slice(-5),
      await signToken(goodClaims({ iss: 'https://other.example.com' })),
      await signToken(goodClaims({ aud: 'https://other.example.com' })),
    ]
    for (const token of bad) {
      const reply = await ask(api, { token })
      expect(reply).toMatchObject({ status: 401, challenges: [{ parameters: { error: 'invalid_token' } }] })
    }
  })

  test('§3.1: says 403 insufficient_scope with every scope that the operation needs', async () => {
    const { api } = await fixture()
    const token = await signToken(goodClaims({ scope: 'orders:read profile' }))
    expect((await ask(api, { token, requirement: scope('orders:read') })).status).toBe(200)
    const reply = await ask(api, { token, requirement: scope('orders:read', 'orders:write') })
    expect(reply).toMatchObject({
      status: 403,
      challenges: [{ parameters: { error: 'insufficient_scope', scope: 'orders:read orders:write' } }],
    })
  })

  test('§3: names the scopes needed also where no token came, each once', async () => {
    const { api } = await fixture()
    const reply = await ask(api, { requirement: anyScope('a:b', 'c', 'a:b') })
    expect(reply.challenges[0]?.parameters['scope']).toBe('a:b c')
  })

  test('§3.1: reports an expired token as expired even where its scope is lacking too', async () => {
    const { api } = await fixture()
    const claims = goodClaims({ exp: NOW - 60, iat: NOW - 600, scope: 'none' })
    const requirement = scope('orders:read')
    expect(await ask(api, { token: await signToken({ ...claims, exp: NOW + 60 }), requirement })).toMatchObject({
      status: 403,
    })
    expect(await ask(api, { token: await signToken(claims), requirement })).toMatchObject({
      status: 401,
      challenges: [{ parameters: { error: 'invalid_token' } }],
    })
  })

  test.each(CODES)('§3: the description of %s holds only %%x20-21, %%x23-5B and %%x5D-7E', (code) => {
    expect(outcomeOf(code)?.description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
  })

  test('§3: answers any bad credentials with a challenge of the scheme Bearer', async () => {
    const { api } = await fixture({ realm: 'a "quoted" \\ realm' })
    for (const token of ['junk', 'e.e.e', `${await signToken()}.`, await signToken(goodClaims({ exp: 1, iat: 0 }))]) {
      const reply = await ask(api, { token })
      expect(reply.challenges).toHaveLength(1)
      expect(reply.challenges[0]).toMatchObject({ scheme: 'Bearer', parameters: { realm: 'a "quoted" \\ realm' } })
    }
  })

  test('§5.3: forbids shared caches to keep what it answers', async () => {
    const { api } = await fixture()
    expect((await ask(api)).headers.get('Cache-Control')).toBe('private, no-store')
  })

  test('§2.1: `verify` takes a bare token and calls a bad one malformed', async () => {
    const { api } = await fixture()
    const token = await signToken()
    expect(await codeOf(api.verify(token))).toBe('accepted')
    expect(await codeOf(api.verify(`Bearer ${token}`))).toBe('token_malformed')
  })
})
