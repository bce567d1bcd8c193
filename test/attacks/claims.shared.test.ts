import { describe, expect, test } from 'vitest'
import { allOf, claim, type ResourceServerOptions, scope } from '../../src/entry-points/index.ts'
import { goodClaims, ISSUER, NOW, RESOURCE, signRaw, signToken } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'
import { expectRefused, goodHeader } from './forge.ts'

async function outcome(
  claims: Record<string, unknown>,
  options: Partial<ResourceServerOptions> = {},
): Promise<unknown> {
  const { api } = await fixture(options)
  return codeOf(api.verify(await signToken(goodClaims(claims))))
}

/** Claims whose JSON text is given, for what no serializer would write. */
async function outcomeOfText(member: string, value: string): Promise<unknown> {
  const { api } = await fixture()
  const payload = JSON.stringify(goodClaims({ [member]: '?' })).replace('"?"', value)
  return codeOf(api.verify(await signRaw(JSON.stringify(await goodHeader()), payload)))
}

describe('audiences (CVE-2025-62610)', () => {
  test.each([
    'https://api.example.co',
    'https://api.example.com.evil.example',
    'https://api.example.com/',
    'xhttps://api.example.com',
    'https://api.example.com,https://evil.example',
    'https://evil.example https://api.example.com',
    'HTTPS://API.EXAMPLE.COM',
    '*',
    '',
    'null',
    'undefined',
    '__proto__',
    '0',
  ])('%j is another audience, alone and in an array', async (aud) => {
    expect(await outcome({ aud: RESOURCE })).toBe('accepted')
    expect(await outcome({ aud })).toBe('audience_mismatch')
    expect(await outcome({ aud: [aud, 'https://evil.example'] })).toBe('audience_mismatch')
  })

  test.each([
    [[RESOURCE, 1]],
    [[RESOURCE, null]],
    [[[RESOURCE]]],
    [[{ toString: RESOURCE }]],
    [{ 0: RESOURCE, length: 1 }],
    [{ [RESOURCE]: true }],
    [true],
    [0],
  ])('%j is no audience at all', async (aud) => {
    expect(await outcome({ aud: [RESOURCE, 'https://other.example.com'] })).toBe('accepted')
    expect(await outcome({ aud })).toBe('claim_invalid')
  })

  test('an absent or empty audience is never any audience', async () => {
    expect(await outcome({ aud: undefined })).toBe('claim_missing')
    expect(await outcome({ aud: null })).toBe('claim_missing')
    expect(await outcome({ aud: [] })).toBe('audience_mismatch')
    const issuers = [{ issuer: ISSUER, jwt: { profile: 'compatible' as const } }]
    expect(await outcome({ aud: RESOURCE }, { issuers })).toBe('accepted')
    expect(await outcome({ aud: undefined }, { issuers })).toBe('claim_missing')
    expect(await outcome({ aud: null }, { issuers })).toBe('claim_missing')
    expect(await outcome({ aud: [] }, { issuers })).toBe('audience_mismatch')
  })

  test('a client identifier in `aud` is no audience, and an audience is no client', async () => {
    const issuers = [{ issuer: ISSUER, audience: null, clients: ['client-1'] }]
    expect(await outcome({}, { issuers })).toBe('accepted')
    expect(await outcome({ client_id: 'client-2', aud: 'client-1' }, { issuers })).toBe('client_refused')
    expect(await outcome({ client_id: 'client-2', azp: 'client-1' }, { issuers })).toBe('client_refused')
    expect(await outcome({ client_id: 'client-1 ' }, { issuers })).toBe('client_refused')
    expect(await outcome({ client_id: ['client-1'] }, { issuers })).toBe('claim_invalid')
  })
})

