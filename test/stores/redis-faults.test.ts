// @module-tag redis-server

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { CacheTier } from '../../src/entry-points/index.ts'
import { redisTier } from '../../src/stores/redis.ts'
import { counted, jwt, type Member, sealedMember } from '../fixture/fleet.ts'
import { goodAnswer, opaque, searchWhatWasEmitted } from '../fixture/introspection.ts'
import { NOW } from '../fixture/issuer.ts'
import { clientKinds, type OpenClient } from '../fixture/redis-clients.ts'
import { type RedisServer, startRedis } from '../fixture/redis-server.ts'

searchWhatWasEmitted()

/** Far more than a tier may take, far less than for ever. */
const PATIENCE_MS = 10_000

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())
beforeEach(async () => void (await redis.command('FLUSHALL')))

/** How a check went, or that it took too long. */
function checked({ check }: Member, token: string): Promise<unknown> {
  return Promise.race([check(token), sleep(PATIENCE_MS, 'too late')])
}

async function many(count: number, work: (index: number) => Promise<unknown>): Promise<Set<unknown>> {
  return new Set(await Promise.all(Array.from({ length: count }, (_, index) => work(index))))
}

/** Waits, by the real clock, until the client is connected again. */
async function reconnected(tier: CacheTier): Promise<void> {
  await expect.poll(() => tier.get('probe').catch(String), { timeout: 10_000 }).toBeNull()
}

/** Sees the tier used, as soon as a machine that is busy elsewhere lets it: what one asks, another need not. */
async function expectUsed(tier: CacheTier, one: Member): Promise<void> {
  let turn = 0
  const questions = async (): Promise<number> => {
    one.clock.ms += 30_000
    const token = opaque(`used-${turn++}`)
    expect(await one.check(token)).toBe('accepted')
    const other = await member(tier)
    other.clock.ms = one.clock.ms
    expect(await other.check(token)).toBe('accepted')
    return other.endpoint.asked.length
  }
  await expect.poll(questions, { timeout: 10_000 }).toBe(0)
}

/** One that asks about tokens that live long. */
function member(tier: CacheTier): Promise<Member> {
  return sealedMember([tier], { reply: () => Response.json(goodAnswer({ exp: NOW + 86_400 })) })
}

/** One that has used its tier, and has nothing against it. */
async function warmMember(tier: CacheTier): Promise<Member> {
  const one = await member(tier)
  await expectUsed(tier, one)
  one.clock.ms += 30_000
  one.failures()
  return one
}

