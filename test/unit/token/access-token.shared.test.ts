import { describe, expect, test } from 'vitest'
import { withDetail } from '../../fixture/detail.ts'
import { type ReadToken, readAccessToken, requireTimely } from '../../../src/token/access-token.ts'
import { parseStrictObject } from '../../../src/parse/json.ts'
import type { AccessToken, JwtClaims } from '../../../src/pipeline.ts'
import { createScopeReader } from '../../../src/token/scopes.ts'
import { goodClaims, ISSUER, NOW, NOW_MS, RESOURCE, signToken } from '../../fixture/issuer.ts'
import { codeOf, fixture } from '../../fixture/server.ts'

const asGranted = createScopeReader((granted) => granted)
const YEAR = 365 * 24 * 60 * 60

function read(changes: Record<string, unknown> = {}): ReadToken {
  const claims = parseStrictObject(new TextEncoder().encode(JSON.stringify(goodClaims(changes))))
  if (!claims) throw new TypeError('the claims of a test are no strict JSON')
  return readAccessToken(claims, { format: 'jwt', issuer: ISSUER }, asGranted, NOW_MS)
}

function token(changes: Record<string, unknown> = {}): AccessToken {
  return read(changes).accessToken
}

function code(changes: Record<string, unknown>): Promise<unknown> {
  return codeOf(Promise.resolve().then(() => read(changes)))
}

test('reads each registered claim into its member', () => {
  const { accessToken, notBeforeSeconds } = read({
    nbf: NOW - 20,
    cnf: { jkt: 'j', 'x5t#S256': 'x', kid: 'k' },
    acr: 'gold',
    amr: ['pwd', 'otp'],
    auth_time: NOW - 60,
    authorization_details: [{ type: 'payment', amount: 1 }],
    act: { sub: 'agent', act: { sub: 'inner' } },
    custom: true,
  })
  const { claims, ...members } = accessToken
  expect(members).toEqual({
    format: 'jwt',
    issuer: ISSUER,
    subject: 'user-1',
    clientId: 'client-1',
    audience: [RESOURCE],
    scopes: ['orders:read', 'orders:write'],
    issuedAtSeconds: NOW - 10,
    expiresAtSeconds: NOW + 300,
    tokenId: 'token-1',
    confirmation: { jkt: 'j', 'x5t#S256': 'x' },
    authentication: { acr: 'gold', amr: ['pwd', 'otp'], authTimeSeconds: NOW - 60 },
    authorizationDetails: [{ type: 'payment', amount: 1 }],
    actor: { sub: 'agent', act: { sub: 'inner' } },
  })
  expect(notBeforeSeconds).toBe(NOW - 20)
  expect(claims).toMatchObject({ iss: ISSUER, custom: true, nbf: NOW - 20 })
})

test('leaves out the members of absent claims', () => {
  const none = Object.fromEntries(Object.keys(goodClaims()).map((name) => [name, undefined]))
  expect(token(none)).toEqual({
    format: 'jwt',
    issuer: ISSUER,
    audience: [],
    scopes: [],
    authentication: {},
    authorizationDetails: [],
    claims: {},
  })
  expect(Object.keys(token(none))).not.toContain('subject')
})

const REGISTERED =
  'sub client_id cid appid azp aud jti iat exp nbf scope scp cnf acr amr auth_time authorization_details act'.split(' ')

test('a claim that is null is absent', () => {
  const nothing = Object.fromEntries(REGISTERED.map((name) => [name, null]))
  const absent = Object.fromEntries(REGISTERED.map((name) => [name, undefined]))
  const { claims: _, ...members } = token(nothing)
  const { claims: __, ...expected } = token(absent)
  expect(members).toEqual(expected)
})

test('what every object inherits is no claim', () => {
  const origin = { format: 'jwt', issuer: ISSUER } as const
  const { accessToken } = readAccessToken(
    Object.create({ sub: 'inherited', scope: 'admin', client_id: 'inherited' }),
    origin,
    asGranted,
    NOW_MS,
  )
  expect(accessToken).toMatchObject({ scopes: [] })
  expect(accessToken.subject ?? accessToken.clientId).toBeUndefined()
})

describe('texts', () => {
  const WRONG: readonly [string, unknown][] = [
    ['empty', ''],
    ['a number', 1],
    ['true', true],
    ['an array', ['x']],
    ['an object', { x: 1 }],
  ]
  const rows = ['sub', 'client_id', 'cid', 'appid', 'azp', 'jti'].flatMap((name) =>
    WRONG.filter(([what]) => name !== 'sub' || what !== 'empty').map(([what, value]) => [name, what, value] as const),
  )

  test.each(rows)('`%s` that is %s is claim_invalid', async (name, _, value) => {
    expect(await code({ [name]: 'x' })).toBe('accepted')
    expect(await code({ [name]: value })).toBe('claim_invalid')
  })
})

