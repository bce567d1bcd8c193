import { describe, expect, onTestFinished, test, vi } from 'vitest'
import {
  introspect,
  type IssuerResolver,
  resolveIssuers,
  type ResourceServerOptions,
  type TrustedIssuer,
} from '../../../../src/entry-points/index.ts'
import { goodClaims, ISSUER, NOW, signingKey, signToken } from '../../../fixture/issuer.ts'
import { codeOf, fixture, type Fixture } from '../../../fixture/server.ts'

const OTHER = 'https://other.example'

/** A token that names an issuer; signed by the usual key. */
function tokenOf(iss: unknown, changes: Record<string, unknown> = {}): Promise<string> {
  return signToken(goodClaims({ iss, ...changes }))
}

/** Serves the same key from every issuer it is asked for. */
async function tenantsFixture(resolve: IssuerResolver, options: Partial<ResourceServerOptions> = {}): Promise<Fixture> {
  const { jwk } = await signingKey()
  const calls: string[] = []
  const made = await fixture({
    issuers: resolveIssuers(resolve),
    async fetch(url) {
      calls.push(url)
      const { origin, pathname } = new URL(url)
      if (pathname.endsWith('/jwks')) return Response.json({ keys: [jwk] })
      const path = pathname.replace('/.well-known/oauth-authorization-server', '')
      return Response.json({ issuer: origin + path, jwks_uri: `${origin}${path}/jwks` })
    },
    ...options,
  })
  made.upstream.calls.push(...calls)
  return { ...made, upstream: { ...made.upstream, calls } }
}

function trustAll({ iss = '' }: { readonly iss?: string | undefined }): TrustedIssuer {
  return { issuer: iss }
}

