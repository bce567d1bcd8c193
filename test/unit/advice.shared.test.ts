import { describe, expect, test } from 'vitest'
import {
  claim,
  createResourceServer,
  resolveIssuers,
  type ResourceServerOptions,
} from '../../src/entry-points/index.ts'
import { quoteSome } from '../../src/errors.ts'
import { goodHeader } from '../attacks/forge.ts'
import { withDetail } from '../fixture/detail.ts'
import { goodAnswer, introspecting, opaque, searchWhatWasEmitted, TOKEN_MARK } from '../fixture/introspection.ts'
import { goodClaims, ISSUER, NOW_MS, RESOURCE, signRaw, signToken } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'

// A refusal that many users meet tells its operator what came, what was expected and what to do.

searchWhatWasEmitted()

async function detailOf(refused: Promise<unknown>): Promise<string> {
  const error: unknown = await refused.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  return (error as { detail?: string } | undefined)?.detail ?? `no refusal: ${String(error)}`
}

describe('quoteSome', () => {
  test.each([
    [0, 'none'],
    [1, '"v0"'],
    [2, '"v0" or "v1"'],
    [3, '"v0", "v1" or one of 1 more'],
    [10_000, '"v0", "v1" or one of 9998 more'],
  ])('of %i values', (count, text) => {
    expect(quoteSome(new Set(Array.from({ length: count }, (_, index) => `v${index}`)))).toBe(text)
  })

  test('shortens and strips each', () => {
    expect(quoteSome(new Set(['a\n"b'.padEnd(100, 'x')]))).toMatch(/^"a\?\?bx{76}…"$/)
  })
})

describe('an issuer that is not trusted', () => {
  const others = ['https://b.example.com', 'https://c.example.com'].map((issuer) => ({ issuer }))

  test.each([
    [1, 'expected "https://login.example.com", got "https://evil.example"'],
    [2, 'expected "https://login.example.com" or "https://b.example.com", got'],
    [3, 'expected "https://login.example.com", "https://b.example.com" or one of 1 more, got'],
  ])('beside %i configured', async (count, words) => {
    const { api } = await fixture({ issuers: [{ issuer: ISSUER }, ...others].slice(0, count) })
    const refused = api.verify(await signToken(goodClaims({ iss: 'https://evil.example' })))
    await expect(refused).rejects.toThrow(withDetail(words))
    expect(await codeOf(refused)).toBe('issuer_untrusted')
  })

  test('is shown beside the one from which it differs by a slash, however many there are', async () => {
    const { api } = await fixture({ issuers: [...others, { issuer: ISSUER }, { issuer: 'https://d.example.com/' }] })
    for (const [iss, expected] of [
      [`${ISSUER}/`, ISSUER],
      ['https://d.example.com', 'https://d.example.com/'],
    ]) {
      expect(await detailOf(api.verify(await signToken(goodClaims({ iss }))))).toContain(
        `expected "${expected}" (note the slash at the end), got "${iss}"`,
      )
    }
  })
})

test('a client that is not accepted is shown beside those that are', async () => {
  const clients = ['client-2', 'client-3', 'client-4']
  const { api } = await fixture({ issuers: [{ issuer: ISSUER, clients }] })
  const words = 'expected "client-2", "client-3" or one of 1 more, got "client-1"'
  expect(await detailOf(api.verify(await signToken()))).toContain(words)
  const nobody = await fixture({ issuers: [{ issuer: ISSUER, clients, jwt: { profile: 'compatible' } }] })
  const token = await signToken(goodClaims({ client_id: undefined }))
  expect(await detailOf(nobody.api.verify(token))).toContain('got none')
})

describe('a token with something around it', () => {
  test.each(['Bearer ', 'bearer ', 'Bearer: ', 'Bearer\t'])('%j before a bare token', async (scheme) => {
    const { api } = await fixture()
    const token = await signToken()
    const refused = api.verify(scheme + token)
    await expect(refused).rejects.toThrow(withDetail('it begins with "Bearer": give `verify` what comes after that'))
    expect(await codeOf(refused)).toBe('token_malformed')
    expect(await codeOf(api.verify(token))).toBe('accepted')
  })

  test('the scheme twice in a header', async () => {
    const { api } = await fixture()
    const token = await signToken()
    const ask = (authorization: string) =>
      api.authenticate({ method: 'GET', url: RESOURCE, headers: { authorization } })
    const refused = ask(`Bearer Bearer ${token}`)
    await expect(refused).rejects.toThrow(withDetail('the scheme Bearer stands twice'))
    expect(await codeOf(refused)).toBe('credentials_malformed')
    expect(await detailOf(ask(`Bearer "${token}"`))).toContain('send it exactly as it was issued')
    expect(await codeOf(ask(`Bearer ${token}`))).toBe('accepted')
  })

  test('padding', async () => {
    const { api } = await fixture()
    const token = await signToken()
    for (const padded of [`${token}=`, `${token}==`, token.replace('.', '=.')]) {
      expect(await detailOf(api.verify(padded))).toMatch(/holds padding \(`=`\).*send it exactly as it was issued/)
      expect(await codeOf(api.verify(padded))).toBe('token_malformed')
    }
    expect(await detailOf(api.verify(`${token}!`))).not.toContain('padding')
  })
})

