import { createResourceServer } from 'bearward'
import { describe, expect, test } from 'vitest'
import { EnvironmentError, readConfiguration } from '../../samples/orders/configuration.ts'

const ISSUER = 'https://login.example.com/'
const RESOURCE = 'https://orders.example.com'

describe('the settings of the Orders API', () => {
  test('become options that a resource server takes', () => {
    const options = readConfiguration({
      ISSUER,
      RESOURCE,
      AUDIENCE: 'api://orders, https://orders.example.com',
      CLIENTS: 'shop kiosk',
      PROFILE: 'compatible',
      JWKS_URI: 'https://login.example.com/keys',
      ALGORITHMS: 'RS256,ES256',
      INSECURE_HOSTS: 'keycloak',
      CLOCK_TOLERANCE_SECONDS: '5',
    })
    expect(options).toEqual({
      resource: RESOURCE,
      issuers: [
        {
          issuer: ISSUER,
          audience: ['api://orders', 'https://orders.example.com'],
          clients: ['shop', 'kiosk'],
          jwt: {
            profile: 'compatible',
            jwksUri: 'https://login.example.com/keys',
            algorithms: ['RS256', 'ES256'],
          },
        },
      ],
      insecureHosts: ['keycloak'],
      clockToleranceSeconds: 5,
      scopes: { implies: { 'orders:admin': ['orders:read', 'orders:write'] } },
      resourceMetadata: {
        resource_name: 'Orders API',
        scopes_supported: ['orders:read', 'orders:write', 'orders:admin'],
      },
    })
    expect(createResourceServer(options).metadataPath).toBe('/.well-known/oauth-protected-resource')
  })

  test('may be two, and what is empty counts as left out', () => {
    const few = readConfiguration({ ISSUER, RESOURCE })
    expect(few.issuers).toEqual([{ issuer: ISSUER, jwt: {} }])
    const empty = { AUDIENCE: ' ', CLIENTS: '', PROFILE: '', JWKS_URI: '', METADATA_URL: '', ALGORITHMS: ',' }
    expect(readConfiguration({ ISSUER, RESOURCE, ...empty, CLOCK_TOLERANCE_SECONDS: '' })).toEqual(few)
    expect(() => createResourceServer(few)).not.toThrow()
  })

  test('name the metadata where it is elsewhere', () => {
    const METADATA_URL = 'https://login.example.com/tenant/metadata'
    const options = readConfiguration({ ISSUER, RESOURCE, METADATA_URL })
    expect(options.issuers).toEqual([{ issuer: ISSUER, metadata: { url: METADATA_URL }, jwt: {} }])
    expect(() => createResourceServer(options)).not.toThrow()
  })

  test('leave the audience unchecked only on purpose, and only for named clients', () => {
    const options = readConfiguration({ ISSUER, RESOURCE, AUDIENCE: 'unchecked', CLIENTS: 'shop' })
    expect(options.issuers).toEqual([{ issuer: ISSUER, audience: null, clients: ['shop'], jwt: {} }])
    const open = readConfiguration({ ISSUER, RESOURCE, AUDIENCE: 'unchecked' })
    expect(() => createResourceServer(open)).toThrow(expect.objectContaining({ code: 'configuration_invalid' }))
  })

  test.each([
    [{ RESOURCE }, 'ISSUER is not set. Set it to'],
    [{ ISSUER: ' ', RESOURCE }, 'ISSUER is not set. Set it to'],
    [{ ISSUER }, 'RESOURCE is not set. Set it to'],
    [{ ISSUER, RESOURCE, PROFILE: 'rfc7519' }, 'PROFILE is "rfc7519". Set it to "rfc9068" or "compatible"'],
    [{ ISSUER, RESOURCE, CLOCK_TOLERANCE_SECONDS: '1m' }, 'CLOCK_TOLERANCE_SECONDS is "1m". Set it to'],
    [{ ISSUER, RESOURCE, CLOCK_TOLERANCE_SECONDS: '-1' }, 'CLOCK_TOLERANCE_SECONDS is "-1". Set it to'],
  ])('%j are refused by name', (env, message) => {
    expect(() => readConfiguration(env)).toThrow(EnvironmentError)
    expect(() => readConfiguration(env)).toThrow(message)
  })
})
