// DuendeArchive/IdentityServer4#380, #759, IdentityServer/IdentityServer3#2194, #3260: answers carry `auth_time` as text, `amr` as
// one text and `scope` as an array. RFC 7662 §2.2: these only inform, so they are left out and refuse nothing; `exp` and
// `nbf` decide, and are integers.
import { expect, test } from 'vitest'
import { goodAnswer, introspecting, opaque } from '../fixture/introspection.ts'
import { ISSUER, NOW, RESOURCE } from '../fixture/issuer.ts'
import { codeOf } from '../fixture/server.ts'

/** What an old IdentityServer says about a reference token. */
function answer(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return goodAnswer({
    iss: ISSUER,
    aud: [`${ISSUER}/resources`, RESOURCE],
    token_type: undefined,
    nbf: NOW - 5,
    auth_time: NOW - 30,
    idp: 'local',
    amr: ['pwd'],
    scope: ['openid', 'orders.read'],
    ...changes,
  })
}

async function verifying(changes: Record<string, unknown> = {}) {
  const { api } = await introspecting({ reply: () => Response.json(answer(changes)) })
  return api.verify(opaque())
}

test('accepts scopes in an array, and an audience that is one text', async () => {
  expect((await verifying()).scopes).toEqual(['openid', 'orders.read'])
  expect((await verifying({ aud: RESOURCE })).audience).toEqual([RESOURCE])
})

test('leaves out what only informs where it is malformed, and keeps it in the claims', async () => {
  const good = { amr: ['pwd'], authTimeSeconds: NOW - 30 }
  expect((await verifying()).authentication).toEqual(good)
  const textTime = await verifying({ auth_time: String(NOW - 30) })
  expect(textTime.authentication).toEqual({ amr: ['pwd'] })
  expect(textTime.claims['auth_time']).toBe(String(NOW - 30))
  expect((await verifying({ amr: 'pwd' })).authentication).toEqual({ authTimeSeconds: NOW - 30 })
})

test.each([
  ['exp', { exp: String(NOW + 600) }, { exp: NOW + 600 }],
  ['nbf', { nbf: String(NOW - 5) }, { nbf: NOW - 5 }],
])('refuses a time that decides where it is text: %s', async (_, textual, numeric) => {
  expect(await codeOf(verifying(textual))).toBe('issuer_unavailable')
  expect(await codeOf(verifying(numeric))).toBe('accepted')
})
