import { describe, expect, test } from 'vitest'
import { withDetail } from '../fixture/detail.ts'
import { clientSecretPost, tlsClientAuth } from '../../src/entry-points/index.ts'
import {
  CLIENT_ID,
  CLIENT_SECRET,
  ENDPOINT,
  goodAnswer,
  introspecting,
  opaque,
  searchWhatWasEmitted,
} from '../fixture/introspection.ts'
import { ISSUER, NOW, RESOURCE } from '../fixture/issuer.ts'
import { codeOf } from '../fixture/server.ts'

searchWhatWasEmitted()

describe('RFC 7662 §2.1: the request', () => {
  test('is a POST of a form with the token and its type', async () => {
    const { api, endpoint } = await introspecting()
    await api.verify(opaque())
    const [asked] = endpoint.asked
    expect(asked?.url).toBe(ENDPOINT)
    expect(asked?.method).toBe('POST')
    expect(asked?.headers.get('content-type')).toMatch(/^application\/x-www-form-urlencoded\b/)
    expect([...(asked?.form ?? [])]).toEqual([
      ['token', opaque()],
      ['token_type_hint', 'access_token'],
    ])
  })

  test('asks for JSON and follows no redirect', async () => {
    const { api, endpoint } = await introspecting()
    await api.verify(opaque())
    expect(endpoint.asked[0]?.headers.get('accept')).toBe('application/json')
    expect(endpoint.asked[0]?.redirect).toBe('manual')
  })

  test('form-encodes a token with characters of its own', async () => {
    const { api, endpoint } = await introspecting()
    const token = `${opaque()}+/~.-=`
    await api.verify(token)
    expect(endpoint.asked[0]?.form.get('token')).toBe(token)
  })

  test('never puts the token into the URL', async () => {
    const { api, endpoint, upstream } = await introspecting()
    await api.verify(opaque())
    expect([...upstream.calls, ...endpoint.asked.map(({ url }) => url)].join(' ')).not.toContain(opaque())
  })
})

describe('RFC 7662 §2: where to ask', () => {
  test('the metadata names the endpoint', async () => {
    const { api, endpoint, upstream } = await introspecting({
      metadata: { introspection_endpoint: 'https://elsewhere.example.com/i' },
    })
    await api.verify(opaque())
    expect(endpoint.asked[0]?.url).toBe('https://elsewhere.example.com/i')
    expect(upstream.calls).toEqual([`${ISSUER}/.well-known/oauth-authorization-server`])
  })

  test('the option wins, and then no metadata is fetched', async () => {
    const { api, endpoint, upstream } = await introspecting({
      introspection: { endpoint: 'https://option.example.com/i' },
    })
    await api.verify(opaque())
    expect(endpoint.asked[0]?.url).toBe('https://option.example.com/i')
    expect(upstream.calls).toEqual([])
  })

  test('metadata given as data is enough', async () => {
    const { api, upstream } = await introspecting({
      issuer: {
        metadata: { issuer: ISSUER, jwks_uri: `${ISSUER}/jwks`, introspection_endpoint: ENDPOINT },
      },
    })
    await api.verify(opaque())
    expect(upstream.calls).toEqual([])
  })

  test.each([
    ['no endpoint', undefined],
    ['an endpoint that is no string', 7],
    ['an endpoint over plain http', 'http://login.example.com/introspect'],
    ['an endpoint that is no URL', '/introspect'],
    ['an endpoint on this machine', 'http://127.0.0.1:8080/introspect'],
    ['an endpoint on this machine by TLS', 'https://localhost/introspect'],
    ['an endpoint with credentials in it', 'https://a:b@login.example.com/introspect'],
  ])('metadata with %s is the issuer’s fault, and nothing is asked', async (_, named) => {
    const { api, endpoint } = await introspecting({ metadata: { introspection_endpoint: named } })
    expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
    expect(endpoint.asked).toEqual([])
  })

  test('metadata that cannot be had is an outage, and the next request finds the issuer back', async () => {
    const { api, upstream } = await introspecting()
    const address = `${ISSUER}/.well-known/oauth-authorization-server`
    const good = upstream.answers.get(address)
    upstream.answers.set(address, () => new Response('', { status: 503 }))
    expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
    if (good) upstream.answers.set(address, good)
    expect(await codeOf(api.verify(opaque()))).toBe('accepted')
  })
})

