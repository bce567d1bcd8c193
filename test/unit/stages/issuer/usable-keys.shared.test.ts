import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { encode } from 'jose/base64url'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { ASYMMETRIC_ALGORITHMS } from '../../../../src/jws/algorithms.ts'
import { createImportedKeys } from '../../../../src/jws/imported-keys.ts'
import type { UsableKeys } from '../../../../src/parts.ts'
import { snapshotOf, usableKeys } from '../../../../src/stages/issuer/usable-keys.ts'
import { codeOf, fixture } from '../../../fixture/server.ts'
import { goodClaims, signingKey, type SigningKey, signToken } from '../../../fixture/issuer.ts'
import { settle } from '../../../fixture/introspection.ts'
import { manualTurns } from '../../../fixture/turns.ts'

const ALL = new Set(ASYMMETRIC_ALGORITHMS)

function pick(keys: unknown, accepted: ReadonlySet<string> = ALL): Promise<UsableKeys> {
  return usableKeys({ keys }, accepted, new Map())
}

/** Without `alg` and `use`, as many issuers publish their keys. */
function bare({ jwk: { alg: _alg, use: _use, ...rest } }: SigningKey): JWK & { kid: string } {
  return rest
}

const good = (await signingKey()).jwk
const rsa = await signingKey('RS256')
const weak = await crypto.subtle.generateKey(
  { name: 'RSASSA-PKCS1-v1_5', modulusLength: 1024, publicExponent: Uint8Array.of(1, 0, 1), hash: 'SHA-256' },
  true,
  ['sign', 'verify'],
)
const weakJwk = await exportJWK(weak.publicKey)
const { privateKey } = await generateKeyPair('ES256', { extractable: true })
const privateJwk = await exportJWK(privateKey)
const rsaPrivate = await exportJWK((await generateKeyPair('RS256', { extractable: true })).privateKey)
const { d: _d, ...publicJwk } = privateJwk

/** An odd number of so many bits, a multiple of eight, in base64url. */
function modulus(bits: number): string {
  return encode(new Uint8Array(bits / 8).fill(0xff))
}

const twin = { ...publicJwk, kid: 'twin' }

const unusable: [string, unknown][] = [
  ['null', null],
  ['a string', 'key'],
  ['a number', 1],
  ['an array', []],
  ['an empty object', {}],
  ['an encryption key', { ...twin, use: 'enc' }],
  ['a use of another type', { ...twin, use: ['sig'] }],
  ['a symmetric key', { kty: 'oct', k: 'c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0', alg: 'HS256', kid: 'twin' }],
  ['a private EC key', { ...privateJwk, kid: 'twin' }],
  ['a private RSA key', { ...rsaPrivate, kid: 'twin' }],
  ['a public key with a symmetric part', { ...twin, k: 'c2VjcmV0' }],
  ['an unknown type', { ...twin, kty: 'XYZ' }],
  ['no type', { ...twin, kty: undefined }],
  ['a type of another case', { ...twin, kty: 'ec' }],
  ['an unknown curve', { ...twin, crv: 'P-999' }],
  ['a curve that is not for signatures here', { ...twin, kty: 'OKP', crv: 'X25519' }],
  ['secp256k1', { ...twin, crv: 'secp256k1' }],
  ['RSA with 1024 bits', { ...weakJwk, kid: 'twin' }],
  ['RSA with 8,200 bits', { kty: 'RSA', e: 'AQAB', kid: 'twin', n: modulus(8_200) }],
  ['RSA with 16,390 bits', { kty: 'RSA', e: 'AQAB', kid: 'twin', n: 'a'.repeat(2_732) }],
  ['RSA with 600,000 bits', { kty: 'RSA', e: 'AQAB', kid: 'twin', n: 'a'.repeat(100_000) }],
  ['RSA with an exponent of 600,000 bits', { ...rsa.jwk, kid: 'twin', e: `${'a'.repeat(99_996)}AQAB` }],
  ['RSA with exponent 2^32 + 1', { ...rsa.jwk, kid: 'twin', e: 'AQAAAAE' }],
  ['RSA with an exponent of 2,046 bits', { ...rsa.jwk, kid: 'twin', e: modulus(2_040) }],
  ['RSA with exponent 1', { ...rsa.jwk, kid: 'twin', e: 'AQ' }],
  ['RSA with a padded exponent 1', { ...rsa.jwk, kid: 'twin', e: 'AAAB' }],
  ['RSA with an even exponent', { ...rsa.jwk, kid: 'twin', e: 'AQAA' }],
  ['RSA with exponent 0', { ...rsa.jwk, kid: 'twin', e: 'AA' }],
  ['RSA with an empty exponent', { ...rsa.jwk, kid: 'twin', e: '' }],
  ['RSA without exponent', { ...rsa.jwk, kid: 'twin', e: undefined }],
  ['RSA without modulus', { ...rsa.jwk, kid: 'twin', n: undefined }],
  ['a point off the curve', { ...twin, y: publicJwk.x }],
  ['a point without y', { ...twin, y: undefined }],
  ['a coordinate that is too short', { ...twin, x: 'AQ' }],
  ['a coordinate that is a number', { ...twin, x: 1 }],
  ['a coordinate that is no base64url', { ...twin, x: '***' }],
  ['a point at zero', { ...twin, x: 'A'.repeat(43), y: 'A'.repeat(43) }],
  ['key_ops without verify', { ...twin, key_ops: ['sign'] }],
  ['empty key_ops', { ...twin, key_ops: [] }],
  ['key_ops that are no array', { ...twin, key_ops: 'verify' }],
  ['an alg of another type of key', { ...twin, alg: 'RS256' }],
  ['an alg of another curve', { ...twin, alg: 'ES384' }],
  ['a symmetric alg', { ...twin, alg: 'HS256' }],
  ['the alg none', { ...twin, alg: 'none' }],
  ['an encryption alg', { ...rsa.jwk, kid: 'twin', use: undefined, alg: 'RSA-OAEP' }],
  ['an alg that is no string', { ...twin, alg: 1 }],
  ['a kid that is a number', { ...twin, kid: 1 }],
  ['a kid that is null', { ...twin, kid: null }],
  ['a kid that is an object', { ...twin, kid: {} }],
  ['a kid of 1,025 characters', { ...twin, kid: 'k'.repeat(1_025) }],
  ['ML-DSA without alg', { kty: 'AKP', pub: 'AAAA', kid: 'twin' }],
  ['ML-DSA that is too short', { kty: 'AKP', pub: 'AAAA', alg: 'ML-DSA-44', kid: 'twin' }],
]