describe('subject', () => {
  test('an empty `sub` is absent, and `claims` keeps it', () => {
    expect(token({ sub: 'x' }).subject).toBe('x')
    const { claims, ...members } = token({ sub: '' })
    const { claims: _, ...expected } = token({ sub: undefined })
    expect(members).toEqual(expected)
    expect(members).not.toHaveProperty('subject')
    expect(claims['sub']).toBe('')
  })

  test.each([[' '], ['0'], ['null']])('a `sub` of %j is a subject', (sub) => {
    expect(token({ sub }).subject).toBe(sub)
  })
})

describe('clientId', () => {
  const all = { client_id: 'a', cid: 'b', appid: 'c', azp: 'd' }

  test.each([
    ['client_id', {}, 'a'],
    ['cid where there is no client_id', { client_id: undefined }, 'b'],
    ['appid where there is neither', { client_id: undefined, cid: undefined }, 'c'],
    ['azp at last', { client_id: undefined, cid: undefined, appid: undefined }, 'd'],
    ['cid where client_id is null', { client_id: null }, 'b'],
  ])('is %s', (_, changes, expected) => {
    expect(token({ ...all, ...changes }).clientId).toBe(expected)
  })

  test('junk in one that does not count is claim_invalid all the same', async () => {
    expect(await code({ ...all, azp: 'd' })).toBe('accepted')
    expect(await code({ ...all, azp: 7 })).toBe('claim_invalid')
  })
})

describe('audience', () => {
  test.each<[string, unknown, readonly string[]]>([
    ['a string is one', RESOURCE, [RESOURCE]],
    ['an array is several', [RESOURCE, 'b'], [RESOURCE, 'b']],
    ['an array of none is none', [], []],
    ['a string is not split', 'a b', ['a b']],
  ])('%s', (_, aud, expected) => {
    expect(token({ aud }).audience).toEqual(expected)
  })

  test.each<[string, unknown]>([
    ['a number', 1],
    ['an object', { a: 1 }],
    ['true', true],
    ['an array that holds a number', [RESOURCE, 1]],
    ['an array that holds null', [RESOURCE, null]],
    ['an array in an array', [[RESOURCE]]],
  ])('%s is claim_invalid', async (_, aud) => {
    expect(await code({ aud: [RESOURCE] })).toBe('accepted')
    expect(await code({ aud })).toBe('claim_invalid')
  })
})

const toScopes = createScopeReader((granted) => [...granted, 'orders:read'])

describe('scopes', () => {
  test.each<[string, Record<string, unknown>, readonly string[]]>([
    ['a string is split at spaces', { scope: 'a b' }, ['a', 'b']],
    ['several spaces separate like one', { scope: ' a  b ' }, ['a', 'b']],
    ['an empty string is none', { scope: '' }, []],
    ['a tab does not separate', { scope: 'a\tb' }, ['a\tb']],
    ['a line feed does not separate', { scope: 'a\nb' }, ['a\nb']],
    ['a comma does not separate', { scope: 'a,b' }, ['a,b']],
    ['a no-break space does not separate', { scope: 'a\u00a0b' }, ['a\u00a0b']],
    ['an array of strings', { scope: ['a', 'b'] }, ['a', 'b']],
    ['an array of none', { scope: [] }, []],
    ['an empty string in an array is no scope', { scope: ['a', ''] }, ['a']],
    ['none is named twice', { scope: 'a b a' }, ['a', 'b']],
    ['case is kept', { scope: 'Orders.Read orders.read' }, ['Orders.Read', 'orders.read']],
    ['scp where there is no scope', { scope: undefined, scp: 'a b' }, ['a', 'b']],
    ['scp as an array', { scope: undefined, scp: ['a', 'b'] }, ['a', 'b']],
    ['scope wins over scp', { scope: 'a', scp: 'b' }, ['a']],
    ['an empty scope wins over scp too', { scope: '', scp: 'b' }, []],
    ['an empty array wins over scp too', { scope: [], scp: ['b'] }, []],
    ['a scope that is null does not', { scope: null, scp: 'b' }, ['b']],
    ['neither', { scope: undefined }, []],
  ])('%s', (_, changes, expected) => {
    expect(token(changes).scopes).toEqual(expected)
  })

  const WRONG: readonly [string, unknown][] = [
    ['a number', 1],
    ['true', true],
    ['an object', { a: 1 }],
    ['an array that holds a number', ['a', 1]],
    ['an array that holds null', ['a', null]],
    ['an array that holds an array', ['a', ['b']]],
  ]
  const rows = ['scope', 'scp'].flatMap((name) => WRONG.map(([what, value]) => [name, what, value] as const))

  test.each(rows)('`%s` that is %s is claim_invalid', async (name, _, value) => {
    expect(await code({ scope: undefined, [name]: ['a'] })).toBe('accepted')
    expect(await code({ scope: undefined, [name]: value })).toBe('claim_invalid')
  })

  test('what is implied stands among the scopes, and not in the claims', () => {
    const claims = { ...goodClaims({ scope: 'admin' }) } as Record<string, string>
    const { accessToken } = readAccessToken(claims, { format: 'jwt', issuer: ISSUER }, toScopes, NOW_MS)
    expect(accessToken.scopes).toEqual(['admin', 'orders:read'])
    expect(accessToken.claims['scope']).toBe('admin')
  })
})

