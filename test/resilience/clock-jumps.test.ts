import { describe, expect, test } from 'vitest'
import { signingKey } from '../fixture/issuer.ts'
import { codeOf } from '../fixture/server.ts'
import { type Bench, benchFor, UPSTREAMS } from './upstreams.ts'

const SECOND = 1_000
const HOUR = 3_600_000
const YEARS = 10 * 365 * 24 * HOUR
const JUMPS = [25 * HOUR, -25 * HOUR, YEARS, -YEARS]

/** Seconds by the clock until a new token is accepted; each second one is tried. */
async function secondsUntilAccepted({ api, clock, token }: Bench, most: number): Promise<number> {
  for (let second = 0; second <= most; second++) {
    if ((await codeOf(api.verify(await token()))) === 'accepted') return second
    clock.ms += SECOND
  }
  return Infinity
}

describe.each(UPSTREAMS)('a clock that jumps, with %s from a server', (upstream) => {
  test('that is up costs no token its acceptance, and one call a jump', async () => {
    const bench = await benchFor(upstream)
    const { api, clock, calls, token } = bench
    const startMs = clock.ms
    const first = await token()
    expect(await codeOf(api.verify(first))).toBe('accepted')
    for (const jump of [...JUMPS, ...JUMPS.toReversed()]) {
      clock.ms += jump
      const callsBefore = calls()
      const fresh = await token()
      for (let turn = 0; turn < 3; turn++) expect(await codeOf(api.verify(fresh))).toBe('accepted')
      expect(calls() - callsBefore).toBeLessThanOrEqual(1)
      // A JWT says itself when it is good.
      if (upstream !== 'introspection' && clock.ms !== startMs) {
        const code = clock.ms > startMs ? 'token_expired' : 'token_not_yet_valid'
        expect(await codeOf(api.verify(first))).toBe(code)
      }
    }
    expect(clock.ms).toBe(startMs)
    expect(await codeOf(api.verify(first))).toBe('accepted')
  })

  test.each(JUMPS)('that comes back after a jump of %d ms is used again without a longer wait', async (jump) => {
    const bench = await benchFor(upstream, { keys: { maxStaleSeconds: 60, refreshSeconds: 60 } })
    const { api, server, clock, token } = bench
    await server.stop()
    // Enough to open a circuit, and to bring the back-off to its longest delay.
    for (let attempt = 0; attempt < 8; attempt++) {
      expect(await codeOf(api.verify(await token()))).toBe('issuer_unavailable')
      clock.ms += upstream === 'introspection' ? 0 : 30 * SECOND
    }
    clock.ms += jump
    expect(await codeOf(api.verify(await token())), 'no outage is a bad token').toBe('issuer_unavailable')
    await server.start()
    expect(await secondsUntilAccepted(bench, 30)).toBeLessThanOrEqual(upstream === 'introspection' ? 5 : 30)
  })
})

describe('keys at hand, their server down,', () => {
  test('serve after a jump that leaves them young enough, and after no other', async () => {
    const { api, server, clock, token } = await benchFor('keys')
    const known = await token({ exp: Math.floor((clock.ms + 48 * HOUR) / 1000) })
    expect(await codeOf(api.verify(known))).toBe('accepted')
    await server.stop()
    const outcomes: [number, unknown, unknown][] = []
    for (const jump of [23 * HOUR, 2 * HOUR, -25 * HOUR, YEARS, -YEARS]) {
      clock.ms += jump
      outcomes.push([jump, await codeOf(api.verify(known)), await codeOf(api.verify(await token()))])
    }
    expect(outcomes).toEqual([
      [23 * HOUR, 'accepted', 'accepted'],
      [2 * HOUR, 'issuer_unavailable', 'issuer_unavailable'],
      [-25 * HOUR, 'accepted', 'accepted'],
      // The token itself is over by then, which only its key could prove.
      [YEARS, 'issuer_unavailable', 'issuer_unavailable'],
      [-YEARS, 'accepted', 'accepted'],
    ])
  })

  test('that were fetched ten years ahead are fetched anew once it is up, so that withdrawn ones go', async () => {
    const bench = await benchFor('keys')
    const { api, server, published, clock, token } = bench
    const second = await signingKey('ES256', 'second')
    clock.ms += YEARS
    expect(await codeOf(api.verify(await token()))).toBe('accepted')
    clock.ms -= YEARS
    await server.stop()
    const withdrawn = await token()
    expect(await codeOf(api.verify(withdrawn))).toBe('accepted')
    published.keys = [second]
    await server.start()
    clock.ms += 30 * SECOND
    // The refresh comes in the background.
    await expect.poll(() => codeOf(api.verify(withdrawn))).toBe('key_unknown')
    expect(await codeOf(api.verify(await token({}, second)))).toBe('accepted')
  })
})

test.each(JUMPS)('the cooldown of unknown keys outlives no jump of %d ms', async (jump) => {
  const { api, published, clock, calls, token } = await benchFor('keys')
  const [first, second] = [await signingKey(), await signingKey('ES256', 'second')]
  await codeOf(api.verify(await token()))
  // Spends the extra fetch.
  expect(await codeOf(api.verify(await token({}, second)))).toBe('key_unknown')
  expect(await codeOf(api.verify(await token({}, second)))).toBe('key_unknown')
  expect(calls()).toBe(2)
  clock.ms += jump
  published.keys = [first, second]
  expect(await codeOf(api.verify(await token({}, second)))).toBe('accepted')
})

test.each(JUMPS)('an answer that was remembered counts for no longer after a jump of %d ms', async (jump) => {
  const { api, server, clock, calls, token } = await benchFor('introspection', {
    introspection: { staleOnOutageSeconds: 3_600 },
  })
  const known = await token()
  expect([await codeOf(api.verify(known)), await codeOf(api.verify(known)), calls()]).toEqual([
    'accepted',
    'accepted',
    1,
  ])
  clock.ms += jump
  await server.stop()
  expect(await codeOf(api.verify(known))).toBe('issuer_unavailable')
  clock.ms -= jump
  expect(await codeOf(api.verify(known))).toBe('accepted')
})
