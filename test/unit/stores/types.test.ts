import type { Cache as WorkersCache, KVNamespace } from '@cloudflare/workers-types'
import type { Cluster, Redis } from 'ioredis'
import type { createClient, createCluster } from 'redis'
import { expectTypeOf, test } from 'vitest'
import type { CacheLike, KvNamespaceLike } from '../../../src/stores/cloudflare.ts'
import type { RedisClient } from '../../../src/stores/redis.ts'

test('Cloudflare’s own types fit the structural ones', () => {
  expectTypeOf<KVNamespace>().toExtend<KvNamespaceLike>()
  expectTypeOf<WorkersCache>().toExtend<CacheLike>()
  expectTypeOf<Cache>().toExtend<CacheLike>()
  expectTypeOf<{ get: KVNamespace['get'] }>().not.toExtend<KvNamespaceLike>()
})

test('the clients of ioredis and redis fit the structural one, single and cluster', () => {
  expectTypeOf<Redis>().toExtend<RedisClient>()
  expectTypeOf<Cluster>().toExtend<RedisClient>()
  expectTypeOf<ReturnType<typeof createClient>>().toExtend<RedisClient>()
  expectTypeOf<ReturnType<typeof createCluster>>().toExtend<RedisClient>()
  expectTypeOf<Pick<Redis, 'get' | 'del'>>().not.toExtend<RedisClient>()
})
