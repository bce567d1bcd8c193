import { describe, expect, test } from 'vitest'
import { type CacheTier, memoryTier } from '../../../../src/entry-points/index.ts'
import { sealedMember } from '../../../fixture/fleet.ts'
import { opaque, searchWhatWasEmitted } from '../../../fixture/introspection.ts'
import { NOW_MS } from '../../../fixture/issuer.ts'

searchWhatWasEmitted()

type Broken = 'put' | 'delete'

/** A tier in memory whose operations fail while they are listed. */
function breaking(): { readonly tier: CacheTier; readonly broken: Set<Broken> } {
  const broken = new Set<Broken>()
  const tier = memoryTier({ now: () => NOW_MS })
  const check = (operation: Broken): void => {
    if (broken.has(operation)) throw new TypeError(`no ${operation} today`)
  }
  return {
    broken,
    tier: {
      ...tier,
      async put(...entry) {
        check('put')
        return tier.put(...entry)
      },
      async delete(key) {
        check('delete')
        return tier.delete(key)
      },
    },
  }
}

const inactive = { reply: () => Response.json({ active: false }) }

describe('invalidate()', () => {
  test.each<[string, Broken[]]>([
    ['a tier that works', []],
    ['a tier that takes no entries and is left alone for that', ['put']],
  ])('drops the answer from %s, for all who share it', async (_, breaks) => {
    const { tier, broken } = breaking()
    const one = await sealedMember([tier])
    await one.check(opaque())
    breaks.forEach((each) => broken.add(each))
    await one.check(opaque('another'))
    await one.api.invalidate(opaque())
    const other = await sealedMember([tier], inactive)
    expect(await other.check(opaque())).toBe('token_inactive')
  })

  test('has this process ask anew where the tier does not delete', async () => {
    const { tier, broken } = breaking()
    const one = await sealedMember([tier])
    await one.check(opaque())
    broken.add('delete')
    await one.api.invalidate(opaque())
    one.endpoint.reply = inactive.reply
    expect(await one.check(opaque())).toBe('token_inactive')
    // Its twin goes on with what the tier kept.
    expect(await (await sealedMember([tier], inactive)).check(opaque())).toBe('accepted')
  })

  test('tries to delete every time, and reports every failure', async () => {
    const { tier, broken } = breaking()
    const one = await sealedMember([tier])
    broken.add('delete')
    await one.api.invalidate(opaque())
    await one.api.invalidate(opaque())
    const failure = {
      type: 'tier_failed',
      tier: 'memory',
      operation: 'delete',
      detail: 'no delete today',
      retryInMs: 0,
    }
    expect(one.failures()).toEqual([failure, failure])
  })

  test('lets a newer answer of another process count', async () => {
    const { tier } = breaking()
    const [one, other] = [await sealedMember([tier]), await sealedMember([tier])]
    await one.check(opaque())
    await one.api.invalidate(opaque())
    // By more than clocks may differ.
    other.clock.ms += 2_001
    await other.check(opaque())
    expect(other.endpoint.asked).toHaveLength(1)
    one.clock.ms += 2_001
    expect(await one.check(opaque())).toBe('accepted')
    expect(one.endpoint.asked).toHaveLength(1)
  })
})
