import { describe, expect, test } from 'vitest'
import {
  BearwardError,
  clientSecretBasic,
  createResourceServer,
  introspect,
  type IntrospectionDialect,
  type IntrospectOptions,
  type ResourceServer,
} from '../../src/entry-points/index.ts'
import {
  CLIENT_ID,
  CLIENT_SECRET,
  errorOf,
  goodAnswer,
  introspecting,
  leaksIn,
  opaque,
  SECRET_MARK,
  searchWhatWasEmitted,
  textsOf,
  TOKEN_MARK,
} from '../fixture/introspection.ts'
import { goodClaims, ISSUER, NOW, NOW_MS, RESOURCE, signToken } from '../fixture/issuer.ts'
import { codeOf } from '../fixture/server.ts'

searchWhatWasEmitted()

/** A server that keeps no record of its own, for floods; `answerTo` speaks for the endpoint. */
function floodable(answerTo: (token: string) => object, introspection: Partial<IntrospectOptions> = {}) {
  const count = { asked: 0 }
  const api = createResourceServer({
    resource: RESOURCE,
    issuers: [
      {
        issuer: ISSUER,
        introspection: introspect({ endpoint: `${ISSUER}/introspect`, auth: 'none', ...introspection }),
      },
    ],
    now: () => NOW_MS,
    async fetch(_, { body }) {
      count.asked++
      return Response.json(answerTo((body as URLSearchParams).get('token') ?? ''))
    },
  })
  return { api, count }
}

/** Asks about `name-0` to `name-(count - 1)`, fifty at a time; returns how often each outcome came. */
async function flood(api: ResourceServer, name: string, count: number): Promise<Record<string, number>> {
  const outcomes: Record<string, number> = {}
  for (let start = 0; start < count; start += 50) {
    const chunk = Array.from({ length: Math.min(50, count - start) }, (_, index) =>
      codeOf(api.verify(`${name}-${start + index}`)),
    )
    for (const outcome of await Promise.all(chunk)) outcomes[String(outcome)] = (outcomes[String(outcome)] ?? 0) + 1
  }
  return outcomes
}

const FLOOD_MS = 120_000

describe('junk floods', () => {
  test(
    '100,000 garbage tokens leave good ones cached, and themselves hardly a trace',
    async () => {
      const { api, count } = floodable((token) => (token.startsWith('good') ? goodAnswer() : { active: false }))
      expect(await flood(api, 'good', 1_000)).toEqual({ accepted: 1_000 })
      expect(await flood(api, 'junk', 100_000)).toEqual({ token_inactive: 100_000 })
      expect(count.asked).toBe(101_000)
      expect(await flood(api, 'good', 1_000)).toEqual({ accepted: 1_000 })
      expect(count.asked, 'good tokens came from the cache').toBe(101_000)
      // Bounded memory: all but the newest few thousand are forgotten.
      await flood(api, 'junk', 5_000)
      expect(count.asked).toBe(106_000)
    },
    FLOOD_MS,
  )

  test(
    'tokens of other resources push no good one out of a full cache',
    async () => {
      const foreign = goodAnswer({ aud: 'https://other.example.com' })
      const { api, count } = floodable((token) => (token.startsWith('good') ? goodAnswer() : foreign))
      await flood(api, 'good', 10_000)
      expect(await flood(api, 'foreign', 1_000)).toEqual({ audience_mismatch: 1_000 })
      const before = count.asked
      expect(await flood(api, 'good', 10_000)).toEqual({ accepted: 10_000 })
      expect(count.asked - before, 'good tokens that were asked about again').toBe(0)
    },
    FLOOD_MS,
  )

  test(
    'tokens of other resources are refused from the cache themselves',
    async () => {
      const { api, count } = floodable(() => goodAnswer({ aud: 'https://other.example.com' }))
      await flood(api, 'foreign', 1_000)
      expect(await flood(api, 'foreign', 1_000)).toEqual({ audience_mismatch: 1_000 })
      expect(count.asked).toBe(1_000)
    },
    FLOOD_MS,
  )

  test(
    'large answers count by their size: memory stays bounded',
    async () => {
      const filling = 'x'.repeat(48 * 1024)
      const { api, count } = floodable(() => goodAnswer({ filling }))
      await flood(api, 'large', 1_000)
      const before = count.asked
      await flood(api, 'large', 1_000)
      // The cache holds 32 MiB: 682 of these at most, and asking in the same order finds those that went.
      expect(count.asked - before, 'answers that had been forgotten').toBeGreaterThan(0)
    },
    FLOOD_MS,
  )

  test('garbage that is no answer’s fault to the endpoint never opens its circuit', async () => {
    let junk = true
    const { api, endpoint } = await introspecting({
      reply: () => (junk ? Response.json({ error: 'invalid_request' }, { status: 400 }) : Response.json(goodAnswer())),
    })
    for (let turn = 0; turn < 50; turn++) await codeOf(api.verify(opaque(`junk-${turn}`)))
    junk = false
    expect(await codeOf(api.verify(opaque()))).toBe('accepted')
    expect(endpoint.asked).toHaveLength(51)
  })
})

