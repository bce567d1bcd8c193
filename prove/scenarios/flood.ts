import { junkToken } from '../junk.ts'
import { bySize, countOf } from '../line.ts'
import { createScene, type Scenario } from '../scene.ts'

/** The requests to the issuer during a flood. Only Node measures memory and latencies. */
export const unknownKids: Scenario = {
  name: '100,000 distinct unknown kids in a minute: fetches (virtual clock)',
  goal: '<= 3 fetches, good tokens accepted',
  async run(world) {
    const { upstream, clock, token, outcome } = await createScene(world)
    const count = bySize(world, 100_000, 5_000)
    const good = await token()
    const warm = await outcome(good)
    const warmCalls = upstream.calls.length
    const batch = 100
    let refused = 0
    let goodRefused = 0
    for (let index = 0; index < count; index += batch) {
      const codes = await Promise.all(
        Array.from({ length: batch }, (_, offset) => outcome(junkToken(upstream.issuer, index + offset))),
      )
      refused += countOf(codes, 'key_unknown')
      for (const each of [good, await token()]) if ((await outcome(each)) !== 'accepted') goodRefused++
      clock.ms += (60_000 * batch) / count
    }
    const fetches = upstream.calls.length - warmCalls
    return {
      measured: `${fetches} fetches, ${refused} refused, ${goodRefused} good ones refused`,
      samples: count,
      met: warm === 'accepted' && fetches <= 3 && refused === count && goodRefused === 0,
    }
  },
}
