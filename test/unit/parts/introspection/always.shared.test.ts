import { describe, expect, test } from 'vitest'
import {
  goodAnswer,
  introspecting,
  type IntrospectionSetup,
  opaque,
  searchWhatWasEmitted,
} from '../../../fixture/introspection.ts'
import { goodClaims, ISSUER, NOW, RESOURCE, signToken, signingKey } from '../../../fixture/issuer.ts'
import { codeOf } from '../../../fixture/server.ts'

searchWhatWasEmitted()

function always(setup: IntrospectionSetup = {}) {
  return introspecting({ ...setup, introspection: { use: 'always', ...setup.introspection } })
}

async function outcomeOf(answer: Record<string, unknown>, claims: Record<string, unknown> = {}): Promise<unknown> {
  const { api } = await always({ reply: () => Response.json(answer) })
  return codeOf(api.verify(await signToken(goodClaims(claims))))
}

describe("use: 'always'", () => {
  test('a JWT that verified here and is active there is the JWT', async () => {
    const { api, endpoint } = await always()
    const jwt = await signToken()
    const token = await api.verify(jwt)
    expect(token).toMatchObject({ format: 'jwt', subject: 'user-1', tokenId: 'token-1' })
    expect(endpoint.asked.map(({ form }) => form.get('token'))).toEqual([jwt])
  })

  test('a JWT that verified here and is inactive there is refused', async () => {
    expect(await outcomeOf({ active: false })).toBe('token_inactive')
  })

  test('a JWT that does not verify is not asked about', async () => {
    const { api, endpoint } = await always()
    const forged = await signToken(goodClaims(), { kid: 'ES256-1' }, await signingKey('ES256', 'forger'))
    expect(await codeOf(api.verify(forged))).toBe('signature_invalid')
    expect(await codeOf(api.verify(await signToken(goodClaims({ exp: NOW - 60, iat: NOW - 120 }))))).toBe(
      'token_expired',
    )
    expect(await codeOf(api.verify(await signToken(goodClaims({ aud: 'https://other.example.com' }))))).toBe(
      'audience_mismatch',
    )
    expect(endpoint.asked).toEqual([])
  })

  test.each<[string, Record<string, unknown>, unknown]>([
    ['says nothing more', { active: true }, 'accepted'],
    ['agrees', goodAnswer(), 'accepted'],
    ['names another subject', goodAnswer({ sub: 'user-2' }), 'issuer_unavailable'],
    ['names an empty subject', goodAnswer({ sub: '' }), 'issuer_unavailable'],
    ['names no subject', goodAnswer({ sub: null }), 'accepted'],
    ['names another client', goodAnswer({ client_id: 'client-2' }), 'issuer_unavailable'],
    ['names a later expiry', goodAnswer({ exp: NOW + 301 }), 'issuer_unavailable'],
    ['names an earlier expiry', goodAnswer({ exp: NOW + 299 }), 'issuer_unavailable'],
    ['has expired', { active: true, exp: NOW - 11 }, 'token_expired'],
    ['is not valid yet', { active: true, nbf: NOW + 11 }, 'token_not_yet_valid'],
    ['names another issuer', goodAnswer({ iss: 'https://other.example.com' }), 'issuer_untrusted'],
    ['is about a refresh token', goodAnswer({ token_type: 'refresh_token' }), 'token_type_wrong'],
    ['names another audience', goodAnswer({ aud: 'https://other.example.com' }), 'audience_mismatch'],
    [
      'names several audiences, us among them',
      goodAnswer({ aud: ['https://other.example.com', RESOURCE] }),
      'accepted',
    ],
    ['is malformed', goodAnswer({ exp: 'soon' }), 'issuer_unavailable'],
    ['is no answer', { active: 'true' }, 'issuer_unavailable'],
  ])('an answer that %s', async (_, answer, outcome) => {
    expect(await outcomeOf(answer)).toBe(outcome)
  })

  test('an empty subject in both is no contradiction', async () => {
    const issuer = { jwt: { profile: 'compatible' } } as const
    const { api } = await always({ issuer, reply: () => Response.json(goodAnswer({ sub: '' })) })
    expect(await codeOf(api.verify(await signToken(goodClaims({ sub: '' }))))).toBe('accepted')
    expect(await codeOf(api.verify(await signToken(goodClaims({ sub: undefined }))))).toBe('accepted')
    expect(await codeOf(api.verify(await signToken(goodClaims({ sub: 'user-1' }))))).toBe('issuer_unavailable')
  })

  test.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['the token', { cnf: { jkt: 'thumbprint' } }, {}],
    ['the answer', {}, { cnf: { jkt: 'thumbprint' } }],
    ['both', { cnf: { jkt: 'thumbprint' } }, { cnf: { jkt: 'thumbprint' } }],
    ['a type in the answer', {}, { token_type: 'DPoP' }],
  ])('a binding counts when %s names it', async (_, claims, members) => {
    expect(await outcomeOf(goodAnswer(members), claims)).toBe('binding_mismatch')
    expect(await outcomeOf(goodAnswer())).toBe('accepted')
  })

  test('bindings that contradict each other are no agreement', async () => {
    const jkt = { cnf: { jkt: 'another' } }
    expect(await outcomeOf(goodAnswer(jkt), { cnf: { jkt: 'thumbprint' } })).toBe('issuer_unavailable')
    expect(await outcomeOf(goodAnswer(jkt), jkt)).toBe('binding_mismatch')
  })

  test.each<[string, unknown, string[]]>([
    ['the same scopes', 'orders:read orders:write', ['orders:read', 'orders:write']],
    ['fewer scopes', 'orders:read', ['orders:read']],
    ['more scopes', 'orders:read orders:write admin', ['orders:read', 'orders:write']],
    ['other scopes', 'admin', []],
    ['empty scopes', '', []],
    ['no word about scopes', undefined, ['orders:read', 'orders:write']],
  ])('an answer with %s takes scopes back, and adds none', async (_, scope, scopes) => {
    const { api } = await always({ reply: () => Response.json(goodAnswer({ scope })) })
    expect((await api.verify(await signToken())).scopes).toEqual(scopes)
  })

  test('a server that refuses JWTs gets an error that says so', async () => {
    const { api } = await always({ reply: () => Response.json({ error: 'unsupported_token_type' }, { status: 400 }) })
    const error = await api.verify(await signToken()).catch((caught: unknown) => caught)
    expect(error).toMatchObject({
      code: 'issuer_unavailable',
      detail: expect.stringContaining("`use: 'always'`") as string,
    })
  })

  test('an outage is 503: half an answer is none', async () => {
    const { api, endpoint } = await always()
    const jwt = await signToken()
    expect(await codeOf(api.verify(jwt))).toBe('accepted')
    endpoint.reply = () => new Response('', { status: 500 })
    expect(await codeOf(api.verify(await signToken(goodClaims({ jti: 'token-2' }))))).toBe('issuer_unavailable')
  })

  test('opaque tokens are asked about too', async () => {
    const { api } = await always()
    expect((await api.verify(opaque())).format).toBe('opaque')
  })

  test("the twin with use: 'opaque' does not ask about JWTs", async () => {
    const { api, endpoint } = await introspecting({ introspection: { use: 'opaque' } })
    await api.verify(await signToken())
    expect(endpoint.asked).toEqual([])
  })
})

