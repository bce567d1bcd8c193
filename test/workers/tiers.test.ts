import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { BearwardEvent } from '../../src/entry-points/index.ts'
import { goodAnswer } from '../fixture/introspection.ts'
import { goodClaims, signingKey, signToken } from '../fixture/issuer.ts'
import { bundleWorker } from './bundle.ts'
import { type Isolate, startIsolate } from './isolate.ts'
import type { TierCall } from './tiers-worker.ts'

const ACCEPTED = { status: 200, code: 'accepted' }
const UNAVAILABLE = { status: 503, code: 'issuer_unavailable' }
const PATIENTLY = { timeout: 10_000 }
const CACHE_ORIGIN = 'https://bearward.invalid/'

let script = ''
const isolates: Isolate[] = []

beforeAll(async () => {
  script = await bundleWorker(new URL('tiers-worker.ts', import.meta.url))
})
afterEach(async () => {
  await Promise.all(isolates.splice(0).map((isolate) => isolate.dispose()))
})

async function cold(): Promise<Isolate> {
  const isolate = await startIsolate(script, [(await signingKey()).jwk])
  isolate.upstream.answer = goodAnswer({ iat: seconds() - 10, exp: seconds() + 3_600, secret_claim: 'MarkOfAClaim' })
  isolates.push(isolate)
  return isolate
}

/** A new isolate in a data centre in which an earlier one accepted a token, with its counts begun anew. */
async function warm(path = '/orders', token?: string): Promise<Isolate> {
  const isolate = await cold()
  expect(await isolate.ask(token ?? (await jwt()), path)).toEqual(ACCEPTED)
  await quiet(isolate)
  await isolate.restart()
  isolate.asked.length = 0
  expect(await callsOf(isolate)).toEqual([])
  return isolate
}

function seconds(): number {
  return Math.floor(Date.now() / 1000)
}

let serial = 0
/** A token that was not seen before, by the real clock, as workerd has one of its own. */
async function jwt(): Promise<string> {
  return signToken(goodClaims({ iat: seconds() - 10, exp: seconds() + 3_600, jti: `${serial++}` }))
}

function opaque(): string {
  return `MarkOfAToken_${serial++}`
}

function callsOf(isolate: Isolate): Promise<TierCall[]> {
  return isolate.read<TierCall[]>('/calls')
}

async function getsOf(isolate: Isolate): Promise<number> {
  return (await callsOf(isolate)).filter(({ operation }) => operation === 'get').length
}

