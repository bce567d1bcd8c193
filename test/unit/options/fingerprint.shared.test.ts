import { describe, expect, test } from 'vitest'
import { introspect, type TrustedIssuer } from '../../../src/entry-points/index.ts'
import {
  answersFingerprint,
  documentsFingerprint,
  sourcesFingerprint,
  termsFingerprint,
} from '../../../src/options/fingerprint.ts'
import { type IssuerSettings, parseIssuer } from '../../../src/options/issuer.ts'
import { ISSUER, RESOURCE } from '../../fixture/issuer.ts'

const SERVER = { insecureHosts: ['issuer.internal'] }

function settings(changes: Partial<TrustedIssuer> = {}): IssuerSettings {
  return parseIssuer({ issuer: ISSUER, ...changes }, 'issuers[0]', { audience: new Set([RESOURCE]), ...SERVER })
}

const OTHER = 'https://other.example.com'
const JWKS = { keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }] }

/** Every setting that decides where an issuer's documents come from. */
const SOURCES: readonly [string, Partial<TrustedIssuer>][] = [
  ['the issuer', { issuer: OTHER }],
  ['the address of the metadata', { metadata: { url: `${ISSUER}/metadata` } }],
  ['the metadata itself', { metadata: { issuer: ISSUER, jwks_uri: `${ISSUER}/jwks` } }],
  ['the address of the keys', { jwt: { jwksUri: `${ISSUER}/other-keys` } }],
  ['the keys themselves', { jwt: { jwks: JWKS } }],
]

describe('the fingerprint of sources', () => {
  test('is equal for equal settings, whatever else differs', () => {
    expect(sourcesFingerprint(settings())).toBe(sourcesFingerprint(settings({ metadata: 'discover', jwt: {} })))
    expect(sourcesFingerprint(settings({ audience: OTHER, clients: ['client-1'] }))).toBe(
      sourcesFingerprint(settings()),
    )
  })

  test.each<[string, Partial<TrustedIssuer>]>([
    ...SOURCES,
    ['the algorithms', { jwt: { algorithms: ['ES256'] } }],
    ['an endpoint that its metadata must name', { introspection: introspect({ auth: 'none' }) }],
  ])('changes with %s', (_, changes) => {
    expect(sourcesFingerprint(settings(changes))).not.toBe(sourcesFingerprint(settings()))
  })

  test('is equal where the endpoint is given: the metadata need not name it', () => {
    const introspection = introspect({ auth: 'none', endpoint: `${ISSUER}/introspect` })
    expect(sourcesFingerprint(settings({ introspection }))).toBe(sourcesFingerprint(settings()))
  })
})

describe('the fingerprint of documents', () => {
  test('is equal for equal settings, and where processes read the same documents otherwise', () => {
    expect(documentsFingerprint(settings(), SERVER)).toBe(documentsFingerprint(settings(), SERVER))
    const narrower = settings({ jwt: { algorithms: ['ES256'] }, audience: OTHER })
    expect(documentsFingerprint(narrower, SERVER)).toBe(documentsFingerprint(settings(), SERVER))
  })

  test.each(SOURCES)('changes with %s', (_, changes) => {
    expect(documentsFingerprint(settings(changes), SERVER)).not.toBe(documentsFingerprint(settings(), SERVER))
  })

  test('changes with the hosts that may be asked over http', () => {
    expect(documentsFingerprint(settings(), { insecureHosts: [] })).not.toBe(documentsFingerprint(settings(), SERVER))
  })

  test('changes with the members that are kept of a document', () => {
    const [one, other] = [['token_endpoint'], ['revocation_endpoint']].map((members) =>
      documentsFingerprint(settings(), SERVER, members),
    )
    expect(new Set([one, other, documentsFingerprint(settings(), SERVER)]).size).toBe(3)
  })
})

type Described = Parameters<typeof termsFingerprint>[0]

function described(changes: Partial<Described> = {}): Described {
  const { identifier, audience, clients, local } = settings({ clients: ['client-1'] })
  return { identifier, audience, clients, local, sources: sourcesFingerprint(settings()), ...changes }
}

describe('the fingerprint of terms', () => {
  const asking = { endpoint: `${ISSUER}/introspect`, cacheMs: 30_000, auth: { method: 'bearer' } }
  const terms = termsFingerprint(described(), asking)

  test('is equal for equal settings, though credentials change', () => {
    expect(termsFingerprint(described(), { ...asking })).toBe(terms)
    const auth = { ...asking.auth, authenticate: () => {} }
    expect(termsFingerprint(described(), { ...asking, auth })).toBe(terms)
  })

  test.each<[string, Partial<Described>]>([
    ['the issuer', { identifier: OTHER }],
    ['the audience', { audience: new Set([OTHER]) }],
    ['an audience beside', { audience: new Set([RESOURCE, OTHER]) }],
    ['an unchecked audience', { audience: null }],
    ['the clients', { clients: new Set(['client-2']) }],
    ['any client', { clients: undefined }],
    ['addresses on this machine', { local: true }],
    ['the sources of the documents', { sources: sourcesFingerprint(settings({ issuer: OTHER })) }],
  ])('changes with %s', (_, changes) => {
    expect(termsFingerprint(described(changes), asking)).not.toBe(terms)
  })

  test.each<[string, Record<string, unknown>]>([
    ['the endpoint', { endpoint: `${OTHER}/introspect` }],
    ['the time for which answers count', { cacheMs: 0 }],
    ['the kind of client authentication', { auth: { method: 'client_secret_basic', clientId: 'orders-api' } }],
    ['a setting more', { use: 'always' }],
  ])('changes with %s', (_, changes) => {
    expect(termsFingerprint(described(), { ...asking, ...changes })).not.toBe(terms)
  })
})

describe('the fingerprint of answers', () => {
  test('is equal for equal terms and hosts, and changes with either', () => {
    const one = answersFingerprint('terms', SERVER)
    expect(answersFingerprint('terms', { insecureHosts: [...SERVER.insecureHosts] })).toBe(one)
    expect(answersFingerprint('other terms', SERVER)).not.toBe(one)
    expect(answersFingerprint('terms', { insecureHosts: [] })).not.toBe(one)
  })
})