describe('times', () => {
  const rows = ['exp', 'iat', 'nbf'].flatMap((name) =>
    (
      [
        ['a string of digits', String(NOW)],
        ['a date', '2026-01-01T00:00:00Z'],
        ['true', true],
        ['an array', [NOW]],
        ['an object', {}],
        ['an empty string', ''],
      ] as const
    ).map(([what, value]) => [name, what, value] as const),
  )

  test.each(rows)('`%s` that is %s is claim_invalid', async (name, _, value) => {
    expect(await code({ [name]: NOW })).toBe('accepted')
    expect(await code({ [name]: value })).toBe('claim_invalid')
  })

  test('fractions are allowed', () => {
    expect(read({ exp: NOW + 0.5, iat: NOW - 0.5, nbf: NOW - 0.25 })).toMatchObject({
      accessToken: { expiresAtSeconds: NOW + 0.5, issuedAtSeconds: NOW - 0.5 },
      notBeforeSeconds: NOW - 0.25,
    })
  })

  test('`nbf` up to 2^53 − 1 passes, beyond it is claim_invalid', async () => {
    expect(await code({ nbf: 2 ** 53 - 1 })).toBe('accepted')
    expect(await code({ nbf: 2 ** 53 })).toBe('claim_invalid')
    expect(await code({ nbf: -(2 ** 53 - 1) })).toBe('accepted')
    expect(await code({ nbf: -(2 ** 53) })).toBe('claim_invalid')
    expect(await code({ nbf: 1e308 })).toBe('claim_invalid')
  })

  test.each(['exp', 'iat', 'nbf'])('`%s` that is not finite is claim_invalid', async (name) => {
    for (const value of [Infinity, -Infinity, Number.NaN]) {
      const claims = { ...goodClaims(), [name]: value } as Record<string, number>
      const origin = { format: 'opaque', issuer: ISSUER } as const
      const reading = Promise.resolve().then(() => readAccessToken(claims, origin, asGranted, NOW_MS))
      expect(await codeOf(reading)).toBe('claim_invalid')
    }
  })

  test('`exp` ten years ahead passes, over ten years ahead is claim_invalid', async () => {
    expect(await code({ exp: NOW + 10 * YEAR })).toBe('accepted')
    expect(await code({ exp: NOW + 11 * YEAR })).toBe('claim_invalid')
  })

  test('`exp` in milliseconds is claim_invalid, and the message says so', async () => {
    expect(await code({ exp: (NOW + 300) * 1000 })).toBe('claim_invalid')
    expect(() => read({ exp: (NOW + 300) * 1000 })).toThrow(withDetail(/milliseconds/))
  })

  test('`iat` may equal `exp` and may not be later', async () => {
    expect(await code({ iat: NOW + 300 })).toBe('accepted')
    expect(await code({ iat: NOW + 300.001 })).toBe('claim_invalid')
    expect(await code({ iat: NOW + 301, exp: undefined })).toBe('accepted')
  })

  test('`iat` in milliseconds is later than `exp`', async () => {
    expect(await code({ iat: NOW * 1000 })).toBe('claim_invalid')
  })
})

