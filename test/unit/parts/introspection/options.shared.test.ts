import { describe, expect, test } from 'vitest'
import {
  BearwardError,
  clientSecretBasic,
  createResourceServer,
  githubTokenCheck,
  googleTokenInfo,
  introspect,
  type IntrospectOptions,
  resolveIssuers,
  type ResourceServerOptions,
} from '../../../../src/entry-points/index.ts'
import { CLIENT_ID, CLIENT_SECRET, ENDPOINT, SECRET_MARK } from '../../../fixture/introspection.ts'
import { ISSUER, RESOURCE } from '../../../fixture/issuer.ts'

const auth = clientSecretBasic({ clientId: CLIENT_ID, clientSecret: CLIENT_SECRET })

function create(issuers: unknown, more: Partial<ResourceServerOptions> = {}): () => unknown {
  return () => createResourceServer({ resource: RESOURCE, issuers, ...more } as ResourceServerOptions).metadataPath
}

function introspecting(options: unknown, issuer: Record<string, unknown> = {}): () => unknown {
  return create([{ issuer: ISSUER, introspection: introspect(options as IntrospectOptions), ...issuer }])
}

/** The option that is named where the creation is refused; `undefined` where it is not. */
function refusedFor(make: () => unknown): string | undefined {
  try {
    make()
    return undefined
  } catch (error) {
    if (!(error instanceof BearwardError) || error.code !== 'configuration_invalid') throw error
    expect(error.message).not.toContain(SECRET_MARK)
    return /^option "([^"]+)": expected .+, got .+$/s.exec(error.message)?.[1]
  }
}

const at = (name: string): string => `issuers[0].introspection${name}`

describe('accepted', () => {
  test.each<[string, Record<string, unknown>]>([
    ['only who asks', {}],
    ['nobody', { auth: 'none' }],
    [
      'everything',
      {
        endpoint: ENDPOINT,
        use: 'always',
        opaqueTokens: { prefixes: ['a_'] },
        cacheSeconds: 3_600,
        audience: 'assumed',
        tokens: 'access-only',
        signedResponse: true,
        timeoutMs: 30_000,
        maxConcurrent: 10_000,
        staleOnOutageSeconds: 86_400,
      },
    ],
    [
      'the least',
      {
        use: 'opaque',
        cacheSeconds: 0,
        signedResponse: false,
        timeoutMs: 100,
        maxConcurrent: 1,
        staleOnOutageSeconds: 0,
      },
    ],
    ['fractions of seconds', { cacheSeconds: 0.5, staleOnOutageSeconds: 0.5 }],
    ['a loopback endpoint', { endpoint: 'http://127.0.0.1:8080/introspect' }],
    ['a dialect', { dialect: googleTokenInfo() }],
    ['a dialect on loopback', { dialect: githubTokenCheck({ clientId: 'x', apiUrl: 'http://127.0.0.1:1/' }) }],
    ['undefined members', { endpoint: undefined, use: undefined, dialect: undefined, opaqueTokens: undefined }],
  ])('%s', (_, options) => {
    expect(refusedFor(introspecting({ auth, ...options }))).toBeUndefined()
  })

  test('an endpoint over http on a host that is listed', () => {
    const issuers = [{ issuer: ISSUER, introspection: introspect({ auth, endpoint: 'http://hydra/introspect' }) }]
    expect(refusedFor(create(issuers, { insecureHosts: ['hydra'] }))).toBeUndefined()
    expect(refusedFor(create(issuers))).toBe(at('.endpoint'))
  })
})

