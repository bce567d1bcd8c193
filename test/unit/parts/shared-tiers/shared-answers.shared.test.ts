import { describe, expect, test } from 'vitest'
import {
  type CacheTier,
  introspect,
  memoryTier,
  resolveIssuers,
  type ResourceServer,
  sharedTiers,
} from '../../../../src/entry-points/index.ts'
import { NOW, NOW_MS, signToken } from '../../../fixture/issuer.ts'
import {
  goodAnswer,
  introspecting,
  type IntrospectionFixture,
  type IntrospectionSetup,
  opaque,
  searchWhatWasEmitted,
  TOKEN_MARK,
} from '../../../fixture/introspection.ts'
import type { MemberSetup } from '../../../fixture/fleet.ts'
import { codeOf } from '../../../fixture/server.ts'

searchWhatWasEmitted()

const ENCRYPTION = [{ id: 'k1', secret: new Uint8Array(32).fill(9) }]

interface Store {
  readonly tier: CacheTier
  readonly clock: { ms: number }
  readonly held: Map<string, string>
  readonly calls: string[]
}

/** A tier that can be looked into, under a clock of its own. */
function store(): Store {
  const clock = { ms: NOW_MS }
  const memory = memoryTier({ now: () => clock.ms })
  const held = new Map<string, string>()
  const calls: string[] = []
  const tier: CacheTier = {
    name: 'shared',
    get: (key) => (calls.push('get'), memory.get(key)),
    put: (key, value, expiry) => (calls.push('put'), held.set(key, value), memory.put(key, value, expiry)),
    delete: (key) => (calls.push('delete'), held.delete(key), memory.delete(key)),
  }
  return { tier, clock, held, calls }
}

/** A process that shares a store; its metadata is at hand, so that the store holds answers alone. */
async function process(
  { tier }: Pick<Store, 'tier'>,
  { encryption = ENCRYPTION, ...setup }: MemberSetup = {},
): Promise<IntrospectionFixture> {
  const made = await introspecting({
    ...setup,
    introspection: { endpoint: 'https://login.example.com/introspect', ...setup.introspection },
    server: { tiers: sharedTiers([tier], { encryption }), ...setup.server },
  })
  return kept(made)
}

/** As `process`, of an issuer that a resolver names: none is known before the first token comes. */
async function resolving(
  { tier }: Pick<Store, 'tier'>,
  database: { readonly isDown: boolean } = { isDown: false },
  setup: IntrospectionSetup = {},
): Promise<IntrospectionFixture> {
  const made = await introspecting({
    ...setup,
    server: {
      issuers: resolveIssuers(() => {
        if (database.isDown) throw new Error('the database is down')
        const introspection = introspect({ endpoint: 'https://login.example.com/introspect', auth: 'none' })
        return { issuer: 'https://login.example.com', introspection }
      }),
      tiers: sharedTiers([tier], { encryption: ENCRYPTION }),
    },
  })
  return kept(made)
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5))
}

const behind: Promise<unknown>[] = []

/** Keeps what the processes do behind their callers' backs. */
function kept(made: IntrospectionFixture): IntrospectionFixture {
  const verify: ResourceServer['verify'] = (token) =>
    made.api.verify(token, { waitUntil: (work) => void behind.push(work) })
  return { ...made, api: { ...made.api, verify } }
}

/** Waits for what is written behind the callers' backs. */
async function settle(): Promise<void> {
  // Work that ends may have begun some more.
  while (behind.length > 0) await Promise.all(behind.splice(0))
}

/** Moves every clock. */
function pass(ms: number, ...clocks: readonly { ms: number }[]): void {
  for (const clock of clocks) clock.ms += ms
}

