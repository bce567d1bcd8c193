import { describe, expect, test } from 'vitest'
import { withDetail } from '../fixture/detail.ts'
import { clientSecretBasic, type IntrospectOptions } from '../../src/entry-points/index.ts'
import {
  CLIENT_ID,
  CLIENT_SECRET,
  goodAnswer,
  introspecting,
  opaque,
  searchWhatWasEmitted,
} from '../fixture/introspection.ts'
import { base64url, ISSUER, NOW, NOW_MS, RESOURCE, signRaw, signToken, signingKey } from '../fixture/issuer.ts'
import { codeOf } from '../fixture/server.ts'

searchWhatWasEmitted()

const MEDIA_TYPE = 'application/token-introspection+jwt'
const TYPE = 'token-introspection+jwt'

function signedClaims(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return { iss: ISSUER, aud: RESOURCE, iat: NOW, token_introspection: goodAnswer(), ...changes }
}

async function signed(claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}): Promise<string> {
  return signToken(signedClaims(claims), { typ: TYPE, ...header })
}

function response(body: string, type = MEDIA_TYPE, status = 200): Response {
  return new Response(body, { status, headers: { 'content-type': type } })
}

async function signing(body: string, setup: { introspection?: Partial<IntrospectOptions>; type?: string } = {}) {
  return introspecting({
    introspection: { signedResponse: true, ...setup.introspection },
    reply: () => response(body, setup.type),
  })
}

async function outcomeOf(body: string, setup: Parameters<typeof signing>[1] = {}): Promise<unknown> {
  const { api } = await signing(body, setup)
  return codeOf(api.verify(opaque()))
}

describe('RFC 9701 §4: the request', () => {
  test('asks for a signed answer', async () => {
    const { api, endpoint } = await signing(await signed())
    await api.verify(opaque())
    expect(endpoint.asked[0]?.headers.get('accept')).toBe(MEDIA_TYPE)
    expect(endpoint.asked[0]?.form.get('token')).toBe(opaque())
    expect(endpoint.asked[0]?.headers.get('authorization')).toMatch(/^Basic /)
  })
})