describe('an unusable key', () => {
  test.each([
    ['the same as most of them', twin],
    ['RSA with 8,192 bits', { kty: 'RSA', e: 'AQAB', kid: 'twin', n: modulus(8_192) }],
    ['RSA with exponent 3', { ...rsa.jwk, kid: 'twin', e: 'Aw' }],
    ['RSA with a padded exponent', { ...rsa.jwk, kid: 'twin', e: 'AAAAAAEAAQ' }],
    ['a kid of 1,024 characters', { ...twin, kid: 'k'.repeat(1_024) }],
  ])('has a twin that is usable: %s', async (_, key) => {
    const { keys, ignored } = await pick([key])
    expect([keys.length, ignored]).toEqual([1, []])
  })

  test.each(unusable)('%s never spoils its neighbours', async (_, key) => {
    for (const set of [
      [key, good],
      [good, key],
    ]) {
      const { keys, ignored } = await pick(set)
      expect(keys.map(({ keyId }) => keyId)).toEqual([good.kid])
      expect(ignored).toHaveLength(1)
    }
  })

  test('all of them together leave one good key usable, end to end', async () => {
    const { api, upstream, events } = await fixture()
    upstream.publish(...unusable.map(([, key]) => key), good)
    expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
    const reasons = events.flatMap((event) => (event.type === 'key_ignored' ? [event.reason] : []))
    expect(reasons).toHaveLength(16)
    expect(reasons.at(-1)).toBe(`${unusable.length - 15} more keys are passed over`)
  })

  test('is reported without any of its material', async () => {
    const reports = (await pick(unusable.map(([, key]) => key))).ignored.join('\n')
    expect(reports).not.toContain(privateJwk.d)
    expect(reports).not.toContain(publicJwk.x)
    expect(reports).not.toContain('c2VjcmV0')
  })

  test('a kid that is hostile stands in no report as it is', async () => {
    const { ignored } = await pick([{ ...twin, kid: 'a"\r\nSet-Cookie: b', y: publicJwk.x }])
    expect(ignored).toHaveLength(1)
    expect(ignored[0]).not.toMatch(/[\r\n]/)
    expect(ignored[0]).not.toContain('a"')
  })
})

