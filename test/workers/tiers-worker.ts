import { protect } from '../../src/frameworks/fetch.ts'
import {
  type BearwardEvent,
  type CacheTier,
  clientSecretBasic,
  createResourceServer,
  introspect,
  type ResourceServer,
  type ResourceServerOptions,
  sharedTiers,
  type TierEncryptionKey,
} from '../../src/entry-points/index.ts'
import { cacheApiTier, kvTier, type KvNamespaceLike } from '../../src/stores/cloudflare.ts'
import { ISSUER, RESOURCE } from '../fixture/issuer.ts'

/** One call of a tier, as the test reads it. */
export interface TierCall {
  readonly tier: string
  readonly operation: 'get' | 'put' | 'delete'
  readonly key: string
  done: boolean
}

interface Environment {
  readonly BEARWARD_CACHE: KvNamespaceLike
}

// All of it lives as long as the isolate.
const calls: TierCall[] = []
const events: BearwardEvent[] = []
const slow = { get: 0, put: 0, delete: 0 }
let hanging = ''
let servers: ReadonlyMap<string, ResourceServer> | undefined
const sealed = { encryption: [{ id: 'k1', secret: new Uint8Array(32).fill(7) }] }

function watched(tier: CacheTier): CacheTier {
  async function watch<T>(operation: TierCall['operation'], key: string, work: () => Promise<T>): Promise<T> {
    const call: TierCall = { tier: tier.name, operation, key, done: false }
    calls.push(call)
    if (hanging === tier.name || hanging === 'all') await new Promise(() => {})
    if (slow[operation] > 0) await new Promise((resolve) => setTimeout(resolve, slow[operation]))
    const result = await work()
    call.done = true
    return result
  }
  return {
    ...tier,
    get: (key) => watch('get', key, () => tier.get(key)),
    put: (key, value, expiry) => watch('put', key, () => tier.put(key, value, expiry)),
    delete: (key) => watch('delete', key, () => tier.delete(key)),
  }
}

interface ServerOptions extends Partial<ResourceServerOptions> {
  readonly encryption?: readonly TierEncryptionKey[]
}

function server(tiers: readonly CacheTier[], { encryption, ...options }: ServerOptions = {}, use?: 'always') {
  const auth = clientSecretBasic({ clientId: 'orders-api', clientSecret: 'secret' })
  return createResourceServer({
    resource: RESOURCE,
    issuers: [{ issuer: ISSUER, introspection: introspect({ auth, ...(use && { use }) }) }],
    onEvent: (event) => events.push(event),
    tiers: sharedTiers(tiers.map(watched), { encryption }),
    ...options,
  })
}

// Made at module scope, where a Worker may do no I/O, start no timer and draw no random number.
const patient = server([cacheApiTier({ timeoutMs: 5_000 })], sealed)

function createServers({ BEARWARD_CACHE: namespace }: Environment): ReadonlyMap<string, ResourceServer> {
  // Patient, so that a machine with much else to do changes no count.
  const kv = kvTier(namespace, { timeoutMs: 3_000 })
  const both = [cacheApiTier({ timeoutMs: 2_000 }), kv]
  const keys = { timeoutMs: 15_000 }
  return new Map([
    ['/orders', server(both, { ...sealed, keys })],
    ['/always', server(both, { ...sealed, keys }, 'always')],
    ['/open', server(both, { keys })],
    ['/kv', server([kv], { ...sealed, keys })],
    ['/defaults', server([cacheApiTier(), kvTier(namespace)], sealed)],
    ['/patient', patient],
  ])
}

// A Worker is its module's default export.
// oxlint-disable-next-line import/no-default-export
export default {
  /**
   * Answers whether the request's token is good, and how much was written by then; `?bare` does without `waitUntil`.
   * `/calls` and `/events` tell what happened in this isolate; `/tiers?hanging=NAME&get=MS&put=MS` makes them hang or slow,
   * NAME being `all` for all of them.
   */
  async fetch(request: Request, env: Environment, ctx: unknown): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname === '/calls') return Response.json(calls)
    if (pathname === '/events') return Response.json(events)
    if (pathname === '/tiers') {
      hanging = searchParams.get('hanging') ?? ''
      slow.get = Number(searchParams.get('get'))
      slow.put = Number(searchParams.get('put'))
      return Response.json({})
    }
    servers ??= createServers(env)
    const api = servers.get(pathname)
    if (!api) return Response.json({}, { status: 404 })
    return protect(api, () =>
      Response.json({
        code: 'accepted',
        written: calls.filter(({ operation, done }) => operation === 'put' && done).length,
      }),
    )(request, env, searchParams.has('bare') ? undefined : ctx)
  },
}
