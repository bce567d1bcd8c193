import { describe, expect, test } from 'vitest'
import {
  createResourceServer,
  introspect,
  type IntrospectionDialect,
  resolveIssuers,
  type ResourceServerOptions,
} from '../../../src/entry-points/index.ts'
import { type IssuerSettings, parseIssuer } from '../../../src/options/issuer.ts'
import { ISSUER, NOW, RESOURCE, goodClaims, signingKey, signToken } from '../../fixture/issuer.ts'
import { codeOf, fixture } from '../../fixture/server.ts'
import { saysWhatCame } from './what-came.ts'

const OWN_AUDIENCE = new Set([RESOURCE])

function parse(changes: Record<string, unknown> = {}, insecureHosts: readonly string[] = []): IssuerSettings {
  return parseIssuer({ issuer: ISSUER, ...changes }, 'issuers[0]', { audience: OWN_AUDIENCE, insecureHosts })
}

/** The message of the refusal; `'accepted'` where there is none. */
function refusalOf(issuer: unknown, options: Record<string, unknown> = {}): string {
  try {
    const issuers = Array.isArray(issuer) ? (issuer as unknown[]) : [issuer]
    createResourceServer({ resource: RESOURCE, issuers, ...options } as ResourceServerOptions)
    return 'accepted'
  } catch (error) {
    expect(error).toMatchObject({ code: 'configuration_invalid' })
    return (error as Error).message
  }
}

const jwk = (await signingKey()).jwk
const JWKS = { keys: [jwk] }
const ALGORITHMS = 'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519 ML-DSA-44 ML-DSA-65 ML-DSA-87'
const DIALECT = { name: 'x', request: () => {}, read: () => {} } as unknown as IntrospectionDialect
const METADATA = { issuer: ISSUER, jwks_uri: `${ISSUER}/jwks` }