describe('refused', () => {
  test.each<[string, unknown]>([
    ['', 'yes'],
    ['', null],
    ['', []],
    ['', true],
  ])('introspection%s: %j', (name, value) => {
    expect(refusedFor(introspecting(value))).toBe(at(name))
  })

  test.each<[string, Record<string, unknown>]>([
    ['.auth', { auth: undefined }],
    ['.auth', { auth: null }],
    ['.auth', { auth: 'basic' }],
    ['.auth', { auth: CLIENT_SECRET }],
    ['.auth', { auth: { clientId: CLIENT_ID, clientSecret: CLIENT_SECRET } }],
    ['.secret', { secret: CLIENT_SECRET }],
    ['.endpoint', { endpoint: '/introspect' }],
    ['.endpoint', { endpoint: 'http://login.example.com/introspect' }],
    ['.endpoint', { endpoint: `${ENDPOINT}#part` }],
    ['.endpoint', { endpoint: 'https://user:pass@login.example.com/' }],
    ['.endpoint', { endpoint: 7 }],
    ['.use', { use: 'never' }],
    ['.use', { use: true }],
    ['.opaqueTokens', { opaqueTokens: ['a_'] }],
    ['.opaqueTokens.prefixes', { opaqueTokens: {} }],
    ['.opaqueTokens.prefixes', { opaqueTokens: { prefixes: [] } }],
    ['.opaqueTokens.prefixes', { opaqueTokens: { prefixes: 'a_' } }],
    ['.opaqueTokens.prefixes[1]', { opaqueTokens: { prefixes: ['a_', ''] } }],
    ['.opaqueTokens.prefixes[0]', { opaqueTokens: { prefixes: [7] } }],
    ['.opaqueTokens.prefixes[0]', { opaqueTokens: { prefixes: ['\u00e4_'] } }],
    ['.opaqueTokens.suffixes', { opaqueTokens: { prefixes: ['a_'], suffixes: [] } }],
    ['.cacheSeconds', { cacheSeconds: -1 }],
    ['.cacheSeconds', { cacheSeconds: 3_601 }],
    ['.cacheSeconds', { cacheSeconds: '30' }],
    ['.cacheSeconds', { cacheSeconds: Number.NaN }],
    ['.cacheSeconds', { cacheSeconds: Infinity }],
    ['.audience', { audience: 'https://api.example.com' }],
    ['.audience', { audience: true }],
    ['.tokens', { tokens: 'assumed' }],
    ['.tokens', { tokens: true }],
    ['.tokens', { tokens: ['access-only'] }],
    ['.signedResponse', { signedResponse: 'true' }],
    ['.signedResponse', { signedResponse: true, dialect: googleTokenInfo() }],
    ['.dialect', { dialect: 'google' }],
    ['.dialect', { dialect: {} }],
    ['.dialect', { dialect: { request() {} } }],
    ['.dialect', { dialect: { read() {} } }],
    ['.dialect.endpoint', { dialect: { ...googleTokenInfo(), endpoint: 'http://oauth2.googleapis.com/tokeninfo' } }],
    ['.timeoutMs', { timeoutMs: 99 }],
    ['.timeoutMs', { timeoutMs: 30_001 }],
    ['.maxConcurrent', { maxConcurrent: 0 }],
    ['.maxConcurrent', { maxConcurrent: 1.5 }],
    ['.maxConcurrent', { maxConcurrent: 10_001 }],
    ['.staleOnOutageSeconds', { staleOnOutageSeconds: -1 }],
    ['.staleOnOutageSeconds', { staleOnOutageSeconds: 86_401 }],
    ['.staleOnOutageSeconds', { staleOnOutageSeconds: 10, cacheSeconds: 0 }],
  ])('introspection%s: %o', (name, options) => {
    expect(refusedFor(introspecting({ auth, ...options }))).toBe(at(name))
  })

  test('jwt: false without introspection', () => {
    expect(refusedFor(create([{ issuer: ISSUER, jwt: false }]))).toBe('issuers[0].jwt')
    expect(refusedFor(introspecting({ auth }, { jwt: false }))).toBeUndefined()
  })

  test('audience: null without clients, introspection or not', () => {
    expect(refusedFor(introspecting({ auth }, { audience: null }))).toBe('issuers[0].clients')
    expect(refusedFor(introspecting({ auth }, { audience: null, clients: ['client-1'] }))).toBeUndefined()
  })

  test('metadata given as data that names no endpoint', () => {
    const metadata = { issuer: ISSUER, jwks_uri: `${ISSUER}/jwks` }
    const option = 'issuers[0].metadata.introspection_endpoint'
    expect(refusedFor(introspecting({ auth }, { metadata }))).toBe(option)
    const insecure = { ...metadata, introspection_endpoint: 'http://login.example.com/i' }
    expect(refusedFor(introspecting({ auth }, { metadata: insecure }))).toBe(option)
    const good = { ...metadata, introspection_endpoint: ENDPOINT }
    expect(refusedFor(introspecting({ auth }, { metadata: good }))).toBeUndefined()
    expect(refusedFor(introspecting({ auth, endpoint: ENDPOINT }, { metadata }))).toBeUndefined()
  })

  test('metadata given as data needs no keys where nothing is signed', () => {
    const metadata = { issuer: ISSUER, introspection_endpoint: ENDPOINT }
    expect(refusedFor(introspecting({ auth }, { jwt: false, metadata }))).toBeUndefined()
    expect(refusedFor(introspecting({ auth, signedResponse: true }, { jwt: false, metadata }))).toBe(
      'issuers[0].metadata.jwks_uri',
    )
  })

  test('an issuer that is no URL and from which an endpoint would have to be discovered', () => {
    const issuer = 'my-issuer'
    expect(refusedFor(introspecting({ auth }, { issuer, jwt: false }))).toBe('issuers[0].issuer')
    expect(refusedFor(introspecting({ auth, endpoint: ENDPOINT }, { issuer, jwt: false }))).toBeUndefined()
  })
})

