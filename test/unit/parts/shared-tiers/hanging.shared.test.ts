import { describe, expect, test } from 'vitest'
import { type CacheTier, introspect, sharedTiers } from '../../../../src/entry-points/index.ts'
import { ISSUER, signToken } from '../../../fixture/issuer.ts'
import { codeOf, fixture } from '../../../fixture/server.ts'

function never(): Promise<never> {
  return new Promise(() => {})
}

/** A store that never answers, with a patience that is longer than that for the issuer. */
function hangingTier(name: string): CacheTier {
  return { name, timeoutMs: 5_000, get: never, put: never, delete: never }
}

describe('tiers that hang', () => {
  test.each([1, 2, 3])('%i of them: leave the issuer enough of the time for one load', async (count) => {
    const tiers = Array.from({ length: count }, (_, index) => hangingTier(`tier-${index}`))
    const { api, upstream, events } = await fixture({ tiers: sharedTiers(tiers), keys: { timeoutMs: 1_500 } })
    expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
    expect(upstream.calls).toHaveLength(2)
    expect(events.filter(({ type }) => type === 'issuer_failed')).toEqual([])
    const failed = events.filter((event) => event.type === 'tier_failed' && event.operation === 'get')
    expect(failed).toMatchObject(tiers.map(({ name }) => ({ tier: name })))
  })

  test('do not make an issuer of opaque tokens look dead that is asked for its metadata', async () => {
    const introspection = introspect({ auth: 'none' })
    const { api, upstream } = await fixture({
      issuers: [{ issuer: ISSUER, jwt: false, introspection }],
      tiers: sharedTiers([hangingTier('tier')]),
      keys: { timeoutMs: 1_500 },
    })
    upstream.answers.set(`${ISSUER}/.well-known/oauth-authorization-server`, () =>
      Response.json({ issuer: ISSUER, introspection_endpoint: `${ISSUER}/introspect` }),
    )
    expect(await codeOf(api.ready())).toBe('accepted')
  })
})
