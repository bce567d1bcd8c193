import { describe, expect, test } from 'vitest'
import { createResourceServer, resolveIssuers, type TrustedIssuer } from '../../src/entry-points/index.ts'
import {
  fakeUpstream,
  goodClaims,
  ISSUER,
  NOW_MS,
  RESOURCE,
  signingKey,
  signRaw,
  signToken,
} from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'
import { goodHeader } from './forge.ts'

const lookalikes = [
  `${ISSUER}/`,
  `${ISSUER}.evil.example`,
  `${ISSUER}@evil.example`,
  `${ISSUER}:443`,
  `${ISSUER}/../`,
  `${ISSUER}#`,
  `${ISSUER}?`,
  `${ISSUER} `,
  ` ${ISSUER}`,
  `${ISSUER}\u0000`,
  `${ISSUER}\n`,
  `${ISSUER},https://evil.example`,
  'https://LOGIN.example.com',
  'HTTPS://login.example.com',
  'http://login.example.com',
  'https://login.example.co',
  'https://login.examp\u200dle.com',
  'https://lоgin.example.com',
  'login.example.com',
  '__proto__',
  'constructor',
  'toString',
  '',
]

describe('an `iss` is compared exactly (CVE-2024-53861, CVE-2025-30144)', () => {
  test.each(lookalikes)('%j is not the issuer, and asks nobody (CVE-2026-32301)', async (iss) => {
    const { api, upstream } = await fixture()
    expect(await codeOf(api.verify(await signToken(goodClaims({ iss }))))).toBe('issuer_untrusted')
    expect(upstream.calls).toEqual([])
    expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
  })

  test.each([
    [[ISSUER]],
    [[ISSUER, 'https://evil.example']],
    [{ [ISSUER]: 1 }],
    [{ toString: ISSUER }],
    [1],
    [true],
    [[]],
  ])('%j is no issuer', async (iss) => {
    const { api, upstream } = await fixture()
    expect(await codeOf(api.verify(await signToken(goodClaims({ iss }))))).toBe('issuer_untrusted')
    expect(upstream.calls).toEqual([])
  })

  test('a decomposed spelling of an issuer is another issuer', async () => {
    const issuer = 'https://login.example.com/b\u00e4r'
    const { jwk } = await signingKey()
    const api = createResourceServer({
      resource: RESOURCE,
      issuers: [{ issuer, jwt: { jwks: { keys: [jwk] } } }],
      now: () => NOW_MS,
    })
    const header = JSON.stringify(await goodHeader())
    const [composed, decomposed] = [issuer, issuer.normalize('NFD')].map((iss) => JSON.stringify(goodClaims({ iss })))
    expect(await codeOf(api.verify(await signRaw(header, composed ?? '')))).toBe('accepted')
    expect(await codeOf(api.verify(await signRaw(header, decomposed ?? '')))).toBe('issuer_untrusted')
  })

  test('1,000 unknown issuers cost no request', async () => {
    const { api, upstream } = await fixture()
    for (let each = 0; each < 1_000; each++) {
      const token = await signToken(goodClaims({ iss: `https://evil-${each}.example` }))
      expect(await codeOf(api.verify(token))).toBe('issuer_untrusted')
    }
    expect(upstream.calls).toEqual([])
  })

  test('a header that can be refused alone is refused before the issuer is asked for anything', async () => {
    const { api, upstream } = await fixture()
    for (const header of [{ alg: 'HS256' }, { typ: 'JWT' }, { typ: 'dpop+jwt' }, { crit: ['x'] }, { alg: 'none' }]) {
      const token = await signRaw(JSON.stringify(await goodHeader(header)), JSON.stringify(goodClaims()))
      expect(await codeOf(api.verify(token))).not.toBe('accepted')
    }
    expect(upstream.calls).toEqual([])
  })
})

async function resolving(answer: (iss: string) => unknown, throughout = false) {
  const asked: string[] = []
  const { jwk } = await signingKey()
  const upstream = fakeUpstream(ISSUER, jwk)
  const api = createResourceServer({
    resource: RESOURCE,
    issuers: resolveIssuers(async ({ iss = '' }) => {
      asked.push(iss)
      return (throughout || iss === ISSUER ? answer(iss) : undefined) as TrustedIssuer | undefined
    }),
    fetch: upstream.fetch,
    now: () => NOW_MS,
  })
  return { api, asked, upstream }
}

