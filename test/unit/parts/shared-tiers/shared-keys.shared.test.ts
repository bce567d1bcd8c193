import { describe, expect, test } from 'vitest'
import {
  type BearwardEvent,
  type CacheTier,
  createResourceServer,
  memoryTier,
  type ResourceServer,
  type ResourceServerOptions,
  sharedTiers,
} from '../../../../src/entry-points/index.ts'
import {
  fakeUpstream,
  type FakeUpstream,
  goodClaims,
  ISSUER,
  NOW,
  NOW_MS,
  RESOURCE,
  signingKey,
  signToken,
} from '../../../fixture/issuer.ts'
import { codeOf } from '../../../fixture/server.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

interface Member {
  readonly api: ResourceServer
  readonly events: BearwardEvent[]
}

interface Fleet {
  readonly upstream: FakeUpstream
  readonly clock: { ms: number }
  readonly tier: CacheTier
  readonly tierCalls: string[]
  /** Addresses that were asked, by any member. */
  readonly asked: readonly string[]
  readonly join: (options?: Partial<ResourceServerOptions>) => Member
}

/** Processes that share a tier and nothing else. */
async function fleet(): Promise<Fleet> {
  const clock = { ms: NOW_MS }
  const upstream = fakeUpstream(ISSUER, (await signingKey()).jwk)
  const asked: string[] = []
  const tierCalls: string[] = []
  const memory = memoryTier({ now: () => clock.ms })
  const tier: CacheTier = {
    name: 'shared',
    get: (key) => (tierCalls.push(`get ${key.split(':')[2]}`), memory.get(key)),
    put: (key, value, expiry) => (tierCalls.push(`put ${key.split(':')[2]}`), memory.put(key, value, expiry)),
    delete: (key) => (tierCalls.push(`delete ${key.split(':')[2]}`), memory.delete(key)),
  }
  function join(options: Partial<ResourceServerOptions> = {}): Member {
    const events: BearwardEvent[] = []
    const api = createResourceServer({
      resource: RESOURCE,
      issuers: [{ issuer: ISSUER }],
      tiers: sharedTiers([tier]),
      fetch(url, init) {
        asked.push(url)
        return upstream.fetch(url, init)
      },
      now: () => clock.ms,
      onEvent: (event) => events.push(event),
      ...options,
    })
    return { api, events }
  }
  return { upstream, clock, tier, tierCalls, asked, join }
}

/** A token that lives for days; the name makes it one that was not seen before. */
async function token(name: string, kid?: string): Promise<string> {
  const claims = goodClaims({ jti: name, exp: NOW + 7 * 86_400 })
  return kid === undefined ? signToken(claims) : signToken(claims, {}, await signingKey('ES256', kid))
}

function fail(upstream: FakeUpstream): void {
  for (const url of upstream.answers.keys()) upstream.answers.set(url, () => Promise.reject(new Error('ECONNREFUSED')))
}

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0))
}