describe('nothing sensitive leaves', () => {
  /** Repeats the token wherever an answer has room for text. */
  const echoes: [string, (token: string) => Response][] = [
    ['active', (token) => Response.json({ active: token })],
    ['iss', (token) => Response.json(goodAnswer({ iss: token }))],
    ['aud', (token) => Response.json(goodAnswer({ aud: token }))],
    ['client_id', (token) => Response.json(goodAnswer({ client_id: token }))],
    ['token_type', (token) => Response.json(goodAnswer({ token_type: token }))],
    ['token_use', (token) => Response.json(goodAnswer({ token_use: token }))],
    ['exp', (token) => Response.json(goodAnswer({ exp: token }))],
    ['scope', (token) => Response.json(goodAnswer({ scope: [token, 7] }))],
    ['cnf', (token) => Response.json(goodAnswer({ cnf: { jkt: token } }))],
    ['a member name', (token) => Response.json(goodAnswer({ active: undefined, [token]: true }))],
    ['a cnf name', (token) => Response.json(goodAnswer({ cnf: { [token]: token } }))],
    ['an error', (token) => Response.json({ error: token, error_description: token }, { status: 400 })],
    ['a body', (token) => new Response(`${token} is not JSON`, { headers: { 'content-type': 'application/json' } })],
    ['a content type', (token) => new Response('', { headers: { 'content-type': `text/${token}` } })],
    ['a redirect', (token) => new Response('', { status: 302, headers: { location: `/?token=${token}` } })],
    ['Retry-After', (token) => new Response('', { status: 429, headers: { 'retry-after': token } })],
    ['a status text', (token) => new Response('', { status: 500, statusText: token })],
  ]

  // The search itself is `searchWhatWasEmitted`, after each of these.
  test.each(echoes)('when an endpoint repeats the token in %s', async (_, echo) => {
    const { api } = await introspecting({
      issuer: { clients: ['client-1'] },
      reply: ({ form }) => echo(form.get('token') ?? ''),
    })
    expect(await codeOf(api.verify(opaque('echo')))).not.toBe('accepted')
  })

  test('when a dialect’s parser quotes what it could not read', async () => {
    const careless: IntrospectionDialect = {
      name: 'careless',
      request: (token, { endpoint }) => ({
        url: endpoint,
        method: 'POST',
        headers: new Headers(),
        body: new URLSearchParams({ token }),
      }),
      // JSON.parse quotes its input: `Unexpected token 'g', "good_…" is not valid JSON`.
      read: ({ body }) => JSON.parse(new TextDecoder().decode(body)) as never,
    }
    const { api } = await introspecting({
      introspection: { dialect: careless },
      reply: ({ form }) => new Response(form.get('token')),
    })
    expect(await codeOf(api.verify(TOKEN_MARK))).toBe('issuer_unavailable')
  })

  test('when a dialect’s request cannot be built', async () => {
    const careless: IntrospectionDialect = {
      name: 'careless',
      request(token) {
        throw new Error(`cannot ask about ${token}`)
      },
      read: () => ({ active: false }),
    }
    const { api } = await introspecting({ introspection: { dialect: careless } })
    expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
  })

  test('when credentials cannot be had, and the reason holds them', async () => {
    const { api } = await introspecting({
      introspection: {
        auth: clientSecretBasic({
          clientId: CLIENT_ID,
          clientSecret() {
            throw new Error(`the secret ${SECRET_MARK} has expired`)
          },
        }),
      },
    })
    expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
  })

  test.each<[string, (init: RequestInit) => string]>([
    ['the token', ({ body }) => (body as URLSearchParams).toString()],
    ['our credentials', ({ headers }) => String(new Headers(headers).get('authorization'))],
  ])('when a fetch of the user’s own quotes %s that it was to send', async (_, quoted) => {
    const { api, upstream } = await introspecting()
    const quoting = await introspecting({
      server: {
        fetch(url, init) {
          if (init.method === undefined) return upstream.fetch(url, init)
          return Promise.reject(new Error(`cannot send ${quoted(init)}`))
        },
      },
    })
    expect(await codeOf(api.verify(opaque()))).toBe('accepted')
    const error = await errorOf(quoting.api.verify(opaque()))
    expect(error).toMatchObject({
      code: 'issuer_unavailable',
      detail: expect.stringContaining('cannot be reached: Error'),
    })
    expect(textsOf(error).join()).not.toContain(TOKEN_MARK)
    expect(textsOf(error).join()).not.toMatch(/Basic \w/)
  })

  test('when a fetch says plainly why it failed, that is told', async () => {
    const { api } = await introspecting({ reply: () => Promise.reject(new Error('connect ECONNREFUSED')) })
    expect((await errorOf(api.verify(opaque()))).detail).toContain('connect ECONNREFUSED')
  })

  test('when a JWT is refused, inactive or contradicted', async () => {
    const answers = [{ active: false }, goodAnswer({ sub: 'user-2' }), goodAnswer({ iss: 'x' }), { active: 'x' }]
    for (const answer of answers) {
      const { api } = await introspecting({
        introspection: { use: 'always' },
        reply: () => Response.json(answer),
      })
      expect(await codeOf(api.verify(await signToken(goodClaims({ jti: TOKEN_MARK }))))).not.toBe('accepted')
    }
  })

  test('in what the health page shows', async () => {
    const { api } = await introspecting({ reply: () => new Response('', { status: 500 }) })
    await codeOf(api.verify(opaque()))
    expect(leaksIn([JSON.stringify(api.snapshot())])).toEqual([])
  })
})

