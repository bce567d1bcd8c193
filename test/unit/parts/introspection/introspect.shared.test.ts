import { describe, expect, test } from 'vitest'
import {
  clientSecretBasic,
  createResourceServer,
  introspect,
  type IntrospectOptions,
  resolveIssuers,
  type ResourceServerOptions,
} from '../../../../src/entry-points/index.ts'
import {
  answering,
  CLIENT_ID,
  CLIENT_SECRET,
  type Endpoint,
  goodAnswer,
  opaque,
  searchWhatWasEmitted,
  watched,
} from '../../../fixture/introspection.ts'
import { fakeUpstream, goodClaims, ISSUER, NOW_MS, RESOURCE, signToken } from '../../../fixture/issuer.ts'
import { codeOf } from '../../../fixture/server.ts'

searchWhatWasEmitted()

const OTHER = 'https://other.example.com'
const auth = clientSecretBasic({ clientId: CLIENT_ID, clientSecret: CLIENT_SECRET })

/** The option that the refusal names; `undefined` where there is none. */
function refusedFor(issuers: unknown): string | undefined {
  try {
    createResourceServer({ resource: RESOURCE, issuers } as ResourceServerOptions)
    return undefined
  } catch (error) {
    expect(error).toMatchObject({ code: 'configuration_invalid' })
    return /^option "([^"]+)"/.exec((error as Error).message)?.[1]
  }
}

describe('options are checked by the server that gets the part', () => {
  test('and not before: the full name of an option is not known earlier', () => {
    expect(() => introspect({ auth, cacheSeconds: -1 })).not.toThrow()
    expect(() => introspect(undefined as unknown as IntrospectOptions)).not.toThrow()
  })

  test.each<[string, object, object]>([
    ['cacheSeconds', { cacheSeconds: 3_601 }, { cacheSeconds: 3_600 }],
    ['opaqueTokens.prefixes[1]', { opaqueTokens: { prefixes: ['a_', ''] } }, { opaqueTokens: { prefixes: ['a_'] } }],
    ['endpoint', { endpoint: 'http://login.example.com/' }, { endpoint: 'https://login.example.com/' }],
    ['cache', { cache: 30 }, {}],
  ])('under the name of the issuer that it stands at: %s', async (name, wrong, right) => {
    const [bad, good] = [introspect({ auth, ...wrong }), introspect({ auth, ...right })]
    expect(refusedFor([{ issuer: ISSUER, introspection: good }])).toBeUndefined()
    expect(refusedFor([{ issuer: ISSUER, introspection: bad }])).toBe(`issuers[0].introspection.${name}`)
    expect(refusedFor([{ issuer: OTHER }, { issuer: ISSUER, introspection: bad }])).toBe(
      `issuers[1].introspection.${name}`,
    )
    const issuers = resolveIssuers(() => ({ issuer: ISSUER, introspection: bad }))
    const api = watched(createResourceServer({ resource: RESOURCE, issuers }))
    await expect(api.verify(opaque())).rejects.toMatchObject({
      code: 'issuer_unavailable',
      detail: expect.stringContaining(`"issuers().introspection.${name}"`) as string,
    })
  })

  test('and again by each server, which may permit other hosts', () => {
    const issuers = [{ issuer: ISSUER, introspection: introspect({ auth, endpoint: 'http://hydra/introspect' }) }]
    const create = (insecureHosts: readonly string[]) =>
      createResourceServer({ resource: RESOURCE, issuers, insecureHosts }).metadataPath
    expect(() => create(['hydra'])).not.toThrow()
    expect(() => create([])).toThrow(expect.objectContaining({ code: 'configuration_invalid' }))
  })
})

function serving(issuers: ResourceServerOptions['issuers'], more: Partial<ResourceServerOptions> = {}) {
  const endpoint: Endpoint = { asked: [], reply: () => Response.json(goodAnswer()) }
  const upstream = fakeUpstream()
  for (const issuer of [ISSUER, OTHER]) {
    upstream.answers.set(`${issuer}/.well-known/oauth-authorization-server`, () =>
      Response.json({ issuer, introspection_endpoint: `${issuer}/introspect` }),
    )
  }
  const fetch = answering(upstream, endpoint)
  const api = watched(createResourceServer({ resource: RESOURCE, issuers, fetch, now: () => NOW_MS, ...more }))
  return { api, endpoint, urls: () => endpoint.asked.map(({ url }) => url) }
}

