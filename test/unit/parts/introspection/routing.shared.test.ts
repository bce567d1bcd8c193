import { describe, expect, test } from 'vitest'
import {
  clientSecretBasic,
  createResourceServer,
  introspect,
  type IntrospectOptions,
  type IssuerResolver,
  resolveIssuers,
  type TrustedIssuer,
} from '../../../../src/entry-points/index.ts'
import {
  answering,
  CLIENT_SECRET,
  type Endpoint,
  goodAnswer,
  introspecting,
  opaque,
  searchWhatWasEmitted,
  watched,
} from '../../../fixture/introspection.ts'
import {
  base64url,
  fakeUpstream,
  goodClaims,
  ISSUER,
  NOW_MS,
  RESOURCE,
  signToken,
  signingKey,
} from '../../../fixture/issuer.ts'
import { codeOf } from '../../../fixture/server.ts'

searchWhatWasEmitted()

const OTHER = 'https://other.example.com'

function issuerOf(issuer: string, more: Partial<IntrospectOptions> = {}): TrustedIssuer {
  return {
    issuer,
    jwt: false,
    introspection: introspect({
      endpoint: `${issuer}/introspect`,
      auth: clientSecretBasic({ clientId: `client at ${issuer}`, clientSecret: CLIENT_SECRET }),
      ...more,
    }),
  }
}

function carrying(token: string) {
  return { method: 'GET', url: RESOURCE, headers: { authorization: `Bearer ${token}` } }
}

function serving(issuers: readonly TrustedIssuer[] | IssuerResolver) {
  const endpoint: Endpoint = { asked: [], reply: () => Response.json(goodAnswer()) }
  const upstream = fakeUpstream()
  const clock = { ms: NOW_MS }
  const api = createResourceServer({
    resource: RESOURCE,
    issuers: typeof issuers === 'function' ? resolveIssuers(issuers) : issuers,
    fetch: answering(upstream, endpoint),
    now: () => clock.ms,
  })
  return { api: watched(api), endpoint, upstream, clock, urls: () => endpoint.asked.map(({ url }) => url) }
}