describe('a document that is no key set', () => {
  test.each([undefined, null, [], 'keys', {}, { keys: null }, { keys: {} }, { keys: 'none' }])(
    '%j',
    async (document) => {
      await expect(usableKeys(document, ALL, new Map())).rejects.toThrow(TypeError)
    },
  )

  test('an empty one is a set without keys', async () => {
    expect(await pick([])).toEqual({ keys: [], ignored: [] })
  })
})

describe('which algorithms a key verifies', () => {
  test('an RSA key without alg verifies the six of its type', async () => {
    const { keys } = await pick([bare(rsa)])
    expect(keys[0]?.algorithms).toEqual(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'])
  })

  test('a key with alg verifies that one alone', async () => {
    const { keys } = await pick([rsa.jwk])
    expect(keys[0]?.algorithms).toEqual(['RS256'])
  })

  test.each([
    ['ES256', ['ES256']],
    ['ES384', ['ES384']],
    ['ES512', ['ES512']],
    ['Ed25519', ['EdDSA', 'Ed25519']],
  ])('a key for %s without alg verifies %j', async (algorithm, names) => {
    const { keys } = await pick([bare(await signingKey(algorithm))])
    expect(keys[0]?.algorithms).toEqual(names)
  })

  test('only what is accepted is verified', async () => {
    const { keys } = await pick([bare(rsa)], new Set(['PS256', 'ES256']))
    expect(keys[0]?.algorithms).toEqual(['PS256'])
  })

  test('a key for nothing that is accepted is passed over', async () => {
    const { keys, ignored } = await pick([bare(rsa), good], new Set(['ES256']))
    expect(keys.map(({ keyId }) => keyId)).toEqual([good.kid])
    expect(ignored).toHaveLength(1)
  })

  test('a key without alg takes tokens of several algorithms, end to end', async () => {
    const pss: SigningKey = {
      algorithm: 'PS256',
      jwk: rsa.jwk,
      privateKey: await crypto.subtle.importKey(
        'pkcs8',
        await crypto.subtle.exportKey('pkcs8', rsa.privateKey),
        { name: 'RSA-PSS', hash: 'SHA-256' },
        true,
        ['sign'],
      ),
    }
    const { api, upstream } = await fixture()
    upstream.publish(bare(rsa))
    expect(await codeOf(api.verify(await signToken(goodClaims(), {}, rsa)))).toBe('accepted')
    expect(await codeOf(api.verify(await signToken(goodClaims(), {}, pss)))).toBe('accepted')

    const pinned = await fixture()
    pinned.upstream.publish(rsa.jwk)
    expect(await codeOf(pinned.api.verify(await signToken(goodClaims(), {}, rsa)))).toBe('accepted')
    expect(await codeOf(pinned.api.verify(await signToken(goodClaims(), {}, pss)))).toBe('algorithm_refused')
  })

  test('an Ed25519 key takes both of its names, end to end', async () => {
    const key = await signingKey('Ed25519')
    const { api, upstream } = await fixture()
    upstream.publish(bare(key))
    for (const algorithm of ['Ed25519', 'EdDSA']) {
      expect(await codeOf(api.verify(await signToken(goodClaims(), {}, { ...key, algorithm })))).toBe('accepted')
    }
  })

  test('ML-DSA is verified where the runtime has it, and passed over where not', async () => {
    const made = await signingKey('ML-DSA-44').catch(() => undefined)
    const { api, upstream } = await fixture()
    if (made) {
      upstream.publish(good, made.jwk)
      expect(await codeOf(api.verify(await signToken(goodClaims(), {}, made)))).toBe('accepted')
    } else {
      upstream.publish({ kty: 'AKP', alg: 'ML-DSA-44', pub: 'A'.repeat(1750), kid: 'post-quantum' }, good)
    }
    expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
  })
})

describe('selection', () => {
  test('by kid, and by all where the token names none', async () => {
    const other = await signingKey('ES256', 'other')
    const snapshot = snapshotOf((await pick([good, other.jwk, rsa.jwk])).keys)
    expect(snapshot.size).toBe(3)
    expect(snapshot.select('other', 'ES256').map(({ keyId }) => keyId)).toEqual(['other'])
    expect(snapshot.select(undefined, 'ES256').map(({ keyId }) => keyId)).toEqual([good.kid, 'other'])
    expect(snapshot.select('other', 'RS256')).toEqual([])
    expect(snapshot.select('nobody', 'ES256')).toEqual([])
    expect([snapshot.knows('other'), snapshot.knows('nobody')]).toEqual([true, false])
  })

  test.each(['__proto__', 'constructor', 'toString', ''])('the kid %j finds nothing by accident', async (kid) => {
    const snapshot = snapshotOf((await pick([good])).keys)
    expect([snapshot.select(kid, 'ES256'), snapshot.knows(kid)]).toEqual([[], false])
  })

  test('several keys under one kid are all tried', async () => {
    const first = await signingKey('ES256', 'first')
    const second = await signingKey('ES256', 'second')
    const { api, upstream } = await fixture()
    upstream.publish({ ...first.jwk, kid: 'same' }, { ...second.jwk, kid: 'same' })
    for (const key of [first, second]) {
      expect(await codeOf(api.verify(await signToken(goodClaims(), { kid: 'same' }, key)))).toBe('accepted')
    }
  })

  test('one kid on keys of two types finds the one that fits', async () => {
    const { api, upstream } = await fixture()
    const key = await signingKey()
    upstream.publish({ ...rsa.jwk, kid: 'same' }, { ...key.jwk, kid: 'same' })
    expect(await codeOf(api.verify(await signToken(goodClaims(), { kid: 'same' }, key)))).toBe('accepted')
    expect(await codeOf(api.verify(await signToken(goodClaims(), { kid: 'same' }, rsa)))).toBe('accepted')
  })

  test('a token without kid is taken, whether or not the keys have one', async () => {
    const key = await signingKey()
    const { kid: _kid, ...nameless } = key.jwk
    for (const published of [key.jwk, nameless]) {
      const { api, upstream } = await fixture()
      upstream.publish(rsa.jwk, published)
      expect(await codeOf(api.verify(await signToken(goodClaims(), { kid: undefined }, key)))).toBe('accepted')
    }
  })

  test('a token with a kid is not tried against keys without one', async () => {
    const key = await signingKey()
    const { kid: _kid, ...nameless } = key.jwk
    const { api, upstream } = await fixture()
    upstream.publish(nameless)
    expect(await codeOf(api.verify(await signToken()))).toBe('key_unknown')
  })

  test('four matching keys are tried and no fifth', async () => {
    const keys = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => signingKey('ES256', `four-${name}`)))
    const { api, upstream } = await fixture()
    // Keys that do not match do not count.
    upstream.publish(rsa.jwk, ...keys.map(({ jwk }) => ({ ...jwk, kid: 'same' })))
    const outcomes: unknown[] = []
    for (const key of keys) outcomes.push(await codeOf(api.verify(await signToken(goodClaims(), { kid: 'same' }, key))))
    expect(outcomes).toEqual(['accepted', 'accepted', 'accepted', 'accepted', 'signature_invalid'])
  })

  test('a key that is listed twice counts once', async () => {
    const { keys } = await pick([good, good, { ...good, x5t: 'other', use: undefined }])
    expect(keys).toHaveLength(1)
  })

  test('of a large set the first 300 keys are taken, and a token finds its own', async () => {
    const many = Array.from({ length: 1_000 }, (_, index) => ({ ...good, kid: `key-${index}` }))
    const { api, upstream, events } = await fixture()
    upstream.publish(...many)
    expect(await codeOf(api.verify(await signToken(goodClaims(), { kid: 'key-299' })))).toBe('accepted')
    expect(await codeOf(api.verify(await signToken(goodClaims(), { kid: 'key-300' })))).toBe('key_unknown')
    const reports = events.flatMap((event) => (event.type === 'key_ignored' ? [event.reason] : []))
    expect(new Set(reports)).toEqual(new Set(['700 members beyond the first 300 are not read']))
  })
})

