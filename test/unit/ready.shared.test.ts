import { describe, expect, test } from 'vitest'
import type { BearwardError } from '../../src/errors.ts'
import { introspect, memoryTier, sharedTiers } from '../../src/entry-points/index.ts'
import { ENDPOINT } from '../fixture/introspection.ts'
import { ISSUER, signToken } from '../fixture/issuer.ts'
import { codeOf, fixture, type Fixture } from '../fixture/server.ts'

const DEAD = 'https://dead.example.com'
const HOUR_MS = 3_600_000
const PROBES = 1_000

/** Asks as an orchestrator does, again and again while the clock stands still. */
async function probe(api: Fixture['api']): Promise<Set<unknown>> {
  const codes = new Set<unknown>()
  for (let turn = 0; turn < PROBES; turn++) codes.add(await codeOf(api.ready()))
  return codes
}

describe('ready() warms up', () => {
  test('so that the first token makes no request', async () => {
    const { api, upstream } = await fixture()
    const token = await signToken()
    await api.ready()
    const before = upstream.calls.length
    expect(before).toBe(2)
    await api.verify(token)
    expect(upstream.calls).toHaveLength(before)
  })

  test('from a shared tier, without a request to the issuer', async () => {
    const clock = { ms: Date.UTC(2026, 0, 1) }
    const tiers = sharedTiers([memoryTier({ now: () => clock.ms })])
    const first = await fixture({ tiers })
    await first.api.ready()
    expect(first.upstream.calls).toHaveLength(2)

    const second = await fixture({ tiers })
    await second.api.ready()
    await second.api.verify(await signToken())
    expect(second.upstream.calls).toEqual([])
    expect(second.api.snapshot()).toMatchObject([{ state: 'fresh', keys: 1 }])
  })

  test('by one load, however many ask at once', async () => {
    const { api, upstream } = await fixture()
    await Promise.all(Array.from({ length: PROBES }, () => api.ready()))
    expect(upstream.calls).toHaveLength(2)
  })
})

describe('stale keys count as ready', () => {
  test('up to their bound, and not a millisecond longer', async () => {
    const { api, upstream, clock } = await fixture({ keys: { maxStaleSeconds: 3_600 } })
    await api.ready()
    const fetchedMs = clock.ms
    upstream.answers.clear()
    clock.ms = fetchedMs + HOUR_MS - 1
    expect(await codeOf(api.ready())).toBe('accepted')
    expect(api.snapshot()).toMatchObject([{ state: 'stale' }])
    clock.ms = fetchedMs + HOUR_MS
    expect(await codeOf(api.ready())).toBe('issuer_unavailable')
    expect(api.snapshot()).toMatchObject([{ state: 'down' }])
  })

  test('those of a shared tier too, while the issuer is down', async () => {
    const clock = { ms: Date.UTC(2026, 0, 1) }
    const tiers = sharedTiers([memoryTier({ now: () => clock.ms })])
    await (await fixture({ tiers })).api.ready()
    const later = await fixture({ tiers })
    later.clock.ms += HOUR_MS
    later.upstream.answers.clear()
    expect(await codeOf(later.api.ready())).toBe('accepted')
    expect(later.api.snapshot()).toMatchObject([{ state: 'stale', keys: 1 }])
  })
})

describe('a dead issuer', () => {
  test('is named, and the living ones beside it are not and are warm', async () => {
    const { api, upstream } = await fixture({ issuers: [{ issuer: ISSUER }, { issuer: DEAD }] })
    const error = await api.ready().catch((cause: unknown) => cause as BearwardError)
    expect(error).toMatchObject({ code: 'issuer_unavailable', status: 503 })
    expect(error?.detail).toContain(`"${DEAD}"`)
    expect(error?.detail).not.toContain(ISSUER)
    expect(error?.retryAfterSeconds).toBeGreaterThanOrEqual(1)
    expect(api.snapshot()).toMatchObject([
      { issuer: ISSUER, state: 'fresh' },
      { issuer: DEAD, state: 'down' },
    ])
    const before = upstream.calls.length
    await api.verify(await signToken())
    expect(upstream.calls).toHaveLength(before)
  })

  test('among several, every one is named', async () => {
    const other = 'https://also-dead.example.com'
    const { api } = await fixture({ issuers: [{ issuer: DEAD }, { issuer: ISSUER }, { issuer: other }] })
    const error = await api.ready().catch((cause: unknown) => cause as BearwardError)
    expect(error?.detail).toContain(`"${DEAD}"`)
    expect(error?.detail).toContain(`"${other}"`)
  })
})

describe('ready() never bypasses the back-off', () => {
  test.each([
    ['without tiers', {}],
    ['with a tier', { tiers: sharedTiers([memoryTier()]) }],
  ])('%s: a thousand calls make the requests of one', async (_, options) => {
    const { api, upstream, clock } = await fixture({ issuers: [{ issuer: DEAD }], ...options })
    await codeOf(api.ready())
    const attempt = upstream.calls.length
    expect(attempt).toBe(2)
    expect(await probe(api)).toEqual(new Set(['issuer_unavailable']))
    expect(upstream.calls).toHaveLength(attempt)
    // One attempt more once the back-off is over, and no more than one.
    clock.ms += 1_000
    await probe(api)
    expect(upstream.calls).toHaveLength(2 * attempt)
  })

  test('while stale keys serve', async () => {
    const { api, upstream, clock } = await fixture()
    await api.ready()
    upstream.answers.clear()
    clock.ms += HOUR_MS
    await api.ready()
    const before = upstream.calls.length
    expect(await probe(api)).toEqual(new Set(['accepted']))
    expect(upstream.calls).toHaveLength(before)
  })

  test('of an issuer that is asked about tokens and whose metadata cannot be had', async () => {
    const issuer = { issuer: DEAD, jwt: false, introspection: introspect({ auth: 'none' }) } as const
    const { api, upstream, clock } = await fixture({ issuers: [issuer] })
    await codeOf(api.ready())
    const attempt = upstream.calls.length
    expect(attempt).toBe(2)
    expect(await probe(api)).toEqual(new Set(['issuer_unavailable']))
    expect(upstream.calls).toHaveLength(attempt)
    clock.ms += 1_000
    upstream.answers.set(`${DEAD}/.well-known/oauth-authorization-server`, () =>
      Response.json({ issuer: DEAD, introspection_endpoint: ENDPOINT }),
    )
    expect(await codeOf(api.ready())).toBe('accepted')
  })
})