describe('the search finds a leak that is planted', () => {
  const token = opaque('planted')

  test.each<[string, Error]>([
    ['its message', new Error(`no such token: ${token}`)],
    ['the message of one of bearward’s own', new BearwardError('token_inactive', `no such token: ${token}`)],
    ['a member', Object.assign(new Error('refused'), { token })],
    ['its cause', new Error('refused', { cause: new Error(token) })],
    ['its cause’s cause', new Error('refused', { cause: new Error('x', { cause: new Error(CLIENT_SECRET) }) })],
    ['a cause that is no error', new Error('refused', { cause: token })],
  ])('in an error: %s', (_, error) => {
    expect(leaksIn(textsOf(error))).not.toEqual([])
    expect(leaksIn(textsOf(new Error('refused', { cause: new Error('the token') })))).toEqual([])
  })

  test('in an event and in a challenge', () => {
    expect(leaksIn([JSON.stringify({ type: 'token_refused', detail: token })])).toHaveLength(1)
    expect(leaksIn([JSON.stringify({ headers: { 'WWW-Authenticate': `Bearer x="${token}"` } })])).toHaveLength(1)
    expect(leaksIn([JSON.stringify({ type: 'token_refused', detail: 'the token' })])).toEqual([])
  })

  test('in the form that credentials have on the wire', async () => {
    const { api, endpoint } = await introspecting()
    await api.verify(opaque())
    const [, credentials] = endpoint.asked[0]?.headers.get('authorization')?.split(' ') ?? []
    expect(credentials).not.toContain(SECRET_MARK)
    expect(leaksIn([`sent ${credentials}`])).toHaveLength(1)
  })

  test('by a server that was made to leak', async () => {
    const { api } = await introspecting({
      server: {
        claims: {
          '~standard': {
            version: 1,
            vendor: 'leaky',
            validate: () => ({ issues: [{ message: 'no', path: [`leak of ${opaque('planted')}`] }] }),
          },
        } as never,
      },
    })
    // Not through the watched server, whose leaks the search after this test would rightly refuse.
    const plain = createResourceServer({
      resource: RESOURCE,
      issuers: [{ issuer: ISSUER, introspection: introspect({ endpoint: `${ISSUER}/i`, auth: 'none' }) }],
      now: () => NOW_MS,
      fetch: async () => Response.json(goodAnswer({ exp: NOW + 60, iss: opaque('planted') })),
    })
    expect(api.metadataPath).toBe(plain.metadataPath)
    const error: unknown = await plain
      .verify('harmless')
      .then(() => undefined)
      .catch((caught: unknown) => caught)
    expect(leaksIn(textsOf(error))).not.toEqual([])
  })
})
