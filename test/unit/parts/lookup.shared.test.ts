import { describe, expect, test } from 'vitest'
import {
  clientSecretBasic,
  createResourceServer,
  introspect,
  tlsClientAuth,
  type TrustedIssuer,
} from '../../../src/entry-points/index.ts'
import {
  answering,
  CLIENT_ID,
  CLIENT_SECRET,
  type Endpoint,
  gate,
  goodAnswer,
  opaque,
  searchWhatWasEmitted,
  settle,
  watched,
} from '../../fixture/introspection.ts'
import { base64url, fakeUpstream, ISSUER, NOW_MS, RESOURCE } from '../../fixture/issuer.ts'
import { codeOf } from '../../fixture/server.ts'
import { lookup } from './lookup.ts'

// A second part needs nothing but `src/upstream` for all of this: see lookup.ts.

searchWhatWasEmitted()

const LOOKUP = `${ISSUER}/lookup`
const auth = clientSecretBasic({ clientId: CLIENT_ID, clientSecret: CLIENT_SECRET })
const { active: _, token_type: __, ...claims } = goodAnswer()
const good = (): Response => Response.json(claims)
const unknown = (): Response => new Response('', { status: 404 })
const down = (): Response => new Response('', { status: 503 })

function serving(
  reply: Endpoint['reply'] = good,
  options: Parameters<typeof lookup>[0] = {},
  others: readonly TrustedIssuer[] = [],
) {
  const endpoint: Endpoint = { asked: [], reply }
  const upstream = fakeUpstream()
  upstream.answers.set(`${ISSUER}/.well-known/oauth-authorization-server`, () =>
    Response.json({
      issuer: ISSUER,
      lookup_endpoint: LOOKUP,
      mtls_endpoint_aliases: { lookup_endpoint: 'https://mtls.example.com/lookup' },
    }),
  )
  const clock = { ms: NOW_MS }
  const api = createResourceServer({
    resource: RESOURCE,
    issuers: [{ issuer: ISSUER, jwt: false, introspection: lookup({ auth, ...options }) }, ...others],
    fetch: answering(upstream, endpoint),
    now: () => clock.ms,
  })
  return { api: watched(api), endpoint, clock }
}