/** As Entra does it: the `nonce` of the header is another than the one that was signed. */
async function changedAfterSigning(aud: string): Promise<string> {
  const signed = await signRaw(
    JSON.stringify(await goodHeader({ nonce: 'hashed' })),
    JSON.stringify(goodClaims({ aud })),
  )
  const [header] = (await signRaw(JSON.stringify(await goodHeader({ nonce: 'plain' })), '{}')).split('.')
  return [header, ...signed.split('.').slice(1)].join('.')
}

describe('a token for another API', () => {
  test.each(['00000003-0000-0000-c000-000000000000', 'https://graph.microsoft.com'])(
    'Microsoft Graph (%s) is named where the signature fails',
    async (aud) => {
      const { api } = await fixture()
      const refused = api.verify(await changedAfterSigning(aud))
      await expect(refused).rejects.toThrow(
        withDetail(/meant for another API, Microsoft Graph.*ask for a scope of this API/),
      )
      expect(await codeOf(refused)).toBe('signature_invalid')
    },
  )

  test('any other is named by its `aud`, and this one is not', async () => {
    const { api } = await fixture()
    const detail = await detailOf(api.verify(await changedAfterSigning('https://other.example.com')))
    expect(detail).toContain('"https://other.example.com", it is meant for another API. Have the client')
    expect(await detailOf(api.verify(await changedAfterSigning(RESOURCE)))).not.toContain('another API')
    const unchecked = await fixture({ issuers: [{ issuer: ISSUER, audience: null, clients: ['client-1'] }] })
    expect(await detailOf(unchecked.api.verify(await changedAfterSigning('x')))).not.toContain('another API')
  })
})

describe('an opaque token', () => {
  test('where no issuer introspects', async () => {
    for (const issuers of [[{ issuer: ISSUER }], resolveIssuers(() => undefined)]) {
      const { api } = await fixture({ issuers })
      const refused = api.verify(opaque())
      await expect(refused).rejects.toThrow(withDetail('Configure `introspection` for its issuer'))
      expect(await codeOf(refused)).toBe('token_malformed')
    }
  })

  test('that begins with nobody’s prefix', async () => {
    const { api } = await introspecting({ introspection: { opaqueTokens: { prefixes: ['good_'] } } })
    expect(await detailOf(api.verify(opaque('bad')))).toContain('`introspection.opaqueTokens.prefixes`')
    expect(await codeOf(api.verify(opaque('good')))).toBe('accepted')
  })
})