describe('each option that is wrong is configuration_invalid: named, with what came and what was expected', () => {
  test.each<[path: string, changes: Record<string, unknown>, got: string, expected: string]>([
    ['issuer', { issuer: undefined }, 'nothing', 'a non-empty string'],
    ['issuer', { issuer: '' }, '""', 'a non-empty string'],
    ['issuer', { issuer: 7 }, '7', 'a non-empty string'],
    ['issuer', { issuer: [ISSUER] }, 'an array of 1', 'a non-empty string'],
    ['issuer', { issuer: null }, 'null', 'a non-empty string'],
    ['issuer', { issuer: 'login.example.com' }, '"login.example.com"', 'an absolute URL'],
    ['issuer', { issuer: `${ISSUER}#x` }, `"${ISSUER}#x"`, 'a URL without fragment'],
    ['issuer', { issuer: `${ISSUER}?x=1` }, `"${ISSUER}?x=1"`, 'a URL without query'],
    ['issuer', { issuer: `${ISSUER}?` }, `"${ISSUER}?"`, 'a URL without query'],
    ['issuer', { issuer: 'https://u:p@login.example.com' }, '"https://***@login.example.com"', 'a URL without user'],
    ['issuer', { issuer: 'http://login.example.com' }, '"http://login.example.com"', 'an https URL'],
    ['issuer', { issuer: 'ftp://login.example.com' }, '"ftp://login.example.com"', 'an https URL'],
    ['audience', { audience: '' }, '""', 'a non-empty string'],
    ['audience', { audience: [] }, 'an array of 0', 'a non-empty string or an array'],
    ['audience[1]', { audience: ['a', ''] }, '""', 'a non-empty string'],
    ['audience', { audience: 7 }, '7', 'a non-empty string or an array'],
    ['audience', { audience: false }, 'false', 'a non-empty string or an array'],
    ['clients', { clients: [] }, 'an array of 0', 'an array of at least one client'],
    ['clients', { clients: 'client-1' }, '"client-1"', 'an array of at least one client'],
    ['clients', { clients: null }, 'null', 'an array of at least one client'],
    ['clients[0]', { clients: [''] }, '""', 'a non-empty string'],
    ['clients[1]', { clients: ['a', 7] }, '7', 'a non-empty string'],
    ['clients', { audience: null }, 'nothing', 'the accepted clients, since "audience" is null'],
    ['metadata', { metadata: 'discovery' }, '"discovery"', '"discover", { url }, or the metadata itself'],
    ['metadata', { metadata: 7 }, '7', '"discover", { url }, or the metadata itself'],
    ['metadata', { metadata: null }, 'null', '"discover", { url }, or the metadata itself'],
    ['metadata', { metadata: [] }, 'an array of 0', '"discover", { url }, or the metadata itself'],
    ['metadata.url', { metadata: {} }, 'nothing', 'an absolute URL'],
    ['metadata.url', { metadata: { url: '/x' } }, '"/x"', 'an absolute URL'],
    ['metadata.url', { metadata: { url: 7 } }, '7', 'an absolute URL'],
    ['metadata.url', { metadata: { url: 'http://example.com/x' } }, '"http://example.com/x"', 'an https URL'],
    [
      'metadata.url',
      { metadata: { url: 'https://example.com/#x' } },
      '"https://example.com/#x"',
      'a URL without fragment',
    ],
    ['metadata.issuer', { metadata: { ...METADATA, issuer: `${ISSUER}/` } }, `"${ISSUER}/"`, `exactly "${ISSUER}"`],
    ['metadata.issuer', { metadata: { ...METADATA, issuer: 7 } }, '7', `exactly "${ISSUER}"`],
    ['metadata.jwks_uri', { metadata: { issuer: ISSUER } }, 'nothing', 'an absolute URL'],
    ['metadata.jwks_uri', { metadata: { issuer: ISSUER, jwks_uri: 7 } }, '7', 'an absolute URL'],
    ['metadata.jwks_uri', { metadata: { issuer: ISSUER, jwks_uri: 'http://a.b/' } }, '"http://a.b/"', 'an https URL'],
    ['jwt', { jwt: false }, 'false', '"introspection" beside it'],
    ['jwt', { jwt: true }, 'true', 'an object'],
    ['jwt', { jwt: null }, 'null', 'an object'],
    ['jwt', { jwt: 'compatible' }, '"compatible"', 'an object'],
    ['jwt', { jwt: [] }, 'an array of 0', 'an object'],
    ['jwt', { jwt: { jwks: JWKS, jwksUri: `${ISSUER}/jwks` } }, '"jwks" and "jwksUri"', 'one of the two'],
    ['jwt.jwksUri', { jwt: { jwksUri: 'jwks' } }, '"jwks"', 'an absolute URL'],
    ['jwt.jwksUri', { jwt: { jwksUri: null } }, 'null', 'an absolute URL'],
    ['jwt.jwksUri', { jwt: { jwksUri: 'http://a.b/jwks' } }, '"http://a.b/jwks"', 'an https URL'],
    ['jwt.jwks', { jwt: { jwks: null } }, 'null', 'a JWK Set with at least one key'],
    ['jwt.jwks', { jwt: { jwks: 'x' } }, '"x"', 'a JWK Set with at least one key'],
    ['jwt.jwks', { jwt: { jwks: [jwk] } }, 'an array of 1', 'a JWK Set with at least one key'],
    ['jwt.jwks', { jwt: { jwks: {} } }, 'an object', 'a JWK Set with at least one key'],
    ['jwt.jwks', { jwt: { jwks: { keys: [] } } }, 'an object', 'a JWK Set with at least one key'],
    ['jwt.jwks', { jwt: { jwks: { keys: jwk } } }, 'an object', 'a JWK Set with at least one key'],
    ['jwt.algorithms', { jwt: { algorithms: [] } }, 'an array of 0', 'an array of at least one asymmetric'],
    ['jwt.algorithms', { jwt: { algorithms: 'ES256' } }, '"ES256"', 'an array of at least one asymmetric'],
    ['jwt.algorithms', { jwt: { algorithms: null } }, 'null', 'an array of at least one asymmetric'],
    ['jwt.algorithms[0]', { jwt: { algorithms: ['HS256'] } }, '"HS256"', '"RS256" or'],
    ['jwt.algorithms[1]', { jwt: { algorithms: ['ES256', 'HS512'] } }, '"HS512"', '"RS256" or'],
    ['jwt.algorithms[0]', { jwt: { algorithms: ['none'] } }, '"none"', '"RS256" or'],
    ['jwt.algorithms[0]', { jwt: { algorithms: ['es256'] } }, '"es256"', '"RS256" or'],
    ['jwt.algorithms[0]', { jwt: { algorithms: ['RSA-OAEP'] } }, '"RSA-OAEP"', '"RS256" or'],
    ['jwt.algorithms[0]', { jwt: { algorithms: [7] } }, '7', '"RS256" or'],
    ['jwt.profile', { jwt: { profile: 'rfc9069' } }, '"rfc9069"', '"rfc9068" or "compatible"'],
    ['jwt.profile', { jwt: { profile: null } }, 'null', '"rfc9068" or "compatible"'],
    ['jwt.profile', { jwt: { profile: false } }, 'false', '"rfc9068" or "compatible"'],
  ])('issuers[0].%s: wrong value %#', (path, changes, got, expected) => {
    expect(refusalOf({ issuer: ISSUER })).toBe('accepted')
    const message = refusalOf({ issuer: ISSUER, ...changes })
    expect(message.startsWith(`option "issuers[0].${path}": expected `)).toBe(true)
    expect(message).toContain(expected)
    expect(saysWhatCame(message, got), message).toBe(true)
  })

  test.each([
    ['null', null, 'null'],
    ['a string', ISSUER, `"${ISSUER}"`],
    ['a function', () => ({ issuer: ISSUER }), 'a function'],
  ])('an issuer that is %s', (_, issuer, got) => {
    expect(refusalOf([{ issuer: ISSUER }, issuer])).toBe(`option "issuers[1]": expected an object, got ${got}`)
  })

  test('an issuer twice', () => {
    const message = refusalOf([{ issuer: ISSUER }, { issuer: 'https://b.example.com' }, { issuer: ISSUER }])
    expect(message).toBe(`option "issuers[2].issuer": expected each issuer once, got "${ISSUER}" again`)
  })

  test('two issuers that differ by a slash are two', () => {
    expect(refusalOf([{ issuer: ISSUER }, { issuer: `${ISSUER}/` }])).toBe('accepted')
  })

  test.each([
    ['a symmetric key', { kty: 'oct', k: 'AAAA' }],
    ['an encryption key', { ...jwk, use: 'enc' }],
    ['a private key', { ...jwk, d: 'AAAA' }],
    ['a key of an unknown type', { kty: 'XYZ' }],
    ['null', null],
  ])('keys of which none can verify: %s', (_, key) => {
    expect(refusalOf({ issuer: ISSUER, jwt: { jwks: JWKS } })).toBe('accepted')
    expect(refusalOf({ issuer: ISSUER, jwt: { jwks: { keys: [key] } } })).toContain('jwt.jwks": expected at least one')
  })

  test('keys of which none fits the accepted algorithms', () => {
    expect(refusalOf({ issuer: ISSUER, jwt: { jwks: JWKS, algorithms: ['ES256'] } })).toBe('accepted')
    expect(refusalOf({ issuer: ISSUER, jwt: { jwks: JWKS, algorithms: ['RS256'] } })).toContain('jwt.jwks"')
  })

  test.each([
    ['metadata', { metadata: { ...METADATA, hook: () => {} } }],
    ['jwt.jwks', { jwt: { jwks: { keys: [jwk], hook: () => {} } } }],
  ])('%s that holds what is no data', (_, changes) => {
    expect(refusalOf({ issuer: ISSUER, ...changes })).toMatch(/^option "issuers\[0\]\./)
  })
})

describe('plain http', () => {
  test.each([
    'http://localhost:8080',
    'http://127.0.0.1',
    'http://127.0.0.1:9000/realm',
    'http://127.8.7.6',
    'http://[::1]:80',
  ])('is accepted on loopback: %s', (issuer) => {
    expect(refusalOf({ issuer })).toBe('accepted')
  })

  test.each([
    'http://login.example.com',
    'http://localhost.example.com',
    'http://127.0.0.1.example.com',
    'http://10.0.0.1',
    'http://[::2]',
    'http://0.0.0.0',
    'http://localhost@evil.example',
    'ws://localhost',
  ])('is refused elsewhere: %s', (issuer) => {
    expect(refusalOf({ issuer })).toContain('issuers[0].issuer')
  })

  test('is accepted for hosts in insecureHosts, and for no others', () => {
    const insecureHosts = ['idp.internal']
    expect(refusalOf({ issuer: 'http://idp.internal:8080/realm' })).toContain('insecureHosts')
    expect(refusalOf({ issuer: 'http://idp.internal:8080/realm' }, { insecureHosts })).toBe('accepted')
    expect(refusalOf({ issuer: 'http://other.internal' }, { insecureHosts })).toContain('issuers[0].issuer')
    expect(refusalOf({ issuer: 'http://x.idp.internal' }, { insecureHosts })).toContain('issuers[0].issuer')
  })

  test('insecureHosts allows http and nothing else', () => {
    expect(refusalOf({ issuer: 'ftp://idp.internal' }, { insecureHosts: ['idp.internal'] })).toContain('an https URL')
  })

  const ADFS = 'http://adfs.example.com/adfs/services/trust'
  const endpoint = 'https://adfs.example.com/introspect'
  const asking = { endpoint, auth: 'none' } as const
  const introspection = introspect(asking)
  const unaddressed = introspect({ auth: 'none' })
  const jwksUri = 'https://adfs.example.com/keys'

  test.each<[string, given: Record<string, unknown>, missing: Record<string, unknown>]>([
    ['the address of the keys', { jwt: { jwksUri } }, { jwt: {} }],
    ['the keys', { jwt: { jwks: JWKS } }, { jwt: {} }],
    ['keys and endpoint', { jwt: { jwksUri }, introspection }, { jwt: { jwksUri }, introspection: unaddressed }],
    ['endpoint and keys', { jwt: { jwksUri }, introspection }, { introspection }],
    ['the endpoint alone', { jwt: false, introspection }, { jwt: false, introspection: unaddressed }],
    [
      'the dialect’s endpoint',
      { jwt: false, introspection: introspect({ auth: 'none', dialect: { ...DIALECT, endpoint } }) },
      { jwt: false, introspection: introspect({ auth: 'none', dialect: DIALECT }) },
    ],
    [
      'the keys of signed answers',
      { jwt: { jwksUri }, introspection: introspect({ ...asking, signedResponse: true }) },
      { jwt: false, introspection: introspect({ ...asking, signedResponse: true }) },
    ],
  ])('is accepted anywhere for an issuer that is only compared: given %s', (_, given, missing) => {
    expect(refusalOf({ issuer: ADFS, ...given })).toBe('accepted')
    expect(refusalOf({ issuer: ADFS, ...missing })).toContain('option "issuers[0].issuer": expected an https URL')
    expect(refusalOf({ issuer: ADFS.replace('http:', 'https:'), ...missing })).toBe('accepted')
  })

  test.each([
    ['metadata elsewhere', { metadata: { url: 'https://adfs.example.com/metadata' } }],
    ['metadata as data', { metadata: { issuer: ADFS, jwks_uri: jwksUri } }],
  ])('is refused where %s names the addresses: then they are not given', (_, changes) => {
    expect(refusalOf({ issuer: ADFS, ...changes })).toContain('issuers[0].issuer')
    expect(refusalOf({ issuer: ADFS, ...changes }, { insecureHosts: ['adfs.example.com'] })).toBe('accepted')
    expect(refusalOf({ issuer: ADFS, ...changes, jwt: { jwksUri } })).toBe('accepted')
  })

  test.each(['#x', '?x', '?'])('of an issuer that is only compared has no %s', (end) => {
    expect(refusalOf({ issuer: ADFS, jwt: { jwksUri } })).toBe('accepted')
    expect(refusalOf({ issuer: ADFS + end, jwt: { jwksUri } })).toContain('issuers[0].issuer')
  })

  test.each(['http://user:secret@adfs.example.com', 'ftp://adfs.example.com', 'ws://adfs.example.com'])(
    '%s is not even compared',
    (issuer) => {
      expect(refusalOf({ issuer, jwt: { jwksUri } })).toContain('issuers[0].issuer')
    },
  )

  test('of an issuer that is only compared lets nothing else be plain http', () => {
    const insecure = { jwt: { jwksUri: 'http://adfs.example.com/keys' } }
    expect(refusalOf({ issuer: ADFS, jwt: { jwksUri } })).toBe('accepted')
    expect(refusalOf({ issuer: ADFS, ...insecure })).toContain('issuers[0].jwt.jwksUri')
    const asked = { introspection: introspect({ ...asking, endpoint: 'http://adfs.example.com/introspect' }) }
    expect(refusalOf({ issuer: ADFS, jwt: { jwksUri }, introspection })).toBe('accepted')
    expect(refusalOf({ issuer: ADFS, jwt: { jwksUri }, ...asked })).toContain('issuers[0].introspection.endpoint')
  })

  test('each address is checked, not the issuer’s alone', () => {
    const insecureHosts = ['idp.internal']
    const issuer = 'http://idp.internal'
    const inside = { jwt: { jwksUri: 'http://idp.internal/jwks' } }
    const outside = { jwt: { jwksUri: 'http://cdn.example.com/jwks' } }
    expect(refusalOf({ issuer, ...inside }, { insecureHosts })).toBe('accepted')
    expect(refusalOf({ issuer, ...outside }, { insecureHosts })).toContain('jwt.jwksUri')
  })
})

describe('an issuer is on this machine', () => {
  test.each<[string, Record<string, unknown>]>([
    ['by its identifier', { issuer: 'http://localhost:8080/realm' }],
    ['by its identifier over https', { issuer: 'https://[::1]:8443' }],
    ['by another name of this machine', { issuer: 'https://idp.localhost' }],
    ['by the address of its metadata', { metadata: { url: 'http://127.0.0.1:9000/metadata' } }],
    ['as its metadata is given', { metadata: METADATA }],
  ])('%s', (_, changes) => {
    expect(parse(changes).local).toBe(true)
  })

  test.each<[string, Record<string, unknown>]>([
    ['https', {}],
    ['plain http that is permitted', { issuer: 'http://idp.internal' }],
    ['plain http that is only compared', { issuer: 'http://adfs.example.com', jwt: { jwks: JWKS } }],
    ['plain http of its metadata', { metadata: { url: 'http://idp.internal/metadata' } }],
    ['keys that are here', { jwt: { jwksUri: 'http://127.0.0.1/keys' } }],
  ])('but not for %s', (_, changes) => {
    expect(parse(changes, ['idp.internal']).local).toBe(false)
  })
})

describe('what is accepted', () => {
  test('an issuer alone: discovery, every asymmetric algorithm, RFC 9068', () => {
    expect(parse()).toEqual({
      identifier: ISSUER,
      audience: OWN_AUDIENCE,
      clients: undefined,
      metadata: { from: 'discovery' },
      keys: { from: 'metadata' },
      algorithms: new Set(ALGORITHMS.split(' ')),
      profile: 'rfc9068',
      local: false,
      advertised: true,
      verifiesJwts: true,
      introspection: undefined,
    })
  })

  test('each option by itself', () => {
    expect(parse({ audience: 'a' }).audience).toEqual(new Set(['a']))
    expect(parse({ audience: ['a', 'b'] }).audience).toEqual(new Set(['a', 'b']))
    expect(parse({ audience: null, clients: ['c'] })).toMatchObject({ audience: null, clients: new Set(['c']) })
    expect(parse({ metadata: 'discover' }).metadata).toEqual({ from: 'discovery' })
    expect(parse({ metadata: { url: `${ISSUER}/m` } }).metadata).toEqual({ from: 'url', url: `${ISSUER}/m` })
    expect(parse({ metadata: METADATA }).metadata).toEqual({ from: 'data', document: METADATA })
    expect(parse({ jwt: { jwksUri: `${ISSUER}/k` } }).keys).toEqual({ from: 'url', url: `${ISSUER}/k` })
    expect(parse({ jwt: { jwks: JWKS } }).keys).toEqual({ from: 'data', jwks: JWKS })
    expect(parse({ jwt: { algorithms: ['ES256'] } }).algorithms).toEqual(new Set(['ES256']))
    expect(parse({ jwt: { profile: 'compatible' } }).profile).toBe('compatible')
  })

  test('an identifier that is no URL, where nothing needs to be discovered from it', () => {
    const issuer = 'accounts.example.com'
    expect(refusalOf({ issuer })).toContain('an absolute URL')
    expect(refusalOf({ issuer, jwt: { jwks: JWKS } })).toBe('accepted')
    expect(refusalOf({ issuer, jwt: { jwksUri: `${ISSUER}/jwks` } })).toBe('accepted')
    expect(refusalOf({ issuer, metadata: { url: `${ISSUER}/m` } })).toBe('accepted')
    expect(refusalOf({ issuer, metadata: { ...METADATA, issuer } })).toBe('accepted')
  })

  test('metadata without `jwks_uri`, where the keys come from elsewhere', () => {
    expect(refusalOf({ issuer: ISSUER, metadata: { issuer: ISSUER } })).toContain('jwks_uri')
    expect(refusalOf({ issuer: ISSUER, metadata: { issuer: ISSUER }, jwt: { jwks: JWKS } })).toBe('accepted')
  })

  test('is copied: later changes of what was given change nothing', () => {
    const metadata: Record<string, unknown> = { ...METADATA }
    const jwks = { keys: [{ ...jwk }] }
    const clients = ['a']
    const parsed = parse({ metadata, clients, jwt: { jwks } })
    metadata['jwks_uri'] = 'https://evil.example/jwks'
    jwks.keys.length = 0
    clients.push('b')
    expect(parsed).toMatchObject({
      metadata: { from: 'data', document: METADATA },
      keys: { from: 'data', jwks: JWKS },
      clients: new Set(['a']),
    })
  })
})

describe('what a resolver answers is checked as strictly', () => {
  test.each<[string, unknown]>([
    ['an unknown option', { issuer: ISSUER, typo: 1 }],
    ['plain http', { issuer: ISSUER, jwt: { jwksUri: 'http://a.b/jwks' } }],
    ['another issuer', { issuer: `${ISSUER}/` }],
    ['no issuer', {}],
    ['a string', ISSUER],
    ['an unchecked audience without clients', { issuer: ISSUER, audience: null }],
    ['a symmetric algorithm', { issuer: ISSUER, jwt: { algorithms: ['HS256'] } }],
  ])('%s is the operator’s fault, and no token passes', async (_, answer) => {
    const good = await fixture({ issuers: resolveIssuers(() => ({ issuer: ISSUER })) })
    expect(await codeOf(good.api.verify(await signToken()))).toBe('accepted')
    const bad = await fixture({ issuers: resolveIssuers(() => answer as { issuer: string }) })
    expect(await codeOf(bad.api.verify(await signToken(goodClaims({ exp: NOW + 100 }))))).toBe('issuer_unavailable')
  })
})
