import { describe, expect, test } from 'vitest'
import { base64url, goodClaims, ISSUER, RESOURCE, signingKey, signRaw, signToken } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'
import { expectRefused, goodHeader, join, partsOf } from './forge.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

async function headerText(extra = ''): Promise<string> {
  return JSON.stringify(await goodHeader()).replace('}', `${extra}}`)
}

function payloadText(extra = ''): string {
  return JSON.stringify(goodClaims()).replace(/}$/, `${extra}}`)
}

/** The claims with another subject, as it is written in JSON. */
function withSubject(text: string): string {
  return payloadText().replace('user-1', text)
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text)
}

describe('a text has one meaning', () => {
  test('refuses half a surrogate pair: two such subjects are one once they are written as UTF-8', async () => {
    const header = await headerText()
    const halves = [String.raw`user-\ud800`, String.raw`user-\udfff`, String.raw`user-\uDC3B\uD83D`]
    await expectRefused(
      await signRaw(header, withSubject(String.raw`user-\ud83d\udc3b`)),
      await Promise.all(halves.map((half) => signRaw(header, withSubject(half)))),
      'token_malformed',
    )
    const written = halves.map((half) => new TextEncoder().encode(JSON.parse(`"${half}"`) as string).join())
    expect(written[0]).toBe(written[1])
  })

  test('refuses it in a header and in the name of a claim, too', async () => {
    const half = String.raw`"\ud800":1`
    await expectRefused(
      await signToken(),
      [
        await signRaw(await headerText(`,${half}`), payloadText()),
        await signRaw(await headerText(), payloadText(`,${half}`)),
      ],
      'token_malformed',
    )
  })
})

