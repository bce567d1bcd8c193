import { describe, expect, expectTypeOf, test, vi } from 'vitest'
import { authorizeToken } from '../../../src/stages/authorize.ts'
import {
  type AccessToken,
  allOf,
  anyOf,
  anyScope,
  type BearwardError,
  claim,
  deny,
  granted,
  type Requirement,
  scope,
} from '../../../src/entry-points/index.ts'
import { goodClaims, signToken } from '../../fixture/issuer.ts'
import { codeOf, fixture } from '../../fixture/server.ts'

function tokenWith(scopes: readonly string[] = [], claims: AccessToken['claims'] = {}): AccessToken {
  return {
    format: 'jwt',
    issuer: 'https://login.example.com',
    audience: [],
    scopes,
    authentication: {},
    authorizationDetails: [],
    claims,
  }
}

const CLOCK = { nowMs: 0 }

/** The refusal, or `undefined` where there is none. */
function refusal(needed: unknown, token: AccessToken<never> | AccessToken = tokenWith()): BearwardError | undefined {
  try {
    authorizeToken(token as AccessToken, needed as Requirement, CLOCK)
    return undefined
  } catch (error) {
    return error as BearwardError
  }
}

function codeFor(needed: unknown, token: AccessToken = tokenWith()): string {
  return refusal(needed, token)?.code ?? 'accepted'
}

function scopesFor(needed: unknown, token: AccessToken = tokenWith()): readonly string[] | undefined {
  return refusal(needed, token)?.scopes
}

const yes: Requirement = () => granted
const no: Requirement = () => deny('no')
const throwing = (): never => {
  throw new Error('broken')
}

describe('scope', () => {
  test('needs every name', () => {
    const needed = scope('a', 'b')
    expect(codeFor(needed, tokenWith(['a', 'b', 'c']))).toBe('accepted')
    expect(codeFor(needed, tokenWith(['a']))).toBe('scope_insufficient')
    expect(codeFor(needed, tokenWith(['c']))).toBe('scope_insufficient')
    expect(codeFor(needed)).toBe('scope_insufficient')
  })

  test('a refusal lists the whole set, not what is missing, not what was granted', () => {
    expect(scopesFor(scope('a', 'b'), tokenWith(['a', 'c']))).toEqual(['a', 'b'])
  })

  test.each([
    ['another case', 'Orders:Read'],
    ['a longer name', 'orders:reads'],
    ['a shorter name', 'orders'],
    ['two names in one', 'orders:read orders:write'],
  ])('is not met by %s', (_, name) => {
    expect(codeFor(scope('orders:read'), tokenWith(['orders:read']))).toBe('accepted')
    expect(codeFor(scope('orders:read'), tokenWith([name]))).toBe('scope_insufficient')
  })

  test.each([
    ['Google', 'https://www.googleapis.com/auth/drive.readonly'],
    ['GitHub', 'read:user'],
    ['Cognito', 'https://orders.example.com/orders.read'],
    ['Cognito, short', 'orders/read'],
    ['Entra', 'Orders.Read'],
    ['Entra, whole', 'api://11111111-2222-3333-4444-555555555555/.default'],
    ['Slack', 'chat:write.public'],
    ['every character that RFC 6749 allows', "!#$%&'()*+,-./:;<=>?@[]^_`{|}~"],
  ])('takes names as %s writes them', (_, name) => {
    expect(codeFor(scope(name), tokenWith([name]))).toBe('accepted')
    expect(codeFor(anyScope(name), tokenWith([name]))).toBe('accepted')
    expect(codeFor(scope(name), tokenWith([`${name}x`]))).toBe('scope_insufficient')
  })

  test.each(['https://www.googleapis.com/auth/drive.readonly', 'read:user', 'orders/read', 'Orders.Read'])(
    'takes %s from a real token to its challenge',
    async (name) => {
      const { api } = await fixture()
      const held = await api.verify(await signToken(goodClaims({ scope: `openid ${name}` })))
      expect(() => api.authorize(held, scope(name))).not.toThrow()
      const error = refusal(scope(name))
      expect(api.challenge(error).headers['WWW-Authenticate']).toContain(`scope="${name}"`)
    },
  )
})

