import { describe, expect, test } from 'vitest'
import { withDetail } from '../../fixture/detail.ts'
import { requireBinding } from '../../../src/stages/constrain.ts'
import { goodClaims, signToken } from '../../fixture/issuer.ts'
import { codeOf, fixture } from '../../fixture/server.ts'

/** A token that came as a plain bearer token. */
const BEARER = { scheme: 'Bearer', token: 'abc', request: undefined, context: {} }

test('lets a token without confirmation pass', () => {
  expect(() => requireBinding({}, BEARER, [])).not.toThrow()
})

test.each([
  ['DPoP', { jkt: 'thumbprint' }],
  ['a certificate', { 'x5t#S256': 'thumbprint' }],
  ['both', { jkt: 'thumbprint', 'x5t#S256': 'thumbprint' }],
  ['an unknown method', {}],
])('refuses a token bound by %s', (_, confirmation) => {
  expect(() => requireBinding({ confirmation }, BEARER, [])).toThrow(
    expect.objectContaining({ code: 'binding_mismatch' }),
  )
})

test('names the methods, not their values', () => {
  const confirmation = { jkt: 'secret-one', 'x5t#S256': 'secret-two' }
  expect(() => requireBinding({ confirmation }, BEARER, [])).toThrow(withDetail(/jkt, x5t#S256/))
  expect(() => requireBinding({ confirmation }, BEARER, [])).not.toThrow(withDetail(/secret/))
})

describe('through the whole pipeline', () => {
  test.each([
    ['cnf that is null', { cnf: null }, 'accepted'],
    ['cnf.jkt', { cnf: { jkt: 'thumbprint' } }, 'binding_mismatch'],
    ['cnf.x5t#S256', { cnf: { 'x5t#S256': 'thumbprint' } }, 'binding_mismatch'],
    ['an unknown method alone', { cnf: { kid: 'key-1' } }, 'binding_mismatch'],
    ['an empty cnf', { cnf: {} }, 'binding_mismatch'],
    ['a cnf that is no object', { cnf: 'thumbprint' }, 'claim_invalid'],
    ['a cnf.jkt that is no string', { cnf: { jkt: 1 } }, 'claim_invalid'],
  ])('%s', async (_, changes, code) => {
    const { api } = await fixture()
    expect(await codeOf(api.verify(await signToken(goodClaims(changes))))).toBe(code)
  })

  test('a bound token is refused each time, from the cache too', async () => {
    const { api } = await fixture()
    const token = await signToken(goodClaims({ cnf: { jkt: 'thumbprint' } }))
    for (let time = 0; time < 3; time++) expect(await codeOf(api.verify(token))).toBe('binding_mismatch')
  })

  test('an unbound token with a stray DPoP header passes', async () => {
    const { api } = await fixture()
    const headers = { Authorization: `Bearer ${await signToken()}`, DPoP: 'proof' }
    const request = new Request('https://api.example.com/', { headers })
    expect(await codeOf(api.authenticate(request))).toBe('accepted')
  })
})