describe('one token has one spelling', () => {
  test('refuses a signature with padding, white space, line ends or the alphabet of plain base64', async () => {
    const good = await signToken()
    const parts = partsOf(good)
    const { signature } = parts
    const spellings = [
      `${signature}=`,
      `${signature}==`,
      `${signature}\n`,
      `${signature} `,
      ` ${signature}`,
      `${signature.slice(0, 9)}\n${signature.slice(9)}`,
      `${signature.slice(0, 9)} ${signature.slice(9)}`,
      `${signature}%3D`,
      `${signature}\u0000`,
      `${signature}\u00a0`,
      `\ufeff${signature}`,
    ]
    await expectRefused(
      good,
      spellings.map((each) => join({ ...parts, signature: each })),
      'token_malformed',
    )
  })

  test('refuses `+` and `/` for `-` and `_` in every part', async () => {
    let refused = 0
    for (let attempt = 0; refused < 3 && attempt < 50; attempt++) {
      const good = await signToken(goodClaims({ jti: `token-${attempt}`, odd: '???>>>' }))
      for (const name of ['payload', 'signature'] as const) {
        const parts = partsOf(good)
        const other = parts[name].replace('-', '+').replace('_', '/')
        if (other === parts[name]) continue
        await expectRefused(good, [join({ ...parts, [name]: other })], 'token_malformed')
        refused++
      }
    }
    expect(refused).toBeGreaterThanOrEqual(3)
  })

  test('refuses every last character of the signature but the canonical one', async () => {
    const good = await signToken()
    const parts = partsOf(good)
    const last = parts.signature.at(-1) ?? ''
    // 64 bytes leave four spare bits in the last character.
    const canonical = ALPHABET.indexOf(last)
    expect(canonical % 16).toBe(0)
    const others = ALPHABET.split('').filter((each) => each !== last)
    const bent = others.map((each) => join({ ...parts, signature: parts.signature.slice(0, -1) + each }))
    const { api } = await expectRefused(
      good,
      bent.filter((_, index) => ALPHABET.indexOf(others[index] ?? '') % 16 !== 0),
      'token_malformed',
    )
    for (const each of bent) expect(await codeOf(api.verify(each))).not.toBe('accepted')
  })

  test('refuses spare bits in header and payload, which no signature would notice in other decoders', async () => {
    // Two characters of a part whose length leaves spare bits: the signature is made over the bent text.
    const key = await signingKey()
    const { privateKey } = key
    let tried = 0
    for (const pad of ['', 'x', 'xx']) {
      for (const bend of ['header', 'payload'] as const) {
        const header = base64url(JSON.stringify(await goodHeader({ pad })))
        const payload = base64url(JSON.stringify(goodClaims({ pad })))
        const parts = { header, payload }
        if (parts[bend].length % 4 === 0) continue
        const next = ALPHABET[ALPHABET.indexOf(parts[bend].at(-1) ?? '') + 1] ?? ''
        const bent = { ...parts, [bend]: parts[bend].slice(0, -1) + next }
        const tokens = await Promise.all(
          [parts, bent].map(async (each) => {
            const input = `${each.header}.${each.payload}`
            const signature = await crypto.subtle.sign(
              { name: 'ECDSA', hash: 'SHA-256' },
              privateKey,
              new TextEncoder().encode(input),
            )
            return `${input}.${base64url(new Uint8Array(signature))}`
          }),
        )
        await expectRefused(tokens[0] ?? '', tokens.slice(1), 'token_malformed')
        tried++
      }
    }
    expect(tried).toBeGreaterThanOrEqual(3)
  })

  test('a part whose length is one beyond a multiple of four is refused', async () => {
    const good = await signToken()
    const parts = partsOf(good)
    const signature = `${parts.signature}AAA`
    expect(signature.length % 4).toBe(1)
    await expectRefused(good, [join({ ...parts, signature })], 'token_malformed')
  })

  test('an ECDSA signature (r, n − s) is a second valid one: the same claims come out, and neither is an identity', async () => {
    const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
    const good = await signToken()
    const parts = partsOf(good)
    const bytes = Uint8Array.from(atob(parts.signature.replaceAll('-', '+').replaceAll('_', '/')), (c) =>
      c.charCodeAt(0),
    )
    const s = BigInt(`0x${[...bytes.subarray(32)].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`)
    const mirrored = (n - s).toString(16).padStart(64, '0')
    const twin = new Uint8Array([
      ...bytes.subarray(0, 32),
      ...(mirrored.match(/../g) ?? []).map((hex) => parseInt(hex, 16)),
    ])
    const { api } = await fixture()
    const first = await api.verify(good)
    const second = await api.verify(join({ ...parts, signature: base64url(twin) }))
    expect(second).toEqual(first)
    // Each was verified for itself: the cache compares whole tokens.
    expect(second).not.toBe(first)
  })

  test('no part holds a character that is not the alphabet’s, whichever is tried', async () => {
    const good = await signToken()
    const parts = Object.entries(partsOf(good))
    const { api } = await fixture()
    expect(await codeOf(api.verify(good))).toBe('accepted')
    const characters = [
      ...Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)),
      '\u0130',
      '\u2028',
      '\ud800',
      '\uff0e',
      '\uff21',
      '\u{1d400}',
    ]
    for (const character of characters) {
      if (ALPHABET.includes(character)) continue
      // By RFC 6750 §2.1 some more may stand in a token, though in no JWT; all others make no credentials at all.
      const mayStand = '~+/.'.includes(character)
      for (const [name, part] of parts) {
        const spoilt = part.slice(0, 5) + character + part.slice(6)
        const token = join({ ...partsOf(good), [name]: spoilt })
        const view = { method: 'GET', url: RESOURCE, headers: { authorization: `Bearer ${token}` } }
        const codes = [await codeOf(api.verify(token)), await codeOf(api.authenticate(view))]
        expect([token, ...codes]).toEqual([
          token,
          'token_malformed',
          mayStand ? 'token_malformed' : 'credentials_malformed',
        ])
      }
    }
  })
})

