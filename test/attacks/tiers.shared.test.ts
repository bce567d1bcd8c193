import { describe, expect, test } from 'vitest'
import {
  type BearwardEvent,
  type CacheTier,
  createResourceServer,
  type ResourceServer,
  type ResourceServerOptions,
  sharedTiers,
  type TierEncryptionKey,
} from '../../src/entry-points/index.ts'
import {
  fakeUpstream,
  type FakeUpstream,
  goodClaims,
  ISSUER,
  NOW_MS,
  RESOURCE,
  signingKey,
  signToken,
} from '../fixture/issuer.ts'
import { codeOf } from '../fixture/server.ts'

// Whoever can write to a shared cache writes what they like there.

const MINUTE = 60_000
const encryption = [{ id: 'k1', secret: new Uint8Array(32).fill(3) }]

interface StartOptions extends Partial<ResourceServerOptions> {
  readonly encryption?: readonly TierEncryptionKey[]
}

interface Bench {
  readonly held: Map<string, string>
  readonly upstream: FakeUpstream
  readonly clock: { ms: number }
  readonly start: (options?: StartOptions) => { api: ResourceServer; events: BearwardEvent[] }
}

async function bench(): Promise<Bench> {
  const held = new Map<string, string>()
  const clock = { ms: NOW_MS }
  const upstream = fakeUpstream(ISSUER, (await signingKey()).jwk)
  const tier: CacheTier = {
    name: 'shared',
    get: async (key) => held.get(key),
    put: async (key, value) => held.set(key, value),
    delete: async (key) => held.delete(key),
  }
  return {
    held,
    upstream,
    clock,
    start({ encryption: keys, ...options } = {}) {
      const events: BearwardEvent[] = []
      const api = createResourceServer({
        resource: RESOURCE,
        issuers: [{ issuer: ISSUER }],
        tiers: sharedTiers([tier], { encryption: keys }),
        fetch: upstream.fetch,
        now: () => clock.ms,
        onEvent: (event) => events.push(event),
        ...options,
      })
      return { api, events }
    },
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5))
}

/** Replaces the entries of one kind by what `change` makes of them. */
function plant(held: Map<string, string>, kind: string, change: (entry: Record<string, unknown>) => unknown): void {
  for (const [key, text] of held) {
    if (key.includes(`:${kind}:`)) held.set(key, JSON.stringify(change(JSON.parse(text) as Record<string, unknown>)))
  }
}

/** A token signed by the attacker’s own key. */
async function forged(): Promise<string> {
  return signToken(goodClaims({ sub: 'admin' }), {}, await signingKey('ES256', 'attacker'))
}

async function attackersKeys(entry: Record<string, unknown>): Promise<unknown> {
  const { jwk } = await signingKey('ES256', 'attacker')
  return { ...entry, data: { document: { keys: [jwk] } } }
}

describe('keys that an attacker put into a tier', () => {
  test('are worth nothing where entries are sealed', async () => {
    const { held, start } = await bench()
    await start({ encryption }).api.ready()
    await settle()
    const entry = await attackersKeys({ originMs: NOW_MS, expiresMs: NOW_MS + MINUTE })
    for (const key of held.keys()) held.set(key, JSON.stringify(entry))
    const { api, events } = start({ encryption })
    expect(await codeOf(api.verify(await forged()))).toBe('key_unknown')
    expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
    expect(events).toContainEqual(expect.objectContaining({ type: 'tier_failed', operation: 'get' }))
  })

  test('sealed with a key of the attacker’s are worth nothing either', async () => {
    const { held, start } = await bench()
    const attacker = await bench()
    attacker.upstream.publish((await signingKey('ES256', 'attacker')).jwk)
    await attacker.start({ encryption: [{ id: 'k1', secret: new Uint8Array(32).fill(4) }] }).api.ready()
    await settle()
    for (const [key, value] of attacker.held) held.set(key, value)
    expect(await codeOf(start({ encryption }).api.verify(await forged()))).toBe('key_unknown')
  })

  test('must at least be keys: private, symmetric and weak ones are passed over as anywhere', async () => {
    const { held, start, upstream } = await bench()
    await start().api.ready()
    await settle()
    const { jwk } = await signingKey('ES256', 'attacker')
    for (const bad of [
      { ...jwk, d: 'AA' },
      { kty: 'oct', k: 'AAAA', alg: 'HS256' },
      { ...jwk, x: jwk.y },
      { ...jwk, use: 'enc' },
      null,
    ]) {
      plant(held, 'keys', (entry) => ({ ...entry, data: { document: { keys: [bad] } } }))
      const before = upstream.calls.length
      const { api, events } = start()
      expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
      expect(await codeOf(api.verify(await forged()))).toBe('key_unknown')
      // The entry was of no use: the issuer was asked in its place.
      expect(upstream.calls.length).toBeGreaterThan(before)
      expect(events).toContainEqual(expect.objectContaining({ type: 'tier_failed', retryInMs: 0 }))
      await settle()
    }
  })

  test('cannot keep a new key out by an extra fetch that is yet to come', async () => {
    const { held, upstream, start } = await bench()
    await start().api.ready()
    await settle()
    plant(held, 'keys', (entry) => ({
      ...entry,
      data: { ...(entry['data'] as object), extraMs: NOW_MS + 365 * 86_400_000 },
    }))
    upstream.publish((await signingKey('ES256', 'rotated')).jwk)
    const fresh = await signToken(goodClaims(), {}, await signingKey('ES256', 'rotated'))
    expect(await codeOf(start().api.verify(fresh))).toBe('accepted')
  })

  test.each([
    [
      'a time far ahead, to be kept for ever',
      { originMs: NOW_MS + 365 * 86_400_000, expiresMs: NOW_MS + 730 * 86_400_000 },
    ],
    ['a time long past, to be served as stale', { originMs: NOW_MS - 25 * 60 * MINUTE, expiresMs: NOW_MS + MINUTE }],
  ])('bear %s: they are not used even while the issuer is down', async (_, times) => {
    const { held, upstream, start } = await bench()
    await start().api.ready()
    await settle()
    plant(held, 'keys', (entry) => ({ ...entry, ...times }))
    upstream.answers.clear()
    expect(await codeOf(start().api.verify(await signToken()))).toBe('issuer_unavailable')
  })
})