describe('opaque tokens', () => {
  test('go to the only issuer that introspects', async () => {
    const { api, urls } = serving([{ issuer: OTHER }, issuerOf(ISSUER)])
    expect((await api.verify(opaque())).issuer).toBe(ISSUER)
    expect(urls()).toEqual([`${ISSUER}/introspect`])
  })

  test('are refused where none does, and nobody is asked', async () => {
    const { api, urls, upstream } = serving([{ issuer: OTHER }, { issuer: ISSUER }])
    expect(await codeOf(api.verify(opaque()))).toBe('token_malformed')
    expect([...urls(), ...upstream.calls]).toEqual([])
  })

  test('do not include an unsecured JWT in two parts, which is sent nowhere', async () => {
    const { api, urls, upstream } = serving([issuerOf(ISSUER)])
    const [header, payload] = (await signToken(goodClaims(), { typ: 'JWT' })).split('.')
    const unsecured = `${base64url('{"typ":"JWT","alg":"none"}')}.${payload}`
    for (const token of [unsecured, `${unsecured}.`, `${header}.${payload}`, `${header}.`]) {
      expect(await codeOf(api.verify(token))).toBe('token_malformed')
      expect(await codeOf(api.authenticate(carrying(token)))).toBe('token_malformed')
      await api.invalidate(token)
    }
    expect([...urls(), ...upstream.calls]).toEqual([])
    // Flask's and others' signed texts have one dot too.
    expect(await codeOf(api.verify(`${payload}.${header}`))).toBe('accepted')
    expect(urls()).toEqual([`${ISSUER}/introspect`])
  })

  test('go to the issuer whose prefix they bear', async () => {
    const { api, urls } = serving([
      issuerOf(ISSUER, { opaqueTokens: { prefixes: ['aa_', 'ab_'] } }),
      issuerOf(OTHER, { opaqueTokens: { prefixes: ['b_'] } }),
    ])
    expect((await api.verify(opaque('ab'))).issuer).toBe(ISSUER)
    expect((await api.verify(opaque('b'))).issuer).toBe(OTHER)
    expect(urls()).toEqual([`${ISSUER}/introspect`, `${OTHER}/introspect`])
  })

  test.each(['c', 'AA', 'xb', 'a'])('with a prefix of nobody are refused, and nobody is asked: %s_', async (name) => {
    const { api, urls } = serving([
      issuerOf(ISSUER, { opaqueTokens: { prefixes: ['aa_', 'ab_'] } }),
      issuerOf(OTHER, { opaqueTokens: { prefixes: ['b_'] } }),
    ])
    expect(await codeOf(api.verify(opaque(name)))).toBe('token_malformed')
    expect(urls()).toEqual([])
  })

  test('that the one issuer calls inactive are never tried at the other', async () => {
    const { api, urls, endpoint } = serving([
      issuerOf(ISSUER, { opaqueTokens: { prefixes: ['a_'] } }),
      issuerOf(OTHER, { opaqueTokens: { prefixes: ['b_'] } }),
    ])
    endpoint.reply = ({ url }) => Response.json(url.startsWith(ISSUER) ? { active: false } : goodAnswer())
    expect(await codeOf(api.verify(opaque('a')))).toBe('token_inactive')
    endpoint.reply = () => new Response('', { status: 500 })
    expect(await codeOf(api.verify(opaque('a-2')))).toBe('token_malformed')
    expect(await codeOf(api.verify(`a_2${opaque()}`))).toBe('issuer_unavailable')
    expect(new Set(urls())).toEqual(new Set([`${ISSUER}/introspect`]))
  })

  test('each issuer gets its own credentials', async () => {
    const { api, endpoint } = serving([
      issuerOf(ISSUER, { opaqueTokens: { prefixes: ['a_'] } }),
      issuerOf(OTHER, { opaqueTokens: { prefixes: ['b_'] } }),
    ])
    await api.verify(opaque('a'))
    await api.verify(opaque('b'))
    const clients = endpoint.asked.map(
      ({ headers }) => atob(headers.get('authorization')?.slice(6) ?? '').split(':')[0],
    )
    expect(clients).toEqual([ISSUER, OTHER].map((issuer) => `client+at+${encodeURIComponent(issuer)}`))
  })

  test.each([
    ['credentials with a character that no token has', 'Bearer a_b"c', 'credentials_malformed'],
    ['no credentials', undefined, 'credentials_missing'],
    ['another scheme', 'Basic YTpi', 'credentials_missing'],
  ])('%s: nobody is asked', async (_, authorization, code) => {
    const { api, urls } = serving([issuerOf(ISSUER)])
    const request = new Request(RESOURCE, { headers: authorization === undefined ? {} : { authorization } })
    expect(await codeOf(api.authenticate(request))).toBe(code)
    expect(urls()).toEqual([])
  })

  test.each([
    ['one that is too long', 'x'.repeat(16 * 1024 + 1), 'token_too_large'],
    ['an empty one', '', 'token_malformed'],
    ['one with a space', 'a b', 'token_malformed'],
    ['a JWE', 'eyJhbGciOiJkaXIifQ..a.b.c', 'token_malformed'],
    ['JSON', '{"token":1}', 'token_malformed'],
  ])('%s is refused, and nobody is asked', async (_, token, code) => {
    const { api, urls } = serving([issuerOf(ISSUER)])
    expect(await codeOf(api.verify(token))).toBe(code)
    expect(urls()).toEqual([])
  })
})

describe('JWTs of an issuer with `jwt: false`', () => {
  const issuers = [
    issuerOf(ISSUER, { opaqueTokens: { prefixes: ['a_'] } }),
    issuerOf(OTHER, { opaqueTokens: { prefixes: ['b_'] } }),
  ]

  test('go to that issuer’s endpoint and no other', async () => {
    const { api, urls, upstream } = serving(issuers)
    expect((await api.verify(await signToken())).issuer).toBe(ISSUER)
    expect((await api.verify(await signToken(goodClaims({ iss: OTHER })))).issuer).toBe(OTHER)
    expect(urls()).toEqual([`${ISSUER}/introspect`, `${OTHER}/introspect`])
    expect(upstream.calls, 'no keys are fetched').toEqual([])
  })

  test('are what the issuer says, not what they say themselves', async () => {
    const { api, endpoint } = serving(issuers)
    endpoint.reply = () => Response.json(goodAnswer({ sub: 'answered', scope: 'little' }))
    const token = await api.verify(await signToken(goodClaims({ sub: 'forged', scope: 'admin' })))
    expect(token).toMatchObject({ format: 'opaque', subject: 'answered', scopes: ['little'] })
  })

  test.each([
    ['an unknown issuer', { iss: 'https://evil.example.com' }, 'issuer_untrusted'],
    ['an issuer that is almost known', { iss: `${ISSUER}/` }, 'issuer_untrusted'],
    ['no issuer', { iss: undefined }, 'claim_missing'],
    ['a list of issuers', { iss: [ISSUER] }, 'issuer_untrusted'],
  ])('that name %s reach nobody', async (_, changes, code) => {
    const { api, urls, upstream } = serving(issuers)
    expect(await codeOf(api.verify(await signToken(goodClaims(changes))))).toBe(code)
    expect([...urls(), ...upstream.calls]).toEqual([])
  })

  test('whose issuer verifies JWTs here are not asked about', async () => {
    const { api, endpoint, upstream } = await introspecting()
    expect((await api.verify(await signToken())).format).toBe('jwt')
    expect(endpoint.asked).toEqual([])
    expect(upstream.calls).toContain(`${ISSUER}/jwks`)
  })

  test('a forged JWT is refused here, not passed on', async () => {
    const { api, endpoint } = await introspecting()
    const forged = await signToken(goodClaims(), { kid: 'ES256-1' }, await signingKey('ES256', 'forger'))
    expect(await codeOf(api.verify(forged))).toBe('signature_invalid')
    expect(endpoint.asked).toEqual([])
  })
})