describe('a process that starts beside others', () => {
  test('asks the shared tier once and the issuer not at all', async () => {
    const { join, asked, tierCalls } = await fleet()
    expect(await codeOf(join().api.verify(await token('first')))).toBe('accepted')
    await settle()
    expect(asked).toHaveLength(2)
    expect(tierCalls).toEqual(['get keys', 'get metadata', 'put metadata', 'put keys'])
    tierCalls.length = 0
    for (let index = 0; index < 20; index++) {
      const { api, events } = join()
      expect(await codeOf(api.verify(await token(`t-${index}`)))).toBe('accepted')
      expect(events).toEqual([{ type: 'keys_loaded', issuer: ISSUER, keys: 1, from: 'tier' }])
    }
    expect(asked).toHaveLength(2)
    expect(tierCalls).toEqual(Array.from({ length: 20 }, () => 'get keys'))
  })

  test('does so while the issuer is down, up to the maximum staleness since somebody fetched the keys, then 503', async () => {
    const { join, upstream, clock } = await fleet()
    await join().api.ready()
    fail(upstream)
    for (const ageMs of [0, 9 * MINUTE, 11 * MINUTE, HOUR, 24 * HOUR - 1]) {
      clock.ms = NOW_MS + ageMs
      const { api } = join()
      expect([ageMs, await codeOf(api.verify(await token(`at-${ageMs}`)))]).toEqual([ageMs, 'accepted'])
    }
    clock.ms = NOW_MS + 24 * HOUR
    expect(await codeOf(join().api.verify(await token('late')))).toBe('issuer_unavailable')
  })

  test('serves old keys of others as stale ones, and says so', async () => {
    const { join, upstream, clock } = await fleet()
    await join().api.ready()
    fail(upstream)
    clock.ms += HOUR
    const { api, events } = join()
    await api.verify(await token('one'))
    expect(api.snapshot()).toMatchObject([{ state: 'stale', keys: 1, freshUntilMs: NOW_MS + 10 * MINUTE }])
    expect(events).toMatchObject([{ type: 'metadata_stale' }, { type: 'issuer_failed' }])
    await expect(api.ready()).resolves.toBeUndefined()
  })

  test('uses old keys of others where the issuer hangs, not only where it refuses', async () => {
    const { join, upstream, clock } = await fleet()
    await join().api.ready()
    for (const url of upstream.answers.keys()) upstream.answers.set(url, () => new Promise(() => {}))
    clock.ms += HOUR
    expect(await codeOf(join({ keys: { timeoutMs: 100 } }).api.verify(await token('one')))).toBe('accepted')
  })

  test('asks the issuer where the others’ keys are no longer fresh and it answers', async () => {
    const { join, upstream, clock, asked } = await fleet()
    await join().api.ready()
    upstream.publish((await signingKey('ES256', 'rotated')).jwk)
    clock.ms += 10 * MINUTE
    const { api } = join()
    expect(await codeOf(api.verify(await token('new', 'rotated')))).toBe('accepted')
    expect(asked.filter((url) => url.endsWith('/jwks'))).toHaveLength(2)
    expect(await codeOf(api.verify(await token('old')))).toBe('key_unknown')
  })
})