describe('one part in two servers', () => {
  const issuers = [{ issuer: ISSUER, jwt: false, introspection: introspect({ auth }) }] as const

  test('shares no answer between them', async () => {
    const [one, two] = [serving(issuers), serving(issuers)]
    two.endpoint.reply = () => Response.json({ active: false })
    for (let turn = 0; turn < 2; turn++) {
      expect(await codeOf(one.api.verify(opaque()))).toBe('accepted')
      expect(await codeOf(two.api.verify(opaque()))).toBe('token_inactive')
    }
    expect([one.urls(), two.urls()]).toEqual([[`${ISSUER}/introspect`], [`${ISSUER}/introspect`]])
  })

  test('forgets in the one that is told to', async () => {
    const [one, two] = [serving(issuers), serving(issuers)]
    for (const { api } of [one, two]) await api.verify(opaque())
    await one.api.invalidate(opaque())
    for (const { api } of [one, two]) await api.verify(opaque())
    await one.api.invalidateAll()
    for (const { api } of [one, two]) await api.verify(opaque())
    expect([one.urls().length, two.urls().length]).toEqual([3, 1])
  })

  test('leaves the endpoint alone where it is down, and asks it where it is up', async () => {
    const [one, two] = [serving(issuers), serving(issuers)]
    one.endpoint.reply = () => new Response('', { status: 503 })
    for (let turn = 0; turn < 20; turn++) {
      expect(await codeOf(one.api.verify(opaque(`turn-${turn}`)))).toBe('issuer_unavailable')
      expect(await codeOf(two.api.verify(opaque(`turn-${turn}`)))).toBe('accepted')
    }
    expect([one.urls().length, two.urls().length]).toEqual([5, 20])
  })

  test('goes on in the one after the other was closed', async () => {
    const [one, two] = [serving(issuers), serving(issuers)]
    for (const { api } of [one, two]) await api.verify(opaque())
    one.api.close()
    expect(await codeOf(one.api.verify(opaque()))).toBe('issuer_unavailable')
    expect(await codeOf(two.api.verify(opaque()))).toBe('accepted')
    expect(two.urls()).toHaveLength(1)
    expect(await codeOf(two.api.verify(opaque('another')))).toBe('accepted')
  })

  test('reads answers as each is configured', async () => {
    const [one, two] = [serving(issuers), serving(issuers, { resource: 'https://other.example.com/api' })]
    expect(await codeOf(one.api.verify(opaque()))).toBe('accepted')
    expect(await codeOf(two.api.verify(opaque()))).toBe('audience_mismatch')
  })
})

/** Both issuers with one part. */
function listed(prefixes?: readonly string[]) {
  const part = introspect({ auth, ...(prefixes && { opaqueTokens: { prefixes } }) })
  return [ISSUER, OTHER].map((issuer) => ({ issuer, introspection: part }))
}

describe('one part at two issuers', () => {
  const introspection = introspect({ auth })
  /** Each of them is asked about the JWTs that name it. */
  const resolver = resolveIssuers(({ iss = ISSUER }) => ({ issuer: iss, jwt: false, introspection }))

  test('asks each at its own address', async () => {
    const { api, urls } = serving(resolver)
    expect((await api.verify(await signToken())).issuer).toBe(ISSUER)
    expect((await api.verify(await signToken(goodClaims({ iss: OTHER })))).issuer).toBe(OTHER)
    expect(urls()).toEqual([`${ISSUER}/introspect`, `${OTHER}/introspect`])
  })

  test('leaves the one alone that is down, and asks the other', async () => {
    const { api, endpoint, urls } = serving(resolver)
    endpoint.reply = ({ url }) =>
      url.startsWith(OTHER) ? Response.json(goodAnswer()) : new Response('', { status: 503 })
    for (let turn = 0; turn < 20; turn++) {
      const token = async (iss: string) => signToken(goodClaims({ iss, jti: `turn-${turn}` }))
      expect(await codeOf(api.verify(await token(ISSUER)))).toBe('issuer_unavailable')
      expect(await codeOf(api.verify(await token(OTHER)))).toBe('accepted')
    }
    const asked = (issuer: string) => urls().filter((url) => url.startsWith(issuer)).length
    expect([asked(ISSUER), asked(OTHER)]).toEqual([5, 20])
  })

  test('is refused where both are listed, as nothing tells their opaque tokens apart', () => {
    expect(refusedFor(listed())).toBe('issuers[0].introspection.opaqueTokens')
    expect(refusedFor(listed(['a_']))).toBe('issuers[0].introspection.opaqueTokens')
  })
})