describe('revocation counts', () => {
  test.each([
    [30, 'within cacheSeconds'],
    [5, 'sooner where that is shorter'],
  ])('cacheSeconds %i: %s', async (cacheSeconds) => {
    const { api, endpoint, clock } = await always({ introspection: { cacheSeconds } })
    const jwt = await signToken()
    expect(await codeOf(api.verify(jwt))).toBe('accepted')
    endpoint.reply = () => Response.json({ active: false })
    clock.ms += cacheSeconds * 1000 - 1
    expect(await codeOf(api.verify(jwt))).toBe('accepted')
    expect(endpoint.asked).toHaveLength(1)
    clock.ms += 1
    expect(await codeOf(api.verify(jwt))).toBe('token_inactive')
    expect(endpoint.asked).toHaveLength(2)
  })

  test('at once with cacheSeconds 0, whatever the token cache holds', async () => {
    const { api, endpoint } = await always({ introspection: { cacheSeconds: 0 } })
    const jwt = await signToken()
    expect(await codeOf(api.verify(jwt))).toBe('accepted')
    endpoint.reply = () => Response.json({ active: false })
    expect(await codeOf(api.verify(jwt))).toBe('token_inactive')
  })

  test('and a token that is inactive for once is not refused for ever', async () => {
    const { api, endpoint, clock } = await always({ reply: () => Response.json({ active: false }) })
    const jwt = await signToken()
    expect(await codeOf(api.verify(jwt))).toBe('token_inactive')
    endpoint.reply = () => Response.json(goodAnswer())
    clock.ms += 10_000
    expect(await codeOf(api.verify(jwt))).toBe('accepted')
  })

  test('a disagreement is found on every request, not only on the first', async () => {
    const { api, endpoint } = await always({ reply: () => Response.json(goodAnswer({ sub: 'user-2' })) })
    const jwt = await signToken()
    expect(await codeOf(api.verify(jwt))).toBe('issuer_unavailable')
    expect(await codeOf(api.verify(jwt))).toBe('issuer_unavailable')
    expect(endpoint.asked.length).toBeLessThanOrEqual(2)
  })
})

test('the claims schema is applied to the JWT, and its output comes out', async () => {
  const { api } = await always({
    server: {
      claims: {
        '~standard': {
          version: 1,
          vendor: 'test',
          validate: (value: unknown) => ({ value: { iss: (value as { iss: string }).iss } }),
        },
      } as never,
    },
  })
  expect((await api.verify(await signToken())).claims).toEqual({ iss: ISSUER })
})
