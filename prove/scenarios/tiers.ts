import {
  type CacheTier,
  clientSecretBasic,
  createResourceServer,
  introspect,
  memoryTier,
  type ResourceServer,
  type ResourceServerOptions,
  sharedTiers,
  type TierEncryptionKey,
} from 'bearward'
import { RESOURCE, signingKey } from '../../test/fixture/issuer.ts'
import { bySize, countOf, pause, tally } from '../line.ts'
import { createScene, outcomeOf, type Scenario, type Scene, type World } from '../scene.ts'

const HOUR_MS = 3_600_000
const TIER_MS = 100

interface Store {
  readonly tier: CacheTier
  readonly held: Map<string, string>
  readonly calls: string[]
  fault: 'none' | 'rejects' | 'hangs' | 'garbage' | 'full'
}

/** A tier that many processes share, and that breaks on demand. */
function createStore(now: () => number): Store {
  const memory = memoryTier({ now })
  const held = new Map<string, string>()
  const calls: string[] = []
  async function act<T>(call: string, work: () => Promise<T>): Promise<T> {
    calls.push(call)
    if (store.fault === 'rejects' || (store.fault === 'full' && call === 'put')) throw new Error('connection lost')
    if (store.fault === 'hangs') return new Promise(() => {})
    return work()
  }
  const store: Store = {
    held,
    calls,
    fault: 'none',
    tier: {
      name: 'shared',
      timeoutMs: TIER_MS,
      get: (key) => act('get', async () => (store.fault === 'garbage' ? '{"originMs":1e999' : memory.get(key))),
      put(key, value, expiry) {
        return act('put', () => {
          held.set(key, value)
          return memory.put(key, value, expiry)
        })
      },
      delete: (key) => act('delete', () => memory.delete(key)),
    },
  }
  return store
}

/** Another process of the fleet: it shares only the tier and the clock. */
function join(scene: Scene, world: World, options: Partial<ResourceServerOptions>): ResourceServer {
  return createResourceServer({
    resource: RESOURCE,
    issuers: [{ issuer: scene.upstream.issuer }],
    fetch: scene.upstream.fetch,
    now: () => scene.clock.ms,
    onEvent: world.emitted.event,
    ...options,
  })
}

async function fleet(world: World): Promise<{ readonly scene: Scene; readonly store: Store }> {
  const late: { clock?: Scene['clock'] } = {}
  const store = createStore(() => late.clock?.ms ?? Date.now())
  const scene = await createScene(world, { tiers: sharedTiers([store.tier]) })
  late.clock = scene.clock
  await scene.outcome(await scene.token())
  await pause(20)
  return { scene, store }
}

/** Processes that start while others have keys of any age, with the issuer up or down. */
export const warmTier: Scenario = {
  name: 'tiers: a process that starts beside others',
  goal: '0 requests to a live issuer, 1 tier call, all accepted',
  async run(world) {
    const { scene, store } = await fleet(world)
    const [asked, called] = [scene.upstream.calls.length, store.calls.length]
    const count = bySize(world, 1_000, 50)
    const outcomes = await Promise.all(
      Array.from({ length: count }, async () =>
        outcomeOf(join(scene, world, { tiers: sharedTiers([store.tier]) }), await scene.token(), world.emitted),
      ),
    )
    const requests = scene.upstream.calls.length - asked
    const calls = (store.calls.length - called) / count
    return {
      measured: `${requests} requests, ${calls} tier call each, ${tally(outcomes)}`,
      samples: count,
      met: requests === 0 && calls === 1 && countOf(outcomes, 'accepted') === count,
    }
  },
}

export const startDuringOutage: Scenario = {
  name: 'tiers: a process that starts while the issuer is down (virtual clock)',
  goal: '100 % accepted up to 24 h after the last fetch of anybody, then 0 %, 503',
  async run(world) {
    const { scene, store } = await fleet(world)
    await scene.upstream.stop()
    const startMs = scene.clock.ms
    const steps = bySize(world, 480, 48)
    const [before, after]: [string[], string[]] = [[], []]
    for (let step = 0; step < 2 * steps; step++) {
      const ageMs = (step * 24 * HOUR_MS) / steps
      scene.clock.ms = startMs + ageMs
      const api = join(scene, world, { tiers: sharedTiers([store.tier]) })
      const into = ageMs < 24 * HOUR_MS - 1_000 ? before : after
      into.push(await outcomeOf(api, await scene.token(), world.emitted))
    }
    return {
      measured: `before: ${tally(before)}; after: ${tally(after)}`,
      samples: before.length + after.length,
      met: countOf(before, 'accepted') === before.length && countOf(after, 'issuer_unavailable') === after.length,
    }
  },
}

