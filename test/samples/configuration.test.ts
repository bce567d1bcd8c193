import {
  type CacheTier,
  createResourceServer,
  type IntrospectOptions,
  memoryTier,
  type SharedTiersOptions,
} from 'bearward'
import { describe, expect, test, vi } from 'vitest'
import { EnvironmentError, readConfiguration } from '../../samples/orders/configuration.ts'

// The parts that the settings become, beside what they were made of.
vi.mock('bearward', async (importOriginal) => {
  const original = await importOriginal<typeof import('bearward')>()
  return {
    ...original,
    introspect: (options: IntrospectOptions) => ({ ...original.introspect(options), options }),
    sharedTiers: (list: readonly CacheTier[], options: SharedTiersOptions) => ({
      ...original.sharedTiers(list, options),
      list,
      options,
    }),
  }
})

/** A part that was made of this. */
function part(made: object): object {
  return { kind: expect.any(String) as unknown, check: expect.any(Function) as unknown, ...made }
}

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
    [{ ISSUER, RESOURCE, JWT: 'no' }, 'JWT is "no". Set it to "true" or "false"'],
  ])('%j are refused by name', (env, message) => {
    expect(() => readConfiguration(env)).toThrow(EnvironmentError)
    expect(() => readConfiguration(env)).toThrow(message)
  })
})

describe('the settings of introspection', () => {
  const required = { ISSUER, RESOURCE }
  const client = { INTROSPECTION_CLIENT_ID: 'orders-api', INTROSPECTION_CLIENT_SECRET: 'the secret of the tests' }
  const auth = expect.objectContaining({ method: 'client_secret_basic', clientId: 'orders-api' })

  test('become options that a resource server takes', () => {
    const options = readConfiguration({
      ...required,
      ...client,
      INTROSPECTION_ENDPOINT: 'https://login.example.com/introspect',
      INTROSPECTION_USE: 'always',
      INTROSPECTION_CACHE_SECONDS: '0',
      INTROSPECTION_SIGNED: 'true',
      INTROSPECTION_AUDIENCE: 'assumed',
      INTROSPECTION_TOKENS: 'access-only',
      OPAQUE_PREFIXES: 'ory_at_, ory_ac_',
    })
    expect(options.issuers).toEqual([
      {
        issuer: ISSUER,
        jwt: {},
        introspection: part({
          options: {
            auth,
            endpoint: 'https://login.example.com/introspect',
            use: 'always',
            cacheSeconds: 0,
            signedResponse: true,
            audience: 'assumed',
            tokens: 'access-only',
            opaqueTokens: { prefixes: ['ory_at_', 'ory_ac_'] },
          },
        }),
      },
    ])
    expect(() => createResourceServer(options)).not.toThrow()
  })

  test('are the client and its secret, and what is empty counts as left out', () => {
    const few = readConfiguration({ ...required, ...client })
    expect(few.issuers).toEqual([{ issuer: ISSUER, jwt: {}, introspection: part({ options: { auth } }) }])
    const empty = { INTROSPECTION_ENDPOINT: '', INTROSPECTION_USE: ' ', INTROSPECTION_CACHE_SECONDS: '', JWT: '' }
    const more = { INTROSPECTION_SIGNED: 'false', INTROSPECTION_AUDIENCE: '', OPAQUE_PREFIXES: ', ' }
    expect(readConfiguration({ ...required, ...client, ...empty, ...more }).issuers).toEqual([
      { issuer: ISSUER, jwt: {}, introspection: part({ options: { auth } }) },
    ])
    expect(() => createResourceServer(few)).not.toThrow()
    expect(readConfiguration({ ...required, INTROSPECTION_CLIENT_ID: '', INTROSPECTION_CLIENT_SECRET: '' })).toEqual(
      readConfiguration(required),
    )
  })

  test('may leave JWTs to introspection', () => {
    const options = readConfiguration({ ...required, ...client, JWT: 'false' })
    expect(options.issuers).toEqual([{ issuer: ISSUER, jwt: false, introspection: part({ options: { auth } }) }])
    expect(() => createResourceServer(options)).not.toThrow()
    expect(readConfiguration({ ...required, JWT: 'true' })).toEqual(readConfiguration(required))
  })

  test.each<[Record<string, string>, string]>([
    [{ INTROSPECTION_CLIENT_SECRET: 'x' }, 'INTROSPECTION_CLIENT_ID is not set, and INTROSPECTION_CLIENT_SECRET is.'],
    [{ INTROSPECTION_USE: 'always' }, 'INTROSPECTION_CLIENT_ID is not set, and INTROSPECTION_USE is.'],
    [{ OPAQUE_PREFIXES: 'ory_at_' }, 'INTROSPECTION_CLIENT_ID is not set, and OPAQUE_PREFIXES is.'],
    [{ JWT: 'false' }, 'INTROSPECTION_CLIENT_ID is not set, and JWT is "false".'],
    [
      { INTROSPECTION_CLIENT_ID: 'orders-api' },
      'INTROSPECTION_CLIENT_SECRET is not set. Set it to the secret of the client "orders-api"',
    ],
    [{ ...client, INTROSPECTION_USE: 'jwt' }, 'INTROSPECTION_USE is "jwt". Set it to "opaque" or "always"'],
    [{ ...client, INTROSPECTION_CACHE_SECONDS: '0.5' }, 'INTROSPECTION_CACHE_SECONDS is "0.5". Set it to a whole'],
    [{ ...client, INTROSPECTION_SIGNED: 'yes' }, 'INTROSPECTION_SIGNED is "yes". Set it to "true" or "false"'],
    [{ ...client, INTROSPECTION_TOKENS: 'all' }, 'INTROSPECTION_TOKENS is "all". Set it to "access-only"'],
    [{ ...client, INTROSPECTION_AUDIENCE: 'api' }, 'INTROSPECTION_AUDIENCE is "api". Set it to "assumed"'],
    [{ ...client, JWT: 'false', PROFILE: 'compatible' }, 'PROFILE is set, and JWT is "false"'],
    [{ ...client, JWT: 'false', ALGORITHMS: 'ES256' }, 'ALGORITHMS is set, and JWT is "false"'],
  ])('%j are refused by name', (env, message) => {
    expect(() => readConfiguration({ ...required, ...env })).toThrow(EnvironmentError)
    expect(() => readConfiguration({ ...required, ...env })).toThrow(message)
  })

  test('tell how to set the secret, and never repeat it', () => {
    expect(() => readConfiguration({ ...required, INTROSPECTION_CLIENT_ID: 'orders-api' })).toThrow(
      'npx wrangler secret put INTROSPECTION_CLIENT_SECRET',
    )
    expect(() => readConfiguration({ ...required, INTROSPECTION_CLIENT_SECRET: 'the secret of the tests' })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('the secret of the tests') }),
    )
  })

  test('with an address over http are refused when the resource server is created', () => {
    const options = readConfiguration({ ...required, ...client, INTROSPECTION_ENDPOINT: 'http://login.example.com/' })
    expect(() => createResourceServer(options)).toThrow(expect.objectContaining({ code: 'configuration_invalid' }))
  })
})