describe('a resolver', () => {
  test('is asked once for concurrent tokens and then for ten minutes not again', async () => {
    const asked: string[] = []
    const { api, clock } = await tenantsFixture(async ({ iss = '' }) => {
      asked.push(iss)
      await new Promise((resolve) => setTimeout(resolve, 5))
      return { issuer: iss }
    })
    const tokens = await Promise.all(
      Array.from({ length: 100 }, (_, index) => tokenOf(ISSUER, { jti: `${index}`, exp: NOW + 3_600 })),
    )
    const codes = await Promise.all(tokens.map((token) => codeOf(api.verify(token))))
    expect(new Set(codes)).toEqual(new Set(['accepted']))
    expect(asked).toEqual([ISSUER])
    clock.ms += 599_999
    await api.verify(tokens[0] as string)
    expect(asked).toEqual([ISSUER])
    clock.ms += 1
    await api.verify(tokens[0] as string)
    expect(asked).toEqual([ISSUER, ISSUER])
  })

  test('is not asked before a token needs it', async () => {
    let asked = 0
    const { api } = await tenantsFixture(() => {
      asked++
      return undefined
    })
    await api.ready()
    expect([asked, api.snapshot()]).toEqual([0, []])
  })

  test('may answer at once', async () => {
    const { api } = await tenantsFixture(trustAll)
    expect(await codeOf(api.verify(await tokenOf(ISSUER)))).toBe('accepted')
  })

  test('is asked by the exact identifier', async () => {
    const asked: string[] = []
    const { api } = await tenantsFixture((hint) => {
      asked.push(String(hint.iss))
      return trustAll(hint)
    })
    await codeOf(api.verify(await tokenOf(ISSUER)))
    await codeOf(api.verify(await tokenOf(`${ISSUER}/`)))
    expect(asked).toEqual([ISSUER, `${ISSUER}/`])
  })

  test.each([[ISSUER], 1, null, { iss: ISSUER }])('is never asked about an `iss` of %j', async (iss) => {
    let asked = 0
    const { api } = await tenantsFixture((hint) => {
      asked++
      return trustAll(hint)
    })
    expect(await codeOf(api.verify(await tokenOf(iss)))).not.toBe('accepted')
    expect(asked).toBe(0)
  })

  test('is never asked about an identifier longer than 2048 characters', async () => {
    let asked = 0
    const { api } = await tenantsFixture((hint) => {
      asked++
      return trustAll(hint)
    })
    const longest = `${ISSUER}/`.padEnd(2_048, 'a')
    expect(await codeOf(api.verify(await tokenOf(longest)))).toBe('accepted')
    expect(await codeOf(api.verify(await tokenOf(`${longest}a`)))).toBe('issuer_untrusted')
    expect(asked).toBe(1)
  })

  test('that answers nothing is not asked again for ten seconds', async () => {
    let asked = 0
    const { api, clock, upstream } = await tenantsFixture(() => {
      asked++
      return undefined
    })
    const token = await tokenOf(ISSUER)
    for (let call = 0; call < 10; call++) expect(await codeOf(api.verify(token))).toBe('issuer_untrusted')
    expect(asked).toBe(1)
    clock.ms += 9_999
    await codeOf(api.verify(token))
    expect(asked).toBe(1)
    clock.ms += 1
    await codeOf(api.verify(token))
    expect([asked, upstream.calls]).toEqual([2, []])
  })

  test('a refusal does not outlive a clock set back', async () => {
    let trusted = false
    const { api, clock } = await tenantsFixture((hint) => (trusted ? trustAll(hint) : undefined))
    const token = await tokenOf(ISSUER)
    expect(await codeOf(api.verify(token))).toBe('issuer_untrusted')
    trusted = true
    clock.ms -= 5_000
    expect(await codeOf(api.verify(token))).toBe('accepted')
  })

  test.each<[string, unknown]>([
    ['another issuer', { issuer: OTHER }],
    ['the issuer with a slash', { issuer: `${ISSUER}/` }],
    ['the issuer in capitals', { issuer: 'https://LOGIN.example.com' }],
    ['a string', ISSUER],
    ['true', true],
    ['an array', [{ issuer: ISSUER }]],
    ['an unknown option', { issuer: ISSUER, jwksUri: `${ISSUER}/jwks` }],
    ['a symmetric algorithm', { issuer: ISSUER, jwt: { algorithms: ['HS256'] } }],
    ['no audience and no clients', { issuer: ISSUER, audience: null }],
    ['keys over plain http', { issuer: ISSUER, jwt: { jwksUri: 'http://login.example.com/jwks' } }],
    ['an empty set of keys', { issuer: ISSUER, jwt: { jwks: { keys: [] } } }],
  ])('whose answer is %s makes no token good or bad: 503', async (_, answer) => {
    const { api, upstream } = await tenantsFixture(() => answer as TrustedIssuer)
    await expect(api.verify(await tokenOf(ISSUER))).rejects.toMatchObject({ code: 'issuer_unavailable', status: 503 })
    expect(upstream.calls).toEqual([])
  })

  test.each<[string, IssuerResolver]>([
    [
      'throws',
      () => {
        throw new Error('database is down')
      },
    ],
    ['rejects', () => Promise.reject(new Error('database is down'))],
    // oxlint-disable-next-line prefer-promise-reject-errors
    ['rejects with nothing', () => Promise.reject(undefined)],
  ])('that %s makes no token bad: 503, and the next token asks again', async (_, resolver) => {
    let fail = true
    const { api } = await tenantsFixture((hint, context) => (fail ? resolver(hint, context) : trustAll(hint)))
    const token = await tokenOf(ISSUER)
    expect(await codeOf(api.verify(token))).toBe('issuer_unavailable')
    fail = false
    expect(await codeOf(api.verify(token))).toBe('accepted')
  })

  test('that hangs is given up after the timeout, for its tenant alone', async () => {
    let signal: AbortSignal | undefined
    const { api } = await tenantsFixture(
      (hint, context) => {
        if (hint.iss === ISSUER) return trustAll(hint)
        signal = context.signal
        return new Promise(() => {})
      },
      { keys: { timeoutMs: 200 } },
    )
    const hanging = codeOf(api.verify(await tokenOf(OTHER)))
    expect(await codeOf(api.verify(await tokenOf(ISSUER)))).toBe('accepted')
    expect(await hanging).toBe('issuer_unavailable')
    expect(signal?.aborted).toBe(true)
  })

  test('a caller that gives up leaves the others waiting for the same answer', async () => {
    const answer = Promise.withResolvers<TrustedIssuer>()
    const { api } = await tenantsFixture(() => answer.promise)
    const token = await tokenOf(ISSUER)
    const controller = new AbortController()
    const impatient = codeOf(api.verify(token, { signal: controller.signal }))
    const patient = codeOf(api.verify(token))
    controller.abort()
    expect(await impatient).toBe('issuer_unavailable')
    answer.resolve({ issuer: ISSUER })
    expect(await patient).toBe('accepted')
  })

  test('the answer decides audience, clients and profile of its tenant', async () => {
    const { api } = await tenantsFixture(({ iss = '' }) => ({
      issuer: iss,
      audience: `${iss}/api`,
      clients: ['client-1'],
      jwt: { profile: 'compatible' },
    }))
    const good = { iss: OTHER, aud: `${OTHER}/api` }
    expect(await codeOf(api.verify(await signToken(goodClaims(good), { typ: 'JWT' })))).toBe('accepted')
    expect(await codeOf(api.verify(await tokenOf(OTHER)))).toBe('audience_mismatch')
    expect(await codeOf(api.verify(await signToken(goodClaims({ ...good, client_id: 'client-2' }))))).toBe(
      'client_refused',
    )
  })

  test('an unchanged answer keeps the keys at hand', async () => {
    const { api, clock, upstream } = await tenantsFixture(trustAll, { keys: { refreshSeconds: 86_400 } })
    const token = await tokenOf(ISSUER, { exp: NOW + 36_000 })
    await api.verify(token)
    const before = upstream.calls.length
    clock.ms += 600_000
    await api.verify(token)
    expect(upstream.calls.length).toBe(before)
  })

  test.each([true, false])(
    'an answer that begins or ceases to introspect keeps the keys at hand: %s',
    async (begins) => {
      let introspects = !begins
      let isDown = false
      const { jwk } = await signingKey()
      const { api } = await tenantsFixture(
        ({ iss = '' }) => ({ issuer: iss, ...(introspects && { introspection: introspect({ auth: 'none' }) }) }),
        {
          async fetch(url) {
            if (isDown) throw new TypeError('fetch failed')
            return Response.json(
              url.endsWith('/jwks') ? { keys: [jwk] } : { issuer: ISSUER, jwks_uri: `${ISSUER}/jwks` },
            )
          },
        },
      )
      expect(await codeOf(api.verify(await tokenOf(ISSUER)))).toBe('accepted')
      introspects = begins
      isDown = true
      await api.invalidateAll()
      expect(await codeOf(api.verify(await tokenOf(ISSUER)))).toBe('accepted')
    },
  )

  test('a changed answer counts after ten minutes, for tokens that were verified as well', async () => {
    let audience = 'https://api.example.com'
    const { api, clock } = await tenantsFixture(({ iss = '' }) => ({ issuer: iss, audience }), {
      tokenCache: { maxAgeSeconds: 86_400 },
    })
    const token = await tokenOf(ISSUER, { exp: NOW + 36_000 })
    expect(await codeOf(api.verify(token))).toBe('accepted')
    audience = 'https://elsewhere.example'
    clock.ms += 600_000
    expect(await codeOf(api.verify(token))).toBe('audience_mismatch')
  })

  test('trust that is withdrawn ends tokens that were verified', async () => {
    let trusted = true
    const { api, clock } = await tenantsFixture((hint) => (trusted ? trustAll(hint) : undefined), {
      tokenCache: { maxAgeSeconds: 86_400 },
    })
    const token = await tokenOf(ISSUER, { exp: NOW + 36_000 })
    expect(await codeOf(api.verify(token))).toBe('accepted')
    trusted = false
    clock.ms += 600_000
    expect(await codeOf(api.verify(token))).toBe('issuer_untrusted')
  })

  test('invalidateAll ends trust and refusals at once', async () => {
    let trusted = true
    const { api } = await tenantsFixture((hint) => (trusted ? trustAll(hint) : undefined))
    const token = await tokenOf(ISSUER)
    expect(await codeOf(api.verify(token))).toBe('accepted')
    trusted = false
    await api.invalidateAll()
    expect(await codeOf(api.verify(token))).toBe('issuer_untrusted')
    trusted = true
    await api.invalidateAll()
    expect(await codeOf(api.verify(token))).toBe('accepted')
  })

  test('invalidateAll ends it for every tenant, however many', async () => {
    let trusted = true
    const { api } = await tenantsFixture((hint) => (trusted ? trustAll(hint) : undefined))
    const tokens = await Promise.all([ISSUER, OTHER, `${OTHER}/third`].map((iss) => tokenOf(iss)))
    const codes = (): Promise<unknown[]> => Promise.all(tokens.map((token) => codeOf(api.verify(token))))
    expect(await codes()).toEqual(['accepted', 'accepted', 'accepted'])
    trusted = false
    await api.invalidateAll()
    expect(await codes()).toEqual(['issuer_untrusted', 'issuer_untrusted', 'issuer_untrusted'])
  })

  test('invalidateAll ends it for a tenant that is asked about just then, though the resolver fails', async () => {
    const waiting: (() => void)[] = []
    let isAnswering = true
    const { api, clock } = await tenantsFixture((hint) =>
      isAnswering ? trustAll(hint) : new Promise((_, reject) => waiting.push(() => reject(new Error('down')))),
    )
    const token = await tokenOf(ISSUER, { exp: NOW + 36_000 })
    expect(await codeOf(api.verify(token))).toBe('accepted')
    isAnswering = false
    for (const [invalidates, expected] of [
      [false, 'accepted'],
      [true, 'issuer_unavailable'],
    ] as const) {
      clock.ms += 600_000
      const outcome = codeOf(api.verify(token))
      await expect.poll(() => waiting.length).toBe(1)
      if (invalidates) await api.invalidateAll()
      waiting.pop()?.()
      expect(await outcome).toBe(expected)
    }
  })

  test('a flood of junk issuers evicts no tenant and no verified token', async () => {
    const tenants = new Set([ISSUER, OTHER])
    const asked = new Map<string, number>()
    const { api, upstream } = await tenantsFixture((hint) => {
      asked.set(String(hint.iss), (asked.get(String(hint.iss)) ?? 0) + 1)
      return tenants.has(String(hint.iss)) ? trustAll(hint) : undefined
    })
    const good = await Promise.all([...tenants].map((iss) => tokenOf(iss)))
    for (const token of good) expect(await codeOf(api.verify(token))).toBe('accepted')
    const before = upstream.calls.length
    const template = await tokenOf(ISSUER)
    for (let batch = 0; batch < 21; batch++) {
      const codes = await Promise.all(
        Array.from({ length: 500 }, (_, index) =>
          codeOf(api.verify(renamed(template, `https://junk-${batch}-${index}.example`))),
        ),
      )
      expect(new Set(codes)).toEqual(new Set(['issuer_untrusted']))
    }
    for (const token of good) expect(await codeOf(api.verify(token))).toBe('accepted')
    expect([asked.get(ISSUER), asked.get(OTHER), upstream.calls.length]).toEqual([1, 1, before])
    expect(api.snapshot().map(({ issuer }) => issuer)).toEqual(expect.arrayContaining([...tenants]))
  })

  test('while too many questions wait, new ones are refused with 503 and known tenants are served', async () => {
    const { api } = await tenantsFixture((hint) => (hint.iss === ISSUER ? trustAll(hint) : new Promise(() => {})), {
      keys: { timeoutMs: 500 },
    })
    const good = await tokenOf(ISSUER)
    expect(await codeOf(api.verify(good))).toBe('accepted')
    const waiting = Array.from({ length: 1_000 }, (_, index) =>
      codeOf(api.verify(renamed(good, `https://junk-${index}.example`))),
    )
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(await codeOf(api.verify(renamed(good, 'https://one-too-many.example')))).toBe('issuer_unavailable')
    expect(await codeOf(api.verify(good))).toBe('accepted')
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['issuer_unavailable']))
    // The places are free again.
    expect(await codeOf(api.verify(renamed(good, 'https://junk-again.example')))).toBe('issuer_unavailable')
  })

  test('two tenants that share a kid are never mixed', async () => {
    const [mine, theirs] = await Promise.all([signingKey('ES256', 'mine'), signingKey('ES256', 'theirs')])
    const { api } = await fixture({
      issuers: resolveIssuers(({ iss = '' }) => ({
        issuer: iss,
        jwt: { jwks: { keys: [{ ...(iss === ISSUER ? mine : theirs).jwk, kid: 'same' }] } },
      })),
    })
    const header = { kid: 'same' }
    expect(await codeOf(api.verify(await signToken(goodClaims(), header, mine)))).toBe('accepted')
    expect(await codeOf(api.verify(await signToken(goodClaims({ iss: OTHER }), header, mine)))).toBe(
      'signature_invalid',
    )
    expect(await codeOf(api.verify(await signToken(goodClaims({ iss: OTHER }), header, theirs)))).toBe('accepted')
  })
})

