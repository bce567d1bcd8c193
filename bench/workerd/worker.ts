// A Worker that verifies the same tokens over and over. Its clock stands still while it computes, so that it is timed from outside:
// POST /load takes the tokens, POST /prepare makes strings of some, POST /run verifies them and does nothing else.

import { verifyWithJwks } from 'hono/jwt'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { allowInsecureRequests, validateJwtAccessToken } from 'oauth4webapi'
import { createResourceServer, scope } from '../../dist/index.js'
import { checkAtOnce } from '../measure.ts'

interface Order {
  readonly issuer: string
  readonly jwksUri: string
  readonly jwk: JsonWebKey & { readonly kid: string }
  readonly algorithm: string
  readonly parameters: AlgorithmIdentifier | RsaPssParams | EcdsaParams
  readonly importParameters: AlgorithmIdentifier | RsaHashedImportParams | EcKeyImportParams
  readonly resource: string
  readonly scope: string
  readonly tokens: readonly string[]
}

interface Loaded {
  readonly tokens: readonly Uint8Array[]
  readonly checks: Readonly<Record<string, (token: string, place: number) => unknown>>
}

let loaded: Loaded | undefined
let prepared: string[] = []

async function load(order: Order): Promise<Loaded> {
  const { issuer, jwksUri, algorithm, resource } = order
  const api = createResourceServer({ resource, issuers: [{ issuer }], tokenCache: false })
  const needed = scope(order.scope)
  const keys = createRemoteJWKSet(new URL(jwksUri))
  const options = { issuer, audience: resource, typ: 'at+jwt', algorithms: [algorithm], requiredClaims: ['exp'] }
  const key = await crypto.subtle.importKey('jwk', order.jwk, order.importParameters, false, ['verify'])
  const given: Parameters<typeof verifyWithJwks>[1] = {
    keys: [order.jwk as NonNullable<Parameters<typeof verifyWithJwks>[1]['keys']>[number]],
    allowedAlgorithms: [algorithm as 'RS256'],
    verification: { iss: issuer, aud: resource, typ: 'at+jwt' } as NonNullable<
      Parameters<typeof verifyWithJwks>[1]['verification']
    >,
  }
  const requireScope = (scopes: unknown): void => {
    if (!String(scopes).split(' ').includes(order.scope)) throw new Error('the scope is missing')
  }
  const signed = order.tokens.map((token) => {
    const end = token.lastIndexOf('.')
    return {
      input: new TextEncoder().encode(token.slice(0, end)),
      signature: Uint8Array.from(
        atob(
          token
            .slice(end + 1)
            .replaceAll('-', '+')
            .replaceAll('_', '/'),
        ),
        (each) => each.charCodeAt(0),
      ),
    }
  })
  return {
    tokens: order.tokens.map((token) => new TextEncoder().encode(token)),
    checks: {
      // What a request, a loop and an await cost by themselves; taken off everybody's time.
      nothing: async () => undefined,
      async raw(_, place) {
        const { input, signature } = signed[place]!
        if (!(await crypto.subtle.verify(order.parameters, key, signature, input))) throw new Error('not our signature')
      },
      bearward: async (token) => api.authorize(await api.verify(token), needed),
      async jose(token) {
        const { payload } = await jwtVerify(token, keys, options)
        requireScope(payload['scope'])
      },
      async oauth4webapi(token) {
        const request = new Request(resource, { headers: { authorization: `Bearer ${token}` } })
        const server = { issuer, jwks_uri: jwksUri }
        const signing = { [allowInsecureRequests]: true, signingAlgorithms: [algorithm] }
        requireScope((await validateJwtAccessToken(server, request, resource, signing)).scope)
      },
      async hono(token) {
        const claims = await verifyWithJwks(token, given)
        if (claims.exp === undefined) throw new Error('the token never expires')
        requireScope(claims['scope'])
      },
    },
  }
}

export default {
  async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname === '/load') {
      loaded = await load((await request.json()) as Order)
      return new Response('loaded')
    }
    const { tokens, checks } = loaded!
    if (pathname === '/check') {
      try {
        await checks[searchParams.get('by') ?? '']!(await request.text(), 0)
        return new Response('accepted')
      } catch (error) {
        return new Response(String(error), { status: 401 })
      }
    }
    const from = Number(searchParams.get('from'))
    const count = Number(searchParams.get('count'))
    if (pathname === '/prepare') {
      const decoder = new TextDecoder('latin1')
      prepared = Array.from({ length: count }, (_, index) => decoder.decode(tokens[(from + index) % tokens.length]))
      return new Response('prepared')
    }
    const check = checks[searchParams.get('by') ?? '']!
    let place = from
    await checkAtOnce((token) => check(token, place++ % tokens.length), prepared, Number(searchParams.get('at-once')))
    return new Response('done')
  },
}