describe('an answer that one process got', () => {
  test('serves the others, for as long as it would have served there', async () => {
    const shared = store()
    const [one, two] = [await process(shared), await process(shared)]
    const token = await one.api.verify(opaque())
    await settle()
    pass(20_000, shared.clock, one.clock, two.clock)
    expect(await two.api.verify(opaque())).toEqual(token)
    expect(two.endpoint.asked).toHaveLength(0)
    // Thirty seconds after the issuer said so, not after it was read.
    pass(9_999, shared.clock, two.clock)
    await two.api.verify(opaque())
    expect(two.endpoint.asked).toHaveLength(0)
    pass(1, shared.clock, two.clock)
    await two.api.verify(opaque())
    expect(two.endpoint.asked).toHaveLength(1)
  })

  test('does not serve past the token’s own end', async () => {
    const shared = store()
    const setup: IntrospectionSetup = { reply: () => Response.json(goodAnswer({ exp: NOW + 5 })) }
    const [one, two] = [await process(shared, setup), await process(shared, setup)]
    await one.api.verify(opaque())
    await settle()
    pass(4_999, shared.clock, two.clock)
    await two.api.verify(opaque())
    expect(two.endpoint.asked).toHaveLength(0)
    pass(1, shared.clock, two.clock)
    const three = await process(shared, { reply: () => Response.json({ active: false }) })
    three.clock.ms = two.clock.ms
    expect(await codeOf(three.api.verify(opaque()))).toBe('token_inactive')
    expect(three.endpoint.asked).toHaveLength(1)
  })

  test('serves JWTs that are confirmed as well', async () => {
    const shared = store()
    const setup: IntrospectionSetup = { introspection: { use: 'always' } }
    const [one, two] = [await process(shared, setup), await process(shared, setup)]
    const token = await signToken()
    await one.api.verify(token)
    await settle()
    await two.api.verify(token)
    expect([one.endpoint.asked.length, two.endpoint.asked.length]).toEqual([1, 0])
  })

  test('bridges an outage in the others, where that is allowed', async () => {
    const shared = store()
    const setup: IntrospectionSetup = { introspection: { staleOnOutageSeconds: 60 } }
    const one = await process(shared, setup)
    await one.api.verify(opaque())
    await settle()
    const down: IntrospectionSetup = { ...setup, reply: () => Promise.reject(new Error('ECONNREFUSED')) }
    const two = await process(shared, down)
    pass(80_000, shared.clock, two.clock)
    expect(await codeOf(two.api.verify(opaque()))).toBe('accepted')
    expect(two.events.map(({ type }) => type)).toContain('introspection_stale')
    const three = await process(shared, down)
    pass(90_000, three.clock)
    expect(await codeOf(three.api.verify(opaque()))).toBe('issuer_unavailable')
    const strict = await process(shared, { reply: () => Promise.reject(new Error('ECONNREFUSED')) })
    strict.clock.ms = two.clock.ms
    expect(await codeOf(strict.api.verify(opaque()))).toBe('issuer_unavailable')
  })
})

describe('what is shared', () => {
  test('shows neither the token nor what the issuer said of it', async () => {
    const shared = store()
    const { api } = await process(shared)
    await api.verify(opaque())
    await settle()
    const stored = [...shared.held].flat().join('\n')
    expect(shared.held.size).toBe(1)
    expect(stored).toMatch(/^bearward:1:answer:[\w-]{43}\nk1\.[\w-]{16}\.[\w-]+$/)
    for (const secret of [TOKEN_MARK, 'user-1', 'client-1', 'orders:read']) expect(stored).not.toContain(secret)
  })

  test('is nothing without a key', async () => {
    const shared = store()
    const { api } = await process(shared, { server: { tiers: sharedTiers([shared.tier]) } })
    await api.verify(opaque())
    await settle()
    expect(shared.calls).toEqual([])
  })

  test('is nothing where answers are not kept at all', async () => {
    const shared = store()
    const { api } = await process(shared, { introspection: { cacheSeconds: 0 } })
    await api.verify(opaque())
    await settle()
    expect(shared.calls).toEqual([])
  })

  test('is no refusal: junk fills no store', async () => {
    const shared = store()
    const { api } = await process(shared, { reply: () => Response.json({ active: false }) })
    for (let index = 0; index < 20; index++)
      expect(await codeOf(api.verify(opaque(`junk-${index}`)))).toBe('token_inactive')
    await settle()
    expect(shared.calls).toEqual(Array.from({ length: 20 }, () => 'get'))
  })

  test('is no answer that breaks the rules', async () => {
    const shared = store()
    const { api } = await process(shared, { reply: () => Response.json(goodAnswer({ aud: 7 })) })
    expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
    await settle()
    expect(shared.held.size).toBe(0)
  })
})

describe('an answer is not taken', () => {
  test.each<[string, MemberSetup]>([
    ['another key', { encryption: [{ id: 'k1', secret: new Uint8Array(32).fill(8) }] }],
    ['another audience', { issuer: { audience: 'https://other.example.com' } }],
    ['accepted clients', { issuer: { clients: ['client-1'] } }],
    ['another lifetime', { introspection: { cacheSeconds: 29 } }],
  ])('by a process with %s', async (_, setup) => {
    const shared = store()
    await (await process(shared)).api.verify(opaque())
    await settle()
    const other = await process(shared, setup)
    await codeOf(other.api.verify(opaque()))
    expect(other.endpoint.asked).toHaveLength(1)
  })

  test('for another token', async () => {
    const shared = store()
    await (await process(shared)).api.verify(opaque())
    await settle()
    const other = await process(shared)
    await other.api.verify(opaque('other'))
    expect(other.endpoint.asked).toHaveLength(1)
  })

  test('but judged anew: what the tier holds makes no token valid that its claims do not', async () => {
    const shared = store()
    const one = await process(shared, { reply: () => Response.json(goodAnswer({ nbf: NOW + 5 })) })
    await one.api.verify(opaque())
    await settle()
    const two = await process(shared, { server: { clockToleranceSeconds: 0 } })
    expect(await codeOf(two.api.verify(opaque()))).toBe('token_not_yet_valid')
    expect(two.endpoint.asked).toHaveLength(0)
  })
})

