import { describe, expect, test } from 'vitest'
import {
  clientSecretBasic,
  githubTokenCheck,
  googleTokenInfo,
  introspect,
  type IntrospectionDialect,
  type UpstreamResponse,
} from '../../../../src/entry-points/index.ts'
import {
  CLIENT_SECRET,
  goodAnswer,
  introspecting,
  opaque,
  searchWhatWasEmitted,
  TOKEN_MARK,
} from '../../../fixture/introspection.ts'
import { ISSUER, NOW } from '../../../fixture/issuer.ts'
import { codeOf } from '../../../fixture/server.ts'

searchWhatWasEmitted()

describe('Google tokeninfo', () => {
  const ISSUER_OF_GOOGLE = 'https://accounts.google.com'
  const CLIENT = '32555940559.apps.googleusercontent.com'
  const TOKEN = `ya29.${opaque()}`

  /**
   * The documented answer: numbers come as strings.
   * @see https://cloud.google.com/docs/authentication/token-types#access-contents
   */
  function documented(changes: Record<string, unknown> = {}): Record<string, unknown> {
    return {
      azp: CLIENT,
      aud: CLIENT,
      sub: '111260650121185072906',
      scope: 'openid https://www.googleapis.com/auth/userinfo.email https://www.googleapis.com/auth/cloud-platform',
      exp: String(NOW + 3_488),
      expires_in: '3488',
      access_type: 'online',
      email: 'user@example.com',
      email_verified: 'true',
      ...changes,
    }
  }

  function google(answer: unknown = documented(), status = 200) {
    return introspecting({
      issuer: {
        issuer: ISSUER_OF_GOOGLE,
        audience: CLIENT,
        jwt: false,
        introspection: introspect({ auth: 'none', dialect: googleTokenInfo() }),
      },
      reply: () => Response.json(answer, { status }),
    })
  }

  test('the documented answer', async () => {
    const { api } = await google()
    expect(await api.verify(TOKEN)).toMatchObject({
      format: 'opaque',
      issuer: ISSUER_OF_GOOGLE,
      subject: '111260650121185072906',
      clientId: CLIENT,
      audience: [CLIENT],
      scopes: [
        'openid',
        'https://www.googleapis.com/auth/userinfo.email',
        'https://www.googleapis.com/auth/cloud-platform',
      ],
      expiresAtSeconds: NOW + 3_488,
    })
  })

  test('is asked for at Google’s address, without the token in the URL', async () => {
    const { api, endpoint } = await google()
    await api.verify(TOKEN)
    const [asked] = endpoint.asked
    expect(asked?.url).toBe('https://oauth2.googleapis.com/tokeninfo')
    expect(asked?.method).toBe('POST')
    expect(asked?.headers.get('authorization')).toBe(`Bearer ${TOKEN}`)
  })

  test.each<[string, unknown]>([
    // https://developers.google.com/identity/protocols/oauth2 and the v3 endpoint, which leaves `error` out.
    ['a named error', { error: 'invalid_token', error_description: 'Invalid Value' }],
    ['a description alone', { error_description: 'Invalid Value' }],
  ])('400 with %s is inactive', async (_, answer) => {
    expect(await codeOf((await google(answer, 400)).api.verify(TOKEN))).toBe('token_inactive')
  })

  test.each<[string, unknown, number]>([
    ['another 400', { error: 'invalid_request', error_description: 'either access_token or id_token required' }, 400],
    ['a 401', { error: 'invalid_token' }, 401],
    ['a 500', { error: 'invalid_token' }, 500],
    ['exp in words', documented({ exp: 'soon' }), 200],
    ['exp that is no time', documented({ exp: null }), 200],
    ['exp with a fraction as text', documented({ exp: '1.5' }), 200],
    ['sub that is no text', documented({ sub: 7 }), 200],
  ])('%s is Google’s fault: 503', async (_, answer, status) => {
    expect(await codeOf((await google(answer, status)).api.verify(TOKEN))).toBe('issuer_unavailable')
  })

  test('exp as a number is read as well', async () => {
    expect((await (await google(documented({ exp: NOW + 60 }))).api.verify(TOKEN)).expiresAtSeconds).toBe(NOW + 60)
  })

  test('a token of another project is refused', async () => {
    const other = documented({ aud: '1.apps.googleusercontent.com', azp: CLIENT })
    expect(await codeOf((await google(other)).api.verify(TOKEN))).toBe('audience_mismatch')
  })

  test('`azp` is the client where it differs from `aud`, and `aud` where it is absent', async () => {
    const android = documented({ azp: 'android.apps.googleusercontent.com' })
    expect((await (await google(android)).api.verify(TOKEN)).clientId).toBe('android.apps.googleusercontent.com')
    expect((await (await google(documented({ azp: undefined }))).api.verify(TOKEN)).clientId).toBe(CLIENT)
  })

  test('a token that expired is refused, though the answer says nothing of `active`', async () => {
    expect(await codeOf((await google(documented({ exp: String(NOW - 60) }))).api.verify(TOKEN))).toBe('token_expired')
  })

  test('credentials that take the token’s header are refused: the endpoint would answer about them', async () => {
    const { api, endpoint } = await introspecting({
      issuer: {
        issuer: ISSUER_OF_GOOGLE,
        audience: CLIENT,
        jwt: false,
        introspection: introspect({
          auth: clientSecretBasic({ clientId: CLIENT, clientSecret: CLIENT_SECRET }),
          dialect: googleTokenInfo(),
        }),
      },
      reply: () => Response.json(documented()),
    })
    expect(await codeOf(api.verify(TOKEN))).toBe('issuer_unavailable')
    expect(endpoint.asked).toEqual([])
  })

  test('an expired token does not become endless by an empty answer', async () => {
    expect(await codeOf((await google({})).api.verify(TOKEN))).toBe('audience_mismatch')
  })
})