describe('RFC 8705 §5: endpoint aliases', () => {
  const metadata = { mtls_endpoint_aliases: { introspection_endpoint: 'https://mtls.example.com/i' } }

  test('a client that authenticates by certificate asks at the alias', async () => {
    const { api, endpoint } = await introspecting({
      introspection: { auth: tlsClientAuth({ clientId: CLIENT_ID }) },
      metadata,
    })
    await api.verify(opaque())
    expect(endpoint.asked[0]?.url).toBe('https://mtls.example.com/i')
    expect(endpoint.asked[0]?.form.get('client_id')).toBe(CLIENT_ID)
    expect(endpoint.asked[0]?.headers.has('authorization')).toBe(false)
  })

  test('any other client does not', async () => {
    const { api, endpoint } = await introspecting({ metadata })
    await api.verify(opaque())
    expect(endpoint.asked[0]?.url).toBe(ENDPOINT)
  })

  test('without an alias the ordinary endpoint is asked', async () => {
    const { api, endpoint } = await introspecting({
      introspection: { auth: tlsClientAuth({ clientId: CLIENT_ID }) },
      metadata: { mtls_endpoint_aliases: {} },
    })
    await api.verify(opaque())
    expect(endpoint.asked[0]?.url).toBe(ENDPOINT)
  })

  test.each([
    ['plain http', 'http://mtls.example.com/i'],
    ['no string', 7],
  ])('an alias that is %s is refused, not passed over', async (_, alias) => {
    const { api, endpoint } = await introspecting({
      introspection: { auth: tlsClientAuth({ clientId: CLIENT_ID }) },
      metadata: { mtls_endpoint_aliases: { introspection_endpoint: alias } },
    })
    expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
    expect(endpoint.asked).toEqual([])
  })
})

describe('RFC 7662 §2.2: the answer', () => {
  test('becomes an AccessToken like that of a JWT', async () => {
    const { api } = await introspecting({
      reply: () =>
        Response.json(
          goodAnswer({
            iss: ISSUER,
            nbf: NOW - 5,
            jti: 'id-1',
            username: 'ada',
            act: { sub: 'agent-1' },
            authorization_details: [{ type: 'payment', amount: 5 }],
            acr: 'gold',
            amr: ['pwd', 'otp'],
            auth_time: NOW - 60,
            extension: { nested: [1, null] },
          }),
        ),
    })
    const token = await api.verify(opaque())
    expect(token).toMatchObject({
      format: 'opaque',
      issuer: ISSUER,
      subject: 'user-1',
      clientId: 'client-1',
      audience: [RESOURCE],
      scopes: ['orders:read', 'orders:write'],
      issuedAtSeconds: NOW - 10,
      expiresAtSeconds: NOW + 300,
      tokenId: 'id-1',
      actor: { sub: 'agent-1' },
      authorizationDetails: [{ type: 'payment', amount: 5 }],
      authentication: { acr: 'gold', amr: ['pwd', 'otp'], authTimeSeconds: NOW - 60 },
      claims: { username: 'ada', extension: { nested: [1, null] } },
    })
    expect(token.confirmation).toBeUndefined()
  })

  test('is frozen to the bottom', async () => {
    const { api } = await introspecting({ reply: () => Response.json(goodAnswer({ extension: { nested: [{}] } })) })
    const { claims, audience, scopes, authentication } = await api.verify(opaque())
    const { nested } = claims['extension'] as unknown as { nested: object[] }
    for (const value of [claims, audience, scopes, authentication, nested, nested[0]]) {
      expect(Object.isFrozen(value)).toBe(true)
    }
  })

  test('needs `active` and an audience, and nothing else', async () => {
    const { api } = await introspecting({ reply: () => Response.json({ active: true, aud: RESOURCE }) })
    const token = await api.verify(opaque())
    expect(token).toMatchObject({ format: 'opaque', issuer: ISSUER, scopes: [], authorizationDetails: [] })
    expect(token.expiresAtSeconds).toBeUndefined()
    expect(token.subject).toBeUndefined()
  })

  test('grants what `scopes.implies` adds', async () => {
    const { api } = await introspecting({
      server: { scopes: { implies: { 'orders:write': ['orders:draft'] } } },
    })
    expect((await api.verify(opaque())).scopes).toEqual(['orders:read', 'orders:write', 'orders:draft'])
  })

  test('false is 401 invalid_token', async () => {
    const { api } = await introspecting({ reply: () => Response.json({ active: false }) })
    const error = await api.verify(opaque()).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'token_inactive', status: 401, error: 'invalid_token' })
    expect(api.challenge(error).headers['WWW-Authenticate']).toContain('error="invalid_token"')
  })

  test('false is refused whatever else it says', async () => {
    const { api } = await introspecting({ reply: () => Response.json(goodAnswer({ active: false })) })
    expect(await codeOf(api.verify(opaque()))).toBe('token_inactive')
  })

  test.each([
    ['"true"', 'true'],
    ['1', 1],
    ['null', null],
    ['absent', undefined],
    ['an object', {}],
    ['[true]', [true]],
  ])('`active` that is %s is no answer: 503, not 401 and not accepted', async (_, active) => {
    const { api } = await introspecting({ reply: () => Response.json(goodAnswer({ active })) })
    const error = await api.verify(opaque()).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'issuer_unavailable', status: 503 })
    expect(api.challenge(error)).toMatchObject({ status: 503, headers: { 'Retry-After': '1' } })
    expect(api.challenge(error).headers).not.toHaveProperty('WWW-Authenticate')
  })

  test('tokens of every scheme of authentication come out of `authenticate` as well', async () => {
    const { api } = await introspecting({
      introspection: { auth: clientSecretPost({ clientId: CLIENT_ID, clientSecret: CLIENT_SECRET }) },
    })
    const request = new Request(`${RESOURCE}/orders`, { headers: { authorization: `Bearer ${opaque()}` } })
    expect((await api.authenticate(request)).subject).toBe('user-1')
  })
})

