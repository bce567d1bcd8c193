import { describe, expect, test } from 'vitest'
import { anyScope, type Requirement, type ResourceServerOptions, scope } from '../../src/entry-points/index.ts'
import { goodClaims, signToken } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'

async function decide(
  claims: Record<string, unknown>,
  requirement: Requirement,
  options: Partial<ResourceServerOptions> = {},
): Promise<unknown> {
  const { api } = await fixture(options)
  const work = async () => api.authorize(await api.verify(await signToken(goodClaims(claims))), requirement)
  return codeOf(work())
}

describe('a scope is a whole word', () => {
  test.each([
    'admin:read',
    'adminx',
    'xadmin',
    'admi',
    'ADMIN',
    'Admin',
    'admin,read',
    'admin\tread',
    'admin\nread',
    'admin\r\nread',
    'admin\u00a0read',
    'admin\u2003read',
    'admin\u2028read',
    'admin\u3000read',
    'admin\u0000',
    'admin\u200b',
    '\ufeffadmin',
    'admin+read',
    'admin%20read',
    'admin;read',
    '"admin"',
    'аdmin',
    '*',
    '__proto__',
    '',
  ])('%j does not grant "admin"', async (granted) => {
    expect(await decide({ scope: `read admin` }, scope('admin'))).toBe('accepted')
    expect(await decide({ scope: granted }, scope('admin'))).toBe('scope_insufficient')
    expect(await decide({ scope: `read ${granted}` }, scope('admin'))).toBe('scope_insufficient')
    expect(await decide({ scope: [granted] }, scope('admin'))).toBe('scope_insufficient')
    expect(await decide({ scope: undefined, scp: granted }, anyScope('admin'))).toBe('scope_insufficient')
  })

  test('several spaces, at the ends too, make no empty scope', async () => {
    const { api } = await fixture()
    const { scopes } = await api.verify(await signToken(goodClaims({ scope: '  a   b  a ' })))
    expect(scopes).toEqual(['a', 'b'])
  })

  test('an item of an array that holds a space is one scope that nobody can need, not two', async () => {
    expect(await decide({ scope: ['read', 'admin'] }, scope('admin'))).toBe('accepted')
    expect(await decide({ scope: ['read admin'] }, scope('admin'))).toBe('scope_insufficient')
  })
})

describe('what is neither text nor an array of text grants nothing and is refused', () => {
  test.each([
    [['admin', 1]],
    [['admin', null]],
    [[['admin']]],
    [[{ admin: true }]],
    [{ admin: true }],
    [{ 0: 'admin', length: 1 }],
    [1],
    [true],
    [false],
    [0],
  ])('%j', async (junk) => {
    expect(await decide({ scope: ['admin'] }, scope('admin'))).toBe('accepted')
    expect(await decide({ scope: junk }, scope('admin'))).toBe('claim_invalid')
    expect(await decide({ scope: undefined, scp: junk }, scope('admin'))).toBe('claim_invalid')
  })
})

describe('`scope` wins over `scp`', () => {
  test('and they are never merged', async () => {
    expect(await decide({ scope: undefined, scp: ['admin'] }, scope('admin'))).toBe('accepted')
    expect(await decide({ scope: 'read', scp: ['admin'] }, scope('admin'))).toBe('scope_insufficient')
    expect(await decide({ scope: '', scp: 'admin' }, scope('admin'))).toBe('scope_insufficient')
    expect(await decide({ scope: [], scp: 'admin' }, scope('admin'))).toBe('scope_insufficient')
    expect(await decide({ scope: 'read', scp: ['write'] }, scope('read', 'write'))).toBe('scope_insufficient')
  })

  test('a `scope` of null is absent', async () => {
    expect(await decide({ scope: null, scp: 'admin' }, scope('admin'))).toBe('accepted')
  })

  test('other names grant nothing', async () => {
    for (const name of ['scopes', 'Scope', 'permissions', 'roles', 'authorities', 'SCP']) {
      expect(await decide({ scope: undefined, [name]: ['admin'] }, scope('admin'))).toBe('scope_insufficient')
    }
  })
})

describe('implied scopes', () => {
  const options = { scopes: { implies: { admin: ['write'], write: ['read'] } } }

  test('reach as far as they are written and in their direction alone', async () => {
    expect(await decide({ scope: 'admin' }, scope('read'), options)).toBe('accepted')
    expect(await decide({ scope: 'read' }, scope('write'), options)).toBe('scope_insufficient')
    expect(await decide({ scope: 'write' }, scope('admin'), options)).toBe('scope_insufficient')
    expect(await decide({ scope: 'ADMIN' }, scope('read'), options)).toBe('scope_insufficient')
  })

  test('are not reached by names that objects inherit', async () => {
    for (const name of ['__proto__', 'constructor', 'toString']) {
      expect(await decide({ scope: name }, scope('read'), options)).toBe('scope_insufficient')
    }
  })

  test('do not alter the claims', async () => {
    const { api } = await fixture(options)
    const token = await api.verify(await signToken(goodClaims({ scope: 'admin' })))
    expect(token.scopes).toEqual(['admin', 'write', 'read'])
    expect(token.claims['scope']).toBe('admin')
  })
})

describe('a requirement that does not clearly say yes says no', () => {
  test.each<[string, () => unknown]>([
    ['true', () => true],
    ['a promise of yes', async () => true],
    ['undefined', () => undefined],
    ['an object that looks like yes', () => ({ granted: true })],
    ['a symbol', () => Symbol('bearward.granted')],
    [
      'a throw',
      () => {
        throw new Error('x')
      },
    ],
    [
      'a throw of nothing',
      () => {
        throw undefined
      },
    ],
    ['a rejected promise', () => Promise.reject(new Error('x'))],
    ['an object that looks like a denial', () => ({ reason: 'x', scopes: ['admin'] })],
  ])('%s', async (_, decision) => {
    expect(await decide({}, scope('orders:read'))).toBe('accepted')
    expect(await decide({}, decision as Requirement)).toBe('access_denied')
  })
})
