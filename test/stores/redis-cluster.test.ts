// @module-tag redis-server

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { redisTier } from '../../src/stores/redis.ts'
import { cacheTierContract } from '../../src/entry-points/testing.ts'
import { jwt, sealedMember } from '../fixture/fleet.ts'
import { opaque, searchWhatWasEmitted } from '../fixture/introspection.ts'
import { clientKinds, type OpenClient } from '../fixture/redis-clients.ts'
import { type RedisCluster, startRedisCluster } from '../fixture/redis-server.ts'

searchWhatWasEmitted()

let cluster: RedisCluster
beforeAll(async () => {
  cluster = await startRedisCluster()
})
afterAll(() => cluster.stop())

describe.each(clientKinds)('a tier on a cluster of redis-servers by $name', ({ openCluster }) => {
  let opened: OpenClient
  beforeAll(async () => {
    opened = await openCluster(cluster.nodes.map(({ port }) => port))
  })
  afterAll(() => opened.close())

  for (const { name, run } of cacheTierContract(() => redisTier(opened.client))) test.concurrent(name, run)

  test('spreads answers over every node', async () => {
    for (const node of cluster.nodes) await node.command('FLUSHALL')
    const one = await sealedMember([redisTier(opened.client, { timeoutMs: 5_000 })])
    expect(await one.check(await jwt('first'))).toBe('accepted')
    for (let index = 0; index < 30; index++) expect(await one.check(opaque(`spread-${index}`))).toBe('accepted')
    expect(one.failures()).toEqual([])
    const sizes = await Promise.all(cluster.nodes.map(async (node) => (await node.strings()).size))
    expect(Math.min(...sizes)).toBeGreaterThan(0)
    expect(sizes.reduce((sum, size) => sum + size)).toBe(32)

    const other = await sealedMember([redisTier(opened.client, { timeoutMs: 5_000 })])
    for (let index = 0; index < 30; index++) expect(await other.check(opaque(`spread-${index}`))).toBe('accepted')
    expect(other.endpoint.asked).toEqual([])
  })
})

// The last one: what it breaks stays broken.
test('a node that dies costs no check, by neither client', async () => {
  const ports = cluster.nodes.map(({ port }) => port)
  const opened = await Promise.all(clientKinds.map(({ openCluster }) => openCluster(ports)))
  try {
    const members = await Promise.all(opened.map(({ client }) => sealedMember([redisTier(client)])))
    for (const one of members) expect(await one.check(opaque('before'))).toBe('accepted')
    await cluster.nodes[1]?.stop()
    for (const [kind, one] of members.entries()) {
      for (let index = 0; index < 30; index++) {
        expect(await one.check(opaque(`dead-${kind}-${index}`))).toBe('accepted')
        one.clock.ms += 1_000
      }
      expect(one.failures().length).toBeGreaterThan(0)
    }
  } finally {
    for (const { close } of opened) close()
  }
})
