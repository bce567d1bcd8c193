import { afterEach } from 'vitest'
import {
  createResourceServer,
  introspect,
  type IntrospectOptions,
  type ResourceServer,
  type ResourceServerOptions,
  type TrustedIssuer,
} from '../../src/entry-points/index.ts'
import type { FetchFunction } from '../../src/pipeline.ts'
import { type FaultyServer, faultyServer } from '../fixture/faulty-server.ts'
import { goodAnswer, opaque } from '../fixture/introspection.ts'
import { goodClaims, ISSUER, RESOURCE, type SigningKey, signingKey, signToken } from '../fixture/issuer.ts'

/** What an issuer is asked for. */
export type Upstream = 'metadata' | 'keys' | 'introspection'
export const UPSTREAMS = ['metadata', 'keys', 'introspection'] as const satisfies Upstream[]

export interface Bench {
  readonly api: ResourceServer
  /** Answers for the upstream under test alone. */
  readonly server: FaultyServer
  /** What it answers where it answers well. */
  readonly document: () => unknown
  /** Keys that are published, where the upstream under test is not asked for them. */
  readonly published: { keys: readonly SigningKey[] }
  readonly clock: { ms: number }
  /** A token of its own that is good for an hour from now on; a JWT by default under the first key. */
  readonly token: (claims?: Record<string, unknown>, key?: SigningKey) => Promise<string>
  /** Requests that were handed to fetch, whatever became of them; the ones to the upstream under test alone. */
  readonly calls: () => number
  /** The address that is asked from now on, in place of the server's own. */
  readonly lead: (url: string | undefined) => void
}

export interface BenchOptions {
  /** Short only where a fault makes it count, since the machine may be busy. Default 5 s. */
  readonly timeoutMs?: number | undefined
  readonly introspection?: Partial<IntrospectOptions>
  readonly keys?: ResourceServerOptions['keys']
}

const cleanUp: (() => unknown)[] = []

afterEach(async () => {
  await Promise.all(cleanUp.splice(0).map((step) => step()))
})

/** Stops it after the test. */
export function stopAfterwards<T extends { readonly stop: () => unknown }>(stoppable: T): T {
  cleanUp.push(stoppable.stop)
  return stoppable
}

/** A resource server that asks a real server for one thing, and has all else at hand or from a server that never fails. */
export async function benchFor(upstream: Upstream, options: BenchOptions = {}): Promise<Bench> {
  const { timeoutMs = 5_000 } = options
  const clock = { ms: Date.now() }
  const now = (): number => Math.floor(clock.ms / 1000)
  const published = { keys: [await signingKey()] as readonly SigningKey[] }
  const jwks = (): unknown => ({ keys: published.keys.map(({ jwk }) => jwk) })
  const steady = stopAfterwards(await faultyServer(jwks))
  const documents = {
    metadata: () => ({ issuer: ISSUER, jwks_uri: steady.url }),
    keys: jwks,
    introspection: () => goodAnswer({ iat: now(), exp: now() + 3_600 }),
  }
  const server = stopAfterwards(await faultyServer(documents[upstream]))
  const issuers: Record<Upstream, TrustedIssuer> = {
    metadata: { issuer: ISSUER, metadata: { url: server.url } },
    keys: { issuer: ISSUER, jwt: { jwksUri: server.url } },
    introspection: {
      issuer: ISSUER,
      jwt: false,
      introspection: introspect({ endpoint: server.url, auth: 'none', timeoutMs, ...options.introspection }),
    },
  }
  let calls = 0
  let elsewhere: string | undefined
  // As if a name were resolved otherwise: the library asks what it was told to ask.
  const rerouted: FetchFunction = (url, init) => {
    if (url !== server.url) return fetch(url, init)
    calls++
    return fetch(elsewhere ?? url, init)
  }
  const api = createResourceServer({
    resource: RESOURCE,
    issuers: [issuers[upstream]],
    keys: { timeoutMs, ...options.keys },
    now: () => clock.ms,
    fetch: rerouted,
  })
  cleanUp.unshift(() => api.close())
  let count = 0
  return {
    api,
    server,
    document: documents[upstream],
    published,
    clock,
    async token(claims = {}, key) {
      const jti = `token-${count++}`
      if (upstream === 'introspection') return opaque(jti)
      return signToken(goodClaims({ iat: now(), exp: now() + 3_600, jti, ...claims }), {}, key)
    },
    calls: () => calls,
    lead: (url) => (elsewhere = url),
  }
}
