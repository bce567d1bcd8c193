import { describe, expect, test, vi } from 'vitest'
import {
  BearwardError,
  claim,
  clientSecretBasic,
  deny,
  introspect,
  type IntrospectionDialect,
  memoryTier,
  resolveIssuers,
  type ResourceServerOptions,
  sharedTiers,
} from '../../src/entry-points/index.ts'
import { withDetail } from '../fixture/detail.ts'
import { goodAnswer, introspecting, type IntrospectionSetup } from '../fixture/introspection.ts'
import { goodClaims, ISSUER, RESOURCE, signToken } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'
import { findsOf, METHODS, SECRET, SIGNED, spellings, THROWN, TOKEN, toldBy, type Way, WAYS } from './telltales.ts'

// Nothing that others say gets out unread: it passes one place, which lets no token and no secret through.

const API_SECRETS = [TOKEN, SECRET]

/** Everything told of a token that is refused, beside the code. */
async function refused(setup: IntrospectionSetup, token = TOKEN): Promise<{ code: unknown; told: readonly string[] }> {
  const { api, events } = await introspecting({ ...setup, issuer: { clients: ['client-1'], ...setup.issuer } })
  try {
    await api.verify(token)
  } catch (error) {
    const told = toldBy(error, events, api)
    return { code: error instanceof BearwardError ? error.code : error, told }
  }
  return { code: 'accepted', told: toldBy(undefined, events, api) }
}

/** What is told of an endpoint that fails in this way and says nothing secret. */
async function toldOf(way: Way): Promise<string> {
  return (await refused({ reply: () => way('harmless words') })).told.join('\n')
}

function leaks(told: readonly string[], secrets: readonly string[] = API_SECRETS): readonly string[] {
  return secrets.flatMap((secret) => findsOf(secret, told))
}

describe('an endpoint that repeats what it was sent', () => {
  const EVERY_WAY = [...WAYS, ...SIGNED].map(([name, way]) => ({ name, way, signedResponse: SIGNED.has(name) }))

  test.each(EVERY_WAY)('repeats no token: $name', async ({ way, signedResponse }) => {
    for (const text of spellings(TOKEN)) {
      const { code, told } = await refused({ introspection: { signedResponse }, reply: () => way(text) })
      expect(leaks(told), text).toEqual([])
      expect(code).not.toBeInstanceOf(Error)
    }
  })

  test.each(EVERY_WAY)('repeats no client secret: $name', async ({ way, signedResponse }) => {
    const auth = clientSecretBasic({ clientId: 'client-9', clientSecret: SECRET })
    for (const text of spellings(SECRET)) {
      const { told } = await refused({ introspection: { auth, signedResponse }, reply: () => way(text) })
      expect(leaks(told), text).toEqual([])
    }
  })

  test.each([...METHODS])('repeats neither a secret nor what is on the wire: %s', async (method, make) => {
    const auth = await make()
    for (const [name, way] of WAYS) {
      const sent: string[] = method === 'none' || method === 'private_key_jwt' ? [] : [SECRET]
      const { told } = await refused({
        introspection: { auth },
        reply({ headers, form }) {
          const credentials = [headers.get('authorization')?.replace(/^Basic /, ''), form.get('client_assertion')]
          sent.push(...credentials.filter((each) => typeof each === 'string'))
          return way(sent.join(' '))
        },
      })
      expect(leaks(told, sent), name).toEqual([])
    }
  })

  test('is told of in its own words where they repeat nothing', async () => {
    for (const name of ['the message', 'the message of the cause', 'a message that is harmless later']) {
      expect(await toldOf(WAYS.get(`fetch throws: ${name}`) as Way), name).toContain('harmless words')
      expect(await toldOf(WAYS.get(`the body breaks off: ${name}`) as Way), name).toContain('harmless words')
    }
    expect(await toldOf(WAYS.get('the endpoint says: iss') as Way)).toContain('got "harmless words"')
    expect(await toldOf(WAYS.get('the endpoint says: the content type') as Way)).toContain('"harmless-words"')
    expect(await toldOf(WAYS.get('the endpoint says: aud') as Way)).toContain('got "harmless words"')
    expect(await toldOf(WAYS.get('fetch throws: errors of an AggregateError') as Way)).toContain('all failed')
  })

  test('says the code of a failure that has no message of its own', async () => {
    const cause = Object.assign(new AggregateError([new Error('connect ECONNREFUSED ::1:1')]), { code: 'ECONNREFUSED' })
    const { told } = await refused({ reply: () => Promise.reject(new TypeError('fetch failed', { cause })) })
    expect(told.join()).toContain('fetch failed (ECONNREFUSED)')
  })
})

