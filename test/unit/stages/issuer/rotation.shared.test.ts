import { describe, expect, test } from 'vitest'
import type { ResourceServerOptions } from '../../../../src/entry-points/index.ts'
import { goodClaims, ISSUER, NOW, signingKey, type SigningKey, signToken } from '../../../fixture/issuer.ts'
import { codeOf, fixture, type Fixture } from '../../../fixture/server.ts'

const JWKS = `${ISSUER}/jwks`
const SECOND = 1_000
const MINUTE = 60_000
const HOUR = 3_600_000

const old = await signingKey('ES256', 'old')
const fresh = await signingKey('ES256', 'fresh')

interface Bench extends Fixture {
  readonly fetches: () => number
  readonly verify: (presented: string) => Promise<unknown>
  readonly goDown: () => void
}

function refuse(): Promise<never> {
  return Promise.reject(new TypeError('fetch failed'))
}

async function bench(options: Partial<ResourceServerOptions> = {}): Promise<Bench> {
  const made = await fixture(options)
  made.upstream.publish(old.jwk)
  return {
    ...made,
    fetches: () => made.upstream.calls.filter((url) => url === JWKS).length,
    verify: (presented) => codeOf(made.api.verify(presented)),
    goDown() {
      made.upstream.answers.clear()
      made.upstream.answers.set(JWKS, refuse)
      made.upstream.answers.set(`${ISSUER}/.well-known/oauth-authorization-server`, refuse)
    },
  }
}

function nameless({ jwk: { kid: _kid, ...rest } }: SigningKey): unknown {
  return rest
}

let count = 0
/** A token that nobody has seen, good for a week. */
function token(key: SigningKey, header: Record<string, unknown> = {}): Promise<string> {
  return signToken(goodClaims({ jti: `token-${count++}`, exp: NOW + 7 * 86_400 }), header, key)
}

async function tampered(): Promise<string> {
  const good = await token(old)
  const [header, payload] = good.split('.')
  const [, , signature] = (await token(old)).split('.')
  return `${header}.${payload}.${signature}`
}

describe('a key that is new', () => {
  test('is picked up at once', async () => {
    const { verify, upstream, fetches } = await bench()
    expect(await verify(await token(old))).toBe('accepted')
    upstream.publish(old.jwk, fresh.jwk)
    expect(await verify(await token(fresh))).toBe('accepted')
    expect(await verify(await token(old))).toBe('accepted')
    expect(fetches()).toBe(2)
  })

  test('is picked up at once after an ordinary refresh, which starts no cooldown', async () => {
    const { verify, upstream, clock, fetches } = await bench()
    await verify(await token(old))
    clock.ms += 10 * MINUTE
    await verify(await token(old))
    expect(fetches()).toBe(2)
    upstream.publish(old.jwk, fresh.jwk)
    expect(await verify(await token(fresh))).toBe('accepted')
  })

  test('waits for the cooldown after another extra fetch', async () => {
    const { verify, upstream, clock, fetches } = await bench()
    expect(await verify(await token(old, { kid: 'junk' }))).toBe('key_unknown')
    upstream.publish(old.jwk, fresh.jwk)
    expect(await verify(await token(fresh))).toBe('key_unknown')
    clock.ms += 30 * SECOND - 1
    expect(await verify(await token(fresh))).toBe('key_unknown')
    expect(fetches()).toBe(2)
    clock.ms += 1
    expect(await verify(await token(fresh))).toBe('accepted')
    expect(fetches()).toBe(3)
  })

  test('under the name of an old one is picked up at once', async () => {
    const { verify, upstream, fetches } = await bench()
    const cached = await token(old)
    expect(await verify(cached)).toBe('accepted')
    upstream.publish({ ...fresh.jwk, kid: 'old' })
    expect(await verify(await token(fresh, { kid: 'old' }))).toBe('accepted')
    expect(fetches()).toBe(2)
    // The old key went with it, also for a token that was verified before.
    expect(await verify(cached)).toBe('signature_invalid')
    expect(await verify(await token(old))).toBe('signature_invalid')
  })

  test('without any name is picked up at once', async () => {
    const { verify, upstream } = await bench()
    upstream.publish(nameless(old))
    expect(await verify(await token(old, { kid: undefined }))).toBe('accepted')
    upstream.publish(nameless(fresh))
    expect(await verify(await token(fresh, { kid: undefined }))).toBe('accepted')
    expect(await verify(await token(old, { kid: undefined }))).toBe('signature_invalid')
  })
})

