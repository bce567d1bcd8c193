// doorkeeper-gem/doorkeeper#1817: the answer about a token that never expires says `exp: 0`, beside an `iat`. RFC 7662 §2.2
// makes that a time in 1970: expired, so a 401, and no outage of the issuer. Without `exp` (OPTIONAL) such a token is good.
import { expect, test } from 'vitest'
import { goodAnswer, introspecting, opaque } from '../fixture/introspection.ts'
import { NOW } from '../fixture/issuer.ts'
import { codeOf } from '../fixture/server.ts'

function doorkeeper(exp: unknown) {
  const answer = goodAnswer({ aud: undefined, sub: undefined, scope: 'public', iat: NOW - 5_000, exp })
  return introspecting({ introspection: { audience: 'assumed' }, reply: () => Response.json(answer) })
}

test.each([
  ['0', 0],
  ['past, and before `iat`', NOW - 6_000],
  ['past', NOW - 4_000],
])('a token whose `exp` is %s is expired', async (_, exp) => {
  const { api, events } = await doorkeeper(exp)
  const refused = await api.verify(opaque()).catch((error: unknown) => error)
  expect(refused).toMatchObject({ code: 'token_expired', status: 401 })
  expect(events.map(({ type }) => type)).toEqual(['token_refused'])
})

test.each([
  ['absent', undefined],
  ['null', null],
  ['to come', NOW + 300],
])('a token whose `exp` is %s is accepted', async (_, exp) => {
  const { api } = await doorkeeper(exp)
  expect(await codeOf(api.verify(opaque()))).toBe('accepted')
})

test('twenty requests with an expired token ask the issuer once', async () => {
  const { api, endpoint } = await doorkeeper(0)
  for (let turn = 0; turn < 20; turn++) expect(await codeOf(api.verify(opaque()))).toBe('token_expired')
  expect(endpoint.asked).toHaveLength(1)
})

test('an `iat` after an `exp` that is to come stays the issuer’s fault', async () => {
  const { api, endpoint } = await doorkeeper(NOW + 300)
  endpoint.reply = () => Response.json(goodAnswer({ iat: NOW + 400, exp: NOW + 300 }))
  expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
})
