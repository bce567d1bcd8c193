import { describe, expect, test } from 'vitest'
import { signingKey } from '../fixture/issuer.ts'
import { codeOf } from '../fixture/server.ts'
import { type Bench, benchFor } from './upstreams.ts'

const SECOND = 1_000
const MINUTE = 60_000
const LONGEST_BACK_OFF = 30 * SECOND

const keyPair = () => Promise.all([signingKey(), signingKey('ES256', 'second')])

/** Background loads need real time, though little. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 4))
}

describe('keys that rotate', () => {
  test('during an outage: new ones are 503 as long as it lasts, and accepted within the back-off after it', async () => {
    const [first, second] = await keyPair()
    const { api, server, published, clock, calls, token } = await benchFor('keys')
    const old = await token({}, first)
    expect(await codeOf(api.verify(old))).toBe('accepted')
    await server.stop()
    published.keys = [second]
    for (let waited = 0; waited < 5 * MINUTE; waited += SECOND) {
      expect(await codeOf(api.verify(await token({}, second)))).toBe('issuer_unavailable')
      expect(await codeOf(api.verify(await token({}, first)))).toBe('accepted')
      expect(await codeOf(api.verify(old))).toBe('accepted')
      clock.ms += SECOND
    }
    // 1 + 2 + 4 + 8 + 16 s, and from then on 30 s, less a quarter at most.
    expect(calls()).toBeLessThanOrEqual(1 + 6 + (5 * MINUTE) / (0.75 * LONGEST_BACK_OFF))

    await server.start()
    const codes: unknown[] = []
    for (let waited = 0; waited <= LONGEST_BACK_OFF && codes.at(-1) !== 'accepted'; waited += SECOND) {
      codes.push(await codeOf(api.verify(await token({}, second))))
      clock.ms += SECOND
    }
    expect(codes.at(-1)).toBe('accepted')
    expect(new Set(codes.slice(0, -1))).toEqual(codes.length > 1 ? new Set(['issuer_unavailable']) : new Set())
    expect([await codeOf(api.verify(old)), await codeOf(api.verify(await token({}, first)))]).toEqual([
      'key_unknown',
      'key_unknown',
    ])
  })

  test('away are refused within the refresh interval, those who stay are not, and cached tokens are no exception', async () => {
    const [first, second] = await keyPair()
    const { api, published, clock, calls, token } = await benchFor('keys')
    published.keys = [first, second]
    const [withdrawn, kept] = [await token({}, first), await token({}, second)]
    expect([await codeOf(api.verify(withdrawn)), await codeOf(api.verify(kept))]).toEqual(['accepted', 'accepted'])
    published.keys = [second]
    const outcomes: unknown[] = []
    for (let waited = 0; waited <= 10 * MINUTE; waited += 10 * SECOND) {
      expect([await codeOf(api.verify(kept)), await codeOf(api.verify(await token({}, second)))]).toEqual([
        'accepted',
        'accepted',
      ])
      // A refresh that these started has come.
      await settled()
      const codes = [await codeOf(api.verify(withdrawn)), await codeOf(api.verify(await token({}, first)))]
      expect(new Set(codes).size, 'cached or not').toBe(1)
      outcomes.push(codes[0])
      clock.ms += 10 * SECOND
    }
    expect([outcomes[0], outcomes.at(-1)]).toEqual(['accepted', 'key_unknown'])
    // Once gone they stay gone.
    expect(outcomes.slice(outcomes.indexOf('key_unknown'))).not.toContain('accepted')
    expect(calls(), 'first load, refresh, and one extra fetch a cooldown').toBeLessThanOrEqual(2 + 5)
  })

  test('away while nobody comes are refused to the first who comes later', async () => {
    const [first, second] = await keyPair()
    const { api, published, clock, calls, token } = await benchFor('keys')
    const [cached, fresh] = [await token({}, first), await token({}, first)]
    expect(await codeOf(api.verify(cached))).toBe('accepted')
    published.keys = [second]
    clock.ms += 10 * MINUTE
    const codes = await Promise.all([cached, fresh].map((each) => codeOf(api.verify(each))))
    expect(codes).toEqual(['key_unknown', 'key_unknown'])
    expect(calls(), 'first load, refresh, and an extra fetch').toBeLessThanOrEqual(3)
  })
})

/** Takes the server down each second and brings it up in the next, for ten minutes by the clock. */
async function flap({ server, clock }: Bench, each: (second: number) => Promise<void>): Promise<void> {
  for (let second = 0; second < 600; second++) {
    await (second % 2 === 0 ? server.stop() : server.start())
    await each(second)
    clock.ms += SECOND
  }
}