describe('objects and lists', () => {
  test.each<[string, unknown, unknown]>([
    ['cnf', { jkt: 'j' }, 'j'],
    ['cnf', { jkt: 'j' }, ['j']],
    ['cnf', { jkt: 'j' }, { jkt: '' }],
    ['cnf', { jkt: 'j' }, { jkt: 1 }],
    ['cnf', { 'x5t#S256': 'x' }, { 'x5t#S256': {} }],
    ['cnf', { jkt: 'j', 'x5t#S256': 'x' }, { jkt: 'j', 'x5t#S256': ['x'] }],
    ['act', { sub: 'a' }, 'a'],
    ['act', { sub: 'a' }, [{ sub: 'a' }]],
    ['authorization_details', [{ type: 't' }], { type: 't' }],
    ['authorization_details', [{ type: 't' }], [{ type: 't' }, { kind: 't' }]],
    ['authorization_details', [{ type: 't' }], [{ type: 1 }]],
    ['authorization_details', [{ type: 't' }], ['t']],
    ['authorization_details', [], [null]],
    ['authorization_details', [], '[]'],
  ])('`%s`: %j passes, %j is claim_invalid', async (name, good, bad) => {
    expect(await code({ [name]: good })).toBe('accepted')
    expect(await code({ [name]: bad })).toBe('claim_invalid')
  })

  test('members of `cnf` that are not understood do not spoil it', () => {
    expect(token({ cnf: { jkt: 'j', jwk: {}, extra: 1 } }).confirmation).toEqual({ jkt: 'j' })
  })

  test('a `cnf` of unknown methods alone is a confirmation still', () => {
    expect(token({ cnf: { kid: 'k' } }).confirmation).toEqual({})
    expect(token({ cnf: {} }).confirmation).toEqual({})
    expect(token().confirmation).toBeUndefined()
  })
})

describe('claims that only inform', () => {
  const good = { acr: 'gold', amr: ['pwd'], auth_time: NOW - 60 }
  const wellFormed = { acr: 'gold', amr: ['pwd'], authTimeSeconds: NOW - 60 }

  test.each<[keyof typeof good, keyof typeof wellFormed, unknown[]]>([
    ['acr', 'acr', ['', 1, true, ['gold'], { value: 'gold' }]],
    ['amr', 'amr', ['pwd', 1, {}, ['pwd', 1], ['pwd', null], [['pwd']], [{ method: 'pwd' }]]],
    [
      'auth_time',
      'authTimeSeconds',
      [String(NOW - 60), '2026-01-01T00:00:00.000Z', '', true, [NOW], {}, 2 ** 53, -(2 ** 53), 1e308],
    ],
  ])('a malformed `%s` is left out of `authentication`, and `claims` keeps it', (name, member, values) => {
    expect(token(good).authentication).toEqual(wellFormed)
    for (const value of values) {
      const { authentication, claims } = token({ ...good, [name]: value })
      expect(authentication).toEqual({ ...wellFormed, [member]: undefined })
      expect(Object.keys(authentication)).not.toContain(member)
      expect(claims[name]).toEqual(value)
    }
  })

  test('AD FS’s `auth_time` as text, and all three malformed at once, refuse no token', async () => {
    const { api } = await fixture()
    const malformed = { acr: 1, amr: 'pwd', auth_time: '2026-01-01T00:00:00.000Z' }
    const { authentication, claims } = await api.verify(await signToken(goodClaims(malformed)))
    expect(authentication).toEqual({})
    expect(claims).toMatchObject(malformed)
  })

  test('a log-in that is yet to come is left out: it would count as recent for ever', () => {
    expect(token({ auth_time: NOW + 60 }).authentication).toEqual({ authTimeSeconds: NOW + 60 })
    for (const auth_time of [NOW + 61, (NOW - 60) * 1000]) {
      const { authentication, claims } = token({ auth_time })
      expect(authentication).toEqual({})
      expect(claims['auth_time']).toBe(auth_time)
    }
  })

  test('a time that is not finite is left out', () => {
    for (const value of [Infinity, -Infinity, Number.NaN]) {
      const claims = { ...goodClaims(), auth_time: value } as JwtClaims
      const { accessToken } = readAccessToken(claims, { format: 'opaque', issuer: ISSUER }, asGranted, NOW_MS)
      expect(accessToken.authentication).toEqual({})
    }
  })
})

test('a message names the claim and what was expected, and quotes what came', () => {
  expect(() => read({ sub: 7 })).toThrow(withDetail('claim `sub`: expected a non-empty string, got 7'))
  expect(() => read({ act: 'agent\u0000"' })).toThrow(withDetail('claim `act`: expected an object, got "agent??"'))
})