describe('times', () => {
  test.each(['1e999', '-1e999', '1e308', '9007199254740993', '-9007199254740993', '1e16'])(
    'a number beyond 2^53 − 1 is refused in every time: %s',
    async (value) => {
      for (const name of ['exp', 'iat', 'nbf']) {
        expect(await outcomeOfText(name, `${name === 'exp' ? NOW + 300 : NOW - 10}`)).toBe('accepted')
        expect(await outcomeOfText(name, value)).toMatch(/^(claim_invalid|token_malformed)$/)
      }
    },
  )

  test.each([[`${NOW + 300}`], ['NaN'], ['Infinity'], [''], ['2030-01-01'], [true], [[NOW + 300]], [{ valueOf: 1 }]])(
    'an expiry of %j is no number',
    async (exp) => {
      expect(await outcome({ exp: NOW + 300 })).toBe('accepted')
      expect(await outcome({ exp })).toBe('claim_invalid')
      expect(await outcome({ nbf: exp })).toBe('claim_invalid')
      expect(await outcome({ iat: exp })).toBe('claim_invalid')
    },
  )

  test('NaN and Infinity as JSON text are no JSON', async () => {
    for (const text of ['NaN', 'Infinity', '-Infinity', 'undefined']) {
      expect(await outcomeOfText('exp', text)).toBe('token_malformed')
    }
  })

  test('milliseconds are not taken for seconds', async () => {
    expect(await outcome({ exp: (NOW + 300) * 1000 })).toBe('claim_invalid')
    expect(await outcome({ exp: NOW + 10 * 365 * 86_400 })).toBe('accepted')
    expect(await outcome({ exp: NOW + 11 * 366 * 86_400 })).toBe('claim_invalid')
    expect(await outcome({ iat: NOW * 1000 })).toBe('claim_invalid')
  })

  test('negative and zero times are long past', async () => {
    for (const exp of [0, -0, -1, -NOW, 1]) expect(await outcome({ exp, iat: undefined })).toBe('claim_missing')
    for (const exp of [0, -0, -1, -NOW, 1]) expect(await outcome({ exp, iat: exp - 1 })).toBe('token_expired')
    expect(await outcome({ nbf: 0, iat: 0 })).toBe('accepted')
  })

  test('an expiry of null is none, and none is refused under both profiles', async () => {
    const issuers = [{ issuer: ISSUER, jwt: { profile: 'compatible' as const } }]
    for (const options of [{}, { issuers }]) {
      expect(await outcome({}, options)).toBe('accepted')
      expect(await outcome({ exp: null }, options)).toBe('claim_missing')
      expect(await outcome({ exp: undefined }, options)).toBe('claim_missing')
    }
  })

  test('a token from the future is refused, an hour and a year ahead (jose accepts both)', async () => {
    for (const ahead of [3_600, 31_536_000]) {
      expect(await outcome({ iat: NOW + ahead, exp: NOW + ahead + 300 })).toBe('token_not_yet_valid')
      expect(await outcome({ nbf: NOW + ahead, exp: NOW + ahead + 300 })).toBe('token_not_yet_valid')
    }
  })

  test('the clock is looked at again for a token seen before', async () => {
    const { api, clock } = await fixture()
    const token = await signToken(goodClaims({ nbf: NOW - 5 }))
    expect(await codeOf(api.verify(token))).toBe('accepted')
    clock.ms -= 60_000
    expect(await codeOf(api.verify(token))).toBe('token_not_yet_valid')
    clock.ms += 60_000 + 311_000
    expect(await codeOf(api.verify(token))).toBe('token_expired')
  })

  test('what is expired and lacks scope is called expired', async () => {
    const { api, clock } = await fixture()
    const token = await signToken(goodClaims({ scope: '' }))
    const verified = await api.verify(token)
    expect(() => api.authorize(verified, scope('admin'))).toThrow(
      expect.objectContaining({ code: 'scope_insufficient' }),
    )
    clock.ms += 400_000
    expect(await codeOf(api.verify(token))).toBe('token_expired')
  })
})

