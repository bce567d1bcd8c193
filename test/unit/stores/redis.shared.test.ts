import { describe, expect, test } from 'vitest'
import { type RedisClient, redisTier } from '../../../src/stores/redis.ts'
import { errorOf } from '../../fixture/introspection.ts'

type Call = readonly [name: string, ...parameters: unknown[]]

const answer = 'x'

/** A client that keeps a list of what was called, with `PSETEX` under this name. */
function fakeClient(psetex: 'psetex' | 'pSetEx'): { readonly client: RedisClient; readonly calls: Call[] } {
  const calls: Call[] = []
  class Client {
    async get(key: string): Promise<string> {
      calls.push(['get', key])
      return answer
    }
    async del(key: string): Promise<number> {
      calls.push(['del', key])
      return 1
    }
  }
  const client = new Client()
  const set = async (...entry: readonly unknown[]): Promise<string> => {
    calls.push([psetex, ...entry])
    return 'OK'
  }
  return { client: Object.assign(client, { [psetex]: set }) as unknown as RedisClient, calls }
}

function make(client: unknown, options?: unknown): Promise<Error & Record<string, unknown>> {
  return errorOf(Promise.resolve().then(() => redisTier(client as RedisClient, options as object)))
}

describe.each(['psetex', 'pSetEx'] as const)('a client that has %s', (psetex) => {
  test('is called with prefixed keys and milliseconds', async () => {
    const { client, calls } = fakeClient(psetex)
    const tier = redisTier(client, { prefix: 'orders:' })
    expect(await tier.get('a')).toBe(answer)
    await tier.put('b', 'value', { expiresInSeconds: 90 })
    await tier.delete('c')
    expect(calls).toEqual([
      ['get', 'orders:a'],
      [psetex, 'orders:b', 90_000, 'value'],
      ['del', 'orders:c'],
    ])
  })

  test('is called with bare keys where no prefix is set', async () => {
    const { client, calls } = fakeClient(psetex)
    await redisTier(client).get('a')
    expect(calls).toEqual([['get', 'a']])
  })

  test('has its rejection passed on', async () => {
    const { client } = fakeClient(psetex)
    const failing = Object.assign(client, { get: () => Promise.reject(new Error('it is down')) })
    await expect(redisTier(failing).get('a')).rejects.toThrow('it is down')
  })
})

test('has a name, a timeout of 200 ms, and may hold answers', () => {
  const { client } = fakeClient('psetex')
  expect(redisTier(client)).toMatchObject({ name: 'redis', timeoutMs: 200 })
  expect(redisTier(client).answers ?? true).toBe(true)
  expect(redisTier(client, { timeoutMs: 50 }).timeoutMs).toBe(50)
})

describe('refuses with configuration_invalid', () => {
  const { client } = fakeClient('psetex')

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['an address', 'redis://localhost'],
    ['a function', () => client],
    ['a client without get', { ...client, get: undefined, del: client.del }],
    ['a client without del', { get: client.get, psetex: () => {} }],
    ['a client that sets without an expiry', { get: client.get, del: client.del, set: () => {} }],
    ['a client whose psetex is no function', { get: client.get, del: client.del, psetex: true }],
  ])('%s in place of a client', async (_, value) => {
    expect(await make(value)).toMatchObject({
      code: 'configuration_invalid',
      message: expect.stringContaining('redisTier()'),
    })
  })

  test.each<[string, string, unknown, unknown]>([
    ['a prefix of more than 100 characters', 'prefix', 'x'.repeat(101), 'x'.repeat(100)],
    ['a prefix that is empty', 'prefix', '', undefined],
    ['a prefix with a line break', 'prefix', 'a\r\nFLUSHALL', 'a FLUSHALL'],
    ['a prefix with letters beyond ASCII', 'prefix', 'bär:', 'baer:'],
    ['a prefix that is no string', 'prefix', 1, '1'],
    ['a timeout below 10 ms', 'timeoutMs', 9, 10],
    ['a timeout above 5 s', 'timeoutMs', 5_001, 5_000],
    ['a timeout that is no integer', 'timeoutMs', 10.5, 11],
    ['a timeout that is a string', 'timeoutMs', '200', 200],
  ])('%s', async (_, option, refused, taken) => {
    expect(await make(client, { [option]: refused })).toMatchObject({
      code: 'configuration_invalid',
      message: expect.stringContaining(option),
    })
    expect(() => redisTier(client, { [option]: taken })).not.toThrow()
  })

  test('an option that it does not know', async () => {
    expect(await make(client, { keyPrefix: 'a:' })).toMatchObject({
      code: 'configuration_invalid',
      message: expect.stringContaining('keyPrefix'),
    })
  })
})
