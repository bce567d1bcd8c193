import { clientSecretBasic, createResourceServer, introspect, type TrustedIssuer } from 'bearward'
import { fakeUpstream, goodClaims, RESOURCE, signingKey, signToken } from '../../test/fixture/issuer.ts'
import { bySize, countOf, type Measure, pause, tally } from '../line.ts'
import { createScene, outcomeOf, type Scenario, type World } from '../scene.ts'

export const concurrentFirst: Scenario = {
  name: '10,000 concurrent first requests, 50 ms of delay',
  goal: '1 discovery, 1 JWKS fetch, all accepted',
  async run(world) {
    const { upstream, token, outcome } = await createScene(world, { delayMs: 50 })
    const tokens = await Promise.all(Array.from({ length: bySize(world, 10_000, 1_000) }, () => token()))
    const outcomes = await Promise.all(tokens.map((each) => outcome(each)))
    const keys = countOf(upstream.calls, '/jwks')
    const discoveries = upstream.calls.length - keys
    return {
      measured: `${discoveries} discovery, ${keys} JWKS, ${tally(outcomes)}`,
      samples: outcomes.length,
      met: discoveries === 1 && keys === 1 && countOf(outcomes, 'accepted') === outcomes.length,
    }
  },
}

/** One of many callers gives up during a shared load: the first, one in the middle, the last. */
export const abortedCaller: Scenario = {
  name: 'one caller aborting during a shared load',
  goal: 'the others are answered',
  async run(world) {
    const callers = 100
    const outcomes: string[] = []
    let wrong = 0
    for (const impatient of [0, 50, callers - 1]) {
      for (const kind of ['keys', 'introspection'] as const) {
        const got = await abortOne(world, kind, callers, impatient)
        outcomes.push(...got.filter((_, index) => index !== impatient))
        if (got[impatient] !== 'issuer_unavailable') wrong++
      }
    }
    return {
      measured: `the others: ${tally(outcomes)}${wrong ? `; ${wrong} aborted ones were not released` : ''}`,
      samples: outcomes.length,
      met: wrong === 0 && countOf(outcomes, 'accepted') === outcomes.length,
    }
  },
}

async function abortOne(
  world: World,
  kind: 'keys' | 'introspection',
  callers: number,
  impatient: number,
): Promise<string[]> {
  const upstream = await world.startIssuer([(await signingKey()).jwk], 100)
  const now = Math.floor(Date.now() / 1000)
  upstream.answer = () => ({ active: true, token_type: 'Bearer', aud: RESOURCE, sub: 'user', exp: now + 300 })
  const api = createResourceServer({
    resource: RESOURCE,
    issuers: [{ issuer: upstream.issuer, ...(kind === 'introspection' && introspecting) }],
    fetch: upstream.fetch,
    onEvent: world.emitted.event,
  })
  const claims = goodClaims({ iss: upstream.issuer, iat: now - 10, exp: now + 300 })
  const token = kind === 'keys' ? await signToken(claims) : 'an-opaque-token-that-all-callers-share'
  const controller = new AbortController()
  const waiting = Array.from({ length: callers }, (_, index) =>
    outcomeOf(api, token, world.emitted, index === impatient ? { signal: controller.signal } : {}),
  )
  await pause(30)
  controller.abort()
  return Promise.all(waiting)
}

const introspecting = {
  introspection: introspect({
    auth: clientSecretBasic({ clientId: 'orders-api', clientSecret: 'a-secret-that-nobody-may-see' }),
  }),
} satisfies Partial<TrustedIssuer>

/** The requests to the issuer of one cold and a thousand warm requests, for every way to configure its keys. */
export const requestsToIssuer: Scenario = {
  name: 'requests to the issuer for one cold request / a warm one',
  goal: '<= 3 / 0',
  async run(world) {
    const warmRequests = bySize(world, 1_000, 50)
    const cold: number[] = []
    let warm = 0
    let refused = 0
    for (const { issuer, answers } of await waysToNameKeys()) {
      const upstream = fakeUpstream(issuer.issuer, (await signingKey()).jwk)
      for (const [url, answer] of Object.entries(answers)) upstream.answers.set(url, answer)
      const api = createResourceServer({ resource: RESOURCE, issuers: [issuer], fetch: upstream.fetch })
      const now = Math.floor(Date.now() / 1000)
      const fresh = (index: number): Promise<string> =>
        signToken(goodClaims({ iss: issuer.issuer, iat: now - 10, exp: now + 300, jti: `token-${index}` }))
      if ((await outcomeOf(api, await fresh(0), world.emitted)) !== 'accepted') refused++
      cold.push(upstream.calls.length)
      for (let index = 1; index <= warmRequests; index++) {
        if ((await outcomeOf(api, await fresh(index), world.emitted)) !== 'accepted') refused++
      }
      warm += upstream.calls.length - (cold.at(-1) ?? 0)
    }
    return measureRequests(cold, warm, refused, warmRequests)
  },
}

function measureRequests(cold: readonly number[], warm: number, refused: number, warmRequests: number): Measure {
  return {
    measured: `cold ${cold.join(', ')} (RFC 8414, OpenID, URL, data, JWKS URL, keys) / warm ${warm}`,
    samples: cold.length * (1 + warmRequests),
    met: refused === 0 && warm === 0 && Math.max(...cold) <= 3,
  }
}

interface Way {
  readonly issuer: TrustedIssuer
  readonly answers: Record<string, () => Response>
}

async function waysToNameKeys(): Promise<readonly Way[]> {
  const issuer = 'https://login.example.com'
  const metadata = { issuer, jwks_uri: `${issuer}/jwks` }
  const document = (): Response => Response.json(metadata)
  const { jwk } = await signingKey()
  return [
    { issuer: { issuer }, answers: {} },
    {
      issuer: { issuer },
      answers: {
        [`${issuer}/.well-known/oauth-authorization-server`]: () => new Response('not here', { status: 404 }),
        [`${issuer}/.well-known/openid-configuration`]: document,
      },
    },
    { issuer: { issuer, metadata: { url: `${issuer}/metadata` } }, answers: { [`${issuer}/metadata`]: document } },
    { issuer: { issuer, metadata }, answers: {} },
    { issuer: { issuer, jwt: { jwksUri: `${issuer}/jwks` } }, answers: {} },
    { issuer: { issuer, jwt: { jwks: { keys: [jwk] } } }, answers: {} },
  ]
}