/** The same token from another issuer; its signature no longer fits, which no refusal before it can notice. */
function renamed(token: string, iss: string): string {
  const [header, , signature] = token.split('.')
  const payload = btoa(JSON.stringify(goodClaims({ iss })))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
  return `${header}.${payload}.${signature}`
}

describe('closing', () => {
  test('ends the questions to a resolver', async () => {
    let signal: AbortSignal | undefined
    const { api } = await tenantsFixture((_, context) => {
      signal = context.signal
      return new Promise(() => {})
    })
    const waiting = codeOf(api.verify(await tokenOf(ISSUER)))
    await expect.poll(() => signal).toBeDefined()
    api.close()
    expect(await waiting).toBe('issuer_unavailable')
    expect(signal?.aborted).toBe(true)
  })
})

describe('tenants are weighed', () => {
  const TENANTS = 200

  /** Asks about tokens of many tenants whose sets hold so many keys; returns the requests for the first one's keys. */
  async function requestsForTheFirst(keysEach: number): Promise<number> {
    const { jwk } = await signingKey()
    const key = await crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, true, ['verify'])
    // To import sixty thousand keys would take a while, and shows nothing.
    const imports = vi.spyOn(crypto.subtle, 'importKey').mockResolvedValue(key)
    onTestFinished(() => imports.mockRestore())
    const keys = Array.from({ length: keysEach }, (_, index) => ({
      ...jwk,
      kid: index === 0 ? jwk.kid : `key-${index}`.padEnd(1_024),
    }))
    const { api, upstream } = await fixture({
      issuers: resolveIssuers(({ iss = '' }) => ({ issuer: iss, jwt: { jwksUri: `${iss}/jwks` } })),
      tokenCache: false,
    })
    const calls = vi.fn<(url: string) => void>()
    for (let index = 0; index < TENANTS; index++) {
      const url = `https://tenant-${index}.example.com/jwks`
      upstream.answers.set(url, () => (calls(url), Response.json({ keys })))
    }
    for (const index of [...Array(TENANTS).keys(), 0]) {
      expect(await codeOf(api.verify(await tokenOf(`https://tenant-${index}.example.com`)))).toBe('accepted')
    }
    return calls.mock.calls.filter(([url]) => url === 'https://tenant-0.example.com/jwks').length
  }

  test('as many as fit are kept where they have a few keys', async () => {
    expect(await requestsForTheFirst(3)).toBe(1)
  })

  test('fewer where each has hundreds: the one used longest ago goes first', async () => {
    expect(await requestsForTheFirst(300)).toBe(2)
  })
})
