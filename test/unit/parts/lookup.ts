import { BearwardError } from '../../../src/errors.ts'
import { describeFault, Fault } from '../../../src/faults.ts'
import { endpointUrl, integerBetween, objectOf, optional, withDefault } from '../../../src/options/checks.ts'
import { parseStrictObject } from '../../../src/parse/json.ts'
import type { Engine, Introspection, Services } from '../../../src/parts.ts'
import type { AccessToken, CallContext, Issuer } from '../../../src/pipeline.ts'
import { requireRecipient } from '../../../src/token/recipient.ts'
import { readAccessToken, requireTimely } from '../../../src/token/access-token.ts'
import { createScopeReader } from '../../../src/token/scopes.ts'
import { type ClientAuthentication, clientAuthentication } from '../../../src/upstream/client-authentication.ts'
import { UselessAnswer } from '../../../src/upstream/faults.ts'
import { createGuardedEndpoint, type GuardedEndpoint } from '../../../src/upstream/guarded-endpoint.ts'
import type { UpstreamResponse } from '../../../src/upstream/messages.ts'
import { createVerdictCache, type Verdict } from '../../../src/upstream/verdict-cache.ts'

// A second part in the place of introspection, made of `src/upstream` alone: it imports no stage and no other part.

const MEMBER = 'lookup_endpoint'
const CACHE_MS = 30_000

interface LookupSettings {
  readonly auth: ClientAuthentication | 'none'
  readonly endpoint: string | undefined
  readonly maxConcurrent: number
}

interface Lookups extends Engine {
  readonly look: (token: string, issuer: Issuer, settings: LookupSettings, context: CallContext) => Promise<AccessToken>
}

/** Looks opaque tokens up in a service that answers a posted token with its claims, or with 404. */
export function lookup(options: Partial<LookupSettings>): Introspection {
  return {
    kind: 'introspection',
    check(option, { insecureHosts }) {
      const settings = objectOf<LookupSettings>(options, option, {
        auth: clientAuthentication,
        endpoint: optional(endpointUrl(insecureHosts)),
        maxConcurrent: withDefault(50, integerBetween(1, 10_000)),
      })
      return {
        prefixes: undefined,
        requireDistinct() {},
        needsKeys: false,
        needsMember: settings.endpoint === undefined ? MEMBER : undefined,
        start(services) {
          const engine = services.engine(createLookups)
          return {
            use: 'opaque',
            accepts: () => true,
            introspect: <Claims>(token: string, issuer: Issuer, context: CallContext) =>
              engine.look(token, issuer, settings, context) as Promise<AccessToken<Claims>>,
            confirm: async (_, jwt) => jwt,
            forget: async () => {},
          }
        },
      }
    },
  }
}

function createLookups(services: Services): Lookups {
  const { now, clockToleranceSeconds } = services
  const cache = createVerdictCache(now)
  const endpoints = new Map<string, GuardedEndpoint>()
  const running = new AbortController()

  function endpointOf({ identifier }: Issuer, { maxConcurrent }: LookupSettings): GuardedEndpoint {
    const limits = { member: MEMBER, timeoutMs: 1_000, maxConcurrent, isRepeatable: true }
    const endpoint = endpoints.get(identifier) ?? createGuardedEndpoint(limits, services)
    endpoints.set(identifier, endpoint)
    return endpoint
  }

  async function ask(token: string, issuer: Issuer, settings: LookupSettings, context: CallContext): Promise<Verdict> {
    const endpoint = endpointOf(issuer, settings)
    const epoch = cache.epoch()
    try {
      const verdict = await endpoint.ask(
        {
          issuer,
          ...settings,
          request: (url) => ({ url, method: 'POST', headers: new Headers(), body: new URLSearchParams({ token }) }),
          read: (response) => judge(response, issuer, services),
        },
        { ...context, signal: running.signal, secrets: [token] },
      )
      cache.set(token, verdict, epoch)
      return verdict
    } catch (fault) {
      const detail = `issuer "${issuer.identifier}" cannot look the token up: ${describeFault(fault)}`
      const retryAfterSeconds = endpoint.retryAfterSeconds(fault)
      throw new BearwardError('issuer_unavailable', detail, { retryAfterSeconds })
    }
  }

  return {
    async look(token, issuer, settings, context) {
      const known = cache.get(token, issuer.identifier, CACHE_MS)
      const { accepted, refused } = known ?? (await ask(token, issuer, settings, context))
      if (!accepted) throw refused
      requireTimely(accepted.accessToken, accepted.notBeforeSeconds, now(), clockToleranceSeconds)
      return accepted.accessToken
    },
    forget: cache.forget,
    forgetAll: cache.forgetAll,
    stop: () => running.abort(new Fault('closed')),
  }
}

/** @throws {UselessAnswer} */
function judge({ status, body }: UpstreamResponse, issuer: Issuer, { expandScopes, now }: Services): Verdict {
  const source = { terms: issuer.identifier, weight: body.length, answeredMs: now() }
  if (status === 404) return { ...source, refused: new BearwardError('token_inactive', 'nobody knows the token') }
  const claims = parseStrictObject(body)
  if (status !== 200 || !claims) throw new UselessAnswer(`it answered with status ${status}, and no claims`)
  const origin = { format: 'opaque' as const, issuer: issuer.identifier }
  const accepted = readAccessToken(claims, origin, createScopeReader(expandScopes), now())
  try {
    requireRecipient(accepted.accessToken, issuer)
    return { ...source, accepted }
  } catch (fault) {
    return { ...source, refused: fault as BearwardError }
  }
}