describe('GitHub’s check-a-token API', () => {
  const CLIENT = 'Iv1.8a61f9b3a7aba766'
  const TOKEN = `gho_${opaque()}`

  /**
   * The documented answer, which repeats the token itself.
   * @see https://docs.github.com/en/rest/apps/oauth-applications#check-a-token
   */
  function documented(changes: Record<string, unknown> = {}): Record<string, unknown> {
    return {
      id: 1,
      url: 'https://api.github.com/authorizations/1',
      scopes: ['public_repo', 'user'],
      token: TOKEN,
      token_last_eight: TOKEN.slice(-8),
      hashed_token: '25f94a2a5c7fbaf499c665bc73d67c1c87e496da8985131633ee0a95819db2e8',
      app: { url: 'http://my-github-app.com', name: 'my github app', client_id: CLIENT },
      note: 'optional note',
      note_url: 'http://optional/note/url',
      updated_at: '2025-12-06T20:39:23Z',
      created_at: '2025-12-06T17:26:27Z',
      fingerprint: 'jklmnop12345678',
      expires_at: '2026-01-08T17:26:27Z',
      user: { login: 'octocat', id: 1, node_id: 'MDQ6VXNlcjE=', type: 'User', site_admin: false },
      ...changes,
    }
  }

  function github(answer: unknown = documented(), status = 200) {
    return introspecting({
      issuer: {
        issuer: 'https://github.com',
        audience: CLIENT,
        jwt: false,
        introspection: introspect({
          auth: clientSecretBasic({ clientId: CLIENT, clientSecret: CLIENT_SECRET }),
          dialect: githubTokenCheck({ clientId: CLIENT }),
        }),
      },
      reply: () => Response.json(answer, { status }),
    })
  }

  test('the documented answer', async () => {
    const { api } = await github()
    expect(await api.verify(TOKEN)).toMatchObject({
      format: 'opaque',
      issuer: 'https://github.com',
      subject: '1',
      clientId: CLIENT,
      audience: [CLIENT],
      issuedAtSeconds: Date.UTC(2025, 11, 6, 17, 26, 27) / 1000,
      expiresAtSeconds: Date.UTC(2026, 0, 8, 17, 26, 27) / 1000,
      claims: { username: 'octocat' },
    })
  })

  test('the token that the answer repeats does not stand in the claims, and neither do its traces', async () => {
    const said = JSON.stringify(await (await github()).api.verify(TOKEN))
    for (const trace of [TOKEN_MARK, TOKEN.slice(-8), '25f94a2a5c7f', 'jklmnop']) expect(said).not.toContain(trace)
  })

  test('is asked for by POST, with Basic credentials and the token in a JSON body', async () => {
    const { api, endpoint } = await github()
    await api.verify(TOKEN)
    const [asked] = endpoint.asked
    expect(asked?.url).toBe(`https://api.github.com/applications/${CLIENT}/token`)
    expect(asked?.method).toBe('POST')
    expect(asked?.headers.get('content-type')).toBe('application/json')
    expect(asked?.headers.get('accept')).toBe('application/vnd.github+json')
    expect(asked?.headers.get('x-github-api-version')).toMatch(/^\d{4}-\d\d-\d\d$/)
    expect(asked?.headers.get('user-agent')).toBeTruthy()
    expect(atob(asked?.headers.get('authorization')?.slice(6) ?? '')).toBe(`${CLIENT}:${CLIENT_SECRET}`)
    expect(JSON.parse(asked?.body ?? '')).toEqual({ access_token: TOKEN })
  })

  test('an Enterprise server has its own address', () => {
    expect(githubTokenCheck({ clientId: 'a/b', apiUrl: 'https://git.example.com/api/v3/' }).endpoint).toBe(
      'https://git.example.com/api/v3/applications/a%2Fb/token',
    )
    expect(() => githubTokenCheck({ clientId: '' })).toThrow('githubTokenCheck().clientId')
    expect(() => githubTokenCheck({ clientId: 'x', apiUrl: 'git.example.com' })).toThrow('githubTokenCheck().apiUrl')
  })

  test('404 is inactive', async () => {
    const notFound = { message: 'Not Found', documentation_url: 'https://docs.github.com/rest' }
    expect(await codeOf((await github(notFound, 404)).api.verify(TOKEN))).toBe('token_inactive')
  })

  test.each<[string, unknown, number]>([
    ['422', { message: 'Validation Failed', errors: [{ resource: 'token', code: 'invalid' }] }, 422],
    ['401: our own credentials', { message: 'Bad credentials' }, 401],
    ['403: rate limited', { message: 'API rate limit exceeded' }, 403],
    ['500', {}, 500],
    ['an app of another client', documented({ app: { client_id: 'Iv1.other' } }), 200],
    ['no app', documented({ app: null }), 200],
    ['expires_at that is no time', documented({ expires_at: 'tomorrow' }), 200],
    ['expires_at that is a number', documented({ expires_at: NOW }), 200],
    ['scopes that are no list', documented({ scopes: 7 }), 200],
    ['an array', [documented()], 200],
  ])('%s is 503', async (_, answer, status) => {
    expect(await codeOf((await github(answer, status)).api.verify(TOKEN))).toBe('issuer_unavailable')
  })

  test.each<[string[], string[]]>([
    [['repo'], ['repo', 'repo:status', 'repo_deployment', 'public_repo', 'repo:invite', 'security_events']],
    [['repo:status'], ['repo:status']],
    [['public_repo'], ['public_repo']],
    [['admin:org'], ['admin:org', 'write:org', 'read:org']],
    [['write:org'], ['write:org', 'read:org']],
    [['read:org'], ['read:org']],
    [['admin:repo_hook'], ['admin:repo_hook', 'write:repo_hook', 'read:repo_hook']],
    [['admin:public_key'], ['admin:public_key', 'write:public_key', 'read:public_key']],
    [['user'], ['user', 'read:user', 'user:email', 'user:follow']],
    [['project'], ['project', 'read:project']],
    [[], []],
  ])('scopes %j bring %j', async (scopes, expanded) => {
    // https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps
    const token = await (await github(documented({ scopes }))).api.verify(TOKEN)
    expect(token.scopes).toEqual(expanded)
    expect(token.claims['scope']).toEqual(scopes)
  })

  test('what the API implies comes on top of it', async () => {
    const { api } = await introspecting({
      issuer: {
        issuer: 'https://github.com',
        audience: CLIENT,
        jwt: false,
        introspection: introspect({ auth: 'none', dialect: githubTokenCheck({ clientId: CLIENT }) }),
      },
      server: { scopes: { implies: { 'repo:status': ['orders:read'] } } },
      reply: () => Response.json(documented({ scopes: ['repo'] })),
    })
    expect((await api.verify(TOKEN)).scopes).toContain('orders:read')
  })

  test('`expires_at: null` never expires; `scopes: null` grants nothing', async () => {
    const token = await (await github(documented({ expires_at: null, scopes: null }))).api.verify(TOKEN)
    expect(token.expiresAtSeconds).toBeUndefined()
    expect(token.scopes).toEqual([])
  })

  test('a token that expired is refused', async () => {
    const expired = documented({ expires_at: '2025-12-31T23:59:00Z' })
    expect(await codeOf((await github(expired)).api.verify(TOKEN))).toBe('token_expired')
  })

  test('a token without a user has no subject', async () => {
    const token = await (await github(documented({ user: null }))).api.verify(TOKEN)
    expect(token.subject).toBeUndefined()
    expect(token.claims['username']).toBeUndefined()
  })
})

