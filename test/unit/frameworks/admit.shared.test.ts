import { describe, expect, test } from 'vitest'
import { claim, scope } from '../../../src/index.ts'
import { admit, splitArguments } from '../../../src/frameworks/admit.ts'
import { goodClaims, NOW, signToken } from '../../fixture/issuer.ts'
import { codeOf, fixture } from '../../fixture/server.ts'

function request(authorization?: string): Request {
  return new Request('https://api.example.com/', { headers: authorization === undefined ? {} : { authorization } })
}

describe('admit', () => {
  test('gives the token of a request that may pass', async () => {
    const { api } = await fixture()
    const token = await signToken()
    expect((await admit(api, undefined, request(`Bearer ${token}`), false))?.subject).toBe('user-1')
    expect((await admit(api, scope('orders:read'), request(`Bearer ${token}`), false))?.subject).toBe('user-1')
  })

  test.each([
    ['without credentials', undefined, 'credentials_missing'],
    ['with malformed ones', 'Bearer', 'credentials_malformed'],
    ['with another scheme', 'Basic abc', 'credentials_missing'],
  ])('refuses a request %s', async (_, authorization, code) => {
    const { api } = await fixture()
    expect(await codeOf(admit(api, undefined, request(authorization), false))).toBe(code)
  })

  test('authenticates before it authorizes', async () => {
    const { api } = await fixture()
    const expired = await signToken(goodClaims({ iat: NOW - 90, exp: NOW - 60, scope: '' }))
    expect(await codeOf(admit(api, scope('orders:read'), request(`Bearer ${expired}`), false))).toBe('token_expired')
    const lacking = await signToken(goodClaims({ scope: '' }))
    expect(await codeOf(admit(api, scope('orders:read'), request(`Bearer ${lacking}`), false))).toBe(
      'scope_insufficient',
    )
    expect(await codeOf(admit(api, claim('a', 1), request(`Bearer ${lacking}`), false))).toBe('access_denied')
  })

  describe('where credentials are optional', () => {
    const optional = true

    test('lets a request without them pass, whatever is required', async () => {
      const { api } = await fixture()
      expect(await admit(api, undefined, request(), optional)).toBeUndefined()
      expect(await admit(api, scope('orders:read'), request(), optional)).toBeUndefined()
    })

    test.each([
      ['malformed', 'Bearer', 'credentials_malformed'],
      ['several', 'Bearer abc, Bearer def', 'credentials_ambiguous'],
      ['not a token', 'Bearer abc', 'token_malformed'],
    ])('refuses credentials that are %s', async (_, authorization, code) => {
      const { api } = await fixture()
      expect(await codeOf(admit(api, undefined, request(authorization), optional))).toBe(code)
    })

    test('refuses a token that is not good enough', async () => {
      const { api } = await fixture()
      const expired = await signToken(goodClaims({ iat: NOW - 90, exp: NOW - 60 }))
      expect(await codeOf(admit(api, undefined, request(`Bearer ${expired}`), optional))).toBe('token_expired')
      const authorization = `Bearer ${await signToken()}`
      expect(await codeOf(admit(api, scope('admin'), request(authorization), optional))).toBe('scope_insufficient')
    })

    test('does not take an outage for missing credentials', async () => {
      const { api, upstream } = await fixture()
      upstream.answers.clear()
      const authorization = `Bearer ${await signToken()}`
      expect(await codeOf(admit(api, undefined, request(authorization), optional))).toBe('issuer_unavailable')
    })
  })
})

const handler = (): string => 'answer'

describe('splitArguments', () => {
  const requirement = scope('a')
  const options = { optional: true }

  test.each<[string, readonly unknown[], object]>([
    ['handler', [handler], { requirement: undefined, handler, options: {} }],
    ['handler, options', [handler, options], { requirement: undefined, handler, options }],
    ['requirement, handler', [requirement, handler], { requirement, handler, options: {} }],
    ['requirement, handler, options', [requirement, handler, options], { requirement, handler, options }],
  ])('%s', (_, rest, expected) => {
    expect(splitArguments(rest)).toEqual(expected)
  })

  test.each<[string, readonly unknown[]]>([
    ['nothing', []],
    ['options alone', [options]],
    ['undefined', [undefined]],
    ['a requirement and a handler that is missing', ['orders:read', undefined]],
  ])('%s is refused at once', (_, rest) => {
    expect(() => splitArguments(rest)).toThrow()
  })

  // `protect(api, policy.ordersReed, handler)`: a misspelt policy must not become "any token will do".
  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['false', false],
    ['an empty string', ''],
    ['a scope name', 'orders:read'],
    ['an object', { scopes: ['orders:read'] }],
  ])('%s in place of a requirement is refused at once', (_, wrong) => {
    expect(() => splitArguments([requirement, handler])).not.toThrow()
    expect(() => splitArguments([wrong, handler])).toThrow()
  })
})