describe('a part made of src/upstream alone', () => {
  test('accepts what its endpoint knows, and refuses the rest', async () => {
    const { api, endpoint } = serving()
    expect(await api.verify(opaque())).toMatchObject({ format: 'opaque', issuer: ISSUER, subject: 'user-1' })
    endpoint.reply = unknown
    expect(await codeOf(api.verify(opaque('other')))).toBe('token_inactive')
    endpoint.reply = () => Response.json({ ...claims, aud: 'https://other.example.com' })
    expect(await codeOf(api.verify(opaque('another')))).toBe('audience_mismatch')
  })

  test('asks at the address that the metadata names, with the credentials of its client', async () => {
    const { api, endpoint } = serving()
    await api.verify(opaque())
    const [asked] = endpoint.asked
    expect([asked?.url, asked?.form.get('token')]).toEqual([LOOKUP, opaque()])
    expect(asked?.headers.get('authorization')).toBe(`Basic ${btoa(`${CLIENT_ID}:${CLIENT_SECRET}`)}`)
  })

  test.each<[string, Parameters<typeof lookup>[0], string]>([
    ['the alias for certificates', { auth: tlsClientAuth({ clientId: CLIENT_ID }) }, 'https://mtls.example.com/lookup'],
    ['the address of its options', { endpoint: `${ISSUER}/elsewhere` }, `${ISSUER}/elsewhere`],
  ])('asks at %s where that is configured', async (_name, options, url) => {
    const { api, endpoint } = serving(good, options)
    await api.verify(opaque())
    expect(endpoint.asked.map((asked) => asked.url)).toEqual([url])
  })

  test('has its options checked under their full path', () => {
    expect(() => serving(good, { auth: 'secret' as 'none' })).toThrow('option "issuers[0].introspection.auth"')
    expect(() => serving(good, { maxConcurrent: 0 })).toThrow('option "issuers[0].introspection.maxConcurrent"')
  })

  test('makes no 401 of an outage, opens its circuit, and closes it when the endpoint is back', async () => {
    const { api, endpoint, clock } = serving(down)
    for (let turn = 0; turn < 20; turn++) expect(await codeOf(api.verify(opaque(`${turn}`)))).toBe('issuer_unavailable')
    expect(endpoint.asked).toHaveLength(5)
    const error = await api.verify(opaque()).catch((caught: unknown) => caught)
    expect(api.challenge(error)).toMatchObject({ status: 503, headers: { 'Retry-After': '2' } })
    endpoint.reply = good
    clock.ms += 5_000
    expect(await codeOf(api.verify(opaque()))).toBe('accepted')
    expect(await codeOf(api.verify(opaque('other')))).toBe('accepted')
  })

  test('leaves its circuit closed for useless answers, which are no 401 either', async () => {
    const { api, endpoint } = serving(() => new Response('<html>', { status: 200 }))
    for (let turn = 0; turn < 20; turn++) expect(await codeOf(api.verify(opaque(`${turn}`)))).toBe('issuer_unavailable')
    expect(endpoint.asked).toHaveLength(20)
  })

  test('holds its limit: others wait in bounded number', async () => {
    const { promise, open } = gate()
    const { api, endpoint } = serving(() => promise.then(good), { maxConcurrent: 1 })
    const callers = Array.from({ length: 6 }, (_each, index) => codeOf(api.verify(opaque(`${index}`))))
    await expect.poll(() => endpoint.asked.length).toBe(1)
    await settle()
    expect(endpoint.asked).toHaveLength(1)
    open()
    const outcomes = await Promise.all(callers)
    expect(outcomes.filter((outcome) => outcome === 'accepted')).toHaveLength(5)
    expect(outcomes).toContain('issuer_unavailable')
  })

  test('tries a failed connection once more', async () => {
    let failures = 1
    const { api, endpoint } = serving(() => {
      if (failures-- > 0) throw new TypeError('fetch failed')
      return good()
    })
    expect(await codeOf(api.verify(opaque()))).toBe('accepted')
    expect(endpoint.asked).toHaveLength(2)
  })

  test('caches accepted tokens and refusals, for as long as each may count', async () => {
    const { api, endpoint, clock } = serving(({ form }) => (form.get('token') === opaque() ? good() : unknown()))
    for (let turn = 0; turn < 3; turn++) {
      expect(await codeOf(api.verify(opaque()))).toBe('accepted')
      expect(await codeOf(api.verify(opaque('bad')))).toBe('token_inactive')
    }
    expect(endpoint.asked).toHaveLength(2)
    clock.ms += 10_000
    await codeOf(api.verify(opaque()))
    await codeOf(api.verify(opaque('bad')))
    expect(endpoint.asked).toHaveLength(3)
    clock.ms += 20_000
    await codeOf(api.verify(opaque()))
    expect(endpoint.asked).toHaveLength(4)
  })

  test('forgets what is invalidated', async () => {
    const { api, endpoint } = serving()
    const names = ['one', 'two']
    const verifyAll = async () => Promise.all(names.map((name) => codeOf(api.verify(opaque(name)))))
    await verifyAll()
    endpoint.reply = unknown
    await api.invalidate(opaque('one'))
    expect(await verifyAll()).toEqual(['token_inactive', 'accepted'])
    await api.invalidateAll()
    expect(await verifyAll()).toEqual(['token_inactive', 'token_inactive'])
  })

  test('ends what runs when the server closes', async () => {
    const { api, endpoint } = serving(() => new Promise(() => {}))
    const caller = codeOf(api.verify(opaque()))
    await expect.poll(() => endpoint.asked.length).toBe(1)
    api.close()
    expect(await caller).toBe('issuer_unavailable')
    expect(endpoint.asked[0]?.signal?.aborted).toBe(true)
    expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
  })

  test('stands beside introspection at another issuer', async () => {
    const other = 'https://other.example.com'
    const introspection = introspect({ endpoint: `${other}/introspect`, auth: 'none' })
    const beside = { issuer: other, jwt: false as const, introspection }
    const { api, endpoint } = serving(({ url }) => (url === LOOKUP ? good() : Response.json(goodAnswer())), {}, [
      beside,
    ])
    expect((await api.verify(opaque())).issuer).toBe(ISSUER)
    const naming = `${base64url('{"alg":"ES256"}')}.${base64url(JSON.stringify({ iss: other }))}.AAAA`
    expect((await api.verify(naming)).issuer).toBe(other)
    expect(endpoint.asked.map(({ url }) => url)).toEqual([LOOKUP, `${other}/introspect`])
  })
})