describe('a resolver of issuers', () => {
  test('may not answer with another issuer than the one asked for', async () => {
    const good = await resolving((issuer) => ({ issuer }))
    expect(await codeOf(good.api.verify(await signToken()))).toBe('accepted')
    for (const issuer of [`${ISSUER}/`, 'https://other.example.com', ISSUER.toUpperCase()]) {
      const { api, upstream } = await resolving(() => ({ issuer }))
      expect(await codeOf(api.verify(await signToken()))).toBe('issuer_unavailable')
      expect(upstream.calls).toEqual([])
    }
  })

  test.each([
    1,
    'https://login.example.com',
    [],
    {},
    { issuer: ISSUER, extra: 1 },
    { issuer: ISSUER, jwt: { algorithms: ['HS256'] } },
    true,
  ])('that answers %j lets nobody in, and the caller is not blamed', async (answer) => {
    const { api } = await resolving(() => answer)
    expect(await codeOf(api.verify(await signToken()))).toBe('issuer_unavailable')
  })

  test('that throws lets nobody in, and its message carries nothing unescaped', async () => {
    const { api } = await resolving(() => {
      throw new Error('database down')
    })
    await expect(api.verify(await signToken())).rejects.toMatchObject({ code: 'issuer_unavailable', status: 503 })
  })

  test('is asked once for the same untrusted issuer, and never for a name of absurd length', async () => {
    const { api, asked } = await resolving(() => undefined, true)
    const token = await signToken(goodClaims({ iss: 'https://evil.example' }))
    for (let each = 0; each < 10; each++) expect(await codeOf(api.verify(token))).toBe('issuer_untrusted')
    expect(asked).toEqual(['https://evil.example'])
    const long = await signToken(goodClaims({ iss: `https://evil.example/${'x'.repeat(3_000)}` }))
    expect(await codeOf(api.verify(long))).toBe('issuer_untrusted')
    expect(asked).toHaveLength(1)
  })

  test('is not asked for a token that its own shape refuses', async () => {
    const { api, asked } = await resolving((issuer) => ({ issuer }))
    const tokens = [
      await signRaw('{"alg":"none","typ":"at+jwt"}', '[]'),
      await signToken(goodClaims(), { typ: null }),
      await signToken(goodClaims({ iss: [ISSUER] })),
    ]
    for (const token of tokens) expect(await codeOf(api.verify(token))).not.toBe('accepted')
    expect(asked).toEqual([])
  })
})

describe('keys of one issuer are worth nothing at another', () => {
  test('whatever the token claims', async () => {
    const OTHER = 'https://other.example.com'
    const [mine, theirs] = [await signingKey('ES256', 'mine'), await signingKey('ES256', 'theirs')]
    const sources = [fakeUpstream(ISSUER, mine.jwk), fakeUpstream(OTHER, theirs.jwk)] as const
    const api = createResourceServer({
      resource: RESOURCE,
      issuers: [{ issuer: ISSUER }, { issuer: OTHER }],
      fetch: (url, init) => sources[url.startsWith(ISSUER) ? 0 : 1].fetch(url, init),
      now: () => NOW_MS,
    })
    // Both warm, so that both keys are at hand.
    expect(await codeOf(api.verify(await signToken(goodClaims(), {}, mine)))).toBe('accepted')
    expect(await codeOf(api.verify(await signToken(goodClaims({ iss: OTHER }), {}, theirs)))).toBe('accepted')
    for (const kid of [undefined, 'mine', 'theirs']) {
      const forged = await signToken(goodClaims({ iss: OTHER, sub: 'admin' }), { kid }, mine)
      expect(await codeOf(api.verify(forged))).toBe(kid === 'mine' ? 'key_unknown' : 'signature_invalid')
    }
  })

  test('a returned discovery issuer that is not the configured one is refused, and its `jwks_uri` not asked', async () => {
    for (const issuer of [`${ISSUER}/`, 'https://evil.example', undefined, [ISSUER], { issuer: ISSUER }]) {
      const { api, upstream } = await fixture()
      const url = `${ISSUER}/.well-known/oauth-authorization-server`
      upstream.answers.set(url, () => Response.json({ issuer, jwks_uri: `${ISSUER}/jwks` }))
      expect(await codeOf(api.verify(await signToken()))).toBe('issuer_unavailable')
      expect(upstream.calls).not.toContain(`${ISSUER}/jwks`)
    }
  })
})