/** Waits for what is written behind the answers; then the calls by tier, operation and kind of entry, in order. */
async function quiet(isolate: Isolate): Promise<string[]> {
  await expect.poll(async () => (await callsOf(isolate)).filter(({ done }) => !done), PATIENTLY).toEqual([])
  return (await callsOf(isolate)).map(({ tier, operation, key }) => `${tier} ${operation} ${key.split(':')[2]}`)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

// Counted as Cloudflare counts subrequests: every fetch, every call of the Cache API and of KV.
describe('a cold request with cold tiers', () => {
  test('asks the issuer twice, and each tier for 2 entries, of which it writes 2: 10 subrequests', async () => {
    const isolate = await cold()
    expect(await isolate.ask(await jwt())).toEqual(ACCEPTED)
    expect(isolate.asked).toEqual(['/.well-known/oauth-authorization-server', '/jwks'])
    expect((await quiet(isolate)).toSorted()).toEqual([
      'cache-api get keys',
      'cache-api get metadata',
      'cache-api put keys',
      'cache-api put metadata',
      'kv get keys',
      'kv get metadata',
      'kv put keys',
      'kv put metadata',
    ])
  })

  test('of an issuer with OpenID’s metadata alone costs one request more: 11 subrequests', async () => {
    const isolate = await cold()
    isolate.upstream.isOpenId = true
    expect(await isolate.ask(await jwt())).toEqual(ACCEPTED)
    expect(isolate.asked).toHaveLength(3)
    expect(await quiet(isolate)).toHaveLength(8)
  })

  test('with an opaque token costs 8 subrequests, and KV is never asked about the token', async () => {
    const isolate = await cold()
    expect(await isolate.ask(opaque())).toEqual(ACCEPTED)
    expect(isolate.asked).toEqual(['/.well-known/oauth-authorization-server', '/introspect'])
    expect((await quiet(isolate)).toSorted()).toEqual([
      'cache-api get answer',
      'cache-api get metadata',
      'cache-api put answer',
      'cache-api put metadata',
      'kv get metadata',
      'kv put metadata',
    ])
  })

  test('with a JWT that is verified and asked about stays within 14 subrequests', async () => {
    const isolate = await cold()
    isolate.upstream.isOpenId = true
    expect(await isolate.ask(await jwt(), '/always')).toEqual(ACCEPTED)
    expect(isolate.asked).toHaveLength(4)
    expect(await quiet(isolate)).toHaveLength(10)
  })

  test('is answered before anything is written; `waitUntil` carries the writing to its end', async () => {
    const isolate = await cold()
    await isolate.read('/tiers?put=150')
    expect(await isolate.read('/orders', await jwt())).toEqual({ code: 'accepted', written: 0 })
    expect((await quiet(isolate)).filter((call) => call.includes(' put '))).toHaveLength(4)
    expect(Object.keys(await isolate.stored([]))).toHaveLength(2)
  })
})

describe('a warm request', () => {
  test('makes no subrequest at all, be its token known or fresh', async () => {
    const isolate = await cold()
    const known = await jwt()
    const knownOpaque = opaque()
    for (const token of [known, knownOpaque]) expect(await isolate.ask(token)).toEqual(ACCEPTED)
    const [tierCalls, requests] = [(await quiet(isolate)).length, isolate.asked.length]
    for (let turn = 0; turn < 5; turn++) {
      for (const token of [known, knownOpaque, await jwt()]) expect(await isolate.ask(token)).toEqual(ACCEPTED)
    }
    expect(await quiet(isolate)).toHaveLength(tierCalls)
    expect(isolate.asked).toHaveLength(requests)
  })
})

describe('a second isolate with warm tiers', () => {
  test('makes one tier call and no request to the issuer', async () => {
    const isolate = await warm()
    expect(await isolate.ask(await jwt())).toEqual(ACCEPTED)
    expect(await isolate.ask(await jwt())).toEqual(ACCEPTED)
    expect(await quiet(isolate)).toEqual(['cache-api get keys'])
    expect(isolate.asked).toEqual([])
  })

  test('also while the issuer is down, and accepts nothing that its keys did not sign', async () => {
    const isolate = await warm()
    isolate.upstream.isDown = true
    expect(await isolate.ask(await jwt())).toEqual(ACCEPTED)
    const forged = await signToken(
      goodClaims({ iat: seconds() - 10, exp: seconds() + 3_600 }),
      {},
      await signingKey('ES256', 'forger'),
    )
    expect((await isolate.ask(forged)).status).toBe(503)
    const { code } = await isolate.ask(`${(await jwt()).slice(0, -8)}AAAAAAAA`)
    expect(code).not.toBe('accepted')
  })

  test('in another data centre reads KV, and fills the cache there', async () => {
    // The cache of this one was never written to.
    const isolate = await warm('/kv')
    expect(await isolate.ask(await jwt())).toEqual(ACCEPTED)
    expect(await quiet(isolate)).toEqual(['cache-api get keys', 'kv get keys', 'cache-api put keys'])
    expect(isolate.asked).toEqual([])
  })

  test('serves 200 concurrent first requests with few tier calls', async () => {
    const isolate = await warm()
    const tokens = await Promise.all(Array.from({ length: 10 }, jwt))
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => isolate.ask(tokens[index % 10] as string)),
    )
    expect(answers.filter(({ code }) => code !== 'accepted')).toEqual([])
    expect((await quiet(isolate)).length).toBeLessThanOrEqual(5)
    expect(isolate.asked).toEqual([])
  })
})

describe('answers about opaque tokens', () => {
  test('are shared by two isolates: the issuer is asked once', async () => {
    const token = opaque()
    const isolate = await warm('/orders', token)
    isolate.upstream.isDown = true
    expect(await isolate.ask(token)).toEqual(ACCEPTED)
    expect(await quiet(isolate)).toEqual(['cache-api get answer'])
    expect(isolate.asked).toEqual([])
    // One that nobody asked about stays unanswered.
    expect(await isolate.ask(opaque())).toEqual(UNAVAILABLE)
  })

  test('show no claim and no token to whoever reads the caches', async () => {
    const isolate = await cold()
    const token = opaque()
    expect(await isolate.ask(token)).toEqual(ACCEPTED)
    await quiet(isolate)
    const urls = (await callsOf(isolate)).map(({ key }) => CACHE_ORIGIN + key)
    const stored = await isolate.stored(urls)
    expect(Object.keys(stored).filter((name) => name.includes(':answer:'))).toHaveLength(1)
    expect(Object.keys(stored)).toHaveLength(3)
    for (const [name, text] of Object.entries(stored)) {
      expect(name).not.toContain(token)
      expect(text).toMatch(/^k1\.[\w-]{16}\.[\w-]+$/)
      for (const word of ['MarkOfAToken', 'MarkOfAClaim', 'user-1', 'issuer']) expect(decoded(text)).not.toContain(word)
    }
  })

  test('are shared with nobody where there is no key to seal them with', async () => {
    const isolate = await cold()
    expect(await isolate.ask(opaque(), '/open')).toEqual(ACCEPTED)
    expect((await quiet(isolate)).filter((call) => call.endsWith(' answer'))).toEqual([])
    // What is public anyway is shared, to be read by anybody.
    expect(Object.values(await isolate.stored([])).join()).toContain('introspection_endpoint')
  })
})