describe('strict JSON', () => {
  test.each([
    ['the subject twice', ',"sub":"admin"'],
    ['the subject twice, once escaped', String.raw`,"\u0073ub":"admin"`],
    ['the expiry twice', ',"exp":9999999999'],
    ['the audience twice', `,"aud":"${RESOURCE}"`],
    ['a member twice, deep inside', ',"deep":{"a":[{"b":1,"b":2}]}'],
    ['an expiry of Infinity', ',"far":1e999'],
    ['a number of minus Infinity, deep inside', ',"far":[[-1e999]]'],
    ['a member called __proto__', ',"__proto__":{"scope":"admin"}'],
    ['a member called __proto__, deep inside', ',"deep":[{"__proto__":null}]'],
    ['a member called __proto__, escaped', String.raw`,"__proto\u005f_":{"scope":"admin"}`],
    ['a trailing comma', ','],
    ['a comment', '/* */'],
    ['NaN', ',"n":NaN'],
    ['a leading zero', ',"n":01'],
    ['a hexadecimal number', ',"n":0x1'],
    ['single quotes', ",'n':1"],
    ['a raw line end in a string', ',"n":"\n"'],
    ['a nesting of 100', `,"n":${'['.repeat(100)}${']'.repeat(100)}`],
    ['a nesting of 4,000', `,"n":${'['.repeat(4_000)}${']'.repeat(4_000)}`],
  ])('refuses claims with %s', async (_, extra) => {
    const twin = await signRaw(await headerText(), payloadText(',"other":1'))
    await expectRefused(twin, [await signRaw(await headerText(), payloadText(extra))], 'token_malformed')
  })

  test.each([
    ['`alg` twice', ',"alg":"ES256"'],
    ['`kid` twice', ',"kid":"ES256-1"'],
    ['`typ` twice, once escaped', String.raw`,"t\u0079p":"at+jwt"`],
    ['a member called __proto__', ',"__proto__":{"crit":[]}'],
    ['an infinite number', ',"n":1e400'],
  ])('refuses a header with %s', async (_, extra) => {
    const twin = await signRaw(await headerText(',"other":1'), payloadText())
    await expectRefused(twin, [await signRaw(await headerText(extra), payloadText())], 'token_malformed')
  })

  test('refuses a byte-order mark, UTF-16, invalid and overlong UTF-8 and lone surrogates', async () => {
    const header = await headerText()
    const twin = await signRaw(header, payloadText(',"name":"Bär"'))
    const bad = [
      new Uint8Array([0xef, 0xbb, 0xbf, ...utf8(payloadText())]),
      new Uint8Array([...utf8(payloadText())].flatMap((byte) => [byte, 0])),
      utf8(payloadText(',"name":"?"')).map((byte) => (byte === 0x3f ? 0xff : byte)),
      new Uint8Array([...utf8(payloadText()).slice(0, -1), ...utf8(',"name":"'), 0xc0, 0xaf, 0x22, 0x7d]),
      new Uint8Array([...utf8(payloadText()).slice(0, -1), ...utf8(',"name":"'), 0xed, 0xa0, 0x80, 0x22, 0x7d]),
    ]
    await expectRefused(twin, await Promise.all(bad.map((payload) => signRaw(header, payload))), 'token_malformed')
    await expectRefused(
      twin,
      [await signRaw(new Uint8Array([0xef, 0xbb, 0xbf, ...utf8(header)]), payloadText())],
      'token_malformed',
    )
  })

  test('colons, quotes and backslashes in strings do not confuse the count of members', async () => {
    const tricky = [
      String.raw`,"a:b":"c:d","e\"":"\\","f\\":"\":\"","g":"\\\":","h":{"a:b":1}`,
      String.raw`,":":":","\\":"\\\\","\"":"\"\"\":"`,
      ',"":1,"nested":{"":{"":""}}',
    ]
    const { api } = await fixture()
    for (const extra of tricky) {
      expect(await codeOf(api.verify(await signRaw(await headerText(), payloadText(extra))))).toBe('accepted')
      const twice = `${extra},"sub":"admin"`
      expect(await codeOf(api.verify(await signRaw(await headerText(), payloadText(twice))))).toBe('token_malformed')
    }
  })

  test('white space that JSON allows around the claims is no fault', async () => {
    const { api } = await fixture()
    expect(await codeOf(api.verify(await signRaw(await headerText(), `\r\n\t ${payloadText()} \n`)))).toBe('accepted')
  })
})