describe('anyScope', () => {
  test('needs one name', () => {
    const needed = anyScope('a', 'b')
    expect(codeFor(needed, tokenWith(['b']))).toBe('accepted')
    expect(codeFor(needed, tokenWith(['a', 'b']))).toBe('accepted')
    expect(codeFor(needed, tokenWith(['c']))).toBe('scope_insufficient')
  })

  test('a refusal lists all that would do', () => {
    expect(scopesFor(anyScope('a', 'b'), tokenWith(['c']))).toEqual(['a', 'b'])
  })
})

describe('allOf', () => {
  test('needs every requirement', () => {
    expect(codeFor(allOf(yes, yes))).toBe('accepted')
    expect(codeFor(allOf(yes, no))).toBe('access_denied')
    expect(codeFor(allOf(no, yes))).toBe('access_denied')
  })

  test('names all scopes at once, those too that are granted', () => {
    const needed = allOf(scope('a'), scope('b'), anyScope('c', 'd'))
    expect(scopesFor(needed, tokenWith(['a', 'c']))).toEqual(['a', 'b', 'c', 'd'])
  })

  test('asks for scopes where they are missing, whatever else is', () => {
    expect(codeFor(allOf(no, scope('a')))).toBe('scope_insufficient')
    expect(codeFor(allOf(scope('a'), no))).toBe('scope_insufficient')
  })

  test('does not ask for scopes that would not help', () => {
    const denial = refusal(allOf(scope('a'), no), tokenWith(['a']))
    expect(denial).toMatchObject({ code: 'access_denied' })
    expect(denial).not.toHaveProperty('scopes')
  })

  test('gives every reason to the operator', () => {
    expect(refusal(allOf(no, () => deny('nor this'), scope('a')))?.detail).toBe('no; nor this; the token lacks scope a')
  })
})

describe('anyOf', () => {
  test('needs one requirement', () => {
    expect(codeFor(anyOf(no, yes))).toBe('accepted')
    expect(codeFor(anyOf(yes, no))).toBe('accepted')
    expect(codeFor(anyOf(no, no))).toBe('access_denied')
  })

  test('asks no further once one is met', () => {
    const later = vi.fn<Requirement>(() => granted)
    expect(codeFor(anyOf(yes, later))).toBe('accepted')
    expect(later).not.toHaveBeenCalled()
  })

  test('goes on after one that throws', () => {
    expect(codeFor(anyOf(throwing, yes))).toBe('accepted')
  })

  test('asks for scopes where they would have helped', () => {
    expect(scopesFor(anyOf(scope('a'), no, scope('b')))).toEqual(['a', 'b'])
  })
})

describe('`scopes` of a requirement tells what is needed without a token', () => {
  test.each<[string, Requirement, readonly string[] | undefined]>([
    ['scope', scope('a', 'b'), ['a', 'b']],
    ['scope, named twice', scope('a', 'a'), ['a']],
    ['anyScope', anyScope('a', 'b'), ['a', 'b']],
    ['allOf', allOf(scope('a'), scope('b', 'a')), ['a', 'b']],
    ['anyOf', anyOf(scope('a'), scope('b')), ['a', 'b']],
    ['nested', allOf(scope('a'), anyOf(scope('b'), allOf(scope('c'), claim('d', 1)))), ['a', 'b', 'c']],
    ['of a function of one’s own', allOf(Object.assign((): typeof granted => granted, { scopes: ['x'] })), ['x']],
    ['none', allOf(yes, claim('a', 1)), undefined],
  ])('%s', (_, needed, expected) => {
    expect(needed.scopes).toEqual(expected)
    if (needed.scopes) expect(Object.isFrozen(needed.scopes)).toBe(true)
  })
})