describe('processes that run beside each other', () => {
  test('a withdrawn key is refused everywhere within the refresh interval, however long each has run', async () => {
    const { join, upstream, clock } = await fleet()
    await join().api.ready()
    clock.ms += 9 * MINUTE
    const late = join()
    const old = await token('old')
    expect(await codeOf(late.api.verify(old))).toBe('accepted')
    upstream.publish((await signingKey('ES256', 'rotated')).jwk)
    // Ten minutes after the first process fetched them, not ten after this one read them.
    clock.ms = NOW_MS + 10 * MINUTE
    expect(await codeOf(late.api.verify(old))).toBe('key_unknown')
  })

  test('one refreshes, the others get what it fetched', async () => {
    const { join, clock, asked } = await fleet()
    const members = Array.from({ length: 20 }, () => join())
    await Promise.all(members.map(({ api }) => api.ready()))
    await settle()
    const before = asked.length
    clock.ms += 9 * MINUTE + 40 * SECOND
    for (const [index, { api }] of members.entries()) {
      expect(await codeOf(api.verify(await token(`t-${index}`)))).toBe('accepted')
      await settle()
      await settle()
    }
    expect(asked.length - before).toBe(1)
    for (const { api } of members) {
      expect(api.snapshot()).toMatchObject([{ state: 'fresh', freshUntilMs: clock.ms + 10 * MINUTE }])
    }
  })

  test('do not all refresh at the same moment', async () => {
    const { join, clock, asked } = await fleet()
    const members = Array.from({ length: 40 }, () => join())
    for (const { api } of members) await api.ready()
    const before = asked.length
    clock.ms += 8.5 * MINUTE
    // All at once, so that none can profit from another.
    await Promise.all(members.map(async ({ api }, index) => api.verify(await token(`t-${index}`))))
    await settle()
    expect(asked.length - before).toBeLessThan(30)
  })

  test('one extra fetch for an unknown key counts for all of them', async () => {
    const { join, upstream, clock, asked } = await fleet()
    const members = Array.from({ length: 10 }, () => join())
    for (const { api } of members) await api.ready()
    await settle()
    clock.ms += MINUTE
    upstream.publish((await signingKey()).jwk, (await signingKey('ES256', 'rotated')).jwk)
    const before = asked.length
    for (const [index, { api }] of members.entries()) {
      expect(await codeOf(api.verify(await token(`t-${index}`, 'rotated')))).toBe('accepted')
      await settle()
    }
    expect(asked.length - before).toBe(1)
    // Junk within the fleet's cooldown asks nobody but the tier, in processes that start now as well.
    for (const { api } of [...members, join()]) {
      expect(await codeOf(api.verify(await token('junk', 'unheard-of')))).toBe('key_unknown')
    }
    expect(asked.length - before).toBe(1)
    clock.ms += 30 * SECOND
    expect(await codeOf(members[0]?.api.verify(await token('junk', 'unheard-of')) as Promise<unknown>)).toBe(
      'key_unknown',
    )
    expect(asked.length - before).toBe(2)
  })

  test('an ordinary load does not use up the extra fetch: a new key is accepted at once', async () => {
    const { join, upstream, asked } = await fleet()
    const { api } = join()
    await api.ready()
    await settle()
    upstream.publish((await signingKey('ES256', 'rotated')).jwk)
    expect(await codeOf(api.verify(await token('new', 'rotated')))).toBe('accepted')
    expect(asked.filter((url) => url.endsWith('/jwks'))).toHaveLength(2)
  })

  test('one that cannot reach the issuer recovers by what another fetched', async () => {
    const { join, clock } = await fleet()
    const cut = join({ fetch: () => Promise.reject(new Error('ENETUNREACH')) })
    expect(await codeOf(cut.api.verify(await token('one')))).toBe('issuer_unavailable')
    await join().api.ready()
    await settle()
    clock.ms += SECOND
    expect(await codeOf(cut.api.verify(await token('one')))).toBe('accepted')
    expect(cut.api.snapshot()).toMatchObject([{ state: 'fresh' }])
  })
})

/** How often the issuer is asked by a process with these options that comes after another. */
async function askedBy(options: Partial<ResourceServerOptions>): Promise<number> {
  const { join, asked } = await fleet()
  await join().api.ready()
  await settle()
  const before = asked.length
  await join(options).api.ready()
  return asked.length - before
}

describe('the documents of an issuer are shared', () => {
  test('among resource servers of different resources', async () => {
    expect(await askedBy({ resource: 'https://other.example.com' })).toBe(0)
  })

  test('and different timing', async () => {
    expect(await askedBy({ keys: { refreshSeconds: 300 } })).toBe(0)
  })

  test.each<[string, Partial<ResourceServerOptions>]>([
    ['find the keys elsewhere', { issuers: [{ issuer: ISSUER, jwt: { jwksUri: `${ISSUER}/jwks` } }] }],
    [
      'find the metadata elsewhere',
      { issuers: [{ issuer: ISSUER, metadata: { url: `${ISSUER}/.well-known/oauth-authorization-server` } }] },
    ],
    ['speak to hosts that others do not speak to', { insecureHosts: ['idp'] }],
  ])('but not with those that %s', async (_, options) => {
    expect(await askedBy(options)).toBeGreaterThan(0)
  })

  test('for as long as this process thinks them fresh, not as long as their writer did', async () => {
    const { join, clock, asked } = await fleet()
    await join({ keys: { refreshSeconds: 86_400, maxStaleSeconds: 604_800 } }).api.ready()
    await settle()
    clock.ms += 10 * MINUTE
    await join().api.ready()
    expect(asked.filter((url) => url.endsWith('/jwks'))).toHaveLength(2)
  })
})

