import { describe, expect, test } from 'vitest'
import { createResourceServer, resolveIssuers, type ResourceServer } from '../../../src/entry-points/index.ts'
import { ISSUER, RESOURCE } from '../../fixture/issuer.ts'
import { saysWhatCame } from './what-came.ts'

function serverFor(changes: Record<string, unknown> = {}): ResourceServer {
  return createResourceServer({
    resource: RESOURCE,
    issuers: [{ issuer: ISSUER }],
    ...changes,
  })
}

function refusalOf(changes: Record<string, unknown>): string {
  try {
    serverFor(changes)
    return 'accepted'
  } catch (error) {
    expect(error).toMatchObject({ code: 'configuration_invalid' })
    return (error as Error).message
  }
}

function everyObjectIn(value: unknown): readonly object[] {
  if (typeof value !== 'object' || value === null) return []
  return [value, ...Object.values(value).flatMap(everyObjectIn)]
}

const WELL_KNOWN = '/.well-known/oauth-protected-resource'

describe('the address is the resource’s with the well-known segment after its host', () => {
  test.each<[resource: string, origin: string, path: string]>([
    ['https://api.example.com', 'https://api.example.com', WELL_KNOWN],
    ['https://api.example.com/', 'https://api.example.com', WELL_KNOWN],
    ['https://api.example.com/orders', 'https://api.example.com', `${WELL_KNOWN}/orders`],
    ['https://api.example.com/orders/', 'https://api.example.com', `${WELL_KNOWN}/orders/`],
    ['https://api.example.com/a/b', 'https://api.example.com', `${WELL_KNOWN}/a/b`],
    ['https://api.example.com:8443/orders', 'https://api.example.com:8443', `${WELL_KNOWN}/orders`],
    ['https://api.example.com:443', 'https://api.example.com', WELL_KNOWN],
    ['https://api.example.com/orders?tenant=a', 'https://api.example.com', `${WELL_KNOWN}/orders?tenant=a`],
    ['https://api.example.com?tenant=a', 'https://api.example.com', `${WELL_KNOWN}?tenant=a`],
    ['https://api.example.com/?tenant=a', 'https://api.example.com', `${WELL_KNOWN}?tenant=a`],
    ['https://API.example.com/Orders', 'https://api.example.com', `${WELL_KNOWN}/Orders`],
    ['http://localhost:3000/orders', 'http://localhost:3000', `${WELL_KNOWN}/orders`],
    ['http://127.0.0.1:3000', 'http://127.0.0.1:3000', WELL_KNOWN],
  ])('%s', async (resource, origin, path) => {
    const api = serverFor({ resource })
    expect(api.metadataPath).toBe(path)
    const refusal = await api
      .authenticate({ method: 'GET', url: resource, headers: {} })
      .catch((error: unknown) => error)
    expect(api.challenge(refusal).headers['WWW-Authenticate']).toBe(`Bearer resource_metadata="${origin}${path}"`)
    expect(api.metadata().resource).toBe(resource)
  })

  test.each([
    'urn:example:orders',
    'api://orders',
    'orders:api',
    'http://api.example.com',
    'https://user:secret@api.example.com',
  ])('there is none for %s, and challenges name none', async (resource) => {
    const api = serverFor({ resource })
    expect(api.metadataPath).toBeUndefined()
    const refusal = await api
      .authenticate({ method: 'GET', url: RESOURCE, headers: {} })
      .catch((error: unknown) => error)
    expect(api.challenge(refusal).headers['WWW-Authenticate']).toBe('Bearer')
  })

  test('http is advertised for hosts in insecureHosts', () => {
    const api = serverFor({ resource: 'http://api.internal/x', insecureHosts: ['api.internal'] })
    expect(api.metadataPath).toBe(`${WELL_KNOWN}/x`)
  })

  test('`false` neither serves it nor names it', async () => {
    const api = serverFor({ resourceMetadata: false })
    expect(api.metadataPath).toBeUndefined()
    const refusal = await api
      .authenticate({ method: 'GET', url: RESOURCE, headers: {} })
      .catch((error: unknown) => error)
    expect(api.challenge(refusal).headers['WWW-Authenticate']).toBe('Bearer')
  })
})