describe('forgetting', () => {
  test('one token takes its answer out of the shared tiers, also in a process that never saw it', async () => {
    const shared = store()
    const [one, two, three] = [await process(shared), await process(shared), await process(shared)]
    await one.api.verify(opaque())
    await settle()
    await two.api.invalidate(opaque())
    expect(shared.held.size).toBe(0)
    await three.api.verify(opaque())
    expect(three.endpoint.asked).toHaveLength(1)
  })

  test('while the answer is on its way leaves none behind', async () => {
    const shared = store()
    const open = Promise.withResolvers<void>()
    const one = await process(shared, {
      async reply() {
        await open.promise
        return Response.json(goodAnswer())
      },
    })
    const verified = one.api.verify(opaque())
    await pause()
    await one.api.invalidate(opaque())
    open.resolve()
    await verified
    await settle()
    expect(shared.held.size).toBe(0)
  })

  test('everything makes this process take no older answer, and others go on', async () => {
    const shared = store()
    const [one, two, three] = [await process(shared), await process(shared), await process(shared)]
    await one.api.verify(opaque())
    await settle()
    await two.api.invalidateAll()
    await two.api.verify(opaque())
    expect(two.endpoint.asked).toHaveLength(1)
    await three.api.verify(opaque())
    expect(three.endpoint.asked).toHaveLength(0)
    expect(two.events.filter(({ type }) => type === 'tier_failed')).toEqual([])
  })

  test('a token that is inactive by now goes out of the shared tiers once that is known', async () => {
    const shared = store()
    const setup: IntrospectionSetup = { introspection: { staleOnOutageSeconds: 60 } }
    const one = await process(shared, setup)
    await one.api.verify(opaque())
    await settle()
    expect(shared.held.size).toBe(1)
    const two = await process(shared, { ...setup, reply: () => Response.json({ active: false }) })
    pass(31_000, shared.clock, two.clock)
    expect(await codeOf(two.api.verify(opaque()))).toBe('token_inactive')
    expect(shared.held.size).toBe(0)
  })
})

test('1,000 requests for one token read the tier once and ask once', async () => {
  const shared = store()
  const { api, endpoint } = await process(shared)
  await Promise.all(Array.from({ length: 1_000 }, () => api.verify(opaque())))
  expect(shared.calls.filter((call) => call === 'get')).toHaveLength(1)
  expect(endpoint.asked).toHaveLength(1)
})

describe('a token that is invalidated', () => {
  const REVOKED: IntrospectionSetup = { reply: () => Response.json({ active: false }) }

  test('while another request reads its answer is not accepted afterwards', async () => {
    const shared = store()
    await (await process(shared)).api.verify(opaque())
    await settle()
    // The deletion is slow: what is read meanwhile is still there.
    const slow = { ...shared.tier, delete: async (key: string) => (await pause(), shared.tier.delete(key)) }
    const two = await process({ tier: slow }, REVOKED)
    const gone = two.api.invalidate(opaque())
    const meanwhile = codeOf(two.api.verify(opaque()))
    await gone
    await meanwhile
    expect(await codeOf(two.api.verify(opaque()))).toBe('token_inactive')
  })

  test('is not copied back from a farther tier to a nearer one', async () => {
    const [near, far] = [store(), store()]
    await (await process(far)).api.verify(opaque())
    await settle()
    const open = Promise.withResolvers<void>()
    const slowNear: CacheTier = {
      ...near.tier,
      name: 'near',
      put: async (key, value, expiry) => (await open.promise, near.tier.put(key, value, expiry)),
    }
    const two = await process(far, {
      server: { tiers: sharedTiers([slowNear, far.tier], { encryption: ENCRYPTION }) },
    })
    await two.api.verify(opaque())
    await two.api.invalidate(opaque())
    open.resolve()
    await settle()
    expect([near.held.size, far.held.size]).toEqual([0, 0])
  })

  test('is not accepted out of a tier where it could not be found out whose it is', async () => {
    const shared = store()
    const database = { isDown: false }
    await (await resolving(shared, database)).api.verify(opaque())
    await settle()
    const two = await resolving(shared, database, REVOKED)
    database.isDown = true
    await two.api.invalidate(opaque())
    database.isDown = false
    expect(await codeOf(two.api.verify(opaque()))).toBe('token_inactive')
    expect(await codeOf((await resolving(shared, database, REVOKED)).api.verify(opaque()))).toBe('accepted')
  })
})