describe('functions of the user', () => {
  const dialect: IntrospectionDialect = {
    name: 'own',
    request: (token, { endpoint }) => ({
      url: endpoint,
      method: 'POST',
      headers: new Headers(),
      body: JSON.stringify({ access_token: token, resource: RESOURCE, nested: [{ key: SECRET }] }),
    }),
    read: ({ body }) => JSON.parse(new TextDecoder().decode(body)) as never,
  }

  test.each(Object.entries(THROWN))('a dialect that throws the token: %s', async (_, make) => {
    for (const text of spellings(TOKEN)) {
      const throwing = (): never => {
        throw make(text)
      }
      for (const part of [{ request: throwing }, { read: throwing }]) {
        const { code, told } = await refused({ introspection: { auth: 'none', dialect: { ...dialect, ...part } } })
        expect(leaks(told), text).toEqual([])
        expect(code).toBe('issuer_unavailable')
      }
    }
  })

  test('a dialect whose body is a text has the secrets in it concealed, and its words told', async () => {
    const introspection = { auth: 'none', dialect } as const
    const echo = await refused({ introspection, reply: () => Response.json(goodAnswer({ iss: SECRET })) })
    expect(leaks(echo.told)).toEqual([])
    const other = await refused({ introspection, reply: () => Response.json(goodAnswer({ aud: 'urn:other' })) })
    expect(other.told.join()).toContain(`expected "${RESOURCE}", got "urn:other"`)
    const body = `key=${encodeURIComponent(SECRET)}`
    const form: IntrospectionDialect = {
      ...dialect,
      request: (token, context) => ({ ...dialect.request(token, context), body }),
    }
    const formed = await refused({
      introspection: { auth: 'none', dialect: form },
      reply: () => Response.json(goodAnswer({ iss: SECRET })),
    })
    expect(leaks(formed.told)).toEqual([])
  })

  test.each(Object.entries(THROWN))('a source of credentials that throws them: %s', async (_, make) => {
    const throwing = (): never => {
      throw make(SECRET)
    }
    const auth = clientSecretBasic({ clientId: 'client-9', clientSecret: throwing })
    const { code, told } = await refused({ introspection: { auth } })
    expect(leaks(told)).toEqual([])
    expect(code).toBe('issuer_unavailable')
  })

  test('a method that conceals what is no text is none the worse for it', async () => {
    const auth = {
      method: 'own',
      authenticate: (_: unknown, { conceal }: { conceal?: (secret: string) => void }) => conceal?.(undefined as never),
    }
    expect((await refused({ introspection: { auth } })).code).toBe('accepted')
    const { told } = await refused({ introspection: { auth }, reply: () => Response.json(goodAnswer({ iss: TOKEN })) })
    expect(leaks(told)).toEqual([])
  })

  test.each(Object.entries(THROWN))('a resolver that throws a secret in an address: %s', async (name, make) => {
    const { api, events } = await fixture({
      issuers: resolveIssuers(() => {
        throw make(`postgres://bearward:${SECRET.replace(/ /g, '@')}@db.internal/tenants ${'x'.repeat(300)}`)
      }),
    })
    const error: unknown = await api.verify(await signToken()).catch((caught: unknown) => caught)
    expect(leaks(toldBy(error, events, api), [SECRET]), name).toEqual([])
    expect(error).toMatchObject({ code: 'issuer_unavailable' })
  })

  test.each(Object.entries(THROWN))('a tier that throws the password of its address: %s', async (_, make) => {
    const throwing = async (): Promise<never> => {
      throw make(`redis://:${SECRET.replace(/ /g, '@')}@redis.internal:6379`)
    }
    const tiers = sharedTiers([{ ...memoryTier(), get: throwing, put: throwing, delete: throwing }])
    const { api, events } = await fixture({ tiers })
    expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
    await api.invalidateAll()
    expect(events.some(({ type }) => type === 'tier_failed')).toBe(true)
    expect(leaks(toldBy(undefined, events, api), [SECRET])).toEqual([])
  })

  test('a schema that names a member after the token or a secret', async () => {
    for (const secret of API_SECRETS) {
      for (const text of spellings(secret)) {
        const { code, told } = await refused({
          introspection: { auth: clientSecretBasic({ clientId: 'client-9', clientSecret: SECRET }) },
          server: { claims: refusing([text]) },
          reply: () => Response.json(goodAnswer({ [text]: 1 })),
        })
        expect(code).toBe('claim_invalid')
        expect(leaks(told), text).toEqual([])
      }
    }
    const twin = await refused({ server: { claims: refusing(['tenant', 'name']) } })
    expect(twin.told.join()).toContain('refuses "tenant.name"')
  })

  test('a schema that does so again for an answer that is cached', async () => {
    const { api, events, endpoint } = await introspecting({
      introspection: { auth: clientSecretBasic({ clientId: 'client-9', clientSecret: SECRET }) },
      server: { claims: refusing([SECRET]) },
    })
    for (let turn = 0; turn < 3; turn++) {
      const error: unknown = await api.verify(TOKEN).catch((caught: unknown) => caught)
      expect(leaks(toldBy(error, events, api))).toEqual([])
    }
    expect(endpoint.asked).toHaveLength(1)
  })

  test.each(Object.entries(THROWN))('a schema that throws the token: %s', async (_, make) => {
    const validate = (): never => {
      throw make(TOKEN)
    }
    const claims = {
      '~standard': { version: 1, vendor: 'own', validate },
    } as unknown as ResourceServerOptions['claims']
    const { code, told } = await refused({ server: { claims } })
    expect(code).toBe('claim_invalid')
    expect(leaks(told)).toEqual([])
  })

  test('a requirement that throws the token is told of by what the application threw, and by nothing else', async () => {
    const { api, events } = await introspecting({ reply: () => Response.json(goodAnswer({ sub: TOKEN })) })
    const token = await api.verify(TOKEN)
    const thrown = new Error(TOKEN)
    const requirement = (): never => {
      throw thrown
    }
    for (const needed of [requirement, claim('sub', requirement), claim('sub', (value) => value === 'x')]) {
      const error = denialOf(() => api.authorize(token, needed))
      expect(error.code).toBe('access_denied')
      // The application's own error stays its own: it never left the application.
      expect([undefined, thrown]).toContain(error.cause)
      Reflect.deleteProperty(error, 'cause')
      expect(leaks(toldBy(error, events, api))).toEqual([])
    }
    expect(denialOf(() => api.authorize(token, () => deny('too little'))).detail).toBe('too little')
  })

  test('an abort reason that quotes the token', async () => {
    // Not those that throw when they are read: workerd's own signals read their reason.
    const reasons = [
      'the message',
      'the message of the cause',
      'config',
      'the name',
      'a string',
      'an object that is no error',
    ]
    for (const make of reasons.flatMap((name) => THROWN[name] ?? [])) {
      const leaving = new AbortController()
      const { api, events } = await introspecting({
        reply: () => new Promise(() => setTimeout(() => leaving.abort(make(TOKEN)), 0)),
      })
      const opaque = await api.verify(TOKEN, { signal: leaving.signal }).catch((caught: unknown) => caught)
      expect(leaks(toldBy(opaque, events, api))).toEqual([])
      const early: unknown = await api
        .verify(TOKEN, { signal: AbortSignal.abort(make(TOKEN)) })
        .catch((caught) => caught)
      expect(leaks(toldBy(early, events, api))).toEqual([])
      expect([opaque, early]).toMatchObject([{ code: 'issuer_unavailable' }, { code: 'issuer_unavailable' }])
      const { api: other } = await fixture()
      const ready: unknown = await other.ready({ signal: AbortSignal.abort(make(TOKEN)) }).catch((caught) => caught)
      expect(leaks(toldBy(ready, [], other))).toEqual([])
    }
  })

  test.each(Object.entries(THROWN))('a form that throws what it holds: %s', async (_, make) => {
    const { api, events } = await fixture({ form: true })
    const view = {
      method: 'POST',
      url: `${RESOURCE}/orders`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    }
    const error: unknown = await api
      .authenticate({ ...view, form: () => Promise.reject(make(TOKEN)) })
      .catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'credentials_malformed' })
    expect(leaks(toldBy(error, events, api))).toEqual([])
    const token = await signToken()
    const form = (): Promise<URLSearchParams> => Promise.resolve(new URLSearchParams({ access_token: token }))
    expect(await codeOf(api.authenticate({ ...view, form }))).toBe('accepted')
  })
})

