import { describe, expect, test } from 'vitest'
import { withDetail } from '../fixture/detail.ts'
import { goodClaims, ISSUER, NOW, RESOURCE, signingKey, signToken } from '../fixture/issuer.ts'
import { ask } from '../fixture/reply.ts'
import { codeOf, fixture } from '../fixture/server.ts'

describe('RFC 9068 §2.1, the header', () => {
  test.each(['at+jwt', 'application/at+jwt', 'AT+JWT', 'at+JWT', 'Application/AT+jwt'])(
    '§2.1: accepts `typ` %s: media types are case-insensitive',
    async (typ) => {
      const { api } = await fixture()
      expect(await codeOf(api.verify(await signToken(goodClaims(), { typ })))).toBe('accepted')
    },
  )

  test.each([
    undefined,
    'JWT',
    'application/jwt',
    'at jwt',
    'at+jwt ',
    'xat+jwt',
    'application/application/at+jwt',
    '',
  ])('§4: refuses `typ` %j', async (typ) => {
    const { api } = await fixture()
    expect(await codeOf(api.verify(await signToken(goodClaims(), { typ })))).toBe('token_type_wrong')
  })

  test('§4: the refusal of `typ` names the option that accepts older issuers', async () => {
    const { api } = await fixture()
    await expect(api.verify(await signToken(goodClaims(), { typ: 'JWT' }))).rejects.toThrow(
      withDetail(`profile: 'compatible'`),
    )
  })

  test('§2.1: refuses the algorithm "none"', async () => {
    const { api } = await fixture()
    const [, payload] = (await signToken()).split('.')
    const header = btoa('{"alg":"none","typ":"at+jwt"}').replaceAll('=', '')
    expect(await codeOf(api.verify(`${header}.${payload}.`))).toBe('token_malformed')
    expect(await codeOf(api.verify(`${header}.${payload}.AAAA`))).toBe('algorithm_refused')
  })

  test('§2.1: accepts RS256, which every authorization server must be able to sign with', async () => {
    const key = await signingKey('RS256')
    const { api, upstream } = await fixture()
    upstream.publish(key.jwk)
    expect(await codeOf(api.verify(await signToken(goodClaims(), {}, key)))).toBe('accepted')
  })
})

describe('RFC 9068 §2.2, the claims', () => {
  test.each(['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti'])('§2.2: requires `%s`', async (name) => {
    const { api } = await fixture()
    expect(await codeOf(api.verify(await signToken(goodClaims())))).toBe('accepted')
    expect(await codeOf(api.verify(await signToken(goodClaims({ [name]: undefined }))))).toBe('claim_missing')
    expect(await codeOf(api.verify(await signToken(goodClaims({ [name]: null }))))).toBe('claim_missing')
  })

  test('§2.2.1: surfaces `auth_time`, `acr` and `amr`', async () => {
    const { api } = await fixture()
    const claims = goodClaims({ auth_time: NOW - 60, acr: 'urn:mace:incommon:iap:silver', amr: ['pwd', 'otp'] })
    const { authentication } = await api.verify(await signToken(claims))
    expect(authentication).toEqual({
      authTimeSeconds: NOW - 60,
      acr: 'urn:mace:incommon:iap:silver',
      amr: ['pwd', 'otp'],
    })
  })

  test('§2.2.3: surfaces the scopes', async () => {
    const { api } = await fixture()
    const { scopes } = await api.verify(await signToken(goodClaims({ scope: 'a b c' })))
    expect(scopes).toEqual(['a', 'b', 'c'])
  })

  test('§2.2.3.1: surfaces `roles`, `groups` and `entitlements`', async () => {
    const { api } = await fixture()
    const given = { roles: ['admin'], groups: [{ value: 'g1', display: 'Bears' }], entitlements: ['honey'] }
    const { claims } = await api.verify(await signToken(goodClaims(given)))
    expect(claims).toMatchObject(given)
  })
})

describe('RFC 9068 §4, validating', () => {
  test('§4: refuses an encrypted token by name', async () => {
    const { api } = await fixture()
    const header = btoa('{"alg":"RSA-OAEP-256","enc":"A256GCM","typ":"at+jwt"}').replaceAll('=', '')
    await expect(api.verify(`${header}.AAAA.AAAA.AAAA.AAAA`)).rejects.toMatchObject({
      code: 'token_malformed',
      detail: expect.stringContaining('JWE') as string,
    })
  })

  test('§4: `iss` must exactly match the issuer identifier', async () => {
    const { api } = await fixture()
    expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
    for (const iss of [`${ISSUER}/`, ISSUER.toUpperCase(), `${ISSUER}:443`, ` ${ISSUER}`]) {
      expect(await codeOf(api.verify(await signToken(goodClaims({ iss }))))).toBe('issuer_untrusted')
    }
  })

  test('§4: `aud` must hold the identifier of this resource', async () => {
    const { api } = await fixture()
    const audiences = [RESOURCE, ['https://other.example.com', RESOURCE]]
    for (const aud of audiences) expect(await codeOf(api.verify(await signToken(goodClaims({ aud }))))).toBe('accepted')
    for (const aud of ['https://other.example.com', ['https://other.example.com'], [], '']) {
      expect(await codeOf(api.verify(await signToken(goodClaims({ aud }))))).toBe('audience_mismatch')
    }
  })

  test('§4: the signature must be made by a key of the issuer', async () => {
    const { api } = await fixture()
    const stranger = await signingKey('ES256', 'stranger')
    const kid = (await signingKey()).jwk.kid
    expect(await codeOf(api.verify(await signToken(goodClaims(), { kid }, stranger)))).toBe('signature_invalid')
    expect(await codeOf(api.verify(await signToken(goodClaims(), {}, stranger)))).toBe('key_unknown')
  })

  test('§4: the time must be before `exp`, with little leeway', async () => {
    const { api, clock } = await fixture()
    const token = await signToken(goodClaims({ exp: NOW + 60 }))
    clock.ms = (NOW + 60 + 10) * 1000 - 1
    expect(await codeOf(api.verify(token))).toBe('accepted')
    clock.ms = (NOW + 60 + 10) * 1000
    expect(await codeOf(api.verify(token))).toBe('token_expired')
  })

  test('§4: answers what it refuses with invalid_token', async () => {
    const { api } = await fixture()
    const reply = await ask(api, { token: await signToken(goodClaims({ aud: 'https://other.example.com' })) })
    expect(reply).toMatchObject({ status: 401, challenges: [{ parameters: { error: 'invalid_token' } }] })
  })

  test('§5: refuses an ID token of the same issuer, which holds the client as its audience', async () => {
    const { api } = await fixture()
    const idToken = { ...goodClaims({ aud: 'client-1', client_id: undefined, jti: undefined, nonce: 'n' }) }
    expect(await codeOf(api.verify(await signToken(idToken, { typ: 'JWT' })))).toBe('token_type_wrong')
  })
})
