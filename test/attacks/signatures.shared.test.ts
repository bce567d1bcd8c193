import { describe, expect, test } from 'vitest'
import { base64url, goodClaims, type SigningKey, signingKey, signToken } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'
import { bytesOf, forge, goodHeader, join, partsOf } from './forge.ts'

const SIZES = { ES256: 64, ES384: 96, ES512: 132 } as const
const ORDERS = {
  ES256: 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551',
  ES384: 'ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973',
  ES512:
    '01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa' +
    '51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409',
} as const

function hex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16))
}

/** DER of an ECDSA signature, as OpenSSL and Java write it. */
function der(raw: Uint8Array): Uint8Array {
  const integers = [raw.subarray(0, raw.length / 2), raw.subarray(raw.length / 2)].map((half) => {
    const start = half.findIndex((byte) => byte !== 0)
    const digits = half.subarray(Math.max(start, 0))
    const content = (digits[0] ?? 0) > 0x7f ? [0, ...digits] : [...digits]
    return [0x02, content.length, ...content]
  })
  const content = integers.flat()
  return new Uint8Array(
    content.length > 127 ? [0x30, 0x81, content.length, ...content] : [0x30, content.length, ...content],
  )
}

async function serverOf(key: SigningKey) {
  const made = await fixture({ tokenCache: false })
  made.upstream.publish(key.jwk)
  return made
}

describe.each(['ES256', 'ES384', 'ES512'] as const)('%s signatures', (algorithm) => {
  const half = SIZES[algorithm] / 2
  const zero = new Uint8Array(half)
  const one = hex('01'.padStart(half * 2, '0'))
  const order = hex(ORDERS[algorithm])
  const ones = new Uint8Array(half).fill(0xff)

  test('of zero, one, the order or beyond it never verify (CVE-2022-21449)', async () => {
    const key = await signingKey(algorithm)
    const { api } = await serverOf(key)
    expect(order).toHaveLength(half)
    expect(await codeOf(api.verify(await signToken(goodClaims(), {}, key)))).toBe('accepted')
    const values = [zero, one, order, ones]
    for (const r of values) {
      for (const s of values) {
        const header = await goodHeader({ alg: algorithm, kid: key.jwk.kid })
        expect(await codeOf(api.verify(await forge(header, () => new Uint8Array([...r, ...s]))))).toBe(
          'signature_invalid',
        )
      }
    }
  })

  test('that are empty, too short or too long never verify', async () => {
    const key = await signingKey(algorithm)
    const { api } = await serverOf(key)
    const good = await signToken(goodClaims(), {}, key)
    expect(await codeOf(api.verify(good))).toBe('accepted')
    const parts = partsOf(good)
    const raw = bytesOf(parts.signature)
    expect(raw).toHaveLength(2 * half)
    expect(await codeOf(api.verify(join({ ...parts, signature: '' })))).toBe('token_malformed')
    for (const bad of [
      raw.subarray(0, 1),
      raw.subarray(0, half),
      raw.subarray(0, -1),
      raw.subarray(1),
      new Uint8Array([...raw, 0]),
      new Uint8Array([0, ...raw]),
      new Uint8Array([...raw, ...raw]),
      new Uint8Array([0, ...raw.subarray(0, half), 0, ...raw.subarray(half)]),
      new Uint8Array(2 * half),
      new Uint8Array(1),
    ]) {
      expect(await codeOf(api.verify(join({ ...parts, signature: base64url(bad) })))).toBe('signature_invalid')
    }
  })

  test('in DER never verify: JWS knows r and s side by side alone', async () => {
    const key = await signingKey(algorithm)
    const { api } = await serverOf(key)
    for (let attempt = 0; attempt < 8; attempt++) {
      const good = await signToken(goodClaims({ jti: `${attempt}` }), {}, key)
      expect(await codeOf(api.verify(good))).toBe('accepted')
      const parts = partsOf(good)
      const signature = base64url(der(bytesOf(parts.signature)))
      expect(await codeOf(api.verify(join({ ...parts, signature })))).toBe('signature_invalid')
    }
  })

  test('with r and s exchanged, or any single bit flipped, never verify', async () => {
    const key = await signingKey(algorithm)
    const { api } = await serverOf(key)
    const good = await signToken(goodClaims(), {}, key)
    expect(await codeOf(api.verify(good))).toBe('accepted')
    const parts = partsOf(good)
    const raw = bytesOf(parts.signature)
    const exchanged = new Uint8Array([...raw.subarray(half), ...raw.subarray(0, half)])
    expect(await codeOf(api.verify(join({ ...parts, signature: base64url(exchanged) })))).toBe('signature_invalid')
    for (let bit = 0; bit < raw.length * 8; bit += 7) {
      const flipped = raw.map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
      expect(await codeOf(api.verify(join({ ...parts, signature: base64url(flipped) })))).toBe('signature_invalid')
    }
  })
})

