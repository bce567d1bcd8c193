import { describe, expect, test } from 'vitest'
import { goodClaims, NOW, signToken } from '../fixture/issuer.ts'
import { codeOf, fixture } from '../fixture/server.ts'

async function outcome(changes: Record<string, unknown>, clockToleranceSeconds?: number): Promise<unknown> {
  const { api } = await fixture({ clockToleranceSeconds })
  return codeOf(api.verify(await signToken(goodClaims(changes))))
}

describe('RFC 7519 §4.1, registered claims', () => {
  test.each([
    [{ exp: NOW - 9 }, 'accepted'],
    [{ exp: NOW - 9.999 }, 'accepted'],
    [{ exp: NOW - 10 }, 'token_expired'],
    [{ exp: NOW - 11 }, 'token_expired'],
  ])('§4.1.4: `exp` %o: %s', async (changes, code) => {
    expect(await outcome({ iat: NOW - 600, ...changes })).toBe(code)
  })

  test.each([
    [{ nbf: NOW }, 'accepted'],
    [{ nbf: NOW + 10 }, 'accepted'],
    [{ nbf: NOW + 10.5 }, 'token_not_yet_valid'],
    [{ nbf: NOW + 11 }, 'token_not_yet_valid'],
  ])('§4.1.5: `nbf` %o: %s', async (changes, code) => {
    expect(await outcome(changes)).toBe(code)
  })

  test.each([
    [{ iat: NOW + 10 }, 'accepted'],
    [{ iat: NOW + 11 }, 'token_not_yet_valid'],
    [{ iat: NOW + 300, exp: NOW + 299 }, 'claim_invalid'],
    [{ iat: NOW + 5, exp: NOW + 5 }, 'accepted'],
  ])('§4.1.6: `iat` %o: %s', async (changes, code) => {
    expect(await outcome(changes)).toBe(code)
  })

  test('FAPI 2.0 §5.3.3: `iat` and `nbf` up to 10 s ahead are accepted, over 60 s refused, whatever is configured', async () => {
    for (const name of ['iat', 'nbf']) {
      expect(await outcome({ [name]: NOW + 10 })).toBe('accepted')
      expect(await outcome({ [name]: NOW + 61 }, 60)).toBe('token_not_yet_valid')
    }
  })

  test.each(['sub', 'jti', 'client_id', 'cid', 'appid', 'azp'])('§4.1: `%s` is a string', async (name) => {
    expect(await outcome({ [name]: 'text' })).toBe('accepted')
    for (const value of [1, true, ['text'], { text: 1 }]) {
      expect(await outcome({ [name]: value })).toBe('claim_invalid')
    }
    // An empty `sub` is absent.
    expect(await outcome({ [name]: '' })).toBe(name === 'sub' ? 'claim_missing' : 'claim_invalid')
  })

  test('§4.1.3: `aud` is a string or an array of strings', async () => {
    expect(await outcome({ aud: ['https://api.example.com'] })).toBe('accepted')
    for (const aud of [['https://api.example.com', 1], ['https://api.example.com', null], 1, true, {}]) {
      expect(await outcome({ aud })).toBe('claim_invalid')
    }
  })

  test('§2: a NumericDate may have a fraction', async () => {
    expect(await outcome({ exp: NOW + 60.25, iat: NOW - 0.5, nbf: NOW - 0.125 })).toBe('accepted')
  })
})

describe('RFC 8693 §4.1, actors', () => {
  test('§4.1: `act` is surfaced as it is, the outermost actor first', async () => {
    const { api } = await fixture()
    const act = { sub: 'service-16', act: { sub: 'service-77' } }
    expect((await api.verify(await signToken(goodClaims({ act })))).actor).toEqual(act)
  })

  test('§4.1: an `act` that is no object is refused', async () => {
    for (const act of ['service-16', ['service-16'], 1, true]) {
      expect(await outcome({ act })).toBe('claim_invalid')
    }
  })
})

describe('RFC 9396 §9.1, authorization details', () => {
  test('§9.1: `authorization_details` are surfaced as they are', async () => {
    const { api } = await fixture()
    const details = [{ type: 'payment', amount: { currency: 'EUR', value: '1' } }, { type: 'payment' }]
    const token = await api.verify(await signToken(goodClaims({ authorization_details: details })))
    expect(token.authorizationDetails).toEqual(details)
  })

  test('§2: details without a type, or that are no objects, are refused', async () => {
    for (const details of [{}, 'x', [{}], [{ type: 1 }], [null], ['payment']]) {
      expect(await outcome({ authorization_details: details })).toBe('claim_invalid')
    }
  })
})

describe('RFC 7800 §3.1, confirmation', () => {
  test('§3.1: a bound token is no bearer token: any `cnf` is refused while no proof can be checked', async () => {
    expect(await outcome({})).toBe('accepted')
    for (const cnf of [{ jkt: 'x' }, { 'x5t#S256': 'x' }, { jwk: {} }, { kid: 'x' }, {}]) {
      expect(await outcome({ cnf })).toBe('binding_mismatch')
    }
  })
})
