// @module-tag redis-server

import { afterAll, beforeAll, describe, test } from 'vitest'
import { redisTier } from '../../src/stores/redis.ts'
import { cacheTierContract } from '../../src/entry-points/testing.ts'
import { clientKinds, type OpenClient } from '../fixture/redis-clients.ts'
import { type RedisServer, startRedis } from '../fixture/redis-server.ts'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

describe.each(clientKinds)('a tier on redis-server by $name', ({ open }) => {
  let opened: OpenClient
  beforeAll(async () => {
    opened = await open(server.port)
  })
  afterAll(() => opened.close())

  for (const { name, run } of cacheTierContract(() => redisTier(opened.client))) test.concurrent(name, run)
})