describe('claim', () => {
  test.each<[string, Requirement, AccessToken['claims'], string]>([
    ['an equal string', claim('plan', 'gold'), { plan: 'gold' }, 'accepted'],
    ['another string', claim('plan', 'gold'), { plan: 'Gold' }, 'access_denied'],
    ['an equal number', claim('level', 3), { level: 3 }, 'accepted'],
    ['the number as a string', claim('level', 3), { level: '3' }, 'access_denied'],
    ['equal truth', claim('staff', true), { staff: true }, 'accepted'],
    ['truth as a string', claim('staff', true), { staff: 'true' }, 'access_denied'],
    ['truth as a number', claim('staff', true), { staff: 1 }, 'access_denied'],
    ['equal falsehood', claim('banned', false), { banned: false }, 'accepted'],
    ['falsehood by absence', claim('banned', false), {}, 'access_denied'],
    ['the value within a list', claim('role', 'admin'), { role: ['admin'] }, 'access_denied'],
    ['NaN', claim('level', Number.NaN), { level: 0 }, 'access_denied'],
    ['an empty string that is expected', claim('x', ''), { x: '' }, 'accepted'],
    ['a nested member', claim('a.b', 'c'), { a: { b: 'c' } }, 'access_denied'],
    ['a member whose name has a dot', claim('a.b', 'c'), { 'a.b': 'c' }, 'accepted'],
    ['a name that is an address', claim('https://example.com/plan', 1), { 'https://example.com/plan': 1 }, 'accepted'],
    ['null', claim('plan', 'null'), { plan: null }, 'access_denied'],
  ])('%s', (_, needed, claims, code) => {
    expect(codeFor(needed, tokenWith([], claims))).toBe(code)
  })

  test('does not see inherited members', () => {
    const inherits = Object.create({ role: 'admin' }) as AccessToken['claims']
    expect(codeFor(claim('role', 'admin'), tokenWith([], { role: 'admin' }))).toBe('accepted')
    expect(codeFor(claim('role', 'admin'), tokenWith([], inherits))).toBe('access_denied')
    expect(codeFor(claim('constructor', () => true))).toBe('access_denied')
    expect(codeFor(claim('toString', () => true))).toBe('access_denied')
    expect(codeFor(claim('__proto__', () => true))).toBe('access_denied')
  })

  test('a predicate must answer true itself', () => {
    for (const [answer, code] of [
      [true, 'accepted'],
      [false, 'access_denied'],
      [1, 'access_denied'],
      ['true', 'access_denied'],
      [{}, 'access_denied'],
      [undefined, 'access_denied'],
      [Promise.resolve(true), 'access_denied'],
    ] as const) {
      expect(
        codeFor(
          claim('x', () => answer as boolean),
          tokenWith([], { x: 1 }),
        ),
      ).toBe(code)
    }
  })

  test('a predicate that throws denies', () => {
    expect(codeFor(claim('x', throwing), tokenWith([], { x: 1 }))).toBe('access_denied')
  })

  test('a predicate is not asked about what is absent or null', () => {
    const predicate = vi.fn<(value: unknown) => boolean>(() => true)
    expect(codeFor(claim('x', predicate))).toBe('access_denied')
    expect(codeFor(claim('x', predicate), tokenWith([], { x: null }))).toBe('access_denied')
    expect(predicate).not.toHaveBeenCalled()
    expect(codeFor(claim('x', predicate), tokenWith([], { x: 0 }))).toBe('accepted')
    expect(predicate).toHaveBeenCalledWith(0)
  })

  test('claims that a schema turned into no object have no members', () => {
    for (const claims of [undefined, null, 'text', ['x']]) {
      const token = { ...tokenWith(), claims } as unknown as AccessToken
      expect(
        codeFor(
          claim('length', () => true),
          token,
        ),
      ).toBe('access_denied')
    }
  })

  test('a denial says nothing of the value', () => {
    expect(refusal(claim('x', 'a'), tokenWith([], { x: 'SECRET' }))?.detail).not.toContain('SECRET')
  })
})

