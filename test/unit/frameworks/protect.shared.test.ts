import { describe, expect, test } from 'vitest'
import { protect } from '../../../src/frameworks/fetch.ts'
import { splitArguments } from '../../../src/frameworks/protect.ts'
import {
  type AccessToken,
  BearwardError,
  claim,
  type Requirement,
  type ResourceServer,
  scope,
} from '../../../src/entry-points/index.ts'
import { goodClaims, NOW, signToken } from '../../fixture/issuer.ts'
import { fixture } from '../../fixture/server.ts'

function request(authorization?: string): Request {
  return new Request('https://api.example.com/', { headers: authorization === undefined ? {} : { authorization } })
}

const who = (_: Request, { token }: { token: AccessToken | undefined }): Response =>
  Response.json({ code: token?.subject ?? 'nobody' })

/** Who was let in by a `protect`, or the code of its refusal. */
async function answerTo(
  api: ResourceServer,
  requirement: Requirement | undefined,
  authorization?: string,
  optional = false,
): Promise<unknown> {
  const handler = requirement ? protect(api, requirement, who, { optional }) : protect(api, who, { optional })
  const response = await handler(request(authorization))
  return ((await response.json()) as { code: unknown }).code
}

describe('who is let in', () => {
  test('a request whose token may pass', async () => {
    const { api } = await fixture()
    const token = `Bearer ${await signToken()}`
    expect(await answerTo(api, undefined, token)).toBe('user-1')
    expect(await answerTo(api, scope('orders:read'), token)).toBe('user-1')
  })

  test.each([
    ['without credentials', undefined, 'credentials_missing'],
    ['with malformed ones', 'Bearer', 'credentials_malformed'],
    ['with another scheme', 'Basic abc', 'credentials_missing'],
  ])('not one %s', async (_, authorization, code) => {
    const { api } = await fixture()
    expect(await answerTo(api, undefined, authorization)).toBe(code)
  })

  test('a token is authenticated before it is authorized', async () => {
    const { api } = await fixture()
    const expired = `Bearer ${await signToken(goodClaims({ iat: NOW - 90, exp: NOW - 60, scope: '' }))}`
    expect(await answerTo(api, scope('orders:read'), expired)).toBe('token_expired')
    const lacking = `Bearer ${await signToken(goodClaims({ scope: '' }))}`
    expect(await answerTo(api, scope('orders:read'), lacking)).toBe('scope_insufficient')
    expect(await answerTo(api, claim('a', 1), lacking)).toBe('access_denied')
  })

  describe('where credentials are optional', () => {
    test('a request without them too, whatever is required', async () => {
      const { api } = await fixture()
      expect(await answerTo(api, undefined, undefined, true)).toBe('nobody')
      expect(await answerTo(api, scope('orders:read'), undefined, true)).toBe('nobody')
    })

    test.each([
      ['malformed', 'Bearer', 'credentials_malformed'],
      ['several', 'Bearer abc, Bearer def', 'credentials_ambiguous'],
      ['not a token', 'Bearer abc', 'token_malformed'],
    ])('not one whose credentials are %s', async (_, authorization, code) => {
      const { api } = await fixture()
      expect(await answerTo(api, undefined, authorization, true)).toBe(code)
    })

    test('not one whose token is not good enough', async () => {
      const { api } = await fixture()
      const expired = await signToken(goodClaims({ iat: NOW - 90, exp: NOW - 60 }))
      expect(await answerTo(api, undefined, `Bearer ${expired}`, true)).toBe('token_expired')
      expect(await answerTo(api, scope('admin'), `Bearer ${await signToken()}`, true)).toBe('scope_insufficient')
    })

    test('an outage is not taken for missing credentials', async () => {
      const { api, upstream } = await fixture()
      upstream.answers.clear()
      expect(await answerTo(api, undefined, `Bearer ${await signToken()}`, true)).toBe('issuer_unavailable')
    })

    test('neither is what is said of a token that was there', async () => {
      const { api } = await fixture()
      const odd = {
        ...api,
        authorize() {
          throw new BearwardError('credentials_missing', 'somebody else’s authorize')
        },
      }
      expect(await answerTo(api, scope('orders:read'), `Bearer ${await signToken()}`, true)).toBe('user-1')
      expect(await answerTo(odd, scope('orders:read'), `Bearer ${await signToken()}`, true)).toBe('credentials_missing')
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
