import { describe, expect, test } from 'vitest'
import { goodAnswer, introspecting, opaque, searchWhatWasEmitted } from '../../../fixture/introspection.ts'
import { ISSUER, NOW } from '../../../fixture/issuer.ts'
import { codeOf } from '../../../fixture/server.ts'

searchWhatWasEmitted()

async function outcomeOf(changes: Record<string, unknown>): Promise<unknown> {
  const { api } = await introspecting({ reply: () => Response.json(goodAnswer(changes)) })
  return codeOf(api.verify(opaque()))
}

describe('a member of the wrong type is the issuer’s fault', () => {
  test.each<[string, unknown, unknown[]]>([
    ['sub', 'user-1', [7, {}, ['user-1'], true]],
    ['client_id', 'client-1', [7, '', {}, false]],
    ['cid', 'client-1', [7]],
    ['azp', 'client-1', [7]],
    ['exp', NOW + 300, [`${NOW + 300}`, {}, true, (NOW + 300) * 1000, 2 ** 53]],
    ['nbf', NOW, [`${NOW}`, [NOW], 2 ** 53]],
    ['iat', NOW, [`${NOW}`, {}, NOW + 301]],
    ['aud', ['https://api.example.com'], [7, {}, ['https://api.example.com', 7]]],
    ['scope', 'a b', [7, {}, ['a', 7], true]],
    ['scope', ['a', 'b'], [[null]]],
    ['jti', 'id-1', [7, '']],
    ['act', { sub: 'agent' }, ['agent', [{ sub: 'agent' }], 7]],
    [
      'authorization_details',
      [{ type: 'payment' }],
      [{ type: 'payment' }, ['payment'], [{}], [{ type: 7 }], 'payment'],
    ],
    ['iss', ISSUER, [7, {}, [ISSUER], true]],
    ['token_type', 'Bearer', [7, {}, ['Bearer'], true]],
  ])('%s', async (name, good, wrong) => {
    expect(await outcomeOf({ [name]: good })).toBe('accepted')
    for (const value of wrong) {
      expect(await outcomeOf({ [name]: value }), `${name}: ${JSON.stringify(value)}`).toBe('issuer_unavailable')
    }
  })

  test.each(['sub', 'client_id', 'username', 'exp', 'nbf', 'iat', 'iss', 'scope', 'token_type', 'act', 'cnf', 'jti'])(
    'null is as good as absent: %s',
    async (name) => {
      expect(await outcomeOf({ [name]: null })).toBe('accepted')
    },
  )

  test.each([['an array'], [7], [true]])('`cnf` that is no object: %j', async (cnf) => {
    expect(await outcomeOf({ cnf })).toBe('issuer_unavailable')
  })
})

test('an empty `sub` is as good as absent, and no subject comes out', async () => {
  for (const sub of ['', null, undefined]) {
    const { api } = await introspecting({ reply: () => Response.json(goodAnswer({ sub })) })
    expect(await api.verify(opaque())).not.toHaveProperty('subject')
  }
})

describe('a member that only informs', () => {
  test.each<[string, unknown, unknown[]]>([
    ['username', 'ada', ['', 7, {}, ['ada'], false]],
    ['auth_time', NOW, [`${NOW}`, '2026-01-01T00:00:00.000Z', {}, 2 ** 53]],
    ['acr', 'gold', ['', 7, ['gold']]],
    ['amr', ['pwd'], ['pwd', [7], ['pwd', { method: 'otp' }]]],
  ])('refuses nothing when it is malformed: %s', async (name, good, wrong) => {
    for (const value of [good, ...wrong]) {
      const { api } = await introspecting({ reply: () => Response.json(goodAnswer({ [name]: value })) })
      const { authentication, claims } = await api.verify(opaque())
      expect(claims[name]).toEqual(value)
      if (value !== good) expect(authentication).toEqual({})
    }
  })

  test('the twin on which something hangs is the issuer’s fault still', async () => {
    expect(await outcomeOf({ auth_time: 'then' })).toBe('accepted')
    expect(await outcomeOf({ auth_time: 'then', nbf: 'then' })).toBe('issuer_unavailable')
  })
})