function resolving(answers: { opaque?: TrustedIssuer | undefined; named?: TrustedIssuer | undefined }) {
  const hints: unknown[] = []
  const made = serving((hint) => {
    hints.push(hint)
    return 'opaque' in hint ? answers.opaque : answers.named
  })
  return { ...made, hints }
}

describe('a resolver', () => {
  test('is asked for the issuer of opaque tokens, once', async () => {
    const { api, urls, hints } = resolving({ opaque: issuerOf(ISSUER) })
    await api.verify(opaque('one'))
    await api.verify(opaque('two'))
    expect(hints).toEqual([{ opaque: true }])
    expect(urls()).toEqual([`${ISSUER}/introspect`, `${ISSUER}/introspect`])
  })

  test('that knows none refuses the token, and is not asked again at once', async () => {
    const { api, urls, hints, clock } = resolving({})
    expect(await codeOf(api.verify(opaque('one')))).toBe('token_malformed')
    expect(await codeOf(api.verify(opaque('two')))).toBe('token_malformed')
    expect(hints).toHaveLength(1)
    clock.ms += 10_000
    expect(await codeOf(api.verify(opaque('three')))).toBe('token_malformed')
    expect(hints).toHaveLength(2)
    expect(urls()).toEqual([])
  })

  // It thinks of JWTs alone: junk must not make an outage of that.
  test('whose answer does not introspect takes no such tokens, and nobody is asked', async () => {
    const { api, urls } = resolving({ opaque: { issuer: ISSUER } })
    expect(await codeOf(api.verify(opaque()))).toBe('token_malformed')
    expect(urls()).toEqual([])
  })

  test('may name prefixes', async () => {
    const { api, urls } = resolving({ opaque: issuerOf(ISSUER, { opaqueTokens: { prefixes: ['a_'] } }) })
    expect(await codeOf(api.verify(opaque('a')))).toBe('accepted')
    expect(await codeOf(api.verify(opaque('b')))).toBe('token_malformed')
    expect(urls()).toHaveLength(1)
  })

  test('answers for an `iss` as well, and for that one alone', async () => {
    const { api, urls, hints } = resolving({ opaque: issuerOf(ISSUER), named: issuerOf(OTHER) })
    expect((await api.verify(await signToken(goodClaims({ iss: OTHER })))).issuer).toBe(OTHER)
    expect(await codeOf(api.verify(await signToken()))).toBe('issuer_unavailable')
    expect(hints).toEqual([{ iss: OTHER }, { iss: ISSUER }])
    expect(urls()).toEqual([`${OTHER}/introspect`])
  })

  test('a JWT whose `iss` is "opaque" is no hint for opaque tokens', async () => {
    const { api, hints } = resolving({ opaque: issuerOf(ISSUER) })
    expect(await codeOf(api.verify(await signToken(goodClaims({ iss: 'opaque' }))))).toBe('issuer_untrusted')
    expect(hints).toEqual([{ iss: 'opaque' }])
  })

  test('invalidateAll makes it be asked again', async () => {
    const { api, hints } = resolving({ opaque: issuerOf(ISSUER) })
    await api.verify(opaque('one'))
    await api.invalidateAll()
    await api.verify(opaque('two'))
    expect(hints).toHaveLength(2)
  })

  test('an endpoint that is down is left alone, though two hints lead to its issuer', async () => {
    const { api, endpoint } = resolving({ opaque: issuerOf(ISSUER), named: issuerOf(ISSUER) })
    endpoint.reply = () => new Response('', { status: 500 })
    for (let turn = 0; turn < 20; turn++) {
      expect(await codeOf(api.verify(opaque(`turn-${turn}`)))).toBe('issuer_unavailable')
      expect(await codeOf(api.verify(await signToken(goodClaims({ jti: `turn-${turn}` }))))).toBe('issuer_unavailable')
    }
    expect(endpoint.asked.length).toBeLessThanOrEqual(10)
  })
})
