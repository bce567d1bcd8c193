import { encode } from 'jose/base64url'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { goodClaims, ISSUER, signingKey, signRaw, signToken } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'

const OAUTH = `${ISSUER}/.well-known/oauth-authorization-server`
const JWKS = `${ISSUER}/jwks`

describe('a key set that is bent', () => {
  test('null members, repeated names, off-curve points and short keys spoil nothing (jose refuses or throws)', async () => {
    const { jwk } = await signingKey()
    const rsa = (await signingKey('RS256')).jwk
    const bent: unknown[] = [
      null,
      undefined,
      [],
      'text',
      { ...jwk, kid: 'off-curve', y: jwk['x'] },
      { ...rsa, kid: 'short', n: 'AQAB' },
      { ...rsa, kid: 'empty', n: '' },
      { ...rsa, kid: 'even', e: 'AQAC' },
      { ...jwk, kid: jwk.kid, x: '' },
      { ...jwk, kid: jwk.kid, crv: 'P-384' },
      { kty: 'EC' },
      { kty: 'RSA' },
      { kty: 'OKP', crv: 'Ed25519', x: 'AA' },
      { kty: 'OKP', crv: 'X25519', x: jwk['x'] },
      { kty: 'AKP', alg: 'ML-DSA-65', pub: 'AAAA' },
      { kty: 'AKP', pub: 'AAAA' },
      { kty: '__proto__' },
      JSON.parse('{"__proto__":{"kty":"EC"}}'),
      { ...jwk, kid: { toString: 'x' } },
      { ...jwk, kid: 'x'.repeat(10_000) },
      { ...jwk, kid: '__proto__' },
    ]
    const { api, upstream } = await fixture()
    upstream.publish(...bent, jwk)
    expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
    const alone = await fixture()
    alone.upstream.publish(...bent.slice(0, 18))
    expect(await codeOf(alone.api.verify(await signToken()))).toBe('issuer_unavailable')
  })

  test('a thousand look-alikes under one name cost four tries, and the good key among the first is found', async () => {
    const { jwk } = await signingKey()
    const other = await signingKey('ES256', 'other')
    const clones = Array.from({ length: 1_000 }, (_, index) => ({ ...other.jwk, kid: `k${index}` }))
    const { api, upstream } = await fixture()
    upstream.publish(jwk, ...clones)
    expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
    const forged = await signToken(goodClaims(), { kid: undefined }, await signingKey('ES256', 'attacker'))
    await expect(api.verify(forged)).rejects.toMatchObject({
      code: 'signature_invalid',
      detail: expect.stringContaining('4 tried') as string,
    })
  })

  test.each<[string, () => Response | Promise<Response>]>([
    ['an error', () => new Response('', { status: 500 })],
    ['nothing', () => new Response('')],
    ['a login page', () => new Response('<html>', { headers: { 'Content-Type': 'text/html' } })],
    ['a redirect', () => new Response(null, { status: 302, headers: { Location: 'https://evil.example/jwks' } })],
    ['600 KiB', () => Response.json({ keys: [], filler: 'x'.repeat(600 * 1024) })],
    ['text', () => Response.json('text')],
    ['an array', () => Response.json([])],
    ['an empty set', () => Response.json({ keys: [] })],
    ['a throw', () => Promise.reject(new TypeError('connection refused'))],
    ['invalid UTF-8', () => new Response(new Uint8Array([0x7b, 0xff, 0x7d]))],
  ])('an answer of %s is an outage, never a 401; good keys live on, and no redirect is followed', async (_, answer) => {
    const cold = await fixture()
    cold.upstream.answers.set(JWKS, answer)
    expect(await codeOf(cold.api.verify(await signToken()))).toBe('issuer_unavailable')
    expect(cold.upstream.calls).not.toContain('https://evil.example/jwks')

    const { api, upstream, clock } = await fixture({ tokenCache: false })
    const token = await signToken(goodClaims({ exp: clock.ms / 1000 + 86_400 }))
    expect(await codeOf(api.verify(token))).toBe('accepted')
    upstream.answers.set(JWKS, answer)
    clock.ms += 3_600_000
    expect(await codeOf(api.verify(token))).toBe('accepted')
    const rotated = await signToken(goodClaims({ exp: clock.ms / 1000 + 60 }), {}, await signingKey('ES256', 'rotated'))
    // The issuer may well have that key: who cannot be asked is not believed to lack it.
    expect(await codeOf(api.verify(rotated))).toBe('issuer_unavailable')
  })

  test('bad tokens cannot spend what good ones need: a rotation during a flood is noticed (jwks-rsa-java#173)', async () => {
    const { api, upstream, clock } = await fixture()
    expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
    const next = await signingKey('ES256', 'next')
    const rotated = await signToken(goodClaims(), {}, next)
    const flood = async (from: number): Promise<void> => {
      for (let each = from; each < from + 50; each++) {
        await codeOf(api.verify(await signToken(goodClaims(), { kid: `junk-${each}` })))
      }
    }
    await flood(0)
    upstream.publish((await signingKey()).jwk, next.jwk)
    expect(await codeOf(api.verify(rotated))).toBe('key_unknown')
    await flood(50)
    clock.ms += 30_000
    await flood(100)
    expect(await codeOf(api.verify(rotated))).toBe('accepted')
    expect(upstream.calls.filter((url) => url === JWKS).length).toBeLessThanOrEqual(3)
  })

  test('an issuer that is down is asked seldom, and other issuers are served meanwhile', async () => {
    const { api, upstream, clock } = await fixture()
    upstream.answers.set(OAUTH, () => new Response('', { status: 503 }))
    const token = await signToken(goodClaims({ exp: clock.ms / 1000 + 3_600 }))
    for (let second = 0; second < 60; second++) {
      for (let each = 0; each < 20; each++) expect(await codeOf(api.verify(token))).toBe('issuer_unavailable')
      clock.ms += 1_000
    }
    expect(upstream.calls.length).toBeLessThanOrEqual(12)
  })

  test('metadata cannot point the keys at a place that is not https', async () => {
    for (const uri of [
      'http://evil.example/jwks',
      'file:///etc/passwd',
      'data:application/json,{}',
      '//evil.example/',
      'https://a:b@evil.example/',
      `${JWKS}#x`,
    ]) {
      const { api, upstream } = await fixture()
      upstream.answers.set(OAUTH, () => Response.json({ issuer: ISSUER, jwks_uri: uri }))
      expect(await codeOf(api.verify(await signToken()))).toBe('issuer_unavailable')
      expect(upstream.calls).toEqual([OAUTH])
    }
  })
})