describe('the result', () => {
  test('is frozen to its depths', () => {
    const seen: unknown[] = []
    function visit(value: unknown): void {
      if (typeof value !== 'object' || value === null) return
      seen.push(value)
      expect(Object.isFrozen(value)).toBe(true)
      Object.values(value).forEach(visit)
    }
    visit(
      token({
        aud: [RESOURCE, 'b'],
        scope: ['a'],
        cnf: { jkt: 'j' },
        amr: ['pwd'],
        act: { sub: 'a', act: { sub: 'b' } },
        authorization_details: [{ type: 't', actions: ['read'] }],
        custom: { deep: [{ deeper: {} }] },
      }),
    )
    expect(seen.length).toBeGreaterThan(15)
  })

  test('of a server is frozen too: one request cannot change what another sees', async () => {
    const { api } = await fixture({ scopes: { implies: { 'orders:write': ['orders:list'] } } })
    const first = await api.verify(await signToken())
    expect(() => (first.scopes as string[]).push('admin')).toThrow(TypeError)
    expect(() => Object.assign(first, { subject: 'root' })).toThrow(TypeError)
    expect(() => Object.assign(first.claims, { admin: true })).toThrow(TypeError)
    expect(first.scopes).toEqual(['orders:read', 'orders:write', 'orders:list'])
  })
})

function timely(
  times: { exp?: number; iat?: number; nbf?: number },
  nowSeconds = NOW,
  toleranceSeconds = 10,
): Promise<unknown> {
  const claims = {
    ...(times.exp !== undefined && { expiresAtSeconds: times.exp }),
    ...(times.iat !== undefined && { issuedAtSeconds: times.iat }),
  }
  const check = (): void => requireTimely(claims, times.nbf, nowSeconds * 1000, toleranceSeconds)
  return codeOf(Promise.resolve().then(check))
}

describe('requireTimely', () => {
  test.each([
    ['exp in the future', { exp: NOW + 1 }, 'accepted'],
    ['exp just within the tolerance', { exp: NOW - 10 + 0.001 }, 'accepted'],
    ['exp at the tolerance', { exp: NOW - 10 }, 'token_expired'],
    ['exp long ago', { exp: 0 }, 'token_expired'],
    ['a negative exp', { exp: -1 }, 'token_expired'],
    ['nbf in the past', { nbf: NOW - 1 }, 'accepted'],
    ['nbf at the tolerance', { nbf: NOW + 10 }, 'accepted'],
    ['nbf just beyond the tolerance', { nbf: NOW + 10.001 }, 'token_not_yet_valid'],
    ['iat at the tolerance', { iat: NOW + 10 }, 'accepted'],
    ['iat just beyond the tolerance', { iat: NOW + 10.001 }, 'token_not_yet_valid'],
    ['iat an hour ahead', { iat: NOW + 3600 }, 'token_not_yet_valid'],
    ['no times at all', {}, 'accepted'],
    ['expired and not yet valid', { exp: NOW - 60, nbf: NOW + 60 }, 'token_expired'],
  ])('%s', async (_, times, expected) => {
    expect(await timely(times)).toBe(expected)
  })

  test('without tolerance the boundary is the second itself', async () => {
    expect(await timely({ exp: NOW }, NOW - 0.001, 0)).toBe('accepted')
    expect(await timely({ exp: NOW }, NOW, 0)).toBe('token_expired')
    expect(await timely({ nbf: NOW, iat: NOW }, NOW, 0)).toBe('accepted')
    expect(await timely({ nbf: NOW }, NOW - 0.001, 0)).toBe('token_not_yet_valid')
    expect(await timely({ iat: NOW }, NOW - 0.001, 0)).toBe('token_not_yet_valid')
  })
})

describe('the clock through the whole pipeline', () => {
  test.each([
    ['exp a moment within the tolerance', { exp: NOW - 9.999 }, 'accepted'],
    ['exp at now − tolerance', { exp: NOW - 10 }, 'token_expired'],
    ['nbf at now + tolerance', { nbf: NOW + 10 }, 'accepted'],
    ['nbf a moment later', { nbf: NOW + 10.001 }, 'token_not_yet_valid'],
    ['iat at now + tolerance', { iat: NOW + 10 }, 'accepted'],
    ['iat a moment later', { iat: NOW + 10.001 }, 'token_not_yet_valid'],
  ])('%s', async (_, changes, expected) => {
    const { api } = await fixture()
    expect(await codeOf(api.verify(await signToken(goodClaims({ iat: NOW - 100, ...changes }))))).toBe(expected)
  })

  test('clockToleranceSeconds moves the boundary', async () => {
    const { api } = await fixture({ clockToleranceSeconds: 60 })
    expect(await codeOf(api.verify(await signToken(goodClaims({ iat: NOW - 100, exp: NOW - 59 }))))).toBe('accepted')
    const late = await signToken(goodClaims({ iat: NOW - 100, exp: NOW - 60 }))
    expect(await codeOf(api.verify(late))).toBe('token_expired')
  })
})
