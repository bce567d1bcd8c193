import { describe, expect, test } from 'vitest'
import { createResourceServer, type ResourceServerOptions } from '../../src/entry-points/index.ts'
import { goodClaims, ISSUER, RESOURCE, signToken } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'

async function outcome(aud: unknown, options: Partial<ResourceServerOptions> = {}): Promise<unknown> {
  const { api } = await fixture(options)
  return codeOf(api.verify(await signToken(goodClaims({ aud }))))
}

describe('RFC 8707 §2, resource indicators', () => {
  test('§2: by default `aud` must name the resource, alone or among others', async () => {
    expect(await outcome(RESOURCE)).toBe('accepted')
    expect(await outcome(['https://other.example.com', RESOURCE])).toBe('accepted')
    expect(await outcome('https://other.example.com')).toBe('audience_mismatch')
  })

  test.each([
    `${RESOURCE}/`,
    `${RESOURCE}/orders`,
    `${RESOURCE}.evil.example`,
    'https://API.example.com',
    'https://api.example.com:443',
    'http://api.example.com',
    'api.example.com',
    ` ${RESOURCE}`,
    `${RESOURCE} https://other.example.com`,
  ])('§2: is compared exactly: %j is another resource', async (aud) => {
    expect(await outcome(aud)).toBe('audience_mismatch')
    expect(await outcome([aud])).toBe('audience_mismatch')
  })

  test('§2: other values can be accepted, for all issuers or for one', async () => {
    const issuers = [{ issuer: ISSUER, audience: ['guid', 'api://orders'] }]
    expect(await outcome('guid', { audience: 'guid' })).toBe('accepted')
    expect(await outcome(RESOURCE, { audience: 'guid' })).toBe('audience_mismatch')
    expect(await outcome('api://orders', { issuers })).toBe('accepted')
    expect(await outcome('guid', { issuers, audience: 'else' })).toBe('accepted')
    expect(await outcome('else', { issuers, audience: 'else' })).toBe('audience_mismatch')
  })

  test('§2: the audience goes unchecked only on purpose, and then the client is checked', async () => {
    const issuers = [{ issuer: ISSUER, audience: null, clients: ['client-1'] }]
    expect(await outcome('https://other.example.com', { issuers })).toBe('accepted')
    expect(await outcome(undefined, { issuers })).toBe('accepted')
    expect(await outcome(RESOURCE, { issuers: [{ issuer: ISSUER, audience: null, clients: ['client-2'] }] })).toBe(
      'client_refused',
    )
    expect(() => createResourceServer({ resource: RESOURCE, issuers: [{ issuer: ISSUER, audience: null }] })).toThrow(
      expect.objectContaining({ code: 'configuration_invalid' }),
    )
  })

  test('§2: a resource is an absolute URI without fragment', () => {
    for (const resource of [RESOURCE, 'urn:example:orders', 'api://orders'])
      expect(() => createResourceServer({ resource, issuers: [{ issuer: ISSUER }] })).not.toThrow()
    for (const resource of ['', 'orders', '/orders', `${RESOURCE}#a`, `${RESOURCE}#`]) {
      expect(() => createResourceServer({ resource, issuers: [{ issuer: ISSUER }] })).toThrow(
        expect.objectContaining({ code: 'configuration_invalid' }),
      )
    }
  })
})