/** Cold processes, each with a tier that is broken in another way. */
export const brokenTier: Scenario = {
  name: 'tiers: one that fails, hangs, is full or returns garbage (wall time)',
  goal: `all accepted, wall time <= the tier's timeout + 0.5 s, each reported`,
  async run(world) {
    const outcomes: string[] = []
    let slowestMs = 0
    let silent = 0
    for (const fault of ['rejects', 'hangs', 'full', 'garbage'] as const) {
      for (let round = 0; round < bySize(world, 50, 3); round++) {
        const { scene, store } = await fleet(world)
        store.fault = fault
        let reports = 0
        const api = join(scene, world, {
          // Another insecure host, so that the tier holds no usable entry.
          insecureHosts: ['elsewhere'],
          tiers: sharedTiers([store.tier]),
          onEvent(event) {
            world.emitted.event(event)
            if (event.type === 'tier_failed') reports++
          },
        })
        const startMs = Date.now()
        outcomes.push(await outcomeOf(api, await scene.token(), world.emitted))
        slowestMs = Math.max(slowestMs, Date.now() - startMs)
        await pause(fault === 'hangs' ? 0 : 5)
        if (reports === 0) silent++
        api.close()
      }
    }
    return {
      measured: `${tally(outcomes)}, slowest ${slowestMs} ms at a timeout of ${TIER_MS} ms, ${silent} not reported`,
      samples: outcomes.length,
      met: countOf(outcomes, 'accepted') === outcomes.length && slowestMs <= TIER_MS + 500 && silent === 0,
    }
  },
}

/** Ten processes over an hour: the tier breaks and heals at every step, in every way; keys rotate half-way. */
export const flappingTier: Scenario = {
  name: 'tiers: one that flaps for an hour, keys rotated half-way (virtual clock)',
  goal: 'all good tokens accepted, a withdrawn key refused within 600 s',
  async run(world) {
    const { scene, store } = await fleet(world)
    const members = Array.from({ length: 10 }, () => join(scene, world, { tiers: sharedTiers([store.tier]) }))
    const [old, next] = [await signingKey(), await signingKey('ES256', 'flap-next')]
    const faults = ['rejects', 'none', 'garbage', 'none', 'full', 'none'] as const
    const startMs = scene.clock.ms
    const stepMs = bySize(world, 5_000, 60_000)
    const good: string[] = []
    let lateMs = 0
    for (let step = 0; scene.clock.ms < startMs + HOUR_MS; step++) {
      store.fault = faults[step % faults.length] ?? 'none'
      const sinceRotationMs = scene.clock.ms - startMs - HOUR_MS / 2
      if (sinceRotationMs === 0) scene.upstream.publish(next.jwk)
      for (const api of members) {
        const key = sinceRotationMs < 0 ? old : next
        good.push(await outcomeOf(api, await scene.token({}, {}, key), world.emitted))
        if (sinceRotationMs < 0) continue
        const stale = await outcomeOf(api, await scene.token({}, {}, old), world.emitted)
        if (stale === 'accepted') lateMs = Math.max(lateMs, sinceRotationMs + stepMs)
      }
      // In workerd a body is read only when the event loop turns, as it does between two requests.
      await pause(0)
      scene.clock.ms += stepMs
    }
    return {
      measured: `good ones: ${tally(good)}; the old key last accepted within ${lateMs / 1_000} s`,
      samples: good.length,
      met: countOf(good, 'accepted') === good.length && lateMs <= 600_000,
    }
  },
}

