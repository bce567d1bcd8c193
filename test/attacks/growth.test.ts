import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { protect } from '../../src/frameworks/node.ts'
import { BearwardError, type BearwardEvent, createResourceServer, introspect } from '../../src/entry-points/index.ts'
import { expectLinear } from '../fixture/growth.ts'
import { ENDPOINT, goodAnswer, introspecting, opaque } from '../fixture/introspection.ts'
import { goodClaims, ISSUER, NOW, RESOURCE, signingKey, signToken } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'

const KIB = 1_024

function repeat(unit: string, length: number): string {
  return unit.repeat(Math.ceil(length / unit.length)).slice(0, length)
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url')
}

/** Names that differ, together of this length. */
function distinct(length: number, prefix = ''): string[] {
  return Array.from({ length: length / 8 }, (_, index) => prefix + index.toString(36).padStart(7 - prefix.length, '0'))
}

describe('what a proxy passes on takes time in proportion to its length', () => {
  test.each<[string, string, (length: number) => string]>([
    ['slashes in the prefix', 'X-Forwarded-Prefix', (length) => `${'/'.repeat(length)}a`],
    ['segments in the prefix', 'X-Forwarded-Prefix', (length) => `${repeat('/a', length)}?`],
    ['commas in the prefix', 'X-Forwarded-Prefix', (length) => `${','.repeat(length)}/a`],
    ['spaces in the host', 'X-Forwarded-Host', (length) => `a${' '.repeat(length)}a`],
    ['dots in the host', 'X-Forwarded-Host', (length) => '.'.repeat(length)],
    ['letters in the scheme', 'X-Forwarded-Proto', (length) => 'https'.repeat(length / 5)],
  ])('%s', async (_, name, make) => {
    const { api } = await fixture()
    const fields = ['x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-prefix'] as const
    const listener = protect(api, () => {}, { trustedProxies: { addresses: ['10.0.0.7'], fields } })
    const send = async (value: string): Promise<void> => {
      const request = {
        method: 'GET',
        url: '/orders',
        headers: {},
        rawHeaders: [name, value],
        socket: { remoteAddress: '10.0.0.7' },
      } as unknown as IncomingMessage
      await listener(request, silentAnswer(request))
    }
    // HTTP/2 allows some 60 KiB.
    await expectLinear(make, send, 56 * KIB)
  })
})

function silentAnswer(req: IncomingMessage): ServerResponse {
  const response = {
    req,
    getHeader() {},
    hasHeader: () => false,
    setHeader() {},
    appendHeader() {},
    writeHead: () => response,
    end() {},
  }
  return response as unknown as ServerResponse
}

describe('credentials take time in proportion to their length', () => {
  test.each<[string, (length: number) => string]>([
    ['spaces', (length) => `Bearer${' '.repeat(length)}a`],
    ['spaces at the end', (length) => `Bearer a${' '.repeat(length)}`],
    ['tabs between', (length) => `Bearer a${'\t'.repeat(length)}a`],
    ['commas', (length) => `Bearer ${','.repeat(length)}`],
    ['names after commas', (length) => `Bearer ${repeat(',a', length)}`],
    ['spaces after commas', (length) => `Bearer a,${' '.repeat(length)},`],
    ['one long name after a comma', (length) => `Bearer a,${'a'.repeat(length)}`],
    ['another scheme with commas', (length) => `Basic ${repeat(',bearer', length)}`],
    ['another scheme with spaces', (length) => `Basic ,${' '.repeat(length)}`],
    ['one long scheme', (length) => 'bearer'.repeat(length / 6)],
    ['padding', (length) => `Bearer ${'='.repeat(length)}`],
    ['dots', (length) => `Bearer e${'.'.repeat(length)}`],
  ])('%s', async (_, make) => {
    const { api } = await fixture({ maxTokenBytes: 1024 * KIB })
    const send = (value: string) =>
      codeOf(api.authenticate({ method: 'GET', url: RESOURCE, headers: { authorization: value } }))
    await expectLinear(make, send, 56 * KIB)
  })
})

describe('a token takes time in proportion to its length', () => {
  const HEADER = base64url('{"alg":"ES256","typ":"at+jwt","kid":"nobody"}')

  test.each<[string, (length: number) => string]>([
    [
      'members',
      (length) =>
        `{"iss":"${ISSUER}",${distinct(length)
          .map((name) => `"${name}":0`)
          .join(',')}}`,
    ],
    ['one member, repeated', (length) => `{"iss":"${ISSUER}",${repeat('"a":0,', length)}"a":0}`],
    ['empty objects', (length) => `{"iss":"${ISSUER}","a":[${repeat('{},', length)}{}]}`],
    ['backslashes', (length) => `{"iss":"${ISSUER}","a":"${repeat('\\\\', length)}"}`],
    ['quotes behind backslashes', (length) => `{"iss":"${ISSUER}","a":"${repeat('\\"', length)}"}`],
    ['white space', (length) => `{"iss":"${ISSUER}","a"${' '.repeat(length)}:0}`],
    ['nesting', (length) => `{"iss":"${ISSUER}","a":${'['.repeat(length)}${']'.repeat(length)}}`],
    ['digits', (length) => `{"iss":"${ISSUER}","exp":0.${'9'.repeat(length)}}`],
    ['one long issuer', (length) => `{"iss":"${'i'.repeat(length)}"}`],
    ['audiences', (length) => JSON.stringify(goodClaims({ aud: distinct(length) }))],
    ['scopes', (length) => JSON.stringify(goodClaims({ scope: distinct(length).join(' ') }))],
  ])('%s', async (_, make) => {
    const { api } = await fixture({ maxTokenBytes: 1024 * KIB, keys: { cooldownSeconds: 3_600 } })
    await codeOf(api.verify(await signToken()))
    const token = (length: number) => `${HEADER}.${base64url(make(length))}.${'A'.repeat(86)}`
    await expectLinear(token, (one) => codeOf(api.verify(one)), 16 * KIB)
  })

  test('scopes that its issuer signed, held against those of the answer about it', async () => {
    const granted = new Map<string, unknown>()
    const { api } = await introspecting({
      introspection: { use: 'always', cacheSeconds: 300 },
      server: { maxTokenBytes: 1024 * KIB },
      reply: ({ form }) => Response.json(goodAnswer({ scope: granted.get(form.get('token') ?? '') })),
    })
    const tokens = new Map<number, string>()
    for (const length of [4 * KIB, 64 * KIB - 512]) {
      const token = await signToken(goodClaims({ scope: distinct(length).join(' ') }))
      granted.set(token, distinct(length, 'x').join(' '))
      tokens.set(length, token)
      expect((await api.verify(token)).scopes).toEqual([])
    }
    const [small = '', large = ''] = tokens.values()
    const make = (length: number) => (length > 4 * KIB ? large : small)
    await expectLinear(make, (token) => api.verify(token), 64 * KIB)
  })
})