describe('a process that has asked no issuer so far', () => {
  const REVOKED: IntrospectionSetup = { reply: () => Response.json({ active: false }) }

  test('takes the answer about an invalidated token out of the shared tiers', async () => {
    const shared = store()
    await (await resolving(shared)).api.verify(opaque())
    await settle()
    expect(shared.held.size).toBe(1)
    await (await resolving(shared)).api.invalidate(opaque())
    expect(shared.held.size).toBe(0)
  })

  test('takes no older answer after invalidateAll()', async () => {
    const shared = store()
    await (await resolving(shared)).api.verify(opaque())
    await settle()
    const two = await resolving(shared, undefined, REVOKED)
    await two.api.invalidateAll()
    expect(await codeOf(two.api.verify(opaque()))).toBe('token_inactive')
    expect(await codeOf((await resolving(shared, undefined, REVOKED)).api.verify(opaque()))).toBe('accepted')
  })
})

test('invalidateAll() holds against a process whose clock is a second ahead', async () => {
  const shared = store()
  const ahead = await process(shared)
  ahead.clock.ms += 1_000
  await ahead.api.verify(opaque())
  await settle()
  const two = await process(shared)
  await two.api.invalidateAll()
  two.clock.ms += 1_001
  await two.api.verify(opaque())
  expect(two.endpoint.asked).toHaveLength(1)
})

test('what the issuer told a process itself is not undone by an older answer in the tier', async () => {
  const shared = store()
  const one = await process(shared)
  await one.api.verify(opaque())
  await settle()
  let isDown = true
  const flaky = {
    ...shared.tier,
    get: (key: string) => (isDown ? Promise.reject(new Error('down')) : shared.tier.get(key)),
  }
  const two = await process({ tier: flaky }, { reply: () => Response.json({ active: false }) })
  pass(1_000, two.clock)
  expect(await codeOf(two.api.verify(opaque()))).toBe('token_inactive')
  isDown = false
  pass(11_000, two.clock)
  expect(await codeOf(two.api.verify(opaque()))).toBe('token_inactive')
})

test.each<[string, MemberSetup]>([
  ['another metadata document', { issuer: { metadata: { url: 'https://login.example.com/staging' } } }],
  ['hosts that may be spoken to without TLS', { server: { insecureHosts: ['idp'] } }],
])('an answer is not taken by a process with %s', async (_, setup) => {
  const shared = store()
  await (await process(shared)).api.verify(opaque())
  await settle()
  const other = await process(shared, setup)
  await other.api.verify(opaque())
  expect(other.endpoint.asked).toHaveLength(1)
})

test('an entry lives no longer in the tier than the token itself', async () => {
  const told: number[] = []
  const shared = store()
  const tier: CacheTier = {
    ...shared.tier,
    put: (key, value, expiry) => (told.push(expiry.expiresInSeconds), shared.tier.put(key, value, expiry)),
  }
  for (const lifeSeconds of [5, 3_600]) {
    const { api } = await process({ tier }, { reply: () => Response.json(goodAnswer({ exp: NOW + lifeSeconds })) })
    await api.verify(opaque(`for-${lifeSeconds}-seconds`))
    await settle()
  }
  expect(told).toEqual([5, 30])
})

test('a tier that is slow leaves the limits of the endpoint to those that ask it', async () => {
  const shared = store()
  const slow = { ...shared.tier, get: async (key: string) => (await pause(), shared.tier.get(key)) }
  const { api } = await process({ tier: slow }, { introspection: { maxConcurrent: 20 } })
  const codes = await Promise.all(Array.from({ length: 90 }, (_, index) => codeOf(api.verify(opaque(`t-${index}`)))))
  expect(new Set(codes)).toEqual(new Set(['accepted']))
})

test('answers out of a tier say nothing of the endpoint: one that is down is left alone none the less', async () => {
  const shared = store()
  const one = await process(shared)
  for (let index = 0; index < 20; index++) await one.api.verify(opaque(`known-${index}`))
  await settle()
  const two = await process(shared, { reply: () => new Response('', { status: 503 }) })
  for (let index = 0; index < 20; index++) {
    expect(await codeOf(two.api.verify(opaque(`known-${index}`)))).toBe('accepted')
    expect(await codeOf(two.api.verify(opaque(`fresh-${index}`)))).toBe('issuer_unavailable')
  }
  expect(two.endpoint.asked).toHaveLength(5)
})