describe('the document', () => {
  test('names the resource, its issuers and the way of the token', () => {
    const issuers = [{ issuer: ISSUER }, { issuer: 'https://b.example.com/realm' }]
    expect(serverFor({ issuers }).metadata()).toEqual({
      resource: RESOURCE,
      authorization_servers: [ISSUER, 'https://b.example.com/realm'],
      bearer_methods_supported: ['header'],
    })
  })

  test('names only issuers that a client can discover', () => {
    const keys = { jwt: { jwksUri: 'https://login.example.com/keys' } }
    const insecureHosts = ['idp.internal']
    const listed = [
      { issuer: ISSUER, ...keys },
      { issuer: 'http://localhost:8080', ...keys },
      { issuer: 'http://127.0.0.1:9000/realm' },
      { issuer: 'http://idp.internal/fetched-from' },
    ]
    const left = [
      { issuer: 'http://adfs.example.com/adfs/services/trust', ...keys },
      { issuer: 'http://idp.internal/only-compared', ...keys },
      { issuer: 'accounts.example.com', ...keys },
    ]
    expect(serverFor({ issuers: [...left, ...listed], insecureHosts }).metadata().authorization_servers).toEqual(
      listed.map(({ issuer }) => issuer),
    )
    expect(serverFor({ issuers: left, insecureHosts }).metadata()).not.toHaveProperty('authorization_servers')
    const resourceMetadata = { authorization_servers: left.map(({ issuer }) => issuer) }
    expect(serverFor({ issuers: left, insecureHosts, resourceMetadata }).metadata()).toMatchObject(resourceMetadata)
  })

  test('says so where a form body is taken', () => {
    expect(serverFor({ form: true }).metadata().bearer_methods_supported).toEqual(['header', 'body'])
  })

  test('names no issuers where a function answers for them', () => {
    expect(serverFor({ issuers: resolveIssuers(() => undefined) }).metadata()).not.toHaveProperty(
      'authorization_servers',
    )
  })

  test('takes additions, which win over what is derived', () => {
    const resourceMetadata = {
      resource: RESOURCE,
      resource_name: 'Orders',
      scopes_supported: ['orders:read'],
      authorization_servers: ['https://public.example.com'],
      'resource_name#de': 'Bestellungen',
    }
    expect(serverFor({ resourceMetadata }).metadata()).toEqual({
      ...resourceMetadata,
      bearer_methods_supported: ['header'],
    })
  })

  test('is frozen, and a copy of what was given', () => {
    const resourceMetadata = { scopes_supported: ['a'] }
    const api = serverFor({ resourceMetadata })
    resourceMetadata.scopes_supported.push('b')
    expect(api.metadata().scopes_supported).toEqual(['a'])
    expect(Object.isFrozen(api.metadata())).toBe(true)
  })

  test('is frozen to the bottom: no caller adds an authorization server for the others', () => {
    const resourceMetadata = { 'x-tenants': [{ name: 'a', servers: ['https://a.example.com'] }] }
    const document = serverFor({ resourceMetadata }).metadata()
    expect(document).toMatchObject({ authorization_servers: [ISSUER], ...resourceMetadata })
    for (const value of everyObjectIn(document)) expect(Object.isFrozen(value)).toBe(true)
    expect(() => (document.authorization_servers as string[]).push('https://evil.example')).toThrow(TypeError)
  })

  test('is what clients read: as JSON says it, at creation', () => {
    const when = new Date(0)
    expect(serverFor({ resourceMetadata: { when } }).metadata()['when']).toBe('1970-01-01T00:00:00.000Z')
  })

  test('is there without an address too', () => {
    expect(serverFor({ resourceMetadata: false }).metadata().resource).toBe(RESOURCE)
    expect(serverFor({ resource: 'urn:example:orders' }).metadata().resource).toBe('urn:example:orders')
  })
})

describe('what is wrong is configuration_invalid: named, with what came and what was expected', () => {
  test.each<[path: string, value: unknown, got: string, expected: string]>([
    ['', true, 'true', 'false or an object'],
    ['', null, 'null', 'false or an object'],
    ['', 'x', '"x"', 'false or an object'],
    ['', [], 'an array of 0', 'false or an object'],
    ['.resource', { resource: `${RESOURCE}/` }, `"${RESOURCE}/"`, `exactly "${RESOURCE}"`],
    ['.resource', { resource: 7 }, '7', `exactly "${RESOURCE}"`],
    ['.scopes_supported', { scopes_supported: 'a' }, '"a"', 'an array of scope names'],
    ['.scopes_supported', { scopes_supported: [] }, 'an array of 0', 'an array of scope names'],
    ['.scopes_supported[0]', { scopes_supported: ['a b'] }, '"a b"', 'one scope name'],
    ['.scopes_supported[1]', { scopes_supported: ['a', 7] }, '7', 'one scope name'],
  ])('resourceMetadata%s: %j', (path, resourceMetadata, got, expected) => {
    expect(refusalOf({ resourceMetadata: {} })).toBe('accepted')
    const message = refusalOf({ resourceMetadata })
    expect(message.startsWith(`option "resourceMetadata${path}": expected `)).toBe(true)
    expect(message).toContain(expected)
    expect(saysWhatCame(message, got), message).toBe(true)
  })

  test.each<[string, unknown]>([
    ['authorization_servers', 'https://login.example.com'],
    ['authorization_servers', [7]],
    ['bearer_methods_supported', 'header'],
    ['bearer_methods_supported', ['cookie']],
    ['bearer_methods_supported', ['query']],
    ['jwks_uri', 7],
    ['resource_name', 7],
    ['resource_documentation', false],
    ['resource_policy_uri', {}],
    ['resource_tos_uri', 7],
  ])('resourceMetadata.%s: %j', (name, value) => {
    expect(refusalOf({ resourceMetadata: { [name]: value } })).toContain(`option "resourceMetadata.${name}`)
  })

  test('additions that could not be served', () => {
    expect(refusalOf({ resource: 'urn:example:orders', resourceMetadata: {} })).toContain('option "resourceMetadata"')
    expect(refusalOf({ resource: 'urn:example:orders', resourceMetadata: false })).toBe('accepted')
    expect(refusalOf({ resource: 'urn:example:orders' })).toBe('accepted')
  })

  test('what JSON cannot say', () => {
    const circle: Record<string, unknown> = {}
    circle['circle'] = circle
    expect(refusalOf({ resourceMetadata: { limit: 1 } })).toBe('accepted')
    for (const limit of [1n, Number.NaN, circle, '\ud800']) {
      expect(refusalOf({ resourceMetadata: { limit } })).toContain('option "resourceMetadata": expected JSON')
    }
  })

  test('what is no data', () => {
    expect(refusalOf({ resourceMetadata: { hook: () => {} } })).toContain('option "resourceMetadata')
  })
})