describe('anything but a clear yes denies', () => {
  test.each<[string, () => unknown]>([
    ['true', () => true],
    ['1', () => 1],
    ['"granted"', () => 'granted'],
    ['an object', () => ({})],
    ['a symbol of the same name', () => Symbol('bearward.granted')],
    ['a registered symbol of the same name', () => Symbol.for('bearward.granted')],
    ['a function', () => yes],
    ['nothing', () => {}],
    ['null', () => null],
    ['a promise of granted', () => Promise.resolve(granted)],
    ['a promise that rejects', () => Promise.reject(new Error('late'))],
    ['an async function', async () => granted],
    // oxlint-disable-next-line unicorn/no-thenable -- what is told apart here is exactly that
    ['a thenable', () => ({ then: (resolve: (value: unknown) => void) => resolve(granted) })],
    [
      'what throws when it is looked at',
      () => ({
        // oxlint-disable-next-line unicorn/no-thenable -- that it cannot even be asked for its `then` is the case
        get then() {
          throw new TypeError('then')
        },
      }),
    ],
    ['an array of granted', () => [granted]],
    [
      'a throw',
      () => {
        throw new Error('broken')
      },
    ],
    [
      'a thrown granted',
      () => {
        throw granted
      },
    ],
  ])('%s', (_, needed) => {
    expect(codeFor(yes)).toBe('accepted')
    expect(codeFor(needed)).toBe('access_denied')
    expect(codeFor(allOf(yes, needed as unknown as Requirement))).toBe('access_denied')
    expect(codeFor(anyOf(needed as unknown as Requirement, no))).toBe('access_denied')
  })

  test.each([
    ['undefined', undefined],
    ['null', null],
    ['a string', 'orders:read'],
    ['an object', { scopes: ['a'] }],
  ])('%s in place of a requirement denies', (_, needed) => {
    expect(codeFor(needed)).toBe('access_denied')
  })

  test('a denial that was not made by `deny` is none: its scopes reach no client', () => {
    const forged = { reason: 'forged', scopes: ['everything'] }
    expect(refusal(() => deny('x', { scopes: ['a'] }))).toMatchObject({ code: 'scope_insufficient', scopes: ['a'] })
    const copy = { ...deny('copied', { scopes: ['everything'] }) }
    for (const denial of [refusal(() => forged), refusal(() => copy)]) {
      expect(denial).toMatchObject({ code: 'access_denied' })
      expect(denial).not.toHaveProperty('scopes')
    }
  })

  test('a throw is kept as the cause, for the operator', () => {
    const cause = new Error('broken')
    const failing = (): never => {
      throw cause
    }
    expect(refusal(failing)?.cause).toBe(cause)
    expect(refusal(failing)?.detail).not.toContain('broken')
  })

  test('the message for a promise says what is wrong', () => {
    expect(refusal(async () => granted)?.detail).toContain('promise')
  })
})

describe('deny', () => {
  test('without scopes is access_denied, with the reason for the operator alone', () => {
    const error = refusal(() => deny('not the owner'))
    expect(error).toMatchObject({ code: 'access_denied', detail: 'not the owner', status: 403 })
    expect(error?.message).not.toContain('owner')
  })

  test('with scopes is scope_insufficient, naming them', () => {
    expect(refusal(() => deny('lacks', { scopes: ['a', 'b'] }))).toMatchObject({
      code: 'scope_insufficient',
      scopes: ['a', 'b'],
    })
  })

  test('with an empty list of scopes is access_denied', () => {
    expect(codeFor(() => deny('lacks', { scopes: [] }))).toBe('access_denied')
  })

  test('is frozen, with a copy of its scopes', () => {
    const scopes = ['a']
    const denial = deny('lacks', { scopes })
    scopes.push('b')
    expect(denial.scopes).toEqual(['a'])
    expect(Object.isFrozen(denial) && Object.isFrozen(denial.scopes)).toBe(true)
  })

  test('may be used many times', () => {
    const once = deny('always')
    expect(codeFor(() => once)).toBe('access_denied')
    expect(
      codeFor(
        anyOf(
          () => once,
          () => once,
        ),
      ),
    ).toBe('access_denied')
  })
})

