import { describe, expect, test } from 'vitest'
import { fakeUpstream, goodClaims, ISSUER, signingKey, signToken } from '../../../fixture/issuer.ts'
import { codeOf, fixture } from '../../../fixture/server.ts'

const OTHER = 'https://other.example'

/** A token that names an issuer; signed by the usual key. */
function tokenOf(iss: unknown, changes: Record<string, unknown> = {}): Promise<string> {
  return signToken(goodClaims({ iss, ...changes }))
}

describe('listed issuers', () => {
  test.each([
    'https://Login.example.com',
    'HTTPS://login.example.com',
    'https://login.example.com/',
    'https://login.example.com/tenant',
    'https://login.example.com:443',
    'https://login.example.com.',
    'https://login.example.com#',
    'https://login.example.com?',
    'http://login.example.com',
    'login.example.com',
    ' https://login.example.com',
    'https://login.example.com ',
    'https://login.example.com\u0000',
    'https://login.example.com\u200b',
    'https://login.exаmple.com',
    'https://ｌogin.example.com',
    'https://login.example.co',
    'https://evil.example/https://login.example.com',
    '',
    '__proto__',
    'constructor',
  ])('%j is not the one that is configured, and causes no request', async (iss) => {
    const { api, upstream } = await fixture()
    expect(await codeOf(api.verify(await tokenOf(iss)))).toBe('issuer_untrusted')
    expect(upstream.calls).toEqual([])
  })

  test.each<[unknown, string]>([
    [[ISSUER], 'issuer_untrusted'],
    [[], 'issuer_untrusted'],
    [{ toString: ISSUER }, 'issuer_untrusted'],
    [1, 'issuer_untrusted'],
    [true, 'issuer_untrusted'],
    [undefined, 'claim_missing'],
  ])('an `iss` of %j is refused without a request', async (iss, code) => {
    const { api, upstream } = await fixture()
    expect(await codeOf(api.verify(await tokenOf(iss)))).toBe(code)
    expect(upstream.calls).toEqual([])
  })

  test('the accepted twin is identical', async () => {
    const { api } = await fixture()
    expect(await codeOf(api.verify(await tokenOf(ISSUER)))).toBe('accepted')
  })

  test('accented letters are compared as written, not as they look', async () => {
    const composed = 'https://login.example.com/caf\u00e9'
    const decomposed = 'https://login.example.com/cafe\u0301'
    const { jwk } = await signingKey()
    const { api } = await fixture({ issuers: [{ issuer: composed, jwt: { jwks: { keys: [jwk] } } }] })
    expect(await codeOf(api.verify(await tokenOf(composed)))).toBe('accepted')
    expect(await codeOf(api.verify(await tokenOf(decomposed)))).toBe('issuer_untrusted')
  })

  test('two that differ in a trailing slash are two', async () => {
    const one = await signingKey('ES256', 'one')
    const two = await signingKey('ES256', 'two')
    const { api } = await fixture({
      issuers: [
        { issuer: ISSUER, jwt: { jwks: { keys: [one.jwk] } } },
        { issuer: `${ISSUER}/`, jwt: { jwks: { keys: [two.jwk] } } },
      ],
    })
    expect(await codeOf(api.verify(await signToken(goodClaims(), {}, one)))).toBe('accepted')
    expect(await codeOf(api.verify(await signToken(goodClaims({ iss: `${ISSUER}/` }), {}, two)))).toBe('accepted')
    expect(await codeOf(api.verify(await signToken(goodClaims({ iss: `${ISSUER}/` }), {}, one)))).toBe('key_unknown')
  })

  test('two that share a kid are never mixed', async () => {
    const [mine, theirs] = await Promise.all([signingKey('ES256', 'mine'), signingKey('ES256', 'theirs')])
    const here = fakeUpstream(ISSUER, { ...mine.jwk, kid: 'same' })
    const there = fakeUpstream(OTHER, { ...theirs.jwk, kid: 'same' })
    const { api } = await fixture({
      issuers: [{ issuer: ISSUER }, { issuer: OTHER }],
      fetch: (url, init) => (url.startsWith(OTHER) ? there : here).fetch(url, init),
    })
    const header = { kid: 'same' }
    expect(await codeOf(api.verify(await signToken(goodClaims(), header, mine)))).toBe('accepted')
    expect(await codeOf(api.verify(await signToken(goodClaims({ iss: OTHER }), header, theirs)))).toBe('accepted')
    expect(await codeOf(api.verify(await signToken(goodClaims(), header, theirs)))).toBe('signature_invalid')
    expect(await codeOf(api.verify(await signToken(goodClaims({ iss: OTHER }), header, mine)))).toBe(
      'signature_invalid',
    )
  })

  test('two that do not share a kid are never mixed either', async () => {
    const [mine, theirs] = await Promise.all([signingKey('ES256', 'mine'), signingKey('ES256', 'theirs')])
    const { api } = await fixture({
      issuers: [
        { issuer: ISSUER, jwt: { jwks: { keys: [mine.jwk] } } },
        { issuer: OTHER, jwt: { jwks: { keys: [theirs.jwk] } } },
      ],
    })
    for (const header of [{}, { kid: undefined }]) {
      const code = await codeOf(api.verify(await signToken(goodClaims(), header, theirs)))
      expect(['key_unknown', 'signature_invalid']).toContain(code)
    }
  })

  test.each<[string, () => Response | Promise<Response>]>([
    ['hangs', () => new Promise(() => {})],
    ['fails', () => Promise.reject(new Error('ECONNREFUSED'))],
    ['answers nonsense', () => new Response('<html>')],
  ])('one that %s never blocks another', async (_, answer) => {
    const here = fakeUpstream(ISSUER, (await signingKey()).jwk)
    const { api } = await fixture({
      issuers: [{ issuer: OTHER }, { issuer: ISSUER }],
      keys: { timeoutMs: 500 },
      fetch: async (url, init) => (url.startsWith(OTHER) ? answer() : here.fetch(url, init)),
    })
    const bad = codeOf(api.verify(await tokenOf(OTHER)))
    expect(await codeOf(api.verify(await tokenOf(ISSUER)))).toBe('accepted')
    expect(await bad).toBe('issuer_unavailable')
    const ready = api.ready()
    await expect(ready).rejects.toMatchObject({ code: 'issuer_unavailable', detail: expect.stringContaining(OTHER) })
    await expect(ready).rejects.not.toMatchObject({ detail: expect.stringContaining(ISSUER) })
    expect(api.snapshot()).toMatchObject([
      { issuer: OTHER, state: 'down', keys: 0 },
      { issuer: ISSUER, state: 'fresh', keys: 1 },
    ])
  })
})

describe('closing', () => {
  test('ends what is under way, and refuses from then on', async () => {
    const signals: AbortSignal[] = []
    const { api } = await fixture({
      fetch: (_, { signal }) => {
        signals.push(signal as AbortSignal)
        return new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => reject(new Error('aborted')))
        })
      },
    })
    const waiting = codeOf(api.verify(await tokenOf(ISSUER)))
    await expect.poll(() => signals.length).toBe(1)
    api.close()
    expect(await waiting).toBe('issuer_unavailable')
    expect(signals.map(({ aborted }) => aborted)).toEqual([true])
    expect(await codeOf(api.verify(await tokenOf(ISSUER)))).toBe('issuer_unavailable')
  })
})