function several(...prefixes: readonly (readonly string[] | undefined | false)[]): () => unknown {
  return create(
    prefixes.map((each, index) => ({
      issuer: `https://login-${index}.example.com`,
      ...(each !== false && {
        introspection: introspect({ auth, ...(each && { opaqueTokens: { prefixes: each } }) }),
      }),
    })),
  )
}

describe('several issuers that introspect', () => {
  test.each<[string, (readonly string[] | undefined | false)[], string | undefined]>([
    ['distinct prefixes', [['a_'], ['b_']], undefined],
    [
      'several each',
      [
        ['a_', 'aa'],
        ['b_', 'ab'],
      ],
      undefined,
    ],
    ['one of two', [undefined, false], undefined],
    ['the second of two', [false, undefined], undefined],
    ['a prefix for the only one', [['a_'], false], undefined],
    ['the same prefix twice within one', [['a_', 'a_b'], ['b_']], undefined],
    ['none on either', [undefined, undefined], 'issuers[0].introspection.opaqueTokens'],
    ['none on the first', [undefined, ['b_']], 'issuers[0].introspection.opaqueTokens'],
    ['none on the second', [['a_'], undefined], 'issuers[1].introspection.opaqueTokens'],
    ['none on the third', [['a_'], ['b_'], undefined], 'issuers[2].introspection.opaqueTokens'],
    ['the same', [['a_'], ['a_']], 'issuers[0].introspection.opaqueTokens'],
    ['one that begins with the other', [['a_'], ['a_b']], 'issuers[0].introspection.opaqueTokens'],
    ['one that begins with the other, the other way round', [['a_b'], ['a_']], 'issuers[1].introspection.opaqueTokens'],
    ['deep in the lists', [['x', 'y'], ['z'], ['w', 'yy']], 'issuers[0].introspection.opaqueTokens'],
  ])('%s', (_, prefixes, option) => {
    expect(refusedFor(several(...prefixes))).toBe(option)
  })
})

test('what a resolver answers is checked as strictly', async () => {
  const api = createResourceServer({
    resource: RESOURCE,
    issuers: resolveIssuers(() => ({ issuer: ISSUER, introspection: introspect({ auth, cacheSeconds: -1 }) })),
  })
  await expect(api.verify('opaque')).rejects.toMatchObject({
    code: 'issuer_unavailable',
    detail: expect.stringContaining('issuers().introspection.cacheSeconds') as string,
  })
})