const OAUTH = `${ISSUER}/.well-known/oauth-authorization-server`

async function refresh(answers: Record<string, Response>): Promise<unknown> {
  const api = createResourceServer({
    resource: RESOURCE,
    issuers: [{ issuer: ISSUER }],
    now: () => NOW * 1_000,
    fetch: async (url) => answers[url] ?? Response.json({}, { status: 404 }),
  })
  const outcome = await api.ready().catch((error: unknown) => error)
  api.close()
  return outcome
}

function metadata(): Response {
  return Response.json({ issuer: ISSUER, jwks_uri: `${ISSUER}/jwks` })
}

async function expectRefused(body: string): Promise<void> {
  const outcome = await refresh({ [OAUTH]: metadata(), [`${ISSUER}/jwks`]: new Response(body) })
  expect(outcome).toBeInstanceOf(BearwardError)
}

describe('what an issuer answers takes time in proportion to its length', () => {
  test.each<[string, (length: number) => Record<string, string>]>([
    ['a media type', (length) => ({ 'Content-Type': `application/${repeat('a+', length)}` })],
    ['parameters of a media type', (length) => ({ 'Content-Type': `application/json${';'.repeat(length)}` })],
    ['a lifetime', (length) => ({ 'Content-Type': 'application/json', 'Cache-Control': repeat(', max-age=', length) })],
    [
      'an age',
      (length) => ({ 'Content-Type': 'application/json', 'Cache-Control': 'max-age=9', Age: '9'.repeat(length) }),
    ],
  ])('headers: %s', async (_, make) => {
    const { jwk } = await signingKey()
    const send = (value: string) =>
      refresh({
        [OAUTH]: metadata(),
        [`${ISSUER}/jwks`]: Response.json({ keys: [jwk] }, { headers: JSON.parse(value) as Record<string, string> }),
      })
    await expectLinear((length) => JSON.stringify(make(length)), send, 16 * KIB)
  })

  test.each<[string, (length: number) => string]>([
    ['objects in a key set', (length) => `{"keys":[${repeat('{},', length)}{}]}`],
    [
      'a key set full of keys',
      (length) =>
        `{"keys":[${repeat('{"kty":"EC","crv":"P-256","x":"A","y":"A"},', length)}0]}`.replace(/,[^,}]*0\]/, ',0]'),
    ],
    ['one long key', (length) => `{"keys":[{"kty":"EC","crv":"P-256","x":"${'A'.repeat(length)}","y":"A"}]}`],
    ['one long exponent', (length) => `{"keys":[{"kty":"RSA","n":"AQAB","e":"${'A'.repeat(length)}"}]}`],
    ['one long point', (length) => `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"${'A'.repeat(length)}"}]}`],
    ['one long name', (length) => `{"keys":[{"kty":"EC","kid":"${'A'.repeat(length)}"}]}`],
  ])('documents: %s', async (_, make) => {
    await expectLinear(make, expectRefused, 256 * KIB)
  })

  test.each<[string, (length: number) => Response]>([
    ['members', (length) => Response.json(goodAnswer(Object.fromEntries(distinct(length).map((name) => [name, 0]))))],
    [
      'a media type',
      (length) => new Response('{}', { headers: { 'Content-Type': `application/${repeat('a+', length)}` } }),
    ],
    ['an error', (length) => Response.json({ error: 'a'.repeat(length) }, { status: 400 })],
    [
      'a time to come back',
      (length) => new Response('', { status: 429, headers: { 'Retry-After': '('.repeat(length) } }),
    ],
    ['a subject that repeats the token', (length) => Response.json(goodAnswer({ token_type: 'x'.repeat(length) }))],
  ])('answers about a token: %s', async (_, make) => {
    const events: BearwardEvent[] = []
    const api = createResourceServer({
      resource: RESOURCE,
      now: () => NOW * 1_000,
      onEvent: (event) => events.push(event),
      issuers: [
        {
          issuer: ISSUER,
          jwt: false,
          introspection: introspect({ endpoint: ENDPOINT, auth: 'none', cacheSeconds: 0 }),
        },
      ],
      fetch: async () => make(length),
    })
    let length = 0
    const ask = async (filler: string) => {
      length = filler.length
      await codeOf(api.verify(opaque()))
    }
    await expectLinear((size) => 'x'.repeat(size), ask, 48 * KIB)
  })
})