describe('an issuer that fails while its documents are fetched', () => {
  test.each(Object.entries(THROWN))('does not repeat the key in the address: %s', async (_, make) => {
    const address = `${ISSUER}/keys?code=${encodeURIComponent(SECRET)}`
    const { api, events } = await fixture({
      issuers: [{ issuer: ISSUER, jwt: { jwksUri: address } }],
      fetch: (url) => Promise.reject(make(`cannot get ${url}`)),
    })
    const error: unknown = await api.verify(await signToken()).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'issuer_unavailable' })
    expect(leaks(toldBy(error, events, api), [SECRET])).toEqual([])
    await expect(api.ready()).rejects.toThrow(withDetail(`${ISSUER}/keys cannot be reached`))
  })

  test('names the option that is wrong, and not the password in it', async () => {
    const endpoint = `https://client:${encodeURIComponent(SECRET)}@login.example.com/introspect`
    const { api, events } = await fixture({
      issuers: resolveIssuers(() => ({ issuer: ISSUER, introspection: introspect({ endpoint, auth: 'none' }) })),
    })
    const error: unknown = await api.verify(await signToken(goodClaims())).catch((caught: unknown) => caught)
    const told = toldBy(error, events, api)
    expect(leaks(told, [SECRET])).toEqual([])
    expect(told.join()).toContain('expected a URL without user name and password, got "https://***@login.example.com')
  })
})

/** A schema that refuses whatever it gets, and names this member. */
function refusing(path: readonly string[]): ResourceServerOptions['claims'] {
  const validate = () => ({ issues: [{ message: 'no', path }] })
  return { '~standard': { version: 1, vendor: 'own', validate } } as unknown as ResourceServerOptions['claims']
}

test('a token that is accepted is not searched', async () => {
  const { api } = await introspecting()
  const token = 'x'.repeat(16_000)
  const lowered = vi.spyOn(String.prototype, 'toLowerCase')
  const code = await codeOf(api.verify(token))
  const long = lowered.mock.contexts.filter((each) => String(each).length >= token.length)
  lowered.mockRestore()
  expect(code).toBe('accepted')
  expect(long).toEqual([])
})

function denialOf(work: () => void): BearwardError {
  try {
    work()
  } catch (error) {
    if (error instanceof BearwardError) return error
  }
  throw new Error('nothing was denied')
}
