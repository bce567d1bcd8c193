import { afterEach, describe, expect, type MockInstance, test, vi } from 'vitest'
import type { StandardSchemaV1 } from '../../../../src/entry-points/index.ts'
import { base64url, goodClaims, ISSUER, NOW, signingKey, signRaw, signToken } from '../../../fixture/issuer.ts'
import { codeOf, fixture } from '../../../fixture/server.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

function tampered(token: string): string {
  const at = token.lastIndexOf('.') + 10
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
}

/** Spoils a token so that it lacks what makes it good, but keeps what a careless look-up may go by. */
function spellings(token: string): string[] {
  const [header, payload, signature] = token.split('.') as [string, string, string]
  return [
    ` ${token}`,
    `${token} `,
    `${token}=`,
    `${token}\n`,
    `${token}.`,
    `.${token}`,
    token.toUpperCase(),
    `${header}.${payload}. ${signature}`,
    `${header} .${payload}.${signature}`,
    `${header}.${payload}\u0000.${signature}`,
    `${header}.${payload}.${signature.slice(0, -1)}\u0101`,
    `${header}.${payload}é.${signature}`,
    `{"payload":"${payload}","signature":"${signature}"}`,
    `${header}.${payload}.${'A'.repeat(signature.length)}`,
    `${'x'.repeat(20_000)}${token}`,
    token.slice(1),
    token.slice(-32),
  ]
}

/** How many of the texts that were parsed are headers. */
function headersIn(parse: MockInstance<typeof JSON.parse>): number {
  return parse.mock.calls.filter(([text]) => text.includes('"typ":"at+jwt"')).length
}

describe('claims that are read while the signature is checked', () => {
  const BAD: readonly [string, Record<string, unknown>, string][] = [
    ['of a wrong type', { sub: 5 }, 'claim_invalid'],
    ['that are missing', { jti: undefined }, 'claim_missing'],
    ['of a token that expired', { iat: NOW - 120, exp: NOW - 60 }, 'token_expired'],
    ['for another resource', { aud: 'https://other.example.com' }, 'audience_mismatch'],
  ]

  test.each(BAD)('%s refuse the token once its signature holds', async (_, claims, code) => {
    const { api } = await fixture()
    const token = await signToken(goodClaims(claims))
    expect(await codeOf(api.verify(token))).toBe(code)
    expect(await codeOf(api.verify(tampered(token)))).toBe('signature_invalid')
  })

  test.each(BAD)('%s say nothing while the keys cannot be had', async (_, claims) => {
    const { api, upstream } = await fixture()
    upstream.answers.set(`${ISSUER}/jwks`, () => new Response('', { status: 500 }))
    expect(await codeOf(api.verify(await signToken(goodClaims(claims))))).toBe('issuer_unavailable')
  })

  test('are not shown to the schema before the signature holds', async () => {
    const shown: unknown[] = []
    const validate = (value: unknown): { value: unknown } => {
      shown.push(value)
      return { value }
    }
    const claims: StandardSchemaV1 = { '~standard': { version: 1, vendor: 'test', validate } }
    const { api } = await fixture({ claims: claims as unknown as undefined })
    const token = await signToken(goodClaims({ sub: 'a stranger' }))
    expect(await codeOf(api.verify(tampered(token)))).toBe('signature_invalid')
    expect(shown).toEqual([])
    expect(await codeOf(api.verify(token))).toBe('accepted')
    expect(shown).toHaveLength(1)
  })

  test('are held against the clock of the end of the check, not of its start', async () => {
    const { api, clock } = await fixture()
    await api.verify(await signToken(goodClaims({ jti: 'warm' })))
    const token = await signToken(goodClaims({ exp: NOW + 100 }))
    const late = api.verify(token)
    clock.ms += 200_000
    expect(await codeOf(late)).toBe('token_expired')
    clock.ms -= 200_000
    expect(await codeOf(api.verify(token))).toBe('accepted')
  })

  test('count for nothing where the runtime refuses to verify', async () => {
    const { api } = await fixture()
    await api.verify(await signToken(goodClaims({ jti: 'warm' })))
    vi.spyOn(crypto.subtle, 'verify').mockRejectedValue(new TypeError('no'))
    expect(await codeOf(api.verify(await signToken()))).toBe('signature_invalid')
    vi.spyOn(crypto.subtle, 'verify').mockImplementation(() => {
      throw new TypeError('no')
    })
    expect(await codeOf(api.verify(await signToken()))).toBe('signature_invalid')
  })
})

