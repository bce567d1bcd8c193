import { describe, expect, test } from 'vitest'
import { base64url, goodClaims, signingKey, signRaw, signToken } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'

async function outcome(token: string): Promise<unknown> {
  const { api } = await fixture()
  return codeOf(api.verify(token))
}

async function rawHeader(changes: string): Promise<string> {
  const { kid } = (await signingKey()).jwk
  return `{"alg":"ES256","typ":"at+jwt","kid":"${kid}"${changes}}`
}

const payload = JSON.stringify(goodClaims())

describe('RFC 7515, JSON Web Signature', () => {
  test('§3.1 and §7.1: a compact JWS has exactly three parts', async () => {
    const token = await signToken()
    expect(await outcome(token)).toBe('accepted')
    const [header, claims, signature] = token.split('.')
    for (const bad of [
      `${header}.${claims}`,
      `${header}`,
      `${token}.`,
      `${token}.${signature}`,
      `.${token}`,
      `${header}..${signature}`,
      `..${signature}`,
      `${header}.${claims}.`,
      '..',
    ]) {
      expect(await outcome(bad)).toBe('token_malformed')
    }
  })

  test('§2: base64url has no padding', async () => {
    const [header, claims, signature] = (await signToken()).split('.')
    expect(await outcome(`${header}.${claims}.${signature}==`)).toBe('token_malformed')
    expect(await outcome(`${header}=.${claims}.${signature}`)).toBe('token_malformed')
  })

  test('§4: a header with a member twice is refused', async () => {
    expect(await outcome(await signRaw(await rawHeader(''), payload))).toBe('accepted')
    expect(await outcome(await signRaw(await rawHeader(',"typ":"at+jwt"'), payload))).toBe('token_malformed')
    expect(await outcome(await signRaw(await rawHeader(String.raw`,"\u0074yp":"at+jwt"`), payload))).toBe(
      'token_malformed',
    )
  })

  test('§4: header parameters that nobody knows are ignored', async () => {
    expect(await outcome(await signToken(goodClaims(), { x: 1, cty: 'json', x5t: 'abc' }))).toBe('accepted')
  })

  test('§4.1.1: `alg` must be there, is a string and case-sensitive', async () => {
    const kid = JSON.stringify((await signingKey()).jwk.kid)
    expect(await outcome(await signRaw(`{"typ":"at+jwt","kid":${kid}}`, payload))).toBe('token_malformed')
    expect(await outcome(await signRaw(`{"alg":["ES256"],"typ":"at+jwt"}`, payload))).toBe('token_malformed')
    expect(await outcome(await signRaw(`{"alg":"es256","typ":"at+jwt"}`, payload))).toBe('algorithm_refused')
  })

  test.each(['["exp"]', '["b64"]', '[]', '["urn:x"]', 'null', '"exp"', '[1]', '{}'])(
    '§4.1.11: a header with `crit` %s is refused: no extension is understood',
    async (crit) => {
      const header = await rawHeader(`,"crit":${crit},"b64":true,"exp":1,"urn:x":1`)
      expect(await outcome(await signRaw(header, payload))).toBe('token_malformed')
    },
  )

  test.each(['false', 'true', 'null', '"false"'])('RFC 7797 §3: a header with `b64` %s is refused', async (b64) => {
    expect(await outcome(await signRaw(await rawHeader(`,"b64":${b64}`), payload))).toBe('token_malformed')
  })

  test('§5.2 step 2: the header is UTF-8 JSON and an object', async () => {
    for (const header of ['[]', '"ES256"', 'null', '1', '{', '', '{"alg":"ES256",}', "{'alg':'ES256'}"]) {
      expect(await outcome(await signRaw(header, payload))).toBe('token_malformed')
    }
    const invalid = new TextEncoder().encode(await rawHeader(',"x":"?"')).map((byte) => (byte === 0x3f ? 0xff : byte))
    expect(await outcome(await signRaw(invalid, payload))).toBe('token_malformed')
  })

  test('RFC 7519 §7.2 step 10: the payload is UTF-8 JSON and an object', async () => {
    const header = await rawHeader('')
    for (const bad of ['[]', '"text"', 'null', '1', payload.slice(0, -1), `${payload}${payload}`, '']) {
      expect(await outcome(await signRaw(header, bad))).toBe('token_malformed')
    }
  })

  test('§7.2: JSON serializations are refused by name', async () => {
    const { api } = await fixture()
    const [protectedHeader, body, signature] = (await signToken()).split('.')
    const flattened = JSON.stringify({ protected: protectedHeader, payload: body, signature })
    await expect(api.verify(flattened)).rejects.toMatchObject({
      code: 'token_malformed',
      detail: expect.stringContaining('JSON serialization') as string,
    })
  })

  test('RFC 7516 §9: five parts are a JWE, and refused by name', async () => {
    const { api } = await fixture()
    const parts = [base64url('{"alg":"dir","enc":"A256GCM"}'), '', 'AAAA', 'AAAA', 'AAAA']
    await expect(api.verify(parts.join('.'))).rejects.toMatchObject({
      code: 'token_malformed',
      detail: expect.stringContaining('JWE') as string,
    })
  })

  test('§8: the signature covers header and payload to the letter', async () => {
    const { jwk } = await signingKey()
    const token = await signToken()
    const [, claims, signature] = token.split('.')
    // The same header, its members in another order.
    const header = base64url(JSON.stringify({ typ: 'at+jwt', kid: jwk.kid, alg: 'ES256' }))
    expect(await outcome(`${header}.${claims}.${signature}`)).toBe('signature_invalid')
  })
})