describe('critical extensions (CVE-2026-35042, CVE-2025-59420)', () => {
  test.each([
    ['unknown', { crit: ['https://evil.example/ext'], 'https://evil.example/ext': true }],
    ['b64', { crit: ['b64'], b64: true }],
    ['b64 false', { crit: ['b64'], b64: false }],
    ['a registered header', { crit: ['alg'] }],
    ['empty', { crit: [] }],
    ['null', { crit: null }],
    ['no array', { crit: 'exp' }],
    ['an object', { crit: {} }],
    ['repeated', { crit: ['x', 'x'], x: 1 }],
    ['prototype names', { crit: ['__proto__', 'constructor'] }],
  ])('refuses `crit`: %s', async (_, extra) => {
    await expectRefused(
      await signToken(),
      [await signRaw(JSON.stringify(await goodHeader(extra)), payloadText())],
      'token_malformed',
    )
  })

  test('refuses an unencoded payload (RFC 7797), also without `crit`', async () => {
    const header = base64url(JSON.stringify(await goodHeader({ b64: false })))
    const input = `${header}.${payloadText().replaceAll('.', '')}`
    const { privateKey } = await signingKey()
    const signature = await crypto.subtle.sign(
      { name: 'ECDSA', hash: 'SHA-256' },
      privateKey,
      new TextEncoder().encode(input),
    )
    const token = `${input}.${base64url(new Uint8Array(signature))}`
    const encoded = await signRaw(JSON.stringify(await goodHeader({ b64: false })), payloadText())
    await expectRefused(await signToken(), [token, encoded], 'token_malformed')
  })
})