describe('the extra fetch', () => {
  test('is shared by unknown kids and failed signatures', async () => {
    const { verify, fetches, clock } = await bench()
    await verify(await token(old))
    expect(await verify(await token(old, { kid: 'junk-1' }))).toBe('key_unknown')
    expect(await verify(await tampered())).toBe('signature_invalid')
    expect(await verify(await token(old, { kid: 'junk-2' }))).toBe('key_unknown')
    expect(fetches()).toBe(2)
    clock.ms += 30 * SECOND
    expect(await verify(await tampered())).toBe('signature_invalid')
    expect(await verify(await token(old, { kid: 'junk-3' }))).toBe('key_unknown')
    expect(fetches()).toBe(3)
  })

  test('is one for a crowd that asks at once', async () => {
    const { verify, fetches } = await bench()
    const junk = await Promise.all(Array.from({ length: 100 }, (_, index) => token(old, { kid: `junk-${index}` })))
    const good = await token(old)
    const codes = await Promise.all([...junk.map(verify), verify(good)])
    expect(codes.filter((code) => code === 'key_unknown')).toHaveLength(100)
    expect(codes.at(-1)).toBe('accepted')
    expect(fetches()).toBe(2)
  })

  test('is not spent on what the header alone can refuse', async () => {
    const { verify, upstream, api } = await bench({ issuers: [{ issuer: ISSUER, jwt: { algorithms: ['ES256'] } }] })
    const rsa = await signingKey('RS256', 'rsa')
    expect(await verify(await token(rsa))).toBe('algorithm_refused')
    expect(await verify(await token(old, { typ: 'JWT', kid: 'junk' }))).toBe('token_type_wrong')
    expect(upstream.calls).toEqual([])
    expect(api.snapshot()[0]?.state).toBe('cold')
  })

  test('holds nobody up who carries a good token', async () => {
    const { api, upstream, verify } = await bench({ keys: { timeoutMs: 300 } })
    await verify(await token(old))
    upstream.answers.set(JWKS, () => new Promise(() => {}))
    const unknown = codeOf(api.verify(await token(old, { kid: 'junk' })))
    expect(await verify(await token(old))).toBe('accepted')
    expect(await unknown).toBe('issuer_unavailable')
  })

  test('an hour of junk costs one fetch per cooldown at most', async () => {
    const { verify, fetches, clock } = await bench()
    const junk = await token(old, { kid: 'junk' })
    const good = await token(old)
    for (let minute = 0; minute < 60; minute++) {
      for (let call = 0; call < 20; call++) await verify(junk)
      expect(await verify(good)).toBe('accepted')
      clock.ms += MINUTE
    }
    expect(fetches()).toBeLessThanOrEqual(61)
  })
})

describe('a key that was withdrawn', () => {
  test('is refused after the refresh, also for tokens that were verified', async () => {
    const { verify, upstream, clock } = await bench()
    upstream.publish(old.jwk, fresh.jwk)
    const cached = await token(old)
    expect(await verify(cached)).toBe('accepted')
    upstream.publish(fresh.jwk)
    clock.ms += 5 * MINUTE - 1
    expect(await verify(cached)).toBe('accepted')
    clock.ms += 5 * MINUTE + 1
    expect(await verify(cached)).toBe('key_unknown')
    expect(await verify(await token(fresh))).toBe('accepted')
  })

  test('leaves tokens of its neighbours verified', async () => {
    const { verify, upstream, clock, fetches } = await bench()
    upstream.publish(old.jwk, fresh.jwk)
    const kept = await token(fresh)
    await verify(kept)
    upstream.publish(fresh.jwk)
    clock.ms += 10 * MINUTE
    expect(await verify(kept)).toBe('accepted')
    expect(fetches()).toBe(2)
  })
})