describe('RFC 9701 §5: the answer', () => {
  test('is taken from `token_introspection`, and nowhere else', async () => {
    const { api } = await signing(await signed({ sub: 'outside', scope: 'admin' }))
    const token = await api.verify(opaque())
    expect(token).toMatchObject({ format: 'opaque', subject: 'user-1', scopes: ['orders:read', 'orders:write'] })
    expect(Object.isFrozen(token.claims)).toBe(true)
  })

  test('inactive is inactive', async () => {
    expect(await outcomeOf(await signed({ token_introspection: { active: false } }))).toBe('token_inactive')
  })

  test('its members obey the same rules as unsigned ones', async () => {
    expect(await outcomeOf(await signed({ token_introspection: goodAnswer({ active: 'true' }) }))).toBe(
      'issuer_unavailable',
    )
    expect(await outcomeOf(await signed({ token_introspection: goodAnswer({ aud: 'https://x.example.com' }) }))).toBe(
      'audience_mismatch',
    )
  })

  test.each([MEDIA_TYPE, `${MEDIA_TYPE}; charset=utf-8`, 'Application/Token-Introspection+JWT'])(
    'as %s',
    async (type) => {
      expect(await outcomeOf(await signed(), { type })).toBe('accepted')
    },
  )

  test.each(['application/jwt', 'application/json', 'text/plain'])('not as %s', async (type) => {
    expect(await outcomeOf(await signed(), { type })).toBe('issuer_unavailable')
  })

  test.each([
    [TYPE, 'accepted'],
    [`application/${TYPE}`, 'accepted'],
    [TYPE.toUpperCase(), 'accepted'],
    ['at+jwt', 'issuer_unavailable'],
    ['JWT', 'issuer_unavailable'],
    [undefined, 'issuer_unavailable'],
  ])('typ %s: %s', async (typ, outcome) => {
    expect(await outcomeOf(await signed({}, { typ }))).toBe(outcome)
  })

  test.each([
    [ISSUER, 'accepted'],
    [`${ISSUER}/`, 'issuer_unavailable'],
    ['https://other.example.com', 'issuer_unavailable'],
    [undefined, 'issuer_unavailable'],
    [7, 'issuer_unavailable'],
  ])('iss %s: %s', async (iss, outcome) => {
    expect(await outcomeOf(await signed({ iss }))).toBe(outcome)
  })

  test.each([
    [RESOURCE, 'accepted'],
    [CLIENT_ID, 'accepted'],
    [[CLIENT_ID, 'https://other.example.com'], 'accepted'],
    ['https://other.example.com', 'issuer_unavailable'],
    [[], 'issuer_unavailable'],
    [[7], 'issuer_unavailable'],
    [undefined, 'issuer_unavailable'],
    [null, 'issuer_unavailable'],
  ])('aud %j: %s', async (aud, outcome) => {
    expect(await outcomeOf(await signed({ aud }))).toBe(outcome)
  })

  test('without a client id only the resource is its audience', async () => {
    const introspection = { auth: 'none' as const }
    expect(await outcomeOf(await signed(), { introspection })).toBe('accepted')
    expect(await outcomeOf(await signed({ aud: CLIENT_ID }), { introspection })).toBe('issuer_unavailable')
  })

  test.each([
    [NOW, 'accepted'],
    [NOW - 70, 'accepted'],
    [NOW - 71, 'issuer_unavailable'],
    [NOW + 10, 'accepted'],
    [NOW + 11, 'issuer_unavailable'],
    [undefined, 'issuer_unavailable'],
    [`${NOW}`, 'issuer_unavailable'],
  ])('iat %s: %s', async (iat, outcome) => {
    expect(await outcomeOf(await signed({ iat }))).toBe(outcome)
  })

  test.each([
    ['absent', undefined],
    ['null', null],
    ['an array', [{ active: true }]],
    ['text', JSON.stringify(goodAnswer())],
  ])('`token_introspection` that is %s', async (_, answer) => {
    expect(await outcomeOf(await signed({ token_introspection: answer }))).toBe('issuer_unavailable')
  })

  test('a key of somebody else', async () => {
    const stranger = await signingKey('ES256', 'stranger')
    expect(await outcomeOf(await signToken(signedClaims(), { typ: TYPE }, stranger))).toBe('issuer_unavailable')
    const masked = await signToken(signedClaims(), { typ: TYPE, kid: 'ES256-1' }, stranger)
    expect(await outcomeOf(masked)).toBe('issuer_unavailable')
  })

  test('an algorithm that is not accepted', async () => {
    const key = await signingKey('RS256')
    const jwt = await signToken(signedClaims(), { typ: TYPE }, key)
    for (const [algorithms, outcome] of [
      [['ES256', 'RS256'], 'accepted'],
      [['ES256'], 'issuer_unavailable'],
    ] as const) {
      const { api } = await introspecting({
        introspection: { signedResponse: true },
        issuer: { jwt: { jwks: { keys: [key.jwk, (await signingKey()).jwk] }, algorithms } },
        reply: () => response(jwt),
      })
      expect(await codeOf(api.verify(opaque()))).toBe(outcome)
    }
  })

  test('no signature', async () => {
    const header = base64url(JSON.stringify({ alg: 'none', typ: TYPE }))
    const jwt = `${header}.${base64url(JSON.stringify(signedClaims()))}.`
    expect(await outcomeOf(jwt)).toBe('issuer_unavailable')
  })

  test('a payload with a repeated member', async () => {
    const payload = JSON.stringify(signedClaims())
    const header = JSON.stringify({ alg: 'ES256', kid: 'ES256-1', typ: TYPE })
    expect(await outcomeOf(await signRaw(header, payload))).toBe('accepted')
    expect(await outcomeOf(await signRaw(header, payload.replace('{', '{"iss":"x",')))).toBe('issuer_unavailable')
  })

  test.each([
    ['a part cut off', (jwt: string) => jwt.slice(0, jwt.lastIndexOf('.'))],
    ['a signature changed', (jwt: string) => jwt.slice(0, -8) + (jwt.endsWith('AAAAAAAA') ? 'BBBBBBBA' : 'AAAAAAAA')],
    ['a line feed behind it', (jwt: string) => `${jwt}\n`],
    ['nothing left of it', () => ''],
  ])('%s', async (_, spoil) => {
    expect(await outcomeOf(spoil(await signed()))).toBe('issuer_unavailable')
  })
})

