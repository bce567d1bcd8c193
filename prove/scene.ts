import { type CallContext, createResourceServer, type ResourceServer, type ResourceServerOptions } from 'bearward'
import { goodClaims, RESOURCE, type SigningKey, signingKey, signToken } from '../test/fixture/issuer.ts'
import type { Emitted } from './emitted.ts'
import type { Measure, Size } from './line.ts'

/** One issuer of a scenario: behind a real socket in Node, in memory in workerd. */
export interface Upstream {
  readonly issuer: string
  /** For the option `fetch`. Counts the requests. */
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  /** Paths of all requests, answered or not. */
  readonly calls: string[]
  readonly publish: (...keys: readonly unknown[]) => void
  /** Stops listening. */
  readonly stop: () => Promise<void>
  readonly start: () => Promise<void>
  /** Sets the introspection answer about a token. */
  answer: (token: string) => Record<string, unknown>
}

/** The surroundings of a scenario. */
export interface World {
  readonly size: Size
  readonly emitted: Emitted
  /** Every answer of this issuer takes `delayMs`. */
  readonly startIssuer: (keys: readonly unknown[], delayMs?: number) => Promise<Upstream>
}

/** A line that is proven in both runtimes, by the same code. */
export interface Scenario {
  readonly name: string
  readonly goal: string
  readonly run: (world: World) => Promise<Measure>
}

export interface Scene {
  readonly api: ResourceServer
  readonly upstream: Upstream
  /** The virtual clock; set `ms` to move it. */
  readonly clock: { ms: number }
  /** A good token of the present virtual time, good for a week. */
  readonly token: (
    changes?: Record<string, unknown>,
    header?: Record<string, unknown>,
    key?: SigningKey,
  ) => Promise<string>
  /** The code of the refusal, `accepted`, or a description of an untyped error. */
  readonly outcome: (token: string, context?: CallContext) => Promise<string>
}

const WEEK_SECONDS = 7 * 86_400

/** A resource server that trusts one issuer, under a virtual clock. */
export async function createScene(
  world: World,
  options: Partial<ResourceServerOptions> & { readonly delayMs?: number } = {},
): Promise<Scene> {
  const { delayMs, ...serverOptions } = options
  const upstream = await world.startIssuer([(await signingKey()).jwk], delayMs)
  const clock = { ms: Date.now() }
  const api = createResourceServer({
    resource: RESOURCE,
    issuers: [{ issuer: upstream.issuer }],
    fetch: upstream.fetch,
    now: () => clock.ms,
    onEvent: world.emitted.event,
    ...serverOptions,
  })
  let count = 0
  return {
    api,
    upstream,
    clock,
    token(changes = {}, header = {}, key?) {
      const now = Math.floor(clock.ms / 1000)
      const claims = { iss: upstream.issuer, jti: `token-${count++}`, iat: now - 10, exp: now + WEEK_SECONDS }
      return signToken(goodClaims({ ...claims, ...changes }), header, key)
    },
    outcome: (token, context) => outcomeOf(api, token, world.emitted, context),
  }
}

export async function outcomeOf(
  api: ResourceServer,
  token: string,
  emitted: Emitted,
  context: CallContext = {},
): Promise<string> {
  try {
    await api.verify(token, context)
    return 'accepted'
  } catch (error) {
    emitted.refusal(api, error, token)
    return codeOf(error)
  }
}

export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'untyped'
  return error.name === 'BearwardError' && 'code' in error ? String(error.code) : `untyped ${error.name}`
}