describe('prototypes', () => {
  test('a member called like a method of Object is a claim, and what is inherited is none', async () => {
    const { api } = await fixture()
    const members = { constructor: 'a', toString: 'b', hasOwnProperty: 'c', valueOf: 'd' }
    const token = await api.verify(await signToken(goodClaims(members)))
    expect(token.claims).toMatchObject(members)
    expect(() => api.authorize(token, claim('toString', 'b'))).not.toThrow()
    const plain = await api.verify(await signToken())
    for (const name of ['toString', 'constructor', '__proto__', 'hasOwnProperty']) {
      const anything = claim(name, () => true)
      expect(() => api.authorize(plain, anything)).toThrow(expect.objectContaining({ code: 'access_denied' }))
    }
  })

  test('the token and its claims are frozen to the last member', async () => {
    const { api } = await fixture()
    const claims = goodClaims({ deep: { list: [{ a: 1 }] }, act: { sub: 'x' }, amr: ['pwd'] })
    const token = await api.verify(await signToken(claims))
    const seen = new Set<unknown>()
    const check = (value: unknown): void => {
      if (typeof value !== 'object' || value === null || seen.has(value)) return
      seen.add(value)
      expect(Object.isFrozen(value)).toBe(true)
      for (const inner of Object.values(value)) check(inner)
    }
    check(token)
    expect(seen.size).toBeGreaterThan(8)
  })

  test('a requirement that alters the token cannot: the next request sees it whole', async () => {
    const { api } = await fixture()
    const text = await signToken(goodClaims({ list: ['a'] }))
    const token = await api.verify(text)
    const grab = claim('list', (list) => {
      ;(list as string[]).push('admin')
      return true
    })
    expect(() => api.authorize(token, allOf(grab))).toThrow(expect.objectContaining({ code: 'access_denied' }))
    expect((await api.verify(text)).claims['list']).toEqual(['a'])
  })
})

describe('bound tokens are no bearer tokens', () => {
  const thumbprint = '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I'

  test.each([
    ['DPoP', { jkt: thumbprint }],
    ['mutual TLS', { 'x5t#S256': thumbprint }],
    ['both', { jkt: thumbprint, 'x5t#S256': thumbprint }],
    ['a key', { jwk: { kty: 'EC' } }],
    ['a key identifier', { kid: 'x' }],
    ['a method that nobody knows', { osc: 1 }],
    ['nothing', {}],
    ['an inherited-looking method', { constructor: thumbprint }],
  ])('one bound by %s is refused, first and cached, from a queue and from a header', async (_, cnf) => {
    const { api } = await expectRefused(await signToken(), [await signToken(goodClaims({ cnf }))], 'binding_mismatch')
    const cached = await fixture()
    const token = await signToken(goodClaims({ cnf }))
    for (const scheme of ['Bearer', 'bearer']) {
      const view = {
        method: 'GET',
        url: RESOURCE,
        headers: { authorization: `${scheme} ${token}`, dpop: 'e30.e30.AA' },
      }
      expect(await codeOf(api.authenticate(view))).toBe('binding_mismatch')
      expect(await codeOf(cached.api.authenticate(view))).toBe('binding_mismatch')
      expect(await codeOf(cached.api.verify(token))).toBe('binding_mismatch')
    }
  })

  test.each([
    [{ jkt: '' }],
    [{ jkt: 1 }],
    [{ jkt: [thumbprint] }],
    [{ 'x5t#S256': {} }],
    ['text'],
    [[thumbprint]],
    [true],
    [0],
    [''],
    [false],
  ])('a `cnf` of %j is refused as malformed, not overlooked', async (cnf) => {
    await expectRefused(await signToken(), [await signToken(goodClaims({ cnf }))], 'claim_invalid')
  })

  test('a `cnf` with empty members alone is still a binding', async () => {
    await expectRefused(await signToken(), [await signToken(goodClaims({ cnf: { jkt: null } }))], 'binding_mismatch')
  })

  test('a `cnf` of null is none', async () => {
    expect(await outcome({ cnf: null })).toBe('accepted')
  })

  test('an unbound token with a stray DPoP header passes as the bearer token it is', async () => {
    const { api } = await fixture()
    const headers = { authorization: `Bearer ${await signToken()}`, dpop: 'junk' }
    expect(await codeOf(api.authenticate({ method: 'GET', url: RESOURCE, headers }))).toBe('accepted')
  })

  test('the scheme DPoP is not understood, and no way in for any token', async () => {
    const { api } = await fixture()
    for (const scheme of ['DPoP', 'dpop', 'Token', 'JWT', 'Basic']) {
      const headers = { authorization: `${scheme} ${await signToken()}` }
      expect(await codeOf(api.authenticate({ method: 'GET', url: RESOURCE, headers }))).toBe('credentials_missing')
    }
  })
})
