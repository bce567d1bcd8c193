// @module-tag redis-server

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { redisTier } from '../../src/stores/redis.ts'
import { jwt, KEY_A, KEY_B, member, sealedMember } from '../fixture/fleet.ts'
import {
  CLIENT_ID,
  goodAnswer,
  opaque,
  searchWhatWasEmitted,
  SECRET_MARK,
  TOKEN_MARK,
} from '../fixture/introspection.ts'
import { ISSUER, NOW } from '../fixture/issuer.ts'
import { clientKinds, type OpenClient } from '../fixture/redis-clients.ts'
import { type RedisServer, startRedis } from '../fixture/redis-server.ts'

searchWhatWasEmitted()

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())
beforeEach(async () => void (await redis.command('FLUSHALL')))

function down(): never {
  throw new TypeError('fetch failed')
}

describe.each(clientKinds)('resource servers that share a redis-server by $name', ({ open }) => {
  const opened: OpenClient[] = []
  afterEach(() => opened.splice(0).forEach(({ close }) => close()))

  /** A tier as each process has it: with a client of its own. */
  async function tier(prefix?: string) {
    const one = await open(redis.port)
    opened.push(one)
    return redisTier(one.client, { prefix, timeoutMs: 5_000 })
  }

  test('fetch metadata and keys once between them', async () => {
    const first = await member([await tier()])
    expect(await first.check(await jwt('first'))).toBe('accepted')
    expect(first.upstream.calls).toHaveLength(2)

    const second = await member([await tier()])
    expect(await second.check(await jwt('second'))).toBe('accepted')
    expect(second.upstream.calls).toEqual([])
    expect(second.events).toContainEqual({ type: 'keys_loaded', issuer: ISSUER, keys: 1, from: 'tier' })
  })

  test('start while the issuer is down, once one of them has its keys', async () => {
    const first = await member([await tier()])
    await first.check(await jwt('first'))

    const second = await member([await tier()], { server: { fetch: down } })
    expect(await second.check(await jwt('second'))).toBe('accepted')
    expect(await second.check(await jwt('third'))).toBe('accepted')

    await redis.command('FLUSHALL')
    const alone = await member([await tier()], { server: { fetch: down } })
    expect(await alone.check(await jwt('fourth'))).toBe('issuer_unavailable')
  })

  test('ask about a token once between them where the tiers encrypt', async () => {
    const first = await sealedMember([await tier()])
    expect(await first.check(opaque())).toBe('accepted')
    expect(first.endpoint.asked).toHaveLength(1)

    const second = await sealedMember([await tier()], { server: { fetch: down } })
    expect(await second.check(opaque())).toBe('accepted')
    expect(await second.check(opaque('another'))).toBe('issuer_unavailable')
  })

  test('ask each for themselves without encryption, and leave no answer', async () => {
    const first = await member([await tier()])
    expect(await first.check(opaque())).toBe('accepted')
    const second = await member([await tier()])
    expect(await second.check(opaque())).toBe('accepted')
    expect(second.endpoint.asked).toHaveLength(1)
    const names = [...(await redis.strings()).keys()]
    expect(names.filter((name) => name.includes(':metadata:'))).toHaveLength(1)
    expect(names.filter((name) => name.includes(':answer:'))).toEqual([])
  })

  test('take a refusal from nobody and leave none', async () => {
    const first = await sealedMember([await tier()], { reply: () => Response.json({ active: false }) })
    expect(await first.check(opaque())).toBe('token_inactive')
    expect([...(await redis.strings()).keys()].filter((name) => name.includes(':answer:'))).toEqual([])
    const second = await sealedMember([await tier()])
    expect(await second.check(opaque())).toBe('accepted')
  })

  test('leave nothing in Redis that tells of a token, its claims or a credential', async () => {
    const answer = goodAnswer({ sub: 'Sub-mark', username: 'Name-mark', jti: 'Jti-mark' })
    const one = await sealedMember([await tier()], { reply: () => Response.json(answer) })
    expect(await one.check(opaque())).toBe('accepted')
    const signed = await jwt('Jti-mark')
    expect(await one.check(signed)).toBe('accepted')

    const held = await redis.strings()
    expect(held.size).toBe(3)
    const all = JSON.stringify([...held])
    const telling = ['Sub-mark', 'Name-mark', 'Jti-mark', TOKEN_MARK, SECRET_MARK, CLIENT_ID, ISSUER, 'orders:read']
    for (const word of [...telling, ...signed.split('.')]) {
      for (const form of [word, btoa(word).slice(0, -4), encodeURIComponent(word)]) expect(all).not.toContain(form)
    }
    for (const value of held.values()) expect(value).toMatch(/^a\.[\w-]{16}\.[\w-]+$/)
  })

  test('use keys of plain characters behind the prefix, without a hash tag', async () => {
    const one = await sealedMember([await tier('team a/')])
    await one.check(opaque())
    await one.check(await jwt('first'))
    const names = [...(await redis.strings()).keys()]
    expect(names).toHaveLength(3)
    for (const name of names) expect(name).toMatch(/^team a\/bearward:1:(metadata|keys|answer):[A-Za-z0-9_-]{43}$/)
  })

  test('do not meet under different prefixes', async () => {
    await (await member([await tier('a:')])).check(await jwt('first'))
    const other = await member([await tier('b:')])
    expect(await other.check(await jwt('second'))).toBe('accepted')
    expect(other.upstream.calls).toHaveLength(2)
  })

  test('set an expiry on every key, that of an answer no later than its token’s', async () => {
    const one = await sealedMember([await tier()], { reply: () => Response.json(goodAnswer({ exp: NOW + 20 })) })
    await one.check(opaque())
    await one.check(await jwt('first'))
    const names = [...(await redis.strings()).keys()]
    expect(names).toHaveLength(3)
    for (const name of names) {
      const leftMs = Number(await redis.command('PTTL', name))
      expect(leftMs).toBeGreaterThan(0)
      expect(leftMs).toBeLessThanOrEqual(name.includes(':answer:') ? 20_000 : 86_400_000)
    }
  })

  test('forget an answer for all of them with invalidate()', async () => {
    const first = await sealedMember([await tier()])
    await first.check(opaque())
    await first.check(opaque('kept'))
    await first.api.invalidate(opaque())

    const second = await sealedMember([await tier()])
    expect(await second.check(opaque())).toBe('accepted')
    expect(second.endpoint.asked).toHaveLength(1)
    expect(await second.check(opaque('kept'))).toBe('accepted')
    expect(second.endpoint.asked).toHaveLength(1)
  })

  test('rotate the key that seals without losing what the old one sealed', async () => {
    const old = await sealedMember([await tier()])
    await old.check(opaque())

    const rotated = await sealedMember([await tier()], { encryption: [KEY_B, KEY_A], server: { fetch: down } })
    expect(await rotated.check(opaque())).toBe('accepted')

    const writing = await sealedMember([await tier()], { encryption: [KEY_B, KEY_A] })
    await writing.check(opaque('new'))
    expect([...(await redis.strings())].filter(([, value]) => value.startsWith('b.'))).toHaveLength(1)
  })

  test('pass over what a key sealed that they do not have, and write it anew', async () => {
    await (await sealedMember([await tier()])).check(opaque())
    const stranger = await sealedMember([await tier()], { encryption: [KEY_B] })
    expect(await stranger.check(opaque())).toBe('accepted')
    expect(stranger.endpoint.asked).toHaveLength(1)
    const failed = {
      tier: 'redis',
      operation: 'get',
      detail: 'the entry is not sealed with a configured key',
      retryInMs: 0,
    }
    expect(stranger.failures()).toEqual(Array.from({ length: 2 }, () => ({ type: 'tier_failed', ...failed })))
    const held = await redis.strings()
    expect([...held.values()].map((value) => value.slice(0, 2))).toEqual(['b.', 'b.'])
  })

  test('have a key of the same id and another secret refuse what the first sealed', async () => {
    await (await sealedMember([await tier()])).check(opaque())
    const forged = await sealedMember([await tier()], {
      encryption: [{ ...KEY_B, id: KEY_A.id }],
    })
    expect(await forged.check(opaque())).toBe('accepted')
    expect(forged.endpoint.asked).toHaveLength(1)
    expect(forged.failures()[0]?.detail).toContain('seal is broken')
  })
})