describe('other signatures', () => {
  test.each(['RS256', 'PS256', 'Ed25519'])(
    '%s: empty, zero, shortened and prolonged ones never verify',
    async (algorithm) => {
      const key = await signingKey(algorithm)
      const { api } = await serverOf(key)
      const good = await signToken(goodClaims(), {}, key)
      expect(await codeOf(api.verify(good))).toBe('accepted')
      const parts = partsOf(good)
      const raw = bytesOf(parts.signature)
      for (const bad of [
        new Uint8Array(raw.length),
        new Uint8Array(raw.length).fill(0xff),
        raw.subarray(0, -1),
        raw.subarray(1),
        new Uint8Array([...raw, 0]),
        new Uint8Array([0, ...raw]),
        new Uint8Array(1),
        raw.map((byte, index) => (index === raw.length - 1 ? byte ^ 1 : byte)),
      ]) {
        expect(await codeOf(api.verify(join({ ...parts, signature: base64url(bad) })))).toBe('signature_invalid')
      }
    },
  )

  test('Ed25519: a signature with s + L never verifies', async () => {
    const key = await signingKey('Ed25519')
    const { api } = await serverOf(key)
    const good = await signToken(goodClaims(), {}, key)
    expect(await codeOf(api.verify(good))).toBe('accepted')
    const parts = partsOf(good)
    const raw = bytesOf(parts.signature)
    const order = 2n ** 252n + 27742317777372353535851937790883648493n
    let s = raw.subarray(32).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n) + order
    const malleable = raw.map((byte, index) => {
      if (index < 32) return byte
      const low = Number(s & 0xffn)
      s >>= 8n
      return low
    })
    expect(await codeOf(api.verify(join({ ...parts, signature: base64url(malleable) })))).toBe('signature_invalid')
  })

  test('Ed25519: a key of small order, under which one signature fits every message, verifies nothing', async () => {
    const neighbour = await signingKey()
    const identity = new Uint8Array(32).with(0, 1)
    const points = [
      identity,
      new Uint8Array(32),
      hex(`ec${'ff'.repeat(30)}7f`),
      hex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'),
      hex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'),
    ]
    for (const point of points) {
      const weak = { kty: 'OKP', crv: 'Ed25519', x: base64url(point), kid: 'weak', alg: 'EdDSA' }
      const { api, upstream } = await fixture({ tokenCache: false })
      upstream.publish(weak, neighbour.jwk)
      expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
      for (const r of points) {
        const signature = new Uint8Array([...r, ...new Uint8Array(32)])
        for (let attempt = 0; attempt < 16; attempt++) {
          const header = await goodHeader({ alg: 'EdDSA', kid: 'weak', attempt })
          expect(await codeOf(api.verify(await forge(header, () => signature)))).toMatch(
            /^(signature_invalid|key_unknown)$/,
          )
        }
      }
    }
  })

  test('a signature of another token, or of another part, never verifies', async () => {
    const key = await signingKey()
    const { api } = await serverOf(key)
    const [first, second] = [await signToken(), await signToken(goodClaims({ sub: 'admin' }))].map(partsOf)
    if (!first || !second) throw new Error('two tokens were made')
    expect(await codeOf(api.verify(join(first)))).toBe('accepted')
    for (const mixed of [
      { ...first, signature: second.signature },
      { ...first, payload: second.payload },
      { ...first, header: base64url(JSON.stringify(await goodHeader({ x: 1 }))) },
      { ...first, payload: first.header, header: first.payload },
    ]) {
      expect(['signature_invalid', 'token_malformed']).toContain(await codeOf(api.verify(join(mixed))))
    }
  })
})