describe('an `exp` that is past is token_expired', () => {
  const lived = { iat: NOW - 600 }

  test.each<[string, Record<string, unknown>, unknown]>([
    ['Doorkeeper’s `exp: 0` for a token that never expires', { exp: 0 }, 'token_expired'],
    ['`exp: 0` without `iat`', { exp: 0, iat: undefined }, 'token_expired'],
    ['the least number that Java knows', { exp: -(2 ** 63) }, 'token_expired'],
    ['`exp: null`, which is absent', { exp: null }, 'accepted'],
    ['a negative `exp`', { exp: -1 }, 'token_expired'],
    ['at the tolerance', { ...lived, exp: NOW - 10 }, 'token_expired'],
    ['within the tolerance', { ...lived, exp: NOW - 9.999 }, 'accepted'],
    ['within the tolerance, issued when it expired', { exp: NOW - 5, iat: NOW - 5 }, 'accepted'],
    ['within the tolerance, without `iat`', { exp: NOW - 5, iat: null }, 'accepted'],
    // Clocks that differ do not explain that.
    ['within the tolerance, issued later', { exp: NOW - 5, iat: NOW - 4 }, 'token_expired'],
    ['within the tolerance, with an `iat` that is no time', { exp: NOW - 5, iat: 'then' }, 'token_expired'],
    ['now, issued later', { exp: NOW, iat: NOW + 1 }, 'token_expired'],
    ['a moment ahead, issued later', { exp: NOW + 0.5, iat: NOW + 1 }, 'issuer_unavailable'],
    ['a moment ahead, with an `iat` that is no time', { exp: NOW + 0.5, iat: 'then' }, 'issuer_unavailable'],
    ['with an `iat` that is no time', { exp: NOW - 600, iat: 'then' }, 'token_expired'],
    ['with an `iat` in milliseconds', { exp: NOW - 600, iat: NOW * 1000 }, 'token_expired'],
    ['with an `nbf` that is not reached', { exp: NOW - 600, nbf: NOW + 600 }, 'token_expired'],
    ['with an `nbf` that is no time', { exp: NOW - 600, nbf: 'then' }, 'token_expired'],
    ['with another audience', { ...lived, exp: NOW - 60, aud: 'https://other.example.com' }, 'token_expired'],
    ['and inactive', { exp: 0, active: false }, 'token_inactive'],
    // What is no time says nothing of when the token expired.
    ['a text', { exp: '0' }, 'issuer_unavailable'],
    ['beyond 2^53 − 1', { exp: 2 ** 53 }, 'issuer_unavailable'],
  ])('%s', async (_, changes, outcome) => {
    expect(await outcomeOf(changes)).toBe(outcome)
  })

  test('the circuit stays closed, and no failure is told', async () => {
    const { api, endpoint, events } = await introspecting({ reply: () => Response.json(goodAnswer({ exp: 0 })) })
    for (let turn = 0; turn < 20; turn++) {
      expect(await codeOf(api.verify(opaque(`never-${turn}`)))).toBe('token_expired')
    }
    endpoint.reply = () => Response.json(goodAnswer())
    expect(await codeOf(api.verify(opaque()))).toBe('accepted')
    expect(events.filter(({ type }) => type === 'introspection_failed')).toEqual([])
  })
})

describe('who issued it', () => {
  test.each([
    [ISSUER, 'accepted'],
    [undefined, 'accepted'],
    [`${ISSUER}/`, 'issuer_untrusted'],
    ['https://LOGIN.example.com', 'issuer_untrusted'],
    ['https://other.example.com', 'issuer_untrusted'],
    ['', 'issuer_untrusted'],
  ])('iss %s: %s', async (iss, outcome) => {
    expect(await outcomeOf({ iss })).toBe(outcome)
  })
})

describe('what kind of token it is', () => {
  test.each([
    [undefined, 'accepted'],
    ['Bearer', 'accepted'],
    ['bearer', 'accepted'],
    ['BEARER', 'accepted'],
    ['N_A', 'token_type_wrong'],
    ['refresh_token', 'token_type_wrong'],
    ['id_token', 'token_type_wrong'],
    ['access_token', 'token_type_wrong'],
    ['mac', 'token_type_wrong'],
    ['', 'token_type_wrong'],
    [' Bearer', 'token_type_wrong'],
    // A dotless i, which lower-cases to something else than ASCII's.
    ['BEARER\u0130', 'token_type_wrong'],
  ])('token_type %j: %s', async (type, outcome) => {
    expect(await outcomeOf({ token_type: type })).toBe(outcome)
  })

  test.each([
    [{ token_use: 'access' }, 'accepted'],
    [{ token_use: 'access_token' }, 'accepted'],
    [{ token_use: 'refresh_token' }, 'token_type_wrong'],
    [{ token_use: 'id' }, 'token_type_wrong'],
    [{ typ: 'Bearer' }, 'accepted'],
    [{ typ: 'Refresh' }, 'token_type_wrong'],
    [{ typ: 'Offline' }, 'token_type_wrong'],
    [{ typ: 'ID' }, 'token_type_wrong'],
    [{ typ: 'Logout' }, 'token_type_wrong'],
    [{ at_hash: 'x' }, 'token_type_wrong'],
    [{ c_hash: 'x' }, 'token_type_wrong'],
    [{ s_hash: 'x' }, 'token_type_wrong'],
    [{ events: {} }, 'token_type_wrong'],
    [{ at_hash: null }, 'accepted'],
    [{ hash: 'x' }, 'accepted'],
  ])('%j: %s', async (members, outcome) => {
    expect(await outcomeOf(members)).toBe(outcome)
  })
})

