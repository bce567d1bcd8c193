import { afterAll, describe, expect, test } from 'vitest'
import { createResourceServer, type ResourceServer } from '../../src/entry-points/index.ts'
import { goodClaims, RESOURCE, signingKey, signToken } from '../fixture/issuer.ts'
import { loopbackIssuer, type LoopbackIssuer } from '../fixture/loopback-issuer.ts'
import { codeOf } from '../fixture/server.ts'

const HOUR = 3_600_000
const DAY_SECONDS = 86_400

const running: LoopbackIssuer[] = []
afterAll(async () => {
  await Promise.all(running.map((issuer) => issuer.stop()))
})

interface Bench {
  readonly upstream: LoopbackIssuer
  readonly api: ResourceServer
  readonly clock: { ms: number }
  /** Requests that left this process, answered or not. */
  readonly calls: () => number
  readonly token: (kid?: string) => Promise<string>
}

async function bench(): Promise<Bench> {
  const upstream = await loopbackIssuer([(await signingKey()).jwk])
  running.push(upstream)
  const startMs = Date.now()
  const clock = { ms: startMs }
  let calls = 0
  const api = createResourceServer({
    resource: RESOURCE,
    issuers: [{ issuer: upstream.issuer }],
    now: () => clock.ms,
    fetch(url, init) {
      calls++
      return fetch(url, init)
    },
  })
  const now = Math.floor(startMs / 1000)
  let count = 0
  const token = async (kid?: string): Promise<string> =>
    signToken(
      goodClaims({ iss: upstream.issuer, iat: now, exp: now + 7 * DAY_SECONDS, jti: `token-${count++}` }),
      kid === undefined ? {} : { kid },
    )
  return { upstream, api, clock, calls: () => calls, token }
}

describe('an issuer that is stopped after warm-up', () => {
  test('leaves good tokens accepted until the maximum staleness, then 503, never 401', async () => {
    const { upstream, api, clock, token } = await bench()
    const known = await token()
    expect(await codeOf(api.verify(known))).toBe('accepted')
    await upstream.stop()

    for (let half = 0; half < 48; half++) {
      expect([await codeOf(api.verify(known)), await codeOf(api.verify(await token()))]).toEqual([
        'accepted',
        'accepted',
      ])
      clock.ms += HOUR / 2
    }
    for (const stranded of [known, await token()]) {
      const error: unknown = await api.verify(stranded).catch((fault: unknown) => fault)
      expect(error).toMatchObject({ code: 'issuer_unavailable', status: 503 })
      const { status, headers } = api.challenge(error)
      expect(status).toBe(503)
      expect(headers['Retry-After']).toMatch(/^[1-9]\d*$/)
      expect(headers).not.toHaveProperty('WWW-Authenticate')
    }
    expect(api.snapshot()).toMatchObject([{ state: 'down', keys: 0, lastError: expect.stringContaining('reached') }])
  })

  test('makes unknown kids 503 as well, while expired tokens stay 401', async () => {
    const { upstream, api, clock, token } = await bench()
    await api.verify(await token())
    const expired = await signToken(goodClaims({ iss: upstream.issuer, iat: 1, exp: 2 }))
    await upstream.stop()
    expect(await codeOf(api.verify(await token('rotated')))).toBe('issuer_unavailable')
    clock.ms += HOUR
    expect(await codeOf(api.verify(await token('rotated')))).toBe('issuer_unavailable')
    expect(await codeOf(api.verify(expired))).toBe('token_expired')
  })

  test('and comes back is used again, after a wait that the back-off bounds', async () => {
    const { upstream, api, clock, token } = await bench()
    const known = await token()
    await api.verify(known)
    await upstream.stop()
    clock.ms += 25 * HOUR
    expect(await codeOf(api.verify(known))).toBe('issuer_unavailable')
    await upstream.start()
    clock.ms += 30_000
    expect(await codeOf(api.verify(known))).toBe('accepted')
    expect(api.snapshot()).toMatchObject([{ state: 'fresh', keys: 1 }])
    expect(api.snapshot()[0]).not.toHaveProperty('lastError')
  })
})

describe('an issuer that never started', () => {
  test('is 503 for each of 10,000 requests over a minute, at 12 calls at most', async () => {
    const { upstream, api, clock, calls, token } = await bench()
    await upstream.stop()
    const good = await token()
    for (let step = 0; step < 600; step++) {
      const codes = await Promise.all(Array.from({ length: 17 }, () => codeOf(api.verify(good))))
      expect(new Set(codes)).toEqual(new Set(['issuer_unavailable']))
      clock.ms += 100
    }
    expect(calls()).toBeGreaterThan(1)
    expect(calls()).toBeLessThanOrEqual(12)
  })

  test('is 503 for a crowd that comes at once, at one call', async () => {
    const { upstream, api, calls, token } = await bench()
    await upstream.stop()
    const good = await token()
    const codes = await Promise.all(Array.from({ length: 10_000 }, () => codeOf(api.verify(good))))
    expect(new Set(codes)).toEqual(new Set(['issuer_unavailable']))
    expect(calls()).toBe(1)
  })

  test('makes ready() reject, and serves once it starts', async () => {
    const { upstream, api, clock, token } = await bench()
    await upstream.stop()
    await expect(api.ready()).rejects.toMatchObject({
      code: 'issuer_unavailable',
      detail: expect.stringContaining(upstream.issuer),
    })
    await upstream.start()
    clock.ms += 1_000
    await api.ready()
    expect(await codeOf(api.verify(await token()))).toBe('accepted')
  })
})