describe('the bytes that are verified', () => {
  test('are those of the token, and stay so while other tokens are verified', async () => {
    const { api } = await fixture({ tokenCache: false })
    const verify = vi.spyOn(crypto.subtle, 'verify')
    const tokens = await Promise.all(
      Array.from({ length: 200 }, (_, index) => signToken(goodClaims({ jti: `${index}` }))),
    )
    await Promise.all(tokens.map((token) => api.verify(token)))
    const seen = verify.mock.calls.map(([, , signature, data]) => {
      const signed = new TextDecoder().decode(data)
      return `${signed}.${base64url(new Uint8Array(signature as Uint8Array))}`
    })
    expect(new Set(seen)).toEqual(new Set(tokens))
    expect(seen).toHaveLength(200)
  })

  test('of tokens that are verified at once are not mixed up', async () => {
    const { api } = await fixture({ tokenCache: false })
    const tokens = await Promise.all(
      Array.from({ length: 64 }, (_, index) => signToken(goodClaims({ jti: `${index}` }))),
    )
    const outcomes = await Promise.all(
      tokens.map((token, index) => codeOf(api.verify(index % 2 === 0 ? token : tampered(token)))),
    )
    expect(outcomes).toEqual(tokens.map((_, index) => (index % 2 === 0 ? 'accepted' : 'signature_invalid')))
  })
})

describe('what is remembered changes no answer', () => {
  test('a known token’s other spellings are refused as by a server that knows nothing', async () => {
    const knowing = await fixture()
    const token = await signToken()
    expect(await codeOf(knowing.api.verify(token))).toBe('accepted')
    for (const spelling of spellings(token)) {
      const fresh = await fixture()
      const [known, unknown] = [await codeOf(knowing.api.verify(spelling)), await codeOf(fresh.api.verify(spelling))]
      expect([spelling, known]).toEqual([spelling, unknown])
      expect(known).not.toBe('accepted')
    }
    expect(await codeOf(knowing.api.verify(token))).toBe('accepted')
  })

  test.each([[undefined], [null], [5], [{}], [['token']], [new String('token')], [{ slice: () => 'x' }]])(
    'what is no string is refused: %j',
    async (value) => {
      const { api } = await fixture()
      expect(await codeOf(api.verify(value as unknown as string))).toBe('token_malformed')
    },
  )

  test.each([
    ['another algorithm', { alg: 'none', kid: 'ES256-1', typ: 'at+jwt' }, 'algorithm_refused'],
    ['another type', { alg: 'ES256', kid: 'ES256-1', typ: 'JWT' }, 'token_type_wrong'],
    ['another key', { alg: 'ES256', kid: 'ES256-2', typ: 'at+jwt' }, 'key_unknown'],
    ['an extension', { alg: 'ES256', kid: 'ES256-1', typ: 'at+jwt', crit: ['x'] }, 'token_malformed'],
  ])('a header with %s is refused beside one that is known', async (_, header, code) => {
    const { api } = await fixture()
    const token = await signToken()
    expect(await codeOf(api.verify(token))).toBe('accepted')
    const [, payload, signature] = token.split('.')
    const spoilt = `${base64url(JSON.stringify(header))}.${payload}.${signature}`
    for (let time = 0; time < 2; time++) expect(await codeOf(api.verify(spoilt))).toBe(code)
    expect(await codeOf(api.verify(await signToken(goodClaims({ jti: 'next' }))))).toBe('accepted')
  })

  test('only a header whose signature held is remembered', async () => {
    const { api } = await fixture()
    await api.verify(await signToken(goodClaims({ jti: 'warm' })))
    const strange = tampered(await signToken(goodClaims(), { note: 'never verified' }))
    expect(await codeOf(api.verify(strange))).toBe('signature_invalid')
    const parse = vi.spyOn(JSON, 'parse')
    await codeOf(api.verify(strange))
    expect(parse).toHaveBeenCalledTimes(2)
  })

  test('headers are forgotten with the keys of their time', async () => {
    const { api, clock } = await fixture()
    await api.verify(await signToken(goodClaims({ jti: 'warm', exp: NOW + 10_000 })))
    const token = await signToken(goodClaims({ exp: NOW + 10_000 }))
    const next = await signToken(goodClaims({ jti: 'next', exp: NOW + 10_000 }))
    clock.ms += 700_000
    const parse = vi.spyOn(JSON, 'parse')
    expect(await codeOf(api.verify(token))).toBe('accepted')
    // The header was known when the token came, and is parsed anew once the new keys are there.
    expect(headersIn(parse)).toBe(1)
    await api.verify(next)
    expect(headersIn(parse)).toBe(1)
  })

  test('the same header under two resource servers is remembered by each for itself', async () => {
    const [one, other] = [await fixture(), await fixture()]
    const token = await signToken()
    await one.api.verify(token)
    const parse = vi.spyOn(JSON, 'parse')
    await other.api.verify(token)
    expect(headersIn(parse)).toBeGreaterThan(0)
  })
})

test('a token with characters beyond ASCII in its claims is read whole', async () => {
  const { api } = await fixture()
  const claims = goodClaims({ name: 'Bärbel 🐻 \u20ac', sub: 'ümlaut' })
  const token = await signRaw(
    JSON.stringify({ alg: 'ES256', kid: (await signingKey()).jwk.kid, typ: 'at+jwt' }),
    JSON.stringify(claims),
  )
  const accepted = await api.verify(token)
  expect(accepted.subject).toBe('ümlaut')
  expect(accepted.claims['name']).toBe('Bärbel 🐻 \u20ac')
})