describe('RFC 7662 §2.2: audience', () => {
  test.each([
    ['the resource', RESOURCE, 'accepted'],
    ['the resource among others', ['https://other.example.com', RESOURCE], 'accepted'],
    ['another resource', 'https://other.example.com', 'audience_mismatch'],
    ['several others', ['https://a.example.com', 'https://b.example.com'], 'audience_mismatch'],
    ['an extension of the resource', `${RESOURCE}/`, 'audience_mismatch'],
    ['nobody', undefined, 'audience_mismatch'],
    ['null', null, 'audience_mismatch'],
    ['an empty list', [], 'audience_mismatch'],
  ])('naming %s', async (_, aud, outcome) => {
    const { api } = await introspecting({ reply: () => Response.json(goodAnswer({ aud })) })
    expect(await codeOf(api.verify(opaque()))).toBe(outcome)
  })

  test.each([
    ['nobody', undefined, 'accepted'],
    ['null', null, 'accepted'],
    ['the resource', RESOURCE, 'accepted'],
    ['another resource', 'https://other.example.com', 'audience_mismatch'],
  ])("with audience: 'assumed', naming %s", async (_, aud, outcome) => {
    const { api } = await introspecting({
      introspection: { audience: 'assumed' },
      reply: () => Response.json(goodAnswer({ aud })),
    })
    expect(await codeOf(api.verify(opaque()))).toBe(outcome)
  })

  test('the refusal of an answer without `aud` names the option', async () => {
    const { api } = await introspecting({ reply: () => Response.json(goodAnswer({ aud: undefined })) })
    await expect(api.verify(opaque())).rejects.toThrow(withDetail("audience: 'assumed'"))
  })

  test.each([
    ['an accepted client', 'client-1', 'accepted'],
    ['another client', 'client-2', 'client_refused'],
    ['no client', undefined, 'client_refused'],
  ])('`audience: null` leaves it to the clients: %s', async (_, clientId, outcome) => {
    const { api } = await introspecting({
      issuer: { audience: null, clients: ['client-1'] },
      reply: () => Response.json(goodAnswer({ aud: undefined, client_id: clientId })),
    })
    expect(await codeOf(api.verify(opaque()))).toBe(outcome)
  })

  test.each([
    ['client-1', 'accepted'],
    ['client-2', 'client_refused'],
  ])('`clients` counts beside an assumed audience: %s', async (clientId, outcome) => {
    const { api } = await introspecting({
      issuer: { clients: ['client-1'] },
      introspection: { audience: 'assumed' },
      reply: () => Response.json(goodAnswer({ aud: undefined, client_id: clientId })),
    })
    expect(await codeOf(api.verify(opaque()))).toBe(outcome)
  })
})

describe('RFC 7662 §2.2: times', () => {
  test.each([
    ['exp', { exp: NOW - 9 }, 'accepted'],
    ['exp', { exp: NOW - 10 }, 'token_expired'],
    ['nbf', { nbf: NOW + 10 }, 'accepted'],
    ['nbf', { nbf: NOW + 11 }, 'token_not_yet_valid'],
    ['iat', { iat: NOW + 10 }, 'accepted'],
    ['iat', { iat: NOW + 11 }, 'token_not_yet_valid'],
  ])('an active answer whose %s says otherwise is judged by the clock: %o', async (_, times, outcome) => {
    const { api } = await introspecting({ reply: () => Response.json(goodAnswer({ iat: NOW - 20, ...times })) })
    expect(await codeOf(api.verify(opaque()))).toBe(outcome)
  })
})

describe('RFC 7662 §2.3: errors', () => {
  test.each([[400], [401], [403], [404], [405], [422]])(
    'status %i is the operator’s to mend: 503, an event, no outage',
    async (status) => {
      const { api, endpoint, events } = await introspecting({
        reply: () => Response.json({ error: 'invalid_client' }, { status }),
      })
      const error = await api.verify(opaque()).catch((caught: unknown) => caught)
      expect(error).toMatchObject({ code: 'issuer_unavailable', status: 503, retryAfterSeconds: 1 })
      expect(error).toHaveProperty('detail', expect.stringContaining(`status ${status} (invalid_client)`))
      const [event] = events.filter(({ type }) => type === 'introspection_failed')
      expect(event).toMatchObject({ issuer: ISSUER, outage: false })
      expect(endpoint.asked).toHaveLength(1)
    },
  )

  test('400 unsupported_token_type says what to configure', async () => {
    const { api } = await introspecting({
      reply: () => Response.json({ error: 'unsupported_token_type' }, { status: 400 }),
    })
    await expect(api.verify(opaque())).rejects.toThrow(withDetail("`use: 'always'`"))
  })

  test.each([[201], [204], [206]])('only status 200 is an answer: %i', async (status) => {
    const body = status === 204 ? null : JSON.stringify(goodAnswer())
    const { api } = await introspecting({
      reply: () => new Response(body, { status, headers: { 'content-type': 'application/json' } }),
    })
    expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
  })
})