describe('what cannot be a requirement is configuration_invalid when it is made', () => {
  const badNames: readonly unknown[] = ['', ' ', 'a b', ' a', 'a ', 'a"b', 'a\\b', 'a\tb', 'é', 'a\u0000', 7, null, []]

  test.each<[string, () => unknown]>([
    ['scope()', () => scope(...([] as unknown as [string]))],
    ['anyScope()', () => anyScope(...([] as unknown as [string]))],
    ['allOf()', () => allOf()],
    ['anyOf()', () => anyOf()],
    ...badNames.flatMap((name): [string, () => unknown][] => [
      [`scope(${JSON.stringify(name)})`, () => scope(name as string)],
      [`scope("a", ${JSON.stringify(name)})`, () => scope('a', name as string)],
      [`anyScope(${JSON.stringify(name)})`, () => anyScope(name as string)],
    ]),
    ['allOf("a")', () => allOf('a' as unknown as Requirement)],
    ['allOf(undefined)', () => allOf(undefined as unknown as Requirement)],
    ['allOf([...])', () => allOf([yes] as unknown as Requirement)],
    ['anyOf(yes, null)', () => anyOf(yes, null as unknown as Requirement)],
    ['claim("")', () => claim('', 'a')],
    ['claim(7)', () => claim(7 as unknown as string, 'a')],
    ['claim without value', () => claim('a', undefined as unknown as string)],
    ['claim with null', () => claim('a', null as unknown as string)],
    ['claim with a list', () => claim('a', ['b'] as unknown as string)],
    ['claim with an object', () => claim('a', {} as unknown as string)],
  ])('%s', async (_, make) => {
    expect(await codeOf(Promise.resolve().then(make))).toBe('configuration_invalid')
  })

  test('a message names the function, what came and what was expected', () => {
    expect(() => scope('a b')).toThrow('option "scope()": expected one scope name')
    expect(() => scope('a b')).toThrow('got "a b"')
    expect(() => anyOf()).toThrow('option "anyOf()": expected at least one requirement, got nothing')
  })
})

describe('scopes.implies of a server', () => {
  const implies = { admin: ['orders:write'], 'orders:write': ['orders:read'] }

  test('counts for requirements, transitively', async () => {
    const { api } = await fixture({ scopes: { implies } })
    const admin = await api.verify(await signToken(goodClaims({ scope: 'admin' })))
    for (const name of ['admin', 'orders:write', 'orders:read']) {
      expect(() => api.authorize(admin, scope(name))).not.toThrow()
    }
    expect(() => api.authorize(admin, scope('orders:delete'))).toThrow()
  })

  test('does not count the other way round', async () => {
    const { api } = await fixture({ scopes: { implies } })
    const reader = await api.verify(await signToken(goodClaims({ scope: 'orders:read' })))
    expect(() => api.authorize(reader, scope('orders:read'))).not.toThrow()
    for (const name of ['admin', 'orders:write']) {
      expect(() => api.authorize(reader, scope(name))).toThrow(expect.objectContaining({ code: 'scope_insufficient' }))
    }
  })

  test('does not change what the claims say', async () => {
    const { api } = await fixture({ scopes: { implies } })
    expect((await api.verify(await signToken(goodClaims({ scope: 'admin' })))).claims['scope']).toBe('admin')
  })
})

interface Tenant {
  readonly tenant: string
}

const ofTenant: Requirement<Tenant> = ({ claims }) => (claims.tenant === 'acme' ? granted : deny('other tenant'))

test('a requirement may know the claims of a schema, and one that knows none fits everywhere', () => {
  expectTypeOf(allOf(ofTenant)).toEqualTypeOf<Requirement<Tenant>>()
  expectTypeOf(scope('a')).toExtend<Requirement<Tenant>>()
  expectTypeOf(ofTenant).not.toExtend<Requirement>()
  const token = { ...tokenWith(), claims: { tenant: 'acme' } }
  expect(() => authorizeToken(token, allOf(ofTenant), CLOCK)).not.toThrow()
})
