import { describe, expect, test } from 'vitest'
import {
  bearerToken,
  clientSecretBasic,
  googleTokenInfo,
  type IntrospectOptions,
} from '../../../../src/entry-points/index.ts'
import { createAskedIssuer } from '../../../../src/parts/introspection/asked-issuer.ts'
import { parseIntrospection } from '../../../../src/parts/introspection/options.ts'
import type { Issuer } from '../../../../src/pipeline.ts'
import { ISSUER, RESOURCE } from '../../../fixture/issuer.ts'

const issuer = {
  identifier: ISSUER,
  audience: new Set([RESOURCE]),
  clients: undefined,
  local: false,
  sources: 'discovered',
} as unknown as Issuer

function asked(options: Partial<IntrospectOptions> = {}) {
  const auth = clientSecretBasic({ clientId: 'orders-api', clientSecret: 'secret' })
  return createAskedIssuer(issuer, parseIntrospection({ auth, ...options }, 'introspection', []))
}

describe('an issuer that is described twice', () => {
  test('alike has equal terms, though its credentials are others', () => {
    const auth = clientSecretBasic({ clientId: 'orders-api', clientSecret: () => 'rotated' })
    expect(asked({ auth }).terms).toEqual(asked().terms)
    expect(asked({ auth }).fingerprint).toBe(asked().fingerprint)
  })

  test.each<[string, Partial<IntrospectOptions>]>([
    ['endpoint', { endpoint: `${ISSUER}/introspect` }],
    ['auth', { auth: 'none' }],
    ['auth of another kind', { auth: bearerToken('token') }],
    ['auth of another client', { auth: clientSecretBasic({ clientId: 'billing-api', clientSecret: 'secret' }) }],
    ['use', { use: 'always' }],
    ['opaqueTokens', { opaqueTokens: { prefixes: ['a_'] } }],
    ['cacheSeconds', { cacheSeconds: 31 }],
    ['audience', { audience: 'assumed' }],
    ['tokens', { tokens: 'access-only' }],
    ['signedResponse', { signedResponse: true }],
    ['dialect', { dialect: { ...googleTokenInfo(), endpoint: `${ISSUER}/introspect` } }],
    ['timeoutMs', { timeoutMs: 2_999 }],
    ['maxConcurrent', { maxConcurrent: 49 }],
    ['staleOnOutageSeconds', { staleOnOutageSeconds: 1 }],
  ])('with another `%s` has other terms', (_, options) => {
    const [one, other] = [asked(), asked(options)]
    expect(other.fingerprint).not.toBe(one.fingerprint)
    expect(new Set([...Object.values(one.terms), ...Object.values(other.terms)]).size).toBe(4)
  })
})
