import { clientSecretBasic, introspect, type IntrospectOptions, type ResourceServerOptions } from 'bearward'
import { RESOURCE } from '../../test/fixture/issuer.ts'
import { bySize, countOf, tally } from '../line.ts'
import { createScene, type Scenario, type Scene, type World } from '../scene.ts'

const CLIENT_SECRET = 'the-client-secret-of-the-orders-api'

async function introspectingScene(
  world: World,
  introspection: Partial<IntrospectOptions>,
  server: Partial<ResourceServerOptions> = {},
  delayMs = 0,
): Promise<Scene> {
  // An issuer on loopback has its identifier when it listens.
  const started = await world.startIssuer([], delayMs)
  const auth = clientSecretBasic({ clientId: 'orders-api', clientSecret: CLIENT_SECRET })
  return createScene(
    { ...world, startIssuer: async () => started },
    { issuers: [{ issuer: started.issuer, introspection: introspect({ auth, ...introspection }) }], ...server },
  )
}

function active(exp: number): Record<string, unknown> {
  return { active: true, token_type: 'Bearer', aud: RESOURCE, sub: 'user', client_id: 'client', exp }
}

function questions({ upstream }: Scene): number {
  return countOf(upstream.calls, '/introspect')
}

export const sharedQuestion: Scenario = {
  name: 'introspection: 1,000 concurrent on one token',
  goal: '1 call',
  async run(world) {
    const rounds = bySize(world, 10, 2)
    const outcomes: string[] = []
    let most = 0
    for (let round = 0; round < rounds; round++) {
      const scene = await introspectingScene(world, {}, {}, 50)
      scene.upstream.answer = () => active(scene.clock.ms / 1_000 + 300)
      const token = `shared_${round}_by-a-thousand-callers`
      outcomes.push(...(await Promise.all(Array.from({ length: 1_000 }, () => scene.outcome(token)))))
      most = Math.max(most, questions(scene))
    }
    return {
      measured: `${most} call, ${tally(outcomes)}`,
      samples: outcomes.length,
      met: most === 1 && countOf(outcomes, 'accepted') === outcomes.length,
    }
  },
}

export const revokedToken: Scenario = {
  name: 'introspection: a revoked token (virtual clock)',
  goal: 'refused within cacheSeconds',
  async run(world) {
    const latest: string[] = []
    let met = true
    let samples = 0
    for (const cacheSeconds of [0, 1, 5, 30, 300]) {
      let latestMs = 0
      for (let round = 0; round < bySize(world, 20, 2); round++) {
        const scene = await introspectingScene(world, { cacheSeconds })
        const { clock, upstream, outcome } = scene
        const token = `revoked_${cacheSeconds}_${round}_in-the-course-of-time`
        upstream.answer = () => active(clock.ms / 1_000 + 3_600)
        if ((await outcome(token)) !== 'accepted') met = false
        // Revoked at any age of the answer.
        clock.ms += Math.floor((round * cacheSeconds * 1_000) / 20)
        if ((await outcome(token)) !== 'accepted') met = false
        upstream.answer = () => ({ active: false })
        const revokedMs = clock.ms
        const stepMs = Math.max(50, cacheSeconds * 20)
        for (; clock.ms <= revokedMs + 2_000 * cacheSeconds + 100; clock.ms += stepMs) {
          samples++
          const code = await outcome(token)
          if (code === 'accepted') latestMs = Math.max(latestMs, clock.ms + 1 - revokedMs)
          else if (code !== 'token_inactive') met = false
        }
      }
      latest.push(`${cacheSeconds} s: ${latestMs / 1_000} s`)
      if (latestMs > cacheSeconds * 1_000) met = false
    }
    return { measured: `last accepted after, at ${latest.join(', ')}`, samples, met }
  },
}

/** Answers are cached for an hour, and serve stale in outages. Both must end with the token. */
export const pastExpiry: Scenario = {
  name: 'introspection: never past exp, in an outage neither (virtual clock)',
  goal: '0 accepted past exp',
  async run(world) {
    let late = 0
    let early = 0
    let samples = 0
    for (let round = 0; round < bySize(world, 100, 5); round++) {
      const introspection = { cacheSeconds: 3_600, staleOnOutageSeconds: 86_400 }
      const { clock, upstream, outcome } = await introspectingScene(world, introspection, { clockToleranceSeconds: 0 })
      const lifeSeconds = 10 + round
      const expMs = (Math.floor(clock.ms / 1_000) + lifeSeconds) * 1_000
      upstream.answer = () => active(expMs / 1_000)
      const token = `expiring_${round}_while-it-is-remembered`
      if ((await outcome(token)) !== 'accepted') early++
      // The issuer still calls the token active, is down, or both in turn.
      if (round % 2 === 0) await upstream.stop()
      for (const offsetMs of [-1_000, -1, 0, 1, 1_000, 10_000, 3_600_000]) {
        clock.ms = expMs + offsetMs
        const accepted = (await outcome(token)) === 'accepted'
        samples++
        if (accepted && offsetMs >= 0) late++
        if (!accepted && offsetMs < 0) early++
      }
    }
    return { measured: `${late} past exp, ${early} refused before`, samples, met: late === 0 && early === 0 }
  },
}
