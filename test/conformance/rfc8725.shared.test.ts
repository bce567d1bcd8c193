import { describe, expect, test } from 'vitest'
import { createResourceServer } from '../../src/entry-points/index.ts'
import { fakeUpstream, goodClaims, ISSUER, NOW_MS, RESOURCE, signingKey, signToken } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'

const OTHER = 'https://other.example.com'

describe('RFC 8725, best current practices', () => {
  test('§3.1: accepts only the algorithms configured for the issuer', async () => {
    const key = await signingKey('ES256')
    const token = await signToken(goodClaims(), {}, key)
    for (const [algorithms, code] of [
      [['ES256'], 'accepted'],
      [['ES384', 'RS256'], 'algorithm_refused'],
    ] as const) {
      const { api } = await fixture({ issuers: [{ issuer: ISSUER, jwt: { algorithms } }] })
      expect(await codeOf(api.verify(token))).toBe(code)
    }
  })

  test('§3.1: an algorithm accepted for one issuer is none for another', async () => {
    const key = await signingKey('ES256')
    const here = fakeUpstream(ISSUER, key.jwk)
    const there = fakeUpstream(OTHER, key.jwk)
    const api = createResourceServer({
      resource: RESOURCE,
      issuers: [
        { issuer: ISSUER, jwt: { algorithms: ['ES256'] } },
        { issuer: OTHER, jwt: { algorithms: ['RS256'] } },
      ],
      fetch: (url, init) => (url.startsWith(OTHER) ? there : here).fetch(url, init),
      now: () => NOW_MS,
    })
    expect(await codeOf(api.verify(await signToken(goodClaims(), {}, key)))).toBe('accepted')
    const foreign = await signToken(goodClaims({ iss: OTHER }), {}, key)
    expect(await codeOf(api.verify(foreign))).toBe('algorithm_refused')
  })

  test('§3.1: a key verifies with one algorithm alone where its JWK names one; the key decides, not the header', async () => {
    const { jwk, privateKey } = await signingKey('RS256')
    const pss = await crypto.subtle.importKey(
      'jwk',
      { ...(await crypto.subtle.exportKey('jwk', privateKey)), alg: 'PS256' },
      { name: 'RSA-PSS', hash: 'SHA-256' },
      true,
      ['sign'],
    )
    const { alg: _, ...unpinned } = jwk
    const { api, upstream } = await fixture()
    const token = await signToken(goodClaims(), {}, { algorithm: 'PS256', privateKey: pss, jwk })
    upstream.publish({ ...unpinned })
    expect(await codeOf(api.verify(token))).toBe('accepted')
    const pinned = await fixture()
    pinned.upstream.publish(jwk)
    expect(await codeOf(pinned.api.verify(token))).toBe('algorithm_refused')
  })

  test('§3.2: "none" and symmetric algorithms cannot even be configured', () => {
    for (const algorithm of ['none', 'None', 'HS256', 'HS384', 'HS512', 'dir', 'RS1', 'ES256K', '']) {
      const create = () =>
        createResourceServer({ resource: RESOURCE, issuers: [{ issuer: ISSUER, jwt: { algorithms: [algorithm] } }] })
      expect(create).toThrow(expect.objectContaining({ code: 'configuration_invalid' }))
    }
  })

  test('§3.3: a failed signature refuses the token, however good its claims are', async () => {
    const { api } = await fixture()
    const [header, , signature] = (await signToken()).split('.')
    const [, payload] = (await signToken(goodClaims({ sub: 'admin' }))).split('.')
    expect(await codeOf(api.verify(`${header}.${payload}.${signature}`))).toBe('signature_invalid')
  })

  test('§3.5: RSA keys shorter than 2048 bits verify nothing', async () => {
    const pair = await crypto.subtle.generateKey(
      { name: 'RSASSA-PKCS1-v1_5', modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
      true,
      ['sign', 'verify'],
    )
    const weak = { ...(await crypto.subtle.exportKey('jwk', pair.publicKey)), kid: 'weak', alg: 'RS256', use: 'sig' }
    const { api, upstream, events } = await fixture()
    upstream.publish(weak, (await signingKey()).jwk)
    const input = (await signToken(goodClaims(), { alg: 'RS256', kid: 'weak' }, await signingKey('RS256')))
      .split('.')
      .slice(0, 2)
      .join('.')
    const signature = await crypto.subtle.sign('RSASSA-PKCS1-v1_5', pair.privateKey, new TextEncoder().encode(input))
    const encoded = btoa(String.fromCharCode(...new Uint8Array(signature)))
    const token = `${input}.${encoded.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')}`
    expect(await codeOf(api.verify(token))).toBe('key_unknown')
    expect(events).toContainEqual(expect.objectContaining({ type: 'key_ignored' }))
    expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
  })

  test('§3.8: a key belongs to its issuer: two issuers that share a `kid` do not share keys', async () => {
    const mine = await signingKey('ES256', 'shared')
    const another = await signingKey('ES256', 'another')
    const theirs = { ...another, jwk: { ...another.jwk, kid: 'shared' } }
    const here = fakeUpstream(ISSUER, mine.jwk)
    const there = fakeUpstream(OTHER, theirs.jwk)
    const api = createResourceServer({
      resource: RESOURCE,
      issuers: [{ issuer: ISSUER }, { issuer: OTHER }],
      fetch: (url, init) => (url.startsWith(OTHER) ? there : here).fetch(url, init),
      now: () => NOW_MS,
    })
    const forged = goodClaims({ iss: OTHER })
    expect(await codeOf(api.verify(await signToken(forged, {}, theirs)))).toBe('accepted')
    expect(await codeOf(api.verify(await signToken(forged, {}, mine)))).toBe('signature_invalid')
    expect(await codeOf(api.verify(await signToken(goodClaims(), {}, mine)))).toBe('accepted')
  })

  test('§3.9: a token for another audience is refused', async () => {
    const { api } = await fixture()
    expect(await codeOf(api.verify(await signToken(goodClaims({ aud: OTHER }))))).toBe('audience_mismatch')
  })

  test('§3.10: nothing that the header names is fetched', async () => {
    const { api, upstream } = await fixture()
    const header = { jku: 'https://evil.example/jwks', x5u: 'https://evil.example/cert', kid: 'https://evil.example/k' }
    expect(await codeOf(api.verify(await signToken(goodClaims(), header)))).toBe('key_unknown')
    expect(upstream.calls.filter((url) => !url.startsWith(ISSUER))).toEqual([])
  })

  test('§3.11: a `typ` that is present must fit, in the profile "compatible" too', async () => {
    const { api } = await fixture({ issuers: [{ issuer: ISSUER, jwt: { profile: 'compatible' } }] })
    for (const typ of [undefined, 'JWT', 'jwt', 'at+jwt', 'application/at+jwt', 'application/JWT']) {
      expect(await codeOf(api.verify(await signToken(goodClaims(), { typ })))).toBe('accepted')
    }
    for (const typ of ['dpop+jwt', 'logout+jwt', 'secevent+jwt', 'token-introspection+jwt', 'oauth-authz-req+jwt']) {
      expect(await codeOf(api.verify(await signToken(goodClaims(), { typ })))).toBe('token_type_wrong')
    }
  })

  test('§3.12: tokens of other kinds by the same issuer are told apart by `typ`, claims and audience', async () => {
    const { api } = await fixture({ issuers: [{ issuer: ISSUER, jwt: { profile: 'compatible' } }] })
    const kinds = [
      { nonce: 'n' },
      { at_hash: 'h' },
      { events: { 'http://schemas.openid.net/event/backchannel-logout': {} } },
    ]
    for (const kind of kinds) {
      expect(await codeOf(api.verify(await signToken(goodClaims(kind), { typ: 'JWT' })))).toBe('token_type_wrong')
    }
  })
})