test('metadata of others is used where their keys are gone, and not once it led nowhere', async () => {
  const { join, upstream, clock, asked, tier } = await fleet()
  await join().api.ready()
  await settle()
  const keysOnly = { ...tier, get: async (key: string) => (key.includes(':keys:') ? undefined : tier.get(key)) }
  const second = join({ tiers: sharedTiers([keysOnly]) })
  await second.api.ready()
  expect(asked.filter((url) => !url.endsWith('/jwks'))).toHaveLength(1)

  // The keys have moved: what the tier holds of the metadata leads to where they were.
  const moved = `${ISSUER}/moved`
  const keys = upstream.answers.get(`${ISSUER}/jwks`)
  upstream.answers.set(`${ISSUER}/jwks`, () => new Response('', { status: 404 }))
  upstream.answers.set(moved, keys ?? (() => new Response()))
  upstream.answers.set(`${ISSUER}/.well-known/oauth-authorization-server`, () =>
    Response.json({ issuer: ISSUER, jwks_uri: moved }),
  )
  const third = join({ tiers: sharedTiers([keysOnly]) })
  expect(await codeOf(third.api.verify(await token('one')))).toBe('issuer_unavailable')
  clock.ms += SECOND
  expect(await codeOf(third.api.verify(await token('one')))).toBe('accepted')
})

describe('old keys of other processes', () => {
  test.each([
    ['a process that starts', true],
    ['a process that runs', false],
  ])('do not serve a caller of %s who gave up while the issuer is well', async (_, isCold) => {
    const { join, upstream, clock } = await fleet()
    const first = join()
    await first.api.ready()
    await settle()
    upstream.publish((await signingKey('ES256', 'rotated')).jwk)
    clock.ms += HOUR
    const answers = [...upstream.answers]
    for (const [url, answer] of answers) {
      upstream.answers.set(url, async () => {
        await new Promise((resolve) => setTimeout(resolve, 60))
        return answer()
      })
    }
    const { api } = isCold ? join() : first
    const old = await token('old')
    expect(await codeOf(api.verify(old, { signal: AbortSignal.timeout(30) }))).toBe('issuer_unavailable')
    expect(await codeOf(api.verify(old))).toBe('key_unknown')
  })

  test('do not keep a new key out: the issuer is asked where they do not know it', async () => {
    const { join, upstream, clock, asked } = await fleet()
    const [one, other] = [join(), join()]
    await one.api.ready()
    await other.api.ready()
    await settle()
    // The one refreshes, then the keys rotate, then the other is due.
    clock.ms += 10 * MINUTE
    await one.api.ready()
    await settle()
    upstream.publish((await signingKey('ES256', 'rotated')).jwk)
    const before = asked.length
    expect(await codeOf(other.api.verify(await token('new', 'rotated')))).toBe('accepted')
    expect(asked.length - before).toBe(1)
  })

  test('are not served once they are as old as a process thinks too old, whatever their writer thought', async () => {
    const { join, upstream, clock } = await fleet()
    await join({ keys: { maxStaleSeconds: 604_800 } }).api.ready()
    await settle()
    fail(upstream)
    clock.ms += 25 * HOUR
    expect(await codeOf(join().api.verify(await token('one')))).toBe('issuer_unavailable')
    const lenient = join({ keys: { maxStaleSeconds: 604_800 } })
    expect(await codeOf(lenient.api.verify(await token('one')))).toBe('accepted')
  })
})

