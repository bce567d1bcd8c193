import { signingKey } from '../../test/fixture/issuer.ts'
import { junkToken } from '../junk.ts'
import { bySize, pause } from '../line.ts'
import { createScene, type Scenario } from '../scene.ts'

/** Keys rotate without a recent token of an unknown key. */
export const newKey: Scenario = {
  name: 'rotation: a new key, outside the cooldown',
  goal: 'accepted in <= 1 s',
  async run(world) {
    const { upstream, clock, token, outcome } = await createScene(world, { delayMs: 20 })
    await outcome(await token())
    const rounds = bySize(world, 30, 3)
    let slowestMs = 0
    let refused = 0
    for (let round = 0; round < rounds; round++) {
      clock.ms += 31_000
      const key = await signingKey('ES256', `rotated-${round}`)
      const fresh = await token({}, {}, key)
      const startMs = Date.now()
      upstream.publish(key.jwk)
      if ((await outcome(fresh)) !== 'accepted') refused++
      slowestMs = Math.max(slowestMs, Date.now() - startMs)
    }
    const measured = `at the first request, slowest ${slowestMs} ms, ${refused} refused`
    return { measured, samples: rounds, met: refused === 0 && slowestMs <= 1_000 }
  },
}

/** Keys rotate at many moments of a flood of unknown keys, during the cooldown. */
export const newKeyInFlood: Scenario = {
  name: 'rotation: a new key during a flood of unknown ones (virtual clock)',
  goal: 'accepted in <= 30 s',
  async run(world) {
    const { upstream, clock, token, outcome } = await createScene(world)
    await outcome(await token())
    let junk = 0
    async function floodStep(): Promise<void> {
      await Promise.all(Array.from({ length: 10 }, () => outcome(junkToken(upstream.issuer, junk++))))
      clock.ms += 250
    }
    const rounds = bySize(world, 25, 3)
    let slowestMs = 0
    for (let round = 0; round < rounds; round++) {
      const phaseMs = (round * 30_000) / rounds
      for (const startMs = clock.ms; clock.ms < startMs + 30_000 + phaseMs;) await floodStep()
      const key = await signingKey('ES256', `flooded-${round}`)
      const fresh = await token({}, {}, key)
      upstream.publish(key.jwk)
      const publishedMs = clock.ms
      while ((await outcome(fresh)) !== 'accepted' && clock.ms - publishedMs < 60_000) await floodStep()
      slowestMs = Math.max(slowestMs, clock.ms - publishedMs)
    }
    return {
      measured: `slowest ${slowestMs / 1_000} s, with ${junk} junk tokens`,
      samples: rounds,
      met: slowestMs <= 30_000,
    }
  },
}

/** The issuer withdraws a key at many ages of the set, with cached and new tokens, with traffic and without. */
export const withdrawnKey: Scenario = {
  name: 'rotation: a withdrawn key (virtual clock)',
  goal: 'refused within 600 s',
  async run(world) {
    const rounds = bySize(world, 20, 4)
    let latestMs = 0
    let samples = 0
    const codes = new Set<string>()
    for (let round = 0; round < rounds; round++) {
      const { api, upstream, clock, token, outcome } = await createScene(world)
      const old = await signingKey('ES256', 'old')
      const next = await signingKey('ES256', 'next')
      upstream.publish(old.jwk)
      const cached = await token({}, {}, old)
      await outcome(cached)
      clock.ms += (round * 599_000) / rounds
      upstream.publish(next.jwk)
      const withdrawnMs = clock.ms
      // Half of the runs have no traffic until the interval ends.
      const everyMs = round % 2 === 0 ? 5_000 : 600_000
      for (; clock.ms <= withdrawnMs + 1_200_000; clock.ms += everyMs) {
        // In workerd a body is read only when the event loop turns, as it does between two requests.
        await pause(0)
        for (const each of [cached, await token({}, {}, old)]) {
          const code = await outcome(each)
          samples++
          if (code === 'accepted') latestMs = Math.max(latestMs, clock.ms - withdrawnMs)
          else codes.add(code)
        }
      }
      api.close()
    }
    return {
      measured: `last accepted ${Math.round(latestMs / 1_000)} s after it was withdrawn, then ${[...codes].join(', ')}`,
      samples,
      met: latestMs < 600_000 && codes.size === 1 && codes.has('key_unknown'),
    }
  },
}
