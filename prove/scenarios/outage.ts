import { signingKey } from '../../test/fixture/issuer.ts'
import { bySize, countOf, tally } from '../line.ts'
import { createScene, type Scenario } from '../scene.ts'

const DAY_MS = 86_400_000

/** The issuer goes down when its keys are cached. */
export const keysAtHand: Scenario = {
  name: 'issuer down, keys at hand (virtual clock)',
  goal: '100 % accepted up to 24 h, then 0 %, 503',
  async run(world) {
    const { upstream, clock, token, outcome } = await createScene(world)
    const other = await signingKey('RS256')
    upstream.publish((await signingKey()).jwk, other.jwk)
    const known = await token()
    const warm = await outcome(known)
    const fetchedMs = clock.ms
    await upstream.stop()

    const steps = bySize(world, 288, 24)
    async function oneDay(fromMs: number): Promise<string[]> {
      const outcomes: string[] = []
      for (let step = 0; step < steps; step++) {
        clock.ms = fromMs + (step * DAY_MS) / steps
        outcomes.push(await outcome(known), await outcome(await token()), await outcome(await token({}, {}, other)))
      }
      return outcomes
    }
    const before = await oneDay(fetchedMs)
    clock.ms = fetchedMs + DAY_MS - 1
    before.push(await outcome(known), await outcome(await token()))
    const after = await oneDay(fetchedMs + DAY_MS)
    const met =
      warm === 'accepted' &&
      countOf(before, 'accepted') === before.length &&
      countOf(after, 'issuer_unavailable') === after.length
    return { measured: `${tally(before)}; then ${tally(after)}`, samples: before.length + after.length, met }
  },
}

/** The issuer was never up. */
export const nothingCached: Scenario = {
  name: 'issuer down, nothing cached: 10,000 requests in a minute (virtual clock)',
  goal: '0 accepted, all typed 503, <= 12 calls upstream',
  async run(world) {
    const { api, upstream, clock, token, outcome } = await createScene(world)
    await upstream.stop()
    const tokens = await Promise.all(Array.from({ length: 100 }, () => token()))
    const steps = bySize(world, 600, 60)
    const outcomes: string[] = []
    for (let step = 0; step < steps; step++) {
      const batch = Array.from({ length: 17 }, (_, index) => outcome(tokens[(step * 17 + index) % 100] ?? ''))
      outcomes.push(...(await Promise.all(batch)))
      clock.ms += 60_000 / steps
    }
    const refusal: unknown = await api.verify(await token()).catch((error: unknown) => error)
    const { status } = api.challenge(refusal)
    const calls = upstream.calls.length
    const met =
      countOf(outcomes, 'issuer_unavailable') === outcomes.length && status === 503 && calls <= 12 && calls > 1
    return { measured: `${tally(outcomes)}, status ${status}, ${calls} calls`, samples: outcomes.length, met }
  },
}