describe('what became of the others is told', () => {
  const one = /^key \d+: /

  test.each<[number, number, number, RegExp[]]>([
    [0, 300, 0, []],
    [1, 300, 0, [one, /^1 members beyond the first 300 are not read$/]],
    [15, 1, 0, Array<RegExp>(15).fill(one)],
    [16, 1, 0, Array<RegExp>(16).fill(one)],
    [17, 1, 0, [...Array<RegExp>(15).fill(one), /^2 more keys are passed over$/]],
    [15, 1, 5, [...Array<RegExp>(15).fill(one), /^5 members beyond/]],
    [16, 1, 5, [...Array<RegExp>(15).fill(one), /^1 more keys are passed over, and 5 members beyond/]],
  ])('of %d bad and %d good members, and %d that were not read', async (bad, fine, leftOut, expected) => {
    const members = [...Array<unknown>(bad).fill(null), ...Array<unknown>(fine).fill(good)]
    const { ignored } = await usableKeys({ keys: members }, ALL, new Map(), leftOut)
    expect(ignored).toEqual(expected.map((pattern) => expect.stringMatching(pattern) as string))
  })
})

function numbered(count: number): unknown[] {
  return Array.from({ length: count }, (_, index) => ({ ...good, kid: `key-${index}` }))
}