describe('what is written to the tier', () => {
  test('is nothing that came after its time', async () => {
    const { join, upstream, clock } = await fleet()
    await join().api.ready()
    await settle()
    const late = Promise.withResolvers<Response>()
    const { jwk: old } = await signingKey()
    upstream.answers.set(`${ISSUER}/jwks`, () => late.promise)
    clock.ms += 11 * MINUTE
    await codeOf(join({ keys: { timeoutMs: 100 } }).api.verify(await token('hangs')))
    upstream.publish((await signingKey('ES256', 'rotated')).jwk)
    clock.ms += HOUR
    late.resolve(Response.json({ keys: [old] }))
    await settle()
    await settle()
    expect(await codeOf(join().api.verify(await token('old')))).toBe('key_unknown')
  })

  test('is no set without a usable key', async () => {
    const { join, upstream, tierCalls } = await fleet()
    upstream.publish()
    await expect(join().api.ready()).rejects.toMatchObject({ code: 'issuer_unavailable' })
    await settle()
    expect(tierCalls).not.toContain('put keys')
  })

  test('bears the issuer’s own bound of its freshness', async () => {
    const { join, upstream, clock, asked } = await fleet()
    const { jwk } = await signingKey()
    upstream.answers.set(`${ISSUER}/jwks`, () =>
      Response.json({ keys: [jwk] }, { headers: { 'Cache-Control': 'max-age=120' } }),
    )
    await join().api.ready()
    await settle()
    clock.ms += 119 * SECOND
    await join().api.ready()
    expect(asked.filter((url) => url.endsWith('/jwks'))).toHaveLength(1)
    clock.ms += SECOND
    await join().api.ready()
    expect(asked.filter((url) => url.endsWith('/jwks'))).toHaveLength(2)
  })

  test('tells of the latest extra fetch, also after an ordinary one', async () => {
    const { join, clock, asked } = await fleet()
    const { api } = join({ keys: { refreshSeconds: 60, cooldownSeconds: 3_600 } })
    await api.ready()
    expect(await codeOf(api.verify(await token('junk', 'unheard-of')))).toBe('key_unknown')
    await settle()
    // An ordinary refresh.
    clock.ms += MINUTE
    await api.ready()
    await settle()
    const before = asked.length
    const late = join({ keys: { refreshSeconds: 60, cooldownSeconds: 3_600 } })
    expect(await codeOf(late.api.verify(await token('junk', 'unheard-of')))).toBe('key_unknown')
    expect(asked.length).toBe(before)
  })
})

test('one failed read of the tier does not keep its metadata out', async () => {
  const { join, upstream, clock, tier } = await fleet()
  await join().api.ready()
  await settle()
  upstream.answers.set(`${ISSUER}/.well-known/oauth-authorization-server`, () => Promise.reject(new Error('down')))
  let isDown = true
  const flaky: CacheTier = {
    ...tier,
    get: (key) =>
      isDown ? Promise.reject(new Error('down')) : key.includes(':keys:') ? Promise.resolve(null) : tier.get(key),
  }
  const { api } = join({ tiers: sharedTiers([flaky]) })
  expect(await codeOf(api.verify(await token('one')))).toBe('issuer_unavailable')
  isDown = false
  clock.ms += SECOND
  expect(await codeOf(api.verify(await token('one')))).toBe('accepted')
})

test('an extra fetch is not made again by the refresh that comes next', async () => {
  const { join, upstream, clock, asked } = await fleet()
  const { api } = join()
  await api.ready()
  await settle()
  expect(await codeOf(api.verify(await token('junk', 'unheard-of')))).toBe('key_unknown')
  await settle()
  // Another process refreshes; its keys are what this one takes when it is due.
  clock.ms += 10 * MINUTE
  const other = join()
  await other.api.ready()
  await settle()
  const before = asked.length
  fail(upstream)
  await api.ready()
  expect(asked.length).toBe(before)
  expect(api.snapshot()).toMatchObject([{ state: 'fresh', freshUntilMs: clock.ms + 10 * MINUTE }])
})

