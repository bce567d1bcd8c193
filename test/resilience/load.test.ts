import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, describe, expect, test } from 'vitest'
import { createResourceServer, type ResourceServer, type ResourceServerOptions } from '../../src/entry-points/index.ts'
import { base64url, goodClaims, RESOURCE, signingKey, signToken } from '../fixture/issuer.ts'
import { loopbackIssuer, type LoopbackIssuer } from '../fixture/loopback-issuer.ts'
import { codeOf } from '../fixture/server.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const running: LoopbackIssuer[] = []
afterAll(async () => {
  await Promise.all(running.map((issuer) => issuer.stop()))
})

async function bench(
  options: Partial<ResourceServerOptions> = {},
): Promise<{ upstream: LoopbackIssuer; api: ResourceServer; claims: Record<string, unknown> }> {
  const upstream = await loopbackIssuer([(await signingKey()).jwk], 50)
  running.push(upstream)
  const api = createResourceServer({ resource: RESOURCE, issuers: [{ issuer: upstream.issuer }], ...options })
  const now = Math.floor(Date.now() / 1000)
  return { upstream, api, claims: goodClaims({ iss: upstream.issuer, iat: now, exp: now + 3_600 }) }
}

describe('10,000 concurrent first requests over real HTTP with 50 ms of delay', () => {
  test('make one discovery and one fetch of keys, and all are accepted', async () => {
    const { upstream, api, claims } = await bench()
    const tokens = await Promise.all(
      Array.from({ length: 20 }, (_, index) => signToken({ ...claims, jti: `${index}` })),
    )
    const codes = await Promise.all(
      Array.from({ length: 10_000 }, (_, index) => codeOf(api.verify(tokens[index % tokens.length] as string))),
    )
    expect(codes.filter((code) => code !== 'accepted')).toEqual([])
    expect(upstream.asked).toEqual({ discovery: 1, keys: 1 })
  })

  test('as requests with headers, some of them refused, cost no more', async () => {
    const { upstream, api, claims } = await bench({ tokenCache: false })
    const good = await signToken(claims)
    const expired = await signToken({ ...claims, iat: 1, exp: 2 })
    const codes = await Promise.all(
      Array.from({ length: 2_000 }, (_, index) =>
        codeOf(
          api.authenticate({
            method: 'GET',
            url: `${RESOURCE}/orders`,
            headers: { authorization: `Bearer ${index % 2 === 0 ? good : expired}` },
          }),
        ),
      ),
    )
    expect(codes.filter((_, index) => index % 2 === 0).every((code) => code === 'accepted')).toBe(true)
    expect(codes.filter((_, index) => index % 2 === 1).every((code) => code === 'token_expired')).toBe(true)
    expect(upstream.asked).toEqual({ discovery: 1, keys: 1 })
  })

  test('of which one gives up leave the others unaffected, whoever it is', async () => {
    for (const impatient of [0, 50, 99]) {
      const { upstream, api, claims } = await bench()
      const token = await signToken(claims)
      const controller = new AbortController()
      const calls = Array.from({ length: 100 }, (_, index) =>
        codeOf(api.verify(token, index === impatient ? { signal: controller.signal } : {})),
      )
      setTimeout(() => controller.abort(), 20)
      const codes = await Promise.all(calls)
      expect(codes.filter((code) => code === 'accepted')).toHaveLength(99)
      expect(codes[impatient]).toBe('issuer_unavailable')
      expect(upstream.asked).toEqual({ discovery: 1, keys: 1 })
    }
  })

  test('that all give up leave the load to those who come next', async () => {
    const { upstream, api, claims } = await bench()
    const token = await signToken(claims)
    const controller = new AbortController()
    const calls = Array.from({ length: 20 }, () => codeOf(api.verify(token, { signal: controller.signal })))
    setTimeout(() => controller.abort(), 20)
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['issuer_unavailable']))
    expect(await codeOf(api.verify(token))).toBe('accepted')
    expect(upstream.asked).toEqual({ discovery: 1, keys: 1 })
  })
})

describe('100,000 tokens with unknown kids within one cooldown', () => {
  test(
    'make at most three fetches, leave nothing behind and do not touch good tokens',
    { timeout: 120_000 },
    async () => {
      const clock = { ms: Date.now() }
      const { upstream, api, claims } = await bench({ now: () => clock.ms })
      const good = await signToken(claims)
      const [, payload, signature] = good.split('.')
      const junk = (index: number): string =>
        `${base64url(`{"alg":"ES256","typ":"at+jwt","kid":"junk-${index}"}`)}.${payload}.${signature}`

      async function flood(from: number, to: number): Promise<Set<unknown>> {
        const codes = new Set<unknown>()
        for (let index = from; index < to; index += 500) {
          const batch = await Promise.all(
            Array.from({ length: 500 }, (_, offset) => codeOf(api.verify(junk(index + offset)))),
          )
          for (const code of batch) codes.add(code)
          // A token that is cached, and one that was never seen.
          expect(await codeOf(api.verify(good))).toBe('accepted')
          if (index % 10_000 === 0) {
            expect(await codeOf(api.verify(await signToken({ ...claims, jti: `fresh-${index}` })))).toBe('accepted')
          }
        }
        return codes
      }

      // The first part loads the keys, spends the extra fetch and warms the engine up.
      expect(await flood(0, 5_000)).toEqual(new Set(['key_unknown']))
      const before = heldBytes()
      expect(await flood(5_000, 105_000)).toEqual(new Set(['key_unknown']))
      expect(heldBytes() - before).toBeLessThanOrEqual(1024 * 1024)
      expect(upstream.asked.discovery + upstream.asked.keys).toBeLessThanOrEqual(3)

      clock.ms += 30_000
      expect(await flood(105_000, 106_000)).toEqual(new Set(['key_unknown']))
      expect(upstream.asked).toEqual({ discovery: 1, keys: 3 })
    },
  )

  test('before any good token cost no more', async () => {
    const { upstream, api, claims } = await bench()
    const good = await signToken(claims)
    const [, payload, signature] = good.split('.')
    const codes = await Promise.all(
      Array.from({ length: 5_000 }, (_, index) =>
        codeOf(api.verify(`${base64url(`{"alg":"ES256","typ":"at+jwt","kid":"${index}"}`)}.${payload}.${signature}`)),
      ),
    )
    expect(new Set(codes)).toEqual(new Set(['key_unknown']))
    expect(await codeOf(api.verify(good))).toBe('accepted')
    expect(upstream.asked.discovery + upstream.asked.keys).toBeLessThanOrEqual(3)
  })
})

function heldBytes(): number {
  collectGarbage()
  collectGarbage()
  return process.memoryUsage().heapUsed
}