describe('the key of the shared caches', () => {
  const required = { ISSUER, RESOURCE }
  const first = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8='
  const second = 'Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA'

  test('becomes an option that a resource server takes, in either base64 and beside older ones', () => {
    const tiers = [memoryTier()]
    const one = readConfiguration({ ...required, TIER_ENCRYPTION_KEY: ` k1:${first} ` }, tiers)
    expect(one.tiers).toEqual(part({ list: tiers, options: { encryption: [{ id: 'k1', secret: first }] } }))
    const two = readConfiguration({ ...required, TIER_ENCRYPTION_KEY: `k2:${second}, k1:${first}` }, tiers)
    const encryption = [
      { id: 'k2', secret: second },
      { id: 'k1', secret: first },
    ]
    expect(two.tiers).toEqual(part({ list: tiers, options: { encryption } }))
    for (const options of [one, two]) expect(() => createResourceServer(options)).not.toThrow()
  })

  test('may be left out, and what is empty counts as left out', () => {
    const tiers = [memoryTier()]
    for (const TIER_ENCRYPTION_KEY of [undefined, '', ' , ']) {
      const options = readConfiguration({ ...required, TIER_ENCRYPTION_KEY }, tiers)
      expect(options.tiers).toEqual(part({ list: tiers, options: {} }))
    }
    expect(readConfiguration(required)).not.toHaveProperty('tiers')
  })

  test.each([
    ['no id', first],
    ['an id alone', 'k1:'],
    ['a key that is too short', `k1:${first.slice(4)}`],
    ['a key that is too long', `k1:AAAA${first}`],
    ['them in the wrong order', `${first}:k1`],
    ['a strange id', `k.1:${first}`],
    ['a second one that cannot be read', `k1:${first} ${second}`],
  ])('with %s is refused by name, and never repeated', (_, TIER_ENCRYPTION_KEY) => {
    const read = (): unknown => readConfiguration({ ...required, TIER_ENCRYPTION_KEY }, [memoryTier()])
    expect(read).toThrow(EnvironmentError)
    expect(read).toThrow(/^TIER_ENCRYPTION_KEY cannot be read .*npx wrangler secret put TIER_ENCRYPTION_KEY/)
    expect(read).toThrow(expect.objectContaining({ message: expect.not.stringMatching(/AAEC|EFBg|Hx4d/) }))
  })

  test('is refused where nothing is shared', () => {
    const TIER_ENCRYPTION_KEY = `k1:${first}`
    expect(() => readConfiguration({ ...required, TIER_ENCRYPTION_KEY })).toThrow(
      'TIER_ENCRYPTION_KEY is set, and there is no shared cache here.',
    )
  })
})