test('a new key is accepted at once also where a refresh under way ends with what others fetched before', async () => {
  const { join, upstream, clock } = await fleet()
  const [one, other] = [join(), join()]
  await one.api.ready()
  await other.api.ready()
  await settle()
  // Late enough for everybody to refresh, and the keys at hand serve meanwhile.
  clock.ms += 9.6 * MINUTE
  await one.api.verify(await token('refreshes'))
  await settle()
  await settle()
  upstream.publish((await signingKey('ES256', 'rotated')).jwk)
  clock.ms += SECOND
  expect(await codeOf(other.api.verify(await token('new', 'rotated')))).toBe('accepted')
})

/** A process whose own keys are newer than what the tier has, since it could not write there. */
async function newerThanTier() {
  const { join, upstream, clock, tier } = await fleet()
  const first = join()
  await first.api.ready()
  // Leaves the time of an extra fetch with the entry.
  await codeOf(first.api.verify(await token('junk', 'unheard-of')))
  await settle()
  upstream.publish((await signingKey('ES256', 'rotated')).jwk)
  clock.ms += SECOND
  let isHidden = true
  const oneWay: CacheTier = {
    ...tier,
    get: (key) => (isHidden ? Promise.resolve(null) : tier.get(key)),
    put: () => Promise.reject(new Error('read-only')),
  }
  const { api } = join({ tiers: sharedTiers([oneWay]) })
  expect(await codeOf(api.verify(await token('new', 'rotated')))).toBe('accepted')
  isHidden = false
  return { api, upstream, clock }
}

describe('older keys in the tier do not take the place of newer ones', () => {
  test('when the issuer is down', async () => {
    const { api, upstream, clock } = await newerThanTier()
    fail(upstream)
    clock.ms += 11 * MINUTE
    expect(await codeOf(api.verify(await token('later', 'rotated')))).toBe('accepted')
    expect(await codeOf(api.verify(await token('old')))).toBe('issuer_unavailable')
  })

  test('when an extra fetch of another process counts', async () => {
    const { api } = await newerThanTier()
    expect(await codeOf(api.verify(await token('junk', 'unheard-of')))).toBe('key_unknown')
    expect(await codeOf(api.verify(await token('later', 'rotated')))).toBe('accepted')
    expect(await codeOf(api.verify(await token('old')))).toBe('key_unknown')
  })
})

test('what is shared of an issuer’s documents is what anybody can use', async () => {
  const { upstream, join, tier } = await fleet()
  const { jwk } = await signingKey()
  const rsa = (await signingKey('RS256')).jwk
  const junk = Array.from({ length: 1_000 }, () => ({}))
  upstream.answers.set(`${ISSUER}/.well-known/oauth-authorization-server`, () =>
    Response.json({ issuer: ISSUER, jwks_uri: `${ISSUER}/jwks`, junk }),
  )
  upstream.publish({ ...jwk, x5c: junk }, rsa, { kty: 'oct', k: 'c2VjcmV0' }, ...junk)
  const held = new Map<string, string>()
  const seen: CacheTier = {
    ...tier,
    put: async (key, value, expiry) => (held.set(key, value), tier.put(key, value, expiry)),
  }
  // This one accepts no RSA; others may.
  const { api } = join({ issuers: [{ issuer: ISSUER, jwt: { algorithms: ['ES256'] } }], tiers: sharedTiers([seen]) })
  expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
  await expect.poll(() => held.size).toBe(2)
  const [metadata, keys] = [...held.values()].map((text) => (JSON.parse(text) as { data: { document: unknown } }).data)
  expect(metadata?.document).toEqual({ issuer: ISSUER, jwks_uri: `${ISSUER}/jwks` })
  const { use: _use, ...known } = jwk
  const { use: _unused, ...other } = rsa
  expect(keys?.document).toEqual({ keys: [known, other] })

  upstream.answers.clear()
  const rs256 = await signToken(goodClaims(), {}, await signingKey('RS256'))
  const second = join()
  expect(await codeOf(second.api.verify(rs256))).toBe('accepted')
  expect(await codeOf(second.api.verify(await signToken()))).toBe('accepted')
})