/** A writer to the tier replaces every entry by planted keys, sealed with another secret or not at all. */
export const plantedKeys: Scenario = {
  name: 'tiers: keys that an attacker plants, entries sealed',
  goal: '0 accepted, good ones unaffected',
  async run(world) {
    const attacker = await signingKey('ES256', 'attacker')
    const secret = new Uint8Array(32).fill(1)
    const theirs = [{ id: 'k', secret: new Uint8Array(32).fill(2) }]
    const outcomes = { forged: [] as string[], good: [] as string[] }
    for (let round = 0; round < bySize(world, 200, 10); round++) {
      const scene = await createScene(world)
      const store = createStore(() => scene.clock.ms)
      await outcomeOf(
        join(scene, world, { tiers: sharedTiers([store.tier], { encryption: [{ id: 'k', secret }] }) }),
        await scene.token(),
        world.emitted,
      )
      await pause(5)
      const planted = await plant(scene, world, store, attacker.jwk, round % 2 === 0 ? theirs : undefined)
      const api = join(scene, world, { tiers: sharedTiers([planted], { encryption: [{ id: 'k', secret }] }) })
      outcomes.forged.push(await outcomeOf(api, await scene.token({}, {}, attacker), world.emitted))
      outcomes.good.push(await outcomeOf(api, await scene.token(), world.emitted))
    }
    const { forged, good } = outcomes
    return {
      measured: `forged: ${tally(forged)}; good: ${tally(good)}`,
      samples: forged.length + good.length,
      met: countOf(forged, 'key_unknown') === forged.length && countOf(good, 'accepted') === good.length,
    }
  },
}

/** A tier that returns, for every name, an entry of the attacker's own server with the same configuration. */
async function plant(
  scene: Scene,
  world: World,
  store: Store,
  key: unknown,
  encryption: readonly TierEncryptionKey[] | undefined,
): Promise<CacheTier> {
  const own = createStore(() => scene.clock.ms)
  const fetch: ResourceServerOptions['fetch'] = async (url, init) =>
    url.endsWith('/jwks') ? Response.json({ keys: [key] }) : scene.upstream.fetch(url, init)
  await join(scene, world, { fetch, tiers: sharedTiers([own.tier], { encryption }) }).ready()
  await pause(5)
  const forgeries = [...own.held.values()]
  return { ...store.tier, get: async (name) => own.held.get(name) ?? forgeries[0] }
}

/** The issuer revokes a token while the tier holds its answer, at any age; ten processes check it in turn. */
export const sharedAnswers: Scenario = {
  name: 'tiers: a revoked token whose answer a fleet shares (virtual clock)',
  goal: '1 call, refused within cacheSeconds everywhere, nothing readable in the tier',
  async run(world) {
    const cacheMs = 30_000
    let [calls, latestMs, readable, samples] = [0, 0, 0, 0]
    for (let round = 0; round < bySize(world, 60, 6); round++) {
      const scene = await createScene(world)
      const store = createStore(() => scene.clock.ms)
      const auth = clientSecretBasic({ clientId: 'orders-api', clientSecret: 'the-client-secret-of-the-orders-api' })
      const options: Partial<ResourceServerOptions> = {
        issuers: [{ issuer: scene.upstream.issuer, introspection: introspect({ auth }) }],
        tiers: sharedTiers([store.tier], { encryption: [{ id: 'k', secret: new Uint8Array(32).fill(3) }] }),
      }
      const token = `revoked_${round}_while-a-fleet-shares-its-answer`
      const exp = scene.clock.ms / 1_000 + 3_600
      const answer = {
        active: true,
        token_type: 'Bearer',
        aud: RESOURCE,
        sub: 'user-of-the-fleet',
        client_id: 'client',
        exp,
      }
      scene.upstream.answer = () => answer
      const startMs = scene.clock.ms
      for (let member = 0; member < 10; member++) {
        await outcomeOf(join(scene, world, options), token, world.emitted)
        await pause(2)
      }
      calls = Math.max(calls, countOf(scene.upstream.calls, '/introspect'))
      const stored = [...store.held].flat().join()
      if (stored.includes(token.slice(0, 20)) || stored.includes(answer.sub)) readable++
      scene.clock.ms = startMs + (round * cacheMs) / 60
      scene.upstream.answer = () => ({ active: false })
      const revokedMs = scene.clock.ms
      for (; scene.clock.ms < startMs + 2 * cacheMs; scene.clock.ms += 1_000) {
        samples++
        const code = await outcomeOf(join(scene, world, options), token, world.emitted)
        if (code === 'accepted') latestMs = Math.max(latestMs, scene.clock.ms + 1 - revokedMs)
        await pause(0)
      }
    }
    return {
      measured: `${calls} call for 10 processes, last accepted after ${latestMs / 1_000} s, readable in ${readable} tiers`,
      samples,
      met: calls === 1 && latestMs <= cacheMs && readable === 0,
    }
  },
}
