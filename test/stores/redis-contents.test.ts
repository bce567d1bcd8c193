// @module-tag redis-server

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { CacheTier } from '../../src/entry-points/index.ts'
import { redisTier } from '../../src/stores/redis.ts'
import { jwt, member, type Member, sealedMember } from '../fixture/fleet.ts'
import { opaque, searchWhatWasEmitted } from '../fixture/introspection.ts'
import { NOW_MS, signingKey, signToken } from '../fixture/issuer.ts'
import { clientKinds, type OpenClient } from '../fixture/redis-clients.ts'
import { type RedisServer, startRedis } from '../fixture/redis-server.ts'

searchWhatWasEmitted()

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis('--maxmemory-policy', 'noeviction')
})
afterAll(() => redis.stop())
beforeEach(async () => void (await redis.command('FLUSHALL')))

/** The key that holds what is shared of that kind. */
async function keyOf(kind: 'keys' | 'answer' | 'metadata'): Promise<string> {
  const [name, ...more] = (await redis.command('KEYS', `*:${kind}:*`)) as string[]
  if (name === undefined || more.length > 0) throw new Error(`not one key of ${kind}`)
  return name
}

function messagesOf(one: Member): string[] {
  return one.failures().map(({ operation, detail, retryInMs }) => `${operation} ${retryInMs > 0} ${detail}`)
}