describe.each(
  clientKinds.flatMap(({ name, open, openPlain }) => [
    { name: `${name} as advised`, open },
    { name: `${name} without settings`, open: openPlain },
  ]),
)('behind $name', ({ open }) => {
  const opened: OpenClient[] = []
  afterEach(() => opened.splice(0).forEach(({ close }) => close()))

  async function connect(timeoutMs?: number): Promise<CacheTier> {
    const one = await open(redis.port)
    opened.push(one)
    return redisTier(one.client, { timeoutMs })
  }

  test('a server that dies costs no check, is left alone for longer and longer, and is used again', async () => {
    const { tier, used } = counted(await connect())
    const one = await warmMember(tier)
    await redis.stop()
    const usedBefore = used()
    for (let index = 0; index < 20; index++) {
      expect(await checked(one, opaque(`first-${index}`))).toBe('accepted')
      expect(await checked(one, await jwt(`first-${index}`))).toBe('accepted')
    }
    // One attempt to read and one to write: the clock stands still.
    expect(used() - usedBefore).toBe(2)
    const failures = one.failures()
    expect(failures.map(({ operation }) => operation)).toEqual(['get', 'put'])
    for (const { retryInMs } of failures) expect(retryInMs).toBeGreaterThanOrEqual(750)

    for (let second = 0; second < 90; second++) {
      one.clock.ms += 1_000
      expect(await checked(one, opaque(`later-${second}`))).toBe('accepted')
    }
    // After 1, 2, 4, 8, 16 and 30 s, or a quarter less of each.
    const attempts = used() - usedBefore - 2
    expect(attempts).toBeGreaterThanOrEqual(2 * 5)
    expect(attempts).toBeLessThanOrEqual(2 * 7)

    await redis.start()
    await reconnected(tier)
    await expectUsed(tier, one)
  })

  test('connections that are killed in the midst of operations cost no check', async () => {
    const tier = await connect()
    const one = await member(tier)
    const checks = (async () => {
      const outcomes = new Set<unknown>()
      for (let turn = 0; turn < 15; turn++) {
        const some = await many(20, (index) => checked(one, opaque(`${turn}-${index}`)))
        some.forEach((outcome) => outcomes.add(outcome))
        one.clock.ms += 2_000
      }
      return outcomes
    })()
    let killed = 0
    for (let turn = 0; turn < 15; turn++) {
      killed += Number(await redis.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'))
      await sleep(10)
    }
    expect(killed).toBeGreaterThan(0)
    expect(await checks).toEqual(new Set(['accepted']))
    await reconnected(tier)
    await expectUsed(tier, one)
  })

  test('a server that hangs is passed over, and used again when it goes on', async () => {
    const { tier, used } = counted(await connect())
    const one = await warmMember(tier)
    redis.pause()
    try {
      const usedBefore = used()
      for (let index = 0; index < 20; index++) expect(await checked(one, opaque(`hang-${index}`))).toBe('accepted')
      expect(used() - usedBefore).toBe(2)
      expect(one.failures().map(({ detail }) => detail)).toEqual(['no answer within 200 ms', 'no answer within 200 ms'])
    } finally {
      redis.resume()
    }
    await reconnected(tier)
    await expectUsed(tier, one)
  })

  test('a crowd that meets a hanging server is reported once and served', async () => {
    const one = await warmMember(await connect())
    redis.pause()
    try {
      expect(await many(50, (index) => checked(one, opaque(`crowd-${index}`)))).toEqual(new Set(['accepted']))
      expect(one.failures().map(({ operation }) => operation)).toEqual(['get', 'put'])
    } finally {
      redis.resume()
    }
  })

  test('FLUSHALL in the midst costs questions and nothing else', async () => {
    const tier = await connect(5_000)
    const one = await member(tier)
    const other = await member(tier)
    for (let turn = 0; turn < 10; turn++) {
      const outcomes = many(20, (index) => checked(index % 2 ? one : other, opaque(`${turn}-${index >> 1}`)))
      await redis.command('FLUSHALL')
      expect(await outcomes).toEqual(new Set(['accepted']))
    }
    expect([...one.failures(), ...other.failures()]).toEqual([])
    await expectUsed(tier, one)
  })

  test('a server that comes and goes while 2,000 checks run costs none of them', async () => {
    const tiers = [await connect(50), await connect(50)]
    const members = await Promise.all(tiers.map(member))
    const over = new AbortController()
    const flapping = (async () => {
      for (; !over.signal.aborted; await sleep(150)) {
        await redis.stop()
        await sleep(150)
        await redis.start()
      }
    })()
    const outcomes = new Set<unknown>()
    try {
      for (let turn = 0; turn < 20; turn++) {
        const some = await many(100, async (index) => {
          const [one] = members.slice(index % 2)
          const name = `${turn}-${index >> 1}`
          return one && checked(one, index % 4 === 0 ? await jwt(name) : opaque(name))
        })
        some.forEach((outcome) => outcomes.add(outcome))
        for (const { clock } of members) clock.ms += 10_000
        await sleep(50)
      }
    } finally {
      over.abort()
      await flapping
    }
    expect(outcomes).toEqual(new Set(['accepted']))
    expect(members.flatMap((one) => one.failures()).length).toBeGreaterThan(0)
  })
})
