import { describe, expect, test } from 'vitest'
import { type CacheTier, createResourceServer, memoryTier, sharedTiers } from '../../../../src/entry-points/index.ts'
import { KEY_A } from '../../../fixture/fleet.ts'
import { introspecting, opaque, searchWhatWasEmitted } from '../../../fixture/introspection.ts'
import { ISSUER, NOW_MS, RESOURCE, signToken } from '../../../fixture/issuer.ts'
import { codeOf, fixture } from '../../../fixture/server.ts'

searchWhatWasEmitted()

describe('options are checked by the server that gets the part', () => {
  test('and not before', () => {
    const tiers = sharedTiers([])
    expect(() => createResourceServer({ resource: RESOURCE, issuers: [{ issuer: ISSUER }], tiers })).toThrow(
      expect.objectContaining({ code: 'configuration_invalid' }),
    )
  })
})

async function fail(): Promise<never> {
  throw new TypeError('no connection')
}

/** A tier that counts how often it is read, and fails from the first time on. */
function failing(): { readonly tier: CacheTier; readonly reads: () => number } {
  let reads = 0
  return {
    tier: { name: 'failing', get: () => (reads++, fail()), put: fail, delete: fail },
    reads: () => reads,
  }
}

describe('one part in two servers', () => {
  test('shares what the tiers hold', async () => {
    const tiers = sharedTiers([memoryTier({ now: () => NOW_MS })])
    const [one, two] = [await fixture({ tiers }), await fixture({ tiers })]
    await one.api.ready()
    await two.api.ready()
    expect([one.upstream.calls.length, two.upstream.calls.length]).toEqual([2, 0])
  })

  test('leaves a tier that fails alone in each of them', async () => {
    const { tier, reads } = failing()
    const tiers = sharedTiers([tier])
    const [one, two] = [await fixture({ tiers }), await fixture({ tiers })]
    expect(await codeOf(one.api.verify(await signToken()))).toBe('accepted')
    expect(reads()).toBe(1)
    expect(await codeOf(two.api.verify(await signToken()))).toBe('accepted')
    expect(reads()).toBe(2)
    for (const { events } of [one, two]) {
      expect(events.filter((event) => event.type === 'tier_failed' && event.operation === 'get')).toHaveLength(1)
    }
  })

  test('forgets answers in the one that is told to', async () => {
    const tiers = sharedTiers([memoryTier({ now: () => NOW_MS })], { encryption: [KEY_A] })
    const behind: Promise<unknown>[] = []
    const context = { waitUntil: (work: Promise<unknown>) => void behind.push(work) }
    const make = async () => introspecting({ server: { tiers } })
    const [one, two, three] = [await make(), await make(), await make()]
    await one.api.verify(opaque(), context)
    while (behind.length > 0) await Promise.all(behind.splice(0))
    await two.api.invalidateAll()
    await two.api.verify(opaque())
    await three.api.verify(opaque())
    expect([one, two, three].map(({ endpoint }) => endpoint.asked.length)).toEqual([1, 1, 0])
  })
})