describe.each(clientKinds)('what a redis-server does with entries of $name:', ({ open }) => {
  let opened: OpenClient
  let tier: CacheTier
  beforeAll(async () => {
    opened = await open(redis.port)
    tier = redisTier(opened.client, { timeoutMs: 5_000 })
  })
  afterAll(() => opened.close())

  describe('a full memory', () => {
    beforeEach(async () => {
      const one = await sealedMember([tier])
      await one.check(opaque('before'))
      await one.check(await jwt('before'))
      // Full beyond what a connection that ends sets free.
      await redis.command('SET', 'filling', 'x'.repeat(3_000_000))
      await redis.command('CONFIG', 'SET', 'maxmemory', '2mb')
      await expect(redis.command('SET', 'more', 'x')).rejects.toThrow('OOM')
    })
    afterEach(async () => void (await redis.command('CONFIG', 'SET', 'maxmemory', '0')))

    test('fails what is put, is reported once, and costs no check', async () => {
      const one = await sealedMember([tier])
      for (let index = 0; index < 10; index++) expect(await one.check(opaque(`full-${index}`))).toBe('accepted')
      const failures = messagesOf(one)
      expect(failures).toHaveLength(1)
      expect(failures[0]).toMatch(/^put true .*OOM command not allowed/)
      await redis.command('FLUSHALL')
      one.clock.ms += 1_000
      await one.check(opaque('after'))
      expect(await keyOf('answer')).toContain('bearward:')
    })

    test('leaves what is there readable', async () => {
      const one = await sealedMember([tier])
      // Its puts fail by now.
      await one.check(opaque('full'))
      expect(one.upstream.calls).toEqual([])
      expect(one.endpoint.asked).toHaveLength(1)
      expect(await one.check(opaque('before'))).toBe('accepted')
      expect(await one.check(await jwt('full'))).toBe('accepted')
      expect(one.upstream.calls).toEqual([])
      expect(one.endpoint.asked).toHaveLength(1)
    })

    test('does not keep an answer from being forgotten', async () => {
      const one = await sealedMember([tier])
      // From here on nothing is put for a while.
      await one.check(opaque('full'))
      expect(messagesOf(one)).toHaveLength(1)
      await one.api.invalidate(opaque('before'))
      const other = await sealedMember([tier], { reply: () => Response.json({ active: false }) })
      expect(await other.check(opaque('before'))).toBe('token_inactive')
    })
  })

  /** Fills the tier, lets somebody meddle, and sees how one that starts afterwards takes it. */
  async function afterMeddling(kind: 'keys' | 'answer', meddle: (name: string, value: string) => Promise<unknown>) {
    const first = await sealedMember([tier])
    await first.check(opaque('first'))
    await first.check(await jwt('first'))
    const name = await keyOf(kind)
    await meddle(name, String(await redis.command('GET', name)))
    const one = await sealedMember([tier])
    expect(await one.check(kind === 'keys' ? await jwt('second') : opaque('first'))).toBe('accepted')
    const other = await sealedMember([tier])
    await other.check(kind === 'keys' ? await jwt('third') : opaque('first'))
    return {
      asked: one.upstream.calls.length + one.endpoint.asked.length,
      messages: messagesOf(one),
      askedNext: other.upstream.calls.length + other.endpoint.asked.length,
    }
  }

  describe.each(['keys', 'answer'] as const)('garbage in place of the %s', (kind) => {
    test.each<[string, (name: string, value: string) => string, string]>([
      ['an empty string', () => '', 'the entry is not sealed with a configured key'],
      ['JSON that breaks off', () => '{"originMs":1,"expi', 'the entry is not sealed with a configured key'],
      ['an entry that breaks off', (_, value) => value.slice(0, 12), 'the entry is not sealed'],
      ['an entry with one character changed', (_, value) => changed(value), 'the seal is broken'],
      ['an entry without its seal', () => '{"originMs":0,"expiresMs":9e15,"data":{}}', 'the entry is not sealed'],
      ['3 MiB of anything', () => 'x'.repeat(3 * 1024 * 1024), 'the entry is too large'],
    ])('%s is passed over, reported, and written anew', async (_, make, message) => {
      const outcome = await afterMeddling(kind, (name, value) => redis.command('SET', name, make(name, value)))
      expect(outcome).toEqual({ asked: 1, askedNext: 0, messages: [expect.stringContaining(`get false ${message}`)] })
    })

    test('nothing at all is fetched and written anew', async () => {
      const outcome = await afterMeddling(kind, (name) => redis.command('DEL', name))
      expect(outcome).toEqual({ asked: 1, askedNext: 0, messages: [] })
    })

    test('untouched, nobody asks', async () => {
      expect(await afterMeddling(kind, async () => {})).toEqual({ asked: 0, askedNext: 0, messages: [] })
    })

    test('a list is passed over, reported, and written anew', async () => {
      const outcome = await afterMeddling(kind, async (name) => {
        await redis.command('DEL', name)
        await redis.command('RPUSH', name, 'a', 'b')
      })
      // The server refuses, so it is left alone for a moment: nothing else is read from there either.
      expect(outcome).toEqual({ asked: 2, askedNext: 0, messages: [expect.stringMatching(/^get true .*WRONGTYPE/)] })
    })

    test('an entry sealed under another name is refused', async () => {
      const outcome = await afterMeddling(kind, async (name) =>
        redis.command('COPY', await keyOf('metadata'), name, 'REPLACE'),
      )
      const message = 'get false the seal is broken: the entry was altered or has another name'
      expect(outcome).toEqual({ asked: 1, askedNext: 0, messages: [message] })
    })
  })

  test('the answer about one token does not pass for that about another', async () => {
    const first = await sealedMember([tier])
    await first.check(opaque('revoked'))
    const name = await keyOf('answer')
    await redis.command('DEL', name)
    await first.check(opaque('good'))
    await redis.command('RENAME', await keyOf('answer'), name)

    const one = await sealedMember([tier], { reply: () => Response.json({ active: false }) })
    expect(await one.check(opaque('revoked'))).toBe('token_inactive')
  })

  test.each([
    [1_900, 0, 0],
    [2_100, 1, 1],
    // One more for the metadata.
    [61_000, 1, 2],
  ])('an answer from %i ms ahead makes %i questions', async (aheadMs, questions, reports) => {
    const ahead = await sealedMember([tier])
    ahead.clock.ms += aheadMs
    await ahead.check(opaque())
    const one = await sealedMember([tier])
    expect(await one.check(opaque())).toBe('accepted')
    expect(one.endpoint.asked).toHaveLength(questions)
    const messages = messagesOf(one).filter((message) => message.includes('from the future'))
    expect(messages).toHaveLength(reports)
  })

  test.each([0, 3_600])(
    'an old answer that is played again is too old, also where outages may be bridged for %i s',
    async (staleOnOutageSeconds) => {
      const setup = { introspection: { staleOnOutageSeconds } }
      const first = await sealedMember([tier], setup)
      await first.check(opaque())
      const name = await keyOf('answer')
      const value = String(await redis.command('GET', name))
      for (const [passedMs, questions] of [
        [29_000, 0],
        [31_000, 1],
      ] as const) {
        await redis.command('SET', name, value)
        const one = await sealedMember([tier], setup)
        one.clock.ms += passedMs
        expect(await one.check(opaque())).toBe('accepted')
        expect(one.endpoint.asked).toHaveLength(questions)
      }
    },
  )

  test('keys that somebody wrote there are trusted without encryption, and not with it', async () => {
    const stranger = await signingKey('ES256', 'stranger')
    await (await member([tier])).check(await jwt('first'))
    const name = await keyOf('keys')
    const data = { document: { keys: [stranger.jwk] } }
    const forged = JSON.stringify({ originMs: NOW_MS, expiresMs: NOW_MS + 60_000, data })
    const token = await signToken(undefined, {}, stranger)

    await redis.command('SET', name, forged)
    expect(await (await member([tier])).check(token)).toBe('accepted')

    await redis.command('SET', name, forged)
    const sealed = await sealedMember([tier])
    expect(await sealed.check(token)).toBe('key_unknown')
    expect(await sealed.check(await jwt('second'))).toBe('accepted')
  })
})

function changed(value: string): string {
  return value.slice(0, -10) + (value.at(-10) === 'A' ? 'B' : 'A') + value.slice(-9)
}