describe('to whom it is bound', () => {
  const jkt = '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I'

  test.each([
    [{ token_type: 'Bearer' }, 'accepted'],
    [{ token_type: 'Bearer', cnf: { jkt } }, 'binding_mismatch'],
    [{ token_type: 'DPoP', cnf: { jkt } }, 'binding_mismatch'],
    [{ token_type: 'dpop' }, 'binding_mismatch'],
    [{ token_type: 'DPoP', cnf: null }, 'binding_mismatch'],
    [{ cnf: { 'x5t#S256': jkt } }, 'binding_mismatch'],
    [{ cnf: { 'x5t#S256': jkt, extra: 1 } }, 'binding_mismatch'],
    [{ cnf: { unknown: 1 } }, 'binding_mismatch'],
    [{ cnf: {} }, 'binding_mismatch'],
    [{ cnf: { jkt: 7 } }, 'issuer_unavailable'],
  ])('%j: %s', async (members, outcome) => {
    expect(await outcomeOf(members)).toBe(outcome)
  })
})

async function outcomeOfBody(body: string | Uint8Array<ArrayBuffer>, type = 'application/json'): Promise<unknown> {
  const { api } = await introspecting({ reply: () => new Response(body, { headers: { 'content-type': type } }) })
  return codeOf(api.verify(opaque()))
}

describe('the answer as text', () => {
  const good = JSON.stringify(goodAnswer())

  test.each([
    'application/json',
    'application/json; charset=utf-8',
    'Application/JSON',
    'application/token-introspection+json',
  ])('is read as %s', async (type) => {
    expect(await outcomeOfBody(good, type)).toBe('accepted')
  })

  test.each(['text/html', 'text/plain', 'application/jwt', 'application/jsonp', 'text/json', ''])(
    'is not read as %j',
    async (type) => {
      expect(await outcomeOfBody(good, type)).toBe('issuer_unavailable')
    },
  )

  test('without a content type is not read', async () => {
    const { api } = await introspecting({
      reply: () => {
        const response = new Response(good)
        response.headers.delete('content-type')
        return response
      },
    })
    expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
  })

  test('a login page with status 200 is no answer', async () => {
    expect(await outcomeOfBody('<!doctype html><title>Sign in</title>', 'text/html; charset=utf-8')).toBe(
      'issuer_unavailable',
    )
  })

  test.each<[string, string | Uint8Array<ArrayBuffer>]>([
    ['a repeated member', good.replace('{', '{"active":false,')],
    ['a repeated member deep inside', good.replace('{', '{"x":{"a":1,"a":2},')],
    ['a byte-order mark', `\ufeff${good}`],
    ['no JSON', good.slice(0, -1)],
    ['nothing', ''],
    ['an array', `[${good}]`],
    ['a string', '"active"'],
    ['true', 'true'],
    ['null', 'null'],
    ['a number beyond the finite', good.replace('{', '{"x":1e999,')],
    ['a member __proto__', good.replace('{', '{"__proto__":{"active":true},')],
    ['invalid UTF-8', new Uint8Array([...new TextEncoder().encode('{"active":true,"x":"'), 0xff, 0x22, 0x7d])],
    ['two documents', `${good}${good}`],
  ])('%s is refused', async (_, body) => {
    expect(await outcomeOfBody(body)).toBe('issuer_unavailable')
  })

  test('white space around it does no harm', async () => {
    expect(await outcomeOfBody(`\r\n  ${good}\n`)).toBe('accepted')
  })

  test('`active` by inheritance is not active', async () => {
    expect(await outcomeOfBody(good.replace('"active":true', '"constructor":{"active":true}'))).toBe(
      'issuer_unavailable',
    )
  })
})