describe('shapes', () => {
  test('JWE around an unsigned token (CVE-2026-29000): five parts are refused by name, whatever is in them', async () => {
    const good = await signToken()
    const inner = base64url(good)
    const header = base64url(JSON.stringify({ alg: 'RSA-OAEP-256', enc: 'A256GCM', cty: 'JWT', kid: 'ES256-1' }))
    const parts = partsOf(good)
    await expectRefused(
      good,
      [
        `${header}.AAAA.AAAA.${inner}.AAAA`,
        `${parts.header}.${parts.payload}.${parts.signature}..`,
        `${parts.header}.${parts.payload}.${parts.signature}.${parts.payload}.${parts.signature}`,
        // A decompression bomb and a key that takes a billion rounds to derive are never opened (CVE-2024-28176, CVE-2023-50658).
        `${base64url(JSON.stringify({ alg: 'PBES2-HS256+A128KW', enc: 'A128GCM', p2c: 1e9, p2s: 'AA', zip: 'DEF' }))}....`,
      ],
      'token_malformed',
    )
  })

  test('a token within a token is refused, whether as text or by `cty`', async () => {
    const good = await signToken()
    const header = await goodHeader({ cty: 'JWT' })
    await expectRefused(
      good,
      [
        await signRaw(JSON.stringify(header), good),
        await signRaw(JSON.stringify(header), JSON.stringify(good)),
        `${partsOf(good).header}.${base64url(good)}.${partsOf(good).signature}`,
      ],
      'token_malformed',
    )
  })

  test('JSON serializations are refused, flattened and general, from a queue and from a header', async () => {
    const good = await signToken()
    const { header, payload, signature } = partsOf(good)
    const flattened = JSON.stringify({ payload, protected: header, signature })
    const general = JSON.stringify({ payload, signatures: [{ protected: header, signature }] })
    const { api } = await expectRefused(good, [flattened, general, ` ${flattened}`], 'token_malformed')
    const view = { method: 'GET', url: RESOURCE, headers: { authorization: `Bearer ${flattened}` } }
    expect(await codeOf(api.authenticate(view))).toBe('credentials_malformed')
  })

  test.each(['.', 'e', 'A', '=', '-', '{', '\\', ' ', 'é', '\u0000', '😀'])(
    'a megabyte of %j is refused quickly and typed, from a queue and from a header (CVE-2025-30204, CVE-2025-27144)',
    async (character) => {
      const flood = character.repeat(1024 * 1024)
      for (const maxTokenBytes of [undefined, 1024 * 1024]) {
        const { api, upstream } = await fixture({ maxTokenBytes })
        const tokens = [flood, `e${flood}`.slice(0, 1024 * 1024), `e30.${flood}`.slice(0, 1024 * 1024)]
        for (const token of tokens) {
          expect(await codeOf(api.verify(token))).toMatch(/^token_(malformed|too_large)$/)
          const view = { method: 'GET', url: RESOURCE, headers: { authorization: `Bearer ${token}` } }
          expect(await codeOf(api.authenticate(view))).toMatch(/^(token|credentials)_(malformed|too_large|ambiguous)$/)
        }
        expect(upstream.calls).toEqual([])
      }
    },
  )

  test('what a pathological header costs does not grow with the square of its length', async () => {
    const { api } = await fixture({ maxTokenBytes: 1024 * 1024 })
    const half = 500_000
    for (const value of [
      `Bearer ${' '.repeat(half)}x${' '.repeat(half)}`,
      `Bearer a${','.repeat(half)}`,
      `Bearer a${', '.repeat(half)}`,
      `Bearer a${',a'.repeat(half)}`,
      `Bearer a, ${'a'.repeat(half)}`,
      `Bearer ${', a'.repeat(300_000)}`,
      `Bearer a${'='.repeat(half)}a`,
      `${' \t'.repeat(half)}Bearer`,
      `Bearer${'\t'.repeat(half)}`,
      `x, ${'\t'.repeat(half)}bearer`,
    ]) {
      const code = await codeOf(api.authenticate({ method: 'GET', url: RESOURCE, headers: { authorization: value } }))
      expect(typeof code).toBe('string')
      expect(code).not.toBe('accepted')
    }
  })

  test('the bound on size holds to the byte', async () => {
    const filler = await signToken(goodClaims({ filler: 'x'.repeat(1_000) }))
    for (const [maxTokenBytes, code] of [
      [filler.length, 'accepted'],
      [filler.length - 1, 'token_too_large'],
    ] as const) {
      const { api } = await fixture({ maxTokenBytes })
      expect(await codeOf(api.verify(filler))).toBe(code)
    }
  })

  test('what is no string at all is refused, typed', async () => {
    const { api } = await fixture()
    for (const value of [
      undefined,
      null,
      1,
      {},
      [],
      Symbol('x'),
      { toString: () => 'x' },
      new Uint8Array(3),
      () => 'x',
    ]) {
      expect(await codeOf(api.verify(value as string))).toBe('token_malformed')
    }
    const views: unknown[] = [undefined, null, 1, 'text', {}, [], { method: 'GET' }, { method: 1, headers: {} }]
    for (const value of views) {
      expect(await codeOf(api.authenticate(value as Request))).toBe('credentials_malformed')
    }
    for (const authorization of [1, null, {}, [1], [null], [[]], Symbol('x')]) {
      const headers = { authorization: authorization as string }
      const code = await codeOf(api.authenticate({ method: 'GET', url: ISSUER, headers }))
      expect(['credentials_malformed', 'credentials_missing', 'credentials_ambiguous']).toContain(code)
    }
  })
})