/** A good key and as much junk as fits. */
function filled(first: unknown, make: (index: number) => string): string {
  let text = `{"keys":[${JSON.stringify(first)}`
  for (let index = 0; ; index++) {
    const member = `,${make(index)}`
    if (text.length + member.length + 2 > 512 * 1024) return `${text}]}`
    text += member
  }
}

/** Bytes that differ from key to key. */
function numbered(index: number, length: number): string {
  const bytes = new Uint8Array(length)
  new DataView(bytes.buffer).setUint32(length - 4, index)
  return encode(bytes)
}

describe('a key set of 512 KiB', () => {
  test.each<[string, (index: number) => string]>([
    ['zeros', () => '0'],
    ['empty objects', () => '{}'],
    ['keys of a few bytes', (index) => `{"kty":"EC","crv":"P-521","x":"${index.toString(36)}","y":"A"}`],
    ['short RSA keys', (index) => `{"kty":"RSA","n":"${index.toString(36)}AA","e":"Aw"}`],
    [
      'points off the curve',
      (index) => `{"kty":"EC","crv":"P-256","x":"${numbered(index, 32)}","y":"${numbered(1, 32)}"}`,
    ],
    ['keys that are good', (index) => `{"kty":"OKP","crv":"Ed25519","x":"${numbered(index + 3, 32)}"}`],
    ['long RSA keys', (index) => `{"kty":"RSA","n":"${numbered(index, 2_048)}","e":"AQAB"}`],
    ['names of 1,024 characters', (index) => `{"kty":"EC","kid":"${String(index).padStart(1_024, '0')}"}`],
    ['one array of arrays', () => '['.repeat(100_000) + ']'.repeat(100_000)],
    ['members without end', () => `{${Array.from({ length: 20_000 }, (_, index) => `"${index}":0`).join(',')}}`],
  ])('costs 300 imports and 16 events at most, and its good key is found: %s', async (_, make) => {
    const { jwk } = await signingKey()
    const body = filled(jwk, make)
    const { api, upstream, events } = await fixture()
    upstream.answers.set(JWKS, () => new Response(body, { headers: { 'Content-Type': 'application/json' } }))
    const token = await signToken()
    const imports = vi.spyOn(crypto.subtle, 'importKey')
    onTestFinished(() => imports.mockRestore())
    expect(await codeOf(api.verify(token))).toBe('accepted')
    expect(imports.mock.calls.length).toBeLessThanOrEqual(300)
    expect(events.filter(({ type }) => type === 'key_ignored').length).toBeLessThanOrEqual(16)
    expect(api.snapshot()[0]?.keys).toBeLessThanOrEqual(300)
  })
})

describe('RSA keys that are dear to verify with', () => {
  const BIG = encode(new Uint8Array(384).fill(0xff))

  test.each<[string, Record<string, unknown>]>([
    ['an exponent as long as the modulus', { n: BIG, e: BIG }],
    ['an exponent of 33 bits', { n: BIG, e: 'AQAAAAE' }],
    ['a modulus of 16,384 bits', { n: encode(new Uint8Array(2_048).fill(0xff)), e: 'AQAB' }],
    ['a modulus of 8,200 bits', { n: encode(new Uint8Array(1_025).fill(0xff)), e: 'AQAB' }],
  ])('%s: an unsigned token is tried against none of them', async (_, dear) => {
    const { jwk } = await signingKey()
    const { api, upstream } = await fixture()
    upstream.publish(jwk, ...Array.from({ length: 4 }, () => ({ kty: 'RSA', kid: 'dear', ...dear })))
    const verifications = vi.spyOn(crypto.subtle, 'verify')
    onTestFinished(() => verifications.mockRestore())
    const junk = await signRaw(
      JSON.stringify({ alg: 'RS256', kid: 'dear', typ: 'at+jwt' }),
      JSON.stringify(goodClaims()),
    )
    expect(await codeOf(api.verify(junk))).toBe('key_unknown')
    expect(verifications).not.toHaveBeenCalled()

    const twin = await fixture()
    twin.upstream.publish(jwk, { kty: 'RSA', kid: 'dear', n: BIG, e: 'AQAB' })
    expect(await codeOf(twin.api.verify(junk))).toBe('signature_invalid')
    expect(verifications).toHaveBeenCalledOnce()
  })
})