describe('an outage', () => {
  test('leaves known tokens and new tokens under known keys accepted until the maximum staleness', async () => {
    const { verify, goDown, clock } = await bench()
    const cached = await token(old)
    await verify(cached)
    goDown()
    for (let hour = 0; hour < 24; hour++) {
      expect([await verify(cached), await verify(await token(old))]).toEqual(['accepted', 'accepted'])
      clock.ms += HOUR
    }
    expect([await verify(cached), await verify(await token(old))]).toEqual(['issuer_unavailable', 'issuer_unavailable'])
  })

  test('makes an unknown kid no bad token: the issuer may well have that key', async () => {
    const { api, verify, goDown } = await bench()
    await verify(await token(old))
    goDown()
    await expect(api.verify(await token(fresh))).rejects.toMatchObject({
      code: 'issuer_unavailable',
      status: 503,
      retryAfterSeconds: expect.any(Number),
    })
    expect(await verify(await token(fresh))).toBe('issuer_unavailable')
  })

  test('makes a token with a bad signature no good one', async () => {
    const { verify, goDown } = await bench()
    await verify(await token(old))
    goDown()
    expect(await verify(await tampered())).not.toBe('accepted')
  })

  test('that ends lets the new key in within the back-off', async () => {
    const { verify, goDown, upstream, clock } = await bench()
    await verify(await token(old))
    const answers = new Map(upstream.answers)
    goDown()
    expect(await verify(await token(fresh))).toBe('issuer_unavailable')
    for (const [url, answer] of answers) upstream.answers.set(url, answer)
    upstream.publish(fresh.jwk)
    expect(await verify(await token(fresh))).toBe('issuer_unavailable')
    clock.ms += SECOND
    expect(await verify(await token(fresh))).toBe('accepted')
    expect(await verify(await token(old))).toBe('key_unknown')
  })

  test('of an issuer that answers an empty set, a page or an error is the same outage', async () => {
    const answers: (() => Response)[] = [
      () => Response.json({ keys: [] }),
      () => Response.json({}),
      () => Response.json({ error: 'not found' }),
      () => new Response('<html>', { headers: { 'content-type': 'text/html' } }),
      () => new Response('', { status: 404 }),
      () => new Response('', { status: 500 }),
      () => Response.json({ keys: [null, { kty: 'oct', k: 'AAAA' }] }),
    ]
    for (const answer of answers) {
      const { verify, upstream, clock } = await bench()
      const cached = await token(old)
      await verify(cached)
      upstream.answers.set(JWKS, answer)
      clock.ms += 11 * MINUTE
      expect([await verify(cached), await verify(await token(fresh))]).toEqual(['accepted', 'issuer_unavailable'])

      const cold = await bench()
      cold.upstream.answers.set(JWKS, answer)
      expect(await cold.verify(cached)).toBe('issuer_unavailable')
    }
  })

  test('has a Retry-After in its answer and no challenge', async () => {
    const { api, goDown } = await bench()
    goDown()
    const error: unknown = await api.verify(await token(old)).catch((fault: unknown) => fault)
    const { status, headers } = api.challenge(error)
    expect([status, headers['WWW-Authenticate']]).toEqual([503, undefined])
    expect(headers['Retry-After']).toMatch(/^[1-9]\d*$/)
  })
})

describe('keys given as data', () => {
  test('need no fetch, stay for good and serve after any time', async () => {
    const { verify, upstream, clock, fetches } = await bench({
      issuers: [{ issuer: ISSUER, jwt: { jwks: { keys: [old.jwk] } } }],
    })
    expect(await verify(await token(old))).toBe('accepted')
    expect(await verify(await token(fresh))).toBe('key_unknown')
    expect(await verify(await tampered())).toBe('signature_invalid')
    clock.ms += 6 * 24 * HOUR
    expect(await verify(await token(old))).toBe('accepted')
    clock.ms -= 6 * 24 * HOUR
    expect(await verify(await token(old))).toBe('accepted')
    expect([fetches(), upstream.calls]).toEqual([0, []])
  })

  test('are not changed by whoever gave them', async () => {
    const jwks = { keys: [{ ...old.jwk }] }
    const { verify } = await bench({ issuers: [{ issuer: ISSUER, jwt: { jwks } }] })
    jwks.keys[0] = { ...fresh.jwk }
    expect(await verify(await token(old))).toBe('accepted')
    expect(await verify(await token(fresh))).toBe('key_unknown')
  })
})

describe('keys at an explicit address', () => {
  test('need no metadata', async () => {
    const { verify, upstream } = await bench({ issuers: [{ issuer: ISSUER, jwt: { jwksUri: JWKS } }] })
    expect(await verify(await token(old))).toBe('accepted')
    expect(upstream.calls).toEqual([JWKS])
  })
})