describe('an introspection endpoint', () => {
  test.each([
    [401, 'it answered with status 401: it refuses our own client. Look at `introspection.auth`'],
    [403, 'it answered with status 403: our own client may not introspect. Permit it at the issuer'],
  ])('that answers %i speaks of our own client', async (status, words) => {
    const { api } = await introspecting({ reply: () => new Response('', { status }) })
    const refused = api.verify(opaque())
    await expect(refused).rejects.toThrow(withDetail(words))
    expect(await codeOf(refused)).toBe('issuer_unavailable')
  })

  test('that names the fault keeps its name', async () => {
    const { api } = await introspecting({ reply: () => Response.json({ error: 'invalid_client' }, { status: 401 }) })
    expect(await detailOf(api.verify(opaque()))).toContain('status 401 (invalid_client): it refuses our own client')
  })

  const MEDIA_TYPE = { 'content-type': 'application/token-introspection+jwt' }

  test('that encrypts its signed answers', async () => {
    const { api } = await introspecting({
      introspection: { signedResponse: true },
      reply: () => new Response('e30.YQ.YQ.YQ.YQ', { headers: MEDIA_TYPE }),
    })
    const refused = api.verify(opaque())
    await expect(refused).rejects.toThrow(withDetail('without `introspection_encrypted_response_alg`'))
    expect(await codeOf(refused)).toBe('issuer_unavailable')
  })

  test('that signs them unasked', async () => {
    const { api } = await introspecting({ reply: () => new Response('e30.e30.YQ', { headers: MEDIA_TYPE }) })
    expect(await detailOf(api.verify(opaque()))).toContain('Set `signedResponse: true`')
  })

  test('that redirects: its host is told and nothing else, and not where it repeats the token', async () => {
    for (const [location, told] of [
      [`https://moved.example.com/introspect?token=${opaque()}`, 'to the host "moved.example.com"'],
      [`https://user:${opaque()}@moved.example.com:8443/`, 'to the host "moved.example.com:8443"'],
      ['/elsewhere', 'to the host "login.example.com"'],
      ['https://[', 'with a redirect, and none'],
      [`https://${opaque()}.evil.example/`, 'repeats the token'],
    ] as const) {
      const { api } = await introspecting({ reply: () => new Response(null, { status: 307, headers: { location } }) })
      const detail = await detailOf(api.verify(opaque()))
      expect(detail).toContain(told)
      expect(detail.toLowerCase()).not.toContain(TOKEN_MARK.toLowerCase())
    }
  })

  test('is the accepted twin where it answers', async () => {
    const { api } = await introspecting({ reply: () => Response.json(goodAnswer()) })
    expect(await codeOf(api.verify(opaque()))).toBe('accepted')
  })
})

describe('discovery', () => {
  test('that finds nothing at either address', async () => {
    const { api, upstream } = await fixture()
    upstream.answers.clear()
    const refused = api.verify(await signToken())
    await expect(refused).rejects.toThrow(
      withDetail(/404.*404\. If it is at another address, set `metadata: \{ url \}`/),
    )
    const configured = await fixture({ issuers: [{ issuer: ISSUER, metadata: { url: `${ISSUER}/gone` } }] })
    const detail = await detailOf(configured.api.verify(await signToken()))
    expect([detail.includes('404'), detail.includes('at another address')]).toEqual([true, false])
  })

  test('that is redirected names the host and no query', async () => {
    const { api, upstream } = await fixture()
    const location = 'https://sso.example.com/login?state=hunter2'
    upstream.answers.set(`${ISSUER}/jwks`, () => new Response(null, { status: 303, headers: { location } }))
    const detail = await detailOf(api.verify(await signToken()))
    expect(detail).toContain('a redirect to the host "sso.example.com", and none is followed. Configure the address')
    expect(detail).not.toContain('hunter2')
  })

  test('of an address with a key in it does not tell a host that repeats the key', async () => {
    const jwksUri = `${ISSUER}/jwks?key=abcdefghijklmnopqrstuvwxyz`
    const { api, upstream } = await fixture({ issuers: [{ issuer: ISSUER, jwt: { jwksUri } }] })
    const location = 'https://abcdefghijklmnopqrstuvwxyz.evil.example/'
    upstream.answers.set(jwksUri, () => new Response(null, { status: 303, headers: { location } }))
    expect(await detailOf(api.verify(await signToken()))).toContain('with a redirect, and none is followed')
  })
})

function create(options: Partial<ResourceServerOptions>): unknown {
  return createResourceServer({ resource: RESOURCE, issuers: [{ issuer: ISSUER }], now: () => NOW_MS, ...options })
}

test('a resource that is no URI', () => {
  expect(() => create({ resource: 'orders-api' })).toThrow(/option "resource".*"audience" may be any string/)
  expect(() => create({ audience: 'orders-api' })).not.toThrow()
})

describe('claim(name, value)', () => {
  test.each<[unknown, string]>([
    [['orders', 'admin'], 'claim "role" does not fit: it is an array. Use a predicate: claim("role", (value) => Array'],
    [7, 'claim "role" does not fit: it is a number, compared with a string'],
    [true, 'claim "role" does not fit: it is a boolean, compared with a string'],
    [{ a: 1 }, 'claim "role" does not fit: it is an object, compared with a string'],
    ['user', 'claim "role" does not fit'],
  ])('of %j says what was overlooked, and not what came', async (role, words) => {
    const { api } = await fixture()
    const token = await api.verify(await signToken(goodClaims({ role })))
    expect(() => api.authorize(token, claim('role', 'admin'))).toThrow(withDetail(words))
    expect(() => api.authorize(token, claim('role', 'admin'))).not.toThrow(withDetail('orders'))
    expect(() =>
      api.authorize(
        token,
        claim('role', (value) => value === token.claims['role']),
      ),
    ).not.toThrow()
  })
})