describe('a server that is down each other second for ten minutes', () => {
  test('and rotates its keys meanwhile costs no good token its acceptance', { timeout: 60_000 }, async () => {
    const [first, second] = await keyPair()
    const bench = await benchFor('keys', { keys: { refreshSeconds: 60, timeoutMs: 5_000 } })
    const { api, published, clock, calls, token } = bench
    published.keys = [first]
    const cached = await token({}, first)
    expect(await codeOf(api.verify(cached))).toBe('accepted')
    const old: unknown[][] = []
    const rotated: unknown[] = []
    await flap(bench, async (at) => {
      if (at === 300) published.keys = [first, second]
      if (at === 450) published.keys = [second]
      old[at] = [await codeOf(api.verify(cached)), await codeOf(api.verify(await token({}, first)))]
      if (at >= 300) rotated[at] = await codeOf(api.verify(await token({}, second)))
      await settled()
    })
    expect(new Set(old.slice(0, 450).flat())).toEqual(new Set(['accepted']))
    // The refresh is due after a minute, and a failure prolongs the life of what is at hand by a back-off.
    expect(old.slice(450 + 60 + 30).flat()).not.toContain('accepted')
    // The first attempt may meet a server that is down; the next comes a second later.
    expect(rotated.slice(300, 302)).not.toContain('key_unknown')
    expect(new Set(rotated.slice(302))).toEqual(new Set(['accepted']))
    // A refresh each 48 s and as many failures, and attempts for the new key and the old one.
    expect(calls()).toBeLessThanOrEqual(60)
    clock.ms += LONGEST_BACK_OFF
    expect([await codeOf(api.verify(cached)), await codeOf(api.verify(await token({}, second)))]).toEqual([
      'key_unknown',
      'accepted',
    ])
  })

  test('and answers about tokens refuses none of them, and is used again soon after', { timeout: 60_000 }, async () => {
    const bench = await benchFor('introspection', { introspection: { cacheSeconds: 5, timeoutMs: 3_000 } })
    const { api, server, clock, calls, token } = bench
    const codes = new Set<unknown>()
    let upSeconds = 0
    let callsWhileDown = 0
    await flap(bench, async (at) => {
      const before = calls()
      const tokens = await Promise.all(Array.from({ length: 8 }, () => token()))
      const outcomes = await Promise.all(tokens.map((each) => codeOf(api.verify(each))))
      for (const code of outcomes) codes.add(code)
      if (outcomes.includes('accepted')) upSeconds++
      if (at % 2 === 0) callsWhileDown += calls() - before
    })
    expect(codes).toEqual(new Set(['accepted', 'issuer_unavailable']))
    // Eight failures open the circuit; a probe two seconds later fails as well, and one three seconds after that succeeds.
    expect(upSeconds).toBeGreaterThanOrEqual(600 / 6)
    // Each failed connection is tried twice.
    expect(callsWhileDown).toBeLessThanOrEqual((600 / 6) * (8 * 2 + 2))
    await server.stop()
    await server.start()
    clock.ms += 5 * SECOND
    expect(await codeOf(api.verify(await token()))).toBe('accepted')
  })
})