/** The text, and what stands in it in base64url. */
function decoded(text: string): string {
  return text + text.split('.').map((part) => Buffer.from(part, 'base64url').toString('latin1'))
}

describe('a tier that hangs', () => {
  test.each([
    ['cache-api', 200],
    ['kv', 500],
  ])('%s: is passed over after %i ms, reported, and left alone for a while', async (tier, timeoutMs) => {
    const isolate = await cold()
    await isolate.read(`/tiers?hanging=${tier}`)
    expect(await isolate.ask(await jwt(), '/defaults')).toEqual(ACCEPTED)
    expect(isolate.asked).toHaveLength(2)
    const events = await isolate.read<Extract<BearwardEvent, { type: 'tier_failed' }>[]>('/events')
    const reported = events.filter((event) => event.tier === tier && event.operation === 'get')
    const detail = `no answer within ${timeoutMs} ms`
    expect(reported).toEqual([{ type: 'tier_failed', tier, operation: 'get', detail, retryInMs: expect.any(Number) }])
    // The keys were asked for; the metadata, a moment later, was not.
    const gets = (await callsOf(isolate)).filter((call) => call.tier === tier && call.operation === 'get')
    expect(gets).toHaveLength(1)
  })

  test('and another one: the issuer is asked', async () => {
    const isolate = await cold()
    await isolate.read('/tiers?hanging=all')
    expect(await isolate.ask(await jwt(), '/defaults')).toEqual(ACCEPTED)
    expect(isolate.asked).toHaveLength(2)
    expect(await getsOf(isolate)).toBeLessThanOrEqual(4)
  })

  test('does not keep from the next one, which has what is needed', async () => {
    const isolate = await warm()
    await isolate.read('/tiers?hanging=cache-api')
    expect(await isolate.ask(await jwt())).toEqual(ACCEPTED)
    expect(isolate.asked).toEqual([])
  })
})

describe('a leader whose client resets its TCP connection while a tier is read', () => {
  test.each([
    ['is slow', '/tiers?get=1200', '/patient'],
    ['is slow, without waitUntil', '/tiers?get=1200', '/patient?bare'],
    ['hangs', '/tiers?hanging=cache-api', '/patient'],
    ['hangs, without waitUntil', '/tiers?hanging=cache-api', '/patient?bare'],
  ])('that %s: those who wait and those who come later are answered', async (_, how, path) => {
    const isolate = await warm('/patient')
    const token = await jwt()
    await isolate.read(how)
    const leader = isolate.send(token, path)
    await expect.poll(async () => (await callsOf(isolate)).length, PATIENTLY).toBe(1)
    const followers = Array.from({ length: 20 }, () => isolate.ask(token, path))
    await pause(200)
    leader.resetAndDestroy()
    await isolate.read('/tiers')
    expect(new Set((await Promise.all(followers)).map(({ code }) => code))).toEqual(new Set(['accepted']))
    expect(isolate.asked.length).toBeLessThanOrEqual(3)
    const readings = await getsOf(isolate)
    expect(readings).toBeLessThanOrEqual(5)
    // A second reading shows that the first was really lost.
    if (path.endsWith('?bare')) expect(readings).toBeGreaterThan(1)
    expect(await isolate.ask(await jwt(), path)).toEqual(ACCEPTED)
    expect(await getsOf(isolate)).toBe(readings)
  })

  test.each(['/patient', '/patient?bare'])(
    'where nobody waits at that moment, the next is answered: %s',
    async (path) => {
      const isolate = await warm('/patient')
      await isolate.read('/tiers?hanging=cache-api')
      const leader = isolate.send(await jwt(), path)
      await expect.poll(async () => (await callsOf(isolate)).length, PATIENTLY).toBe(1)
      leader.resetAndDestroy()
      await isolate.read('/tiers')
      expect(await isolate.ask(await jwt(), path)).toEqual(ACCEPTED)
    },
  )
})