const text = (body: string): Response => new Response(body, { headers: { 'content-type': 'text/plain' } })

describe('a dialect of the user’s own', () => {
  const legacy: IntrospectionDialect = {
    name: 'legacy',
    endpoint: 'https://legacy.example.com/check',
    implies: { all: ['orders:read'] },
    request: (token, { endpoint, clientId }) => ({
      url: `${endpoint}?client=${clientId}`,
      method: 'GET',
      headers: new Headers({ 'x-token': token }),
      body: undefined,
    }),
    read({ status, headers, body }: UpstreamResponse) {
      if (status === 410) return { active: false }
      if (headers.get('content-type') !== 'text/plain') throw new Error('it speaks another language')
      const [sub, until] = new TextDecoder().decode(body).split(' ')
      return {
        active: true,
        aud: 'https://api.example.com',
        sub,
        exp: Number(until),
        scope: 'all',
        extra: { list: [1] },
      }
    },
  }

  function asking(reply: () => Response, dialect = legacy) {
    return introspecting({ introspection: { dialect }, reply })
  }

  test('builds the request and reads the answer', async () => {
    const { api, endpoint } = await asking(() => text(`ada ${NOW + 60}`))
    expect(await api.verify(opaque())).toMatchObject({
      issuer: ISSUER,
      subject: 'ada',
      expiresAtSeconds: NOW + 60,
      scopes: ['all', 'orders:read'],
    })
    const [asked] = endpoint.asked
    expect(asked?.url).toBe('https://legacy.example.com/check?client=orders-api')
    expect(asked?.method).toBe('GET')
    expect(asked?.headers.get('x-token')).toBe(opaque())
    expect(asked?.headers.get('authorization'), 'credentials are added to it').toMatch(/^Basic /)
  })

  test('its answer is frozen like any other', async () => {
    const { api } = await asking(() => text(`ada ${NOW + 60}`))
    const { claims } = await api.verify(opaque())
    expect(Object.isFrozen(claims)).toBe(true)
    expect(Object.isFrozen((claims['extra'] as { list: unknown }).list)).toBe(true)
  })

  test('its answers obey the same rules', async () => {
    expect(await codeOf((await asking(() => text(`ada ${NOW - 60}`))).api.verify(opaque()))).toBe('token_expired')
    expect(await codeOf((await asking(() => text('ada soon'))).api.verify(opaque()))).toBe('issuer_unavailable')
    expect(await codeOf((await asking(() => new Response('', { status: 410 }))).api.verify(opaque()))).toBe(
      'token_inactive',
    )
  })

  test('what it throws refuses the token with 503', async () => {
    const { api } = await asking(() => Response.json({}))
    const error = await api.verify(opaque()).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'issuer_unavailable', status: 503 })
  })

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['text', 'active'],
    ['a list', [goodAnswer()]],
    ['`active` that is no boolean', { ...goodAnswer(), active: 1 }],
    ['a promise', Promise.resolve(goodAnswer())],
    ['what JSON cannot say', { ...goodAnswer(), circular: globalThis }],
    ['an `exp` that is no number', { ...goodAnswer(), exp: Number.NaN }],
    ['an `exp` that is not finite', { ...goodAnswer(), exp: Infinity }],
  ])('%s is no answer', async (_, answer) => {
    const { api } = await asking(() => text(''), { ...legacy, read: () => answer as never })
    expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
  })

  test.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('cannot be built')
      },
    ],
    ['names an insecure URL', () => ({ ...legacy.request('t', { endpoint: 'http://x.example.com', clientId: 'c' }) })],
    ['gives nothing', () => undefined],
  ])('a request that %s is not sent', async (_, request) => {
    const { api, endpoint } = await asking(() => text(`ada ${NOW + 60}`), { ...legacy, request: request as never })
    expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
    expect(endpoint.asked).toEqual([])
  })

  test('the option `endpoint` wins over the dialect’s own', async () => {
    const { api, endpoint } = await introspecting({
      introspection: { dialect: legacy, endpoint: 'https://moved.example.com/check' },
      reply: () => text(`ada ${NOW + 60}`),
    })
    await api.verify(opaque())
    expect(endpoint.asked[0]?.url).toMatch(/^https:\/\/moved\.example\.com\/check\?/)
  })
})