test('an old entry that is played again brings a withdrawn key back for no longer than it would have lived', async () => {
  const { held, upstream, clock, start } = await bench()
  await start({ encryption }).api.ready()
  await settle()
  const recorded = new Map(held)
  upstream.publish((await signingKey('ES256', 'rotated')).jwk)
  clock.ms += 11 * MINUTE
  await start({ encryption }).api.ready()
  await settle()
  for (const [key, value] of recorded) held.set(key, value)
  expect(await codeOf(start({ encryption }).api.verify(await signToken()))).toBe('key_unknown')
})

/** What is asked for after a process found `data` as metadata in the tier, and no keys. */
async function askedWith(data: unknown, options: StartOptions = {}): Promise<readonly string[]> {
  const { held, upstream, start } = await bench()
  await start(options).api.ready()
  await settle()
  for (const key of held.keys()) if (key.includes(':keys:')) held.delete(key)
  plant(held, 'metadata', (entry) => ({ ...entry, data }))
  const before = upstream.calls.length
  await codeOf(start(options).api.verify(await signToken()))
  return upstream.calls.slice(before)
}

describe('metadata that an attacker put into a tier', () => {
  const document = { issuer: ISSUER, jwks_uri: 'https://attacker.example/jwks' }
  const url = `${ISSUER}/.well-known/oauth-authorization-server`

  test('is believed where nothing is sealed: this is what the tests below differ from', async () => {
    expect(await askedWith({ url, document })).toEqual(['https://attacker.example/jwks'])
  })

  test.each([
    ['names another issuer', { url, document: { ...document, issuer: 'https://attacker.example' } }],
    ['comes from an address that is not this issuer’s', { url: 'https://attacker.example/metadata', document }],
    ['has no address', { document }],
    ['is no object', { url, document: [] }],
  ])('is not used where it %s', async (_, data) => {
    expect(await askedWith(data)).toEqual([url, `${ISSUER}/jwks`])
  })

  test.each([
    'http://attacker.example/jwks',
    'https://127.0.0.1/jwks',
    'https://localhost/jwks',
    'file:///etc/passwd',
    7,
  ])('leads nowhere that metadata from the issuer would not lead: %s', async (jwksUri) => {
    expect(await askedWith({ url, document: { ...document, jwks_uri: jwksUri } })).toEqual([])
  })
})

describe('events about tiers', () => {
  test('are one short printable line, whatever a tier’s errors say', async () => {
    const { start } = await bench()
    const angry: CacheTier = {
      name: 'angry',
      get: () => Promise.reject(new Error(`refused\r\nX-Evil: \u001b[31m${'x'.repeat(5_000)}`)),
      put: (_, value) => Promise.reject(new Error(`cannot keep ${value}`)),
      delete: async () => {},
    }
    const { api, events } = start({ tiers: sharedTiers([angry]) })
    expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
    await settle()
    const failures = events.filter((event) => event.type === 'tier_failed')
    expect(failures.map(({ operation }) => operation)).toEqual(['get', 'put'])
    for (const { detail } of failures) {
      expect(detail.length).toBeLessThanOrEqual(200)
      expect(detail).toMatch(/^[\x20-\x7e]+$/)
    }
  })
})