describe('the work for one set', () => {
  test('is cut into slices of 32 keys, between which the event loop turns', async () => {
    const { turn } = manualTurns()
    const imports = vi.spyOn(crypto.subtle, 'importKey')
    onTestFinished(() => imports.mockRestore())
    const work = pick(numbered(300))
    const slices: number[] = []
    while (slices.length < 10) {
      // An import may take some turns of the real event loop.
      await expect.poll(() => imports.mock.calls.length).toBeGreaterThan(0)
      await settle()
      slices.push(imports.mock.calls.length)
      imports.mockClear()
      await expect.poll(async () => (await turn()) > 0 || slices.length === 10).toBe(true)
    }
    expect(slices).toEqual([...Array<number>(9).fill(32), 12])
    expect((await work).keys).toHaveLength(300)
  })

  test('is not cut where it is little', async () => {
    const { turn } = manualTurns()
    expect((await pick(numbered(32))).keys).toHaveLength(32)
    expect(await turn()).toBe(0)
    const more = pick(numbered(33))
    await expect.poll(turn).toBe(1)
    expect((await more).keys).toHaveLength(33)
  })
})

describe('what is kept of a key', () => {
  test('is what its type needs: junk under the names of another type’s members weighs nothing', async () => {
    const junk = 'x'.repeat(10_000)
    const { keys } = await pick([{ ...good, n: junk, e: junk, pub: junk, x5c: [junk] }])
    expect(keys[0]?.identity).toBe((await pick([good])).keys[0]?.identity)
    const { keys: others } = await pick([{ ...rsa.jwk, x: junk, y: junk, crv: junk, pub: junk }])
    expect(others.map(({ identity }) => identity.length < 1_000)).toEqual([true])
  })

  test('a hundred imported keys of an issuer at most; what went is imported anew', async () => {
    const imports = createImportedKeys()
    const [key] = (await usableKeys({ keys: [bare(rsa)] }, ALL, new Map(), 0, imports)).keys
    const first = await key?.cryptoKey('RS256')
    // With the five other algorithms these make a hundred.
    const others = Array.from({ length: 94 }, (_, index) => ({ ...good, kid: `key-${index}` }))
    const { keys } = await usableKeys({ keys: others }, ALL, new Map(), 0, imports)
    for (const algorithm of ['RS384', 'RS512', 'PS256', 'PS384', 'PS512']) await key?.cryptoKey(algorithm)
    expect(await key?.cryptoKey('RS256'), 'the hundredth').toBe(first)
    await usableKeys({ keys: [{ ...good, kid: 'one-more' }] }, ALL, new Map(), 0, imports)
    const again = await key?.cryptoKey('RS256')
    expect(again).not.toBe(first)
    expect(keys.map(({ keyId }) => keyId)).toContain('key-0')
    expect(await keys[0]?.cryptoKey('ES256')).toBeInstanceOf(CryptoKey)
  })
})

describe('identity', () => {
  test('a key that is published still stays the same object, whatever else changes', async () => {
    const first = await pick([good, rsa.jwk])
    const previous = new Map(first.keys.map((key) => [key.identity, key]))
    const reordered = Object.fromEntries(Object.entries(good).toReversed())
    const second = await usableKeys({ keys: [{ ...reordered, x5u: 'https://elsewhere.example' }] }, ALL, previous)
    expect(second.keys[0]).toBe(first.keys[0])
  })

  test('the same kid with another key is another key', async () => {
    const first = await pick([good])
    const previous = new Map(first.keys.map((key) => [key.identity, key]))
    const other = await signingKey('ES256', 'identity-other')
    const second = await usableKeys({ keys: [{ ...other.jwk, kid: good.kid }] }, ALL, previous)
    expect(second.keys[0]).not.toBe(first.keys[0])
  })

  test('the same key under another kid or alg is another key', async () => {
    const { keys } = await pick([good, { ...good, kid: 'renamed' }, { ...good, alg: undefined }])
    expect(new Set(keys.map(({ identity }) => identity)).size).toBe(3)
  })

  test('what is not public key material is not kept', async () => {
    const { keys } = await pick([{ ...good, x5c: ['MII'], secret: 'hunter2' }])
    expect(keys[0]?.identity).not.toContain('hunter2')
    expect(keys[0]?.identity).not.toContain('MII')
  })
})