describe('RFC 9701 §8: downgrade', () => {
  test('an unsigned answer is refused', async () => {
    expect(await outcomeOf(JSON.stringify(goodAnswer()), { type: 'application/json' })).toBe('issuer_unavailable')
    expect(await outcomeOf(JSON.stringify(goodAnswer()))).toBe('issuer_unavailable')
    expect(await outcomeOf(await signed())).toBe('accepted')
  })

  test('an unsigned “inactive” is no answer either', async () => {
    expect(await outcomeOf(JSON.stringify({ active: false }), { type: 'application/json' })).toBe('issuer_unavailable')
  })

  test('an error status is told as such', async () => {
    const jwt = await signed()
    const { api } = await introspecting({
      introspection: { signedResponse: true },
      reply: () => response(jwt, MEDIA_TYPE, 401),
    })
    await expect(api.verify(opaque())).rejects.toThrow(withDetail('status 401'))
  })

  test('where none was asked for, a signed answer is not read', async () => {
    expect(await outcomeOf(await signed(), { introspection: { signedResponse: false } })).toBe('issuer_unavailable')
  })
})

describe('RFC 9701 §5: keys', () => {
  test('an issuer whose JWTs are not verified here has its keys fetched for its answers', async () => {
    const { api, upstream } = await introspecting({
      introspection: { signedResponse: true },
      issuer: { jwt: false },
      reply: async () => response(await signed()),
    })
    expect(await codeOf(api.verify(opaque()))).toBe('accepted')
    expect(upstream.calls).toContain(`${ISSUER}/jwks`)
  })

  test('keys that cannot be had are an outage of the issuer: 503', async () => {
    const { api, upstream } = await introspecting({
      introspection: { signedResponse: true },
      reply: async () => response(await signed()),
    })
    upstream.answers.set(`${ISSUER}/jwks`, () => new Response('', { status: 500 }))
    const error = await api.verify(opaque()).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'issuer_unavailable', status: 503 })
  })

  test('a key that the issuer rotated in since is found', async () => {
    const next = await signingKey('ES256', 'next')
    const { api, upstream, endpoint, clock } = await introspecting({
      introspection: { signedResponse: true },
      reply: async () => response(await signed()),
    })
    expect(await codeOf(api.verify(opaque('one')))).toBe('accepted')
    upstream.publish(next.jwk)
    clock.ms = NOW_MS + 31_000
    endpoint.reply = async () => response(await signToken(signedClaims({ iat: NOW + 31 }), { typ: TYPE }, next))
    expect(await codeOf(api.verify(opaque('two')))).toBe('accepted')
  })
})

describe('RFC 9701 §8.1: a signed answer is no access token', () => {
  // Made to look as much like an access token as an answer can.
  const disguise = { sub: 'user-1', client_id: 'client-1', jti: 'id-1', exp: NOW + 300, scope: 'orders:read' }

  test.each(['rfc9068', 'compatible'] as const)('under the profile %s', async (profile) => {
    const { api, endpoint } = await introspecting({
      introspection: { signedResponse: true },
      issuer: { jwt: { profile } },
    })
    expect(await codeOf(api.verify(await signed(disguise)))).toBe('token_type_wrong')
    expect(endpoint.asked).toEqual([])
    expect(await codeOf(api.verify(await signed(disguise, { typ: 'at+jwt' })))).toBe('accepted')
  })

  test('where JWTs are left to the issuer, it is the issuer that is asked', async () => {
    const { api, endpoint } = await introspecting({
      introspection: {
        auth: clientSecretBasic({ clientId: CLIENT_ID, clientSecret: CLIENT_SECRET }),
      },
      issuer: { jwt: false },
      reply: () => Response.json({ active: false }),
    })
    expect(await codeOf(api.verify(await signed(disguise)))).toBe('token_inactive')
    expect(endpoint.asked).toHaveLength(1)
  })
})
