import { describe, expect, test } from 'vitest'
import type { IntrospectOptions, TrustedIssuer } from '../../../../src/entry-points/index.ts'
import { withDetail } from '../../../fixture/detail.ts'
import { goodAnswer, introspecting, opaque, searchWhatWasEmitted } from '../../../fixture/introspection.ts'
import { ISSUER, NOW, RESOURCE, signToken } from '../../../fixture/issuer.ts'
import { codeOf } from '../../../fixture/server.ts'

searchWhatWasEmitted()

type Settings = Partial<Pick<IntrospectOptions, 'audience' | 'tokens' | 'use'>>

const BOTH: Settings = { audience: 'assumed', tokens: 'access-only' }
const unchecked: Partial<TrustedIssuer> = { audience: null, clients: ['client-1'] }

// What Django OAuth Toolkit answers, and LemonLDAP::NG beside `sub`.
const bare = { active: true, scope: 'read write', exp: NOW + 300, client_id: 'client-1', username: 'ada' }

function asking(members: Record<string, unknown>, introspection: Settings, issuer: Partial<TrustedIssuer> = {}) {
  return introspecting({ introspection, issuer, reply: () => Response.json({ ...bare, ...members }) })
}

async function outcome(...setup: Parameters<typeof asking>): Promise<unknown> {
  return codeOf((await asking(...setup)).api.verify(opaque()))
}

describe("an answer with neither `aud` nor `token_type` takes `audience: 'assumed'` and `tokens: 'access-only'`", () => {
  test.each<[string, Settings, Partial<TrustedIssuer>, string]>([
    ['both', BOTH, {}, 'accepted'],
    ['neither', {}, {}, 'audience_mismatch'],
    ['the audience alone', { audience: 'assumed' }, {}, 'token_type_wrong'],
    ['the tokens alone', { tokens: 'access-only' }, {}, 'audience_mismatch'],
    ['both, and an accepted client', BOTH, { clients: ['client-1'] }, 'accepted'],
    ['both, and another client', BOTH, { clients: ['client-2'] }, 'client_refused'],
    ['no checked audience, and the tokens', { tokens: 'access-only' }, unchecked, 'accepted'],
    ['no checked audience', {}, unchecked, 'token_type_wrong'],
    ['no checked audience, and an assumed one', { audience: 'assumed' }, unchecked, 'token_type_wrong'],
    ['no checked audience, and another client', BOTH, { ...unchecked, clients: ['client-2'] }, 'client_refused'],
  ])('%s', async (_, introspection, issuer, expected) => {
    expect(await outcome({}, introspection, issuer)).toBe(expected)
  })

  test('and comes out as an access token', async () => {
    const { api } = await asking({}, BOTH)
    expect(await api.verify(opaque())).toMatchObject({ clientId: 'client-1', scopes: ['read', 'write'], audience: [] })
  })
})

describe("`tokens: 'access-only'` fills an absence and outvotes nothing", () => {
  test.each<[string, Record<string, unknown>, string]>([
    ['null is an absence', { token_type: null, token_use: null, typ: null, aud: null, at_hash: null }, 'accepted'],
    ['an empty list of audiences is one', { aud: [] }, 'accepted'],
    ['token_type Bearer agrees', { token_type: 'Bearer' }, 'accepted'],
    ['token_use access_token agrees', { token_use: 'access_token' }, 'accepted'],
    ['typ Bearer agrees', { typ: 'Bearer' }, 'accepted'],
    ['typ at+jwt agrees', { typ: 'at+jwt' }, 'accepted'],
    ['token_type refresh_token', { token_type: 'refresh_token' }, 'token_type_wrong'],
    ['token_type N_A', { token_type: 'N_A' }, 'token_type_wrong'],
    ['token_type empty', { token_type: '' }, 'token_type_wrong'],
    ['token_type that is no text', { token_type: ['Bearer'] }, 'issuer_unavailable'],
    ['token_use refresh_token', { token_use: 'refresh_token' }, 'token_type_wrong'],
    ['token_use id', { token_use: 'id' }, 'token_type_wrong'],
    ['token_use that is no text', { token_use: true }, 'issuer_unavailable'],
    ['typ Refresh', { typ: 'Refresh' }, 'token_type_wrong'],
    ['typ Offline', { typ: 'Offline' }, 'token_type_wrong'],
    ['typ ID', { typ: 'ID' }, 'token_type_wrong'],
    ['typ Logout', { typ: 'Logout' }, 'token_type_wrong'],
    ['a typ that nobody knows', { typ: 'refresh_token' }, 'token_type_wrong'],
    ['typ rt+jwt', { typ: 'rt+jwt' }, 'token_type_wrong'],
    ['typ empty', { typ: '' }, 'token_type_wrong'],
    ['typ that is no text', { typ: ['Bearer'] }, 'token_type_wrong'],
    ['at_hash', { at_hash: 'h' }, 'token_type_wrong'],
    ['c_hash', { c_hash: 'h' }, 'token_type_wrong'],
    ['s_hash', { s_hash: 'h' }, 'token_type_wrong'],
    ['events', { events: {} }, 'token_type_wrong'],
    ['two that disagree', { token_type: 'Bearer', token_use: 'refresh_token' }, 'token_type_wrong'],
    ['another audience', { aud: 'https://other.example.com' }, 'audience_mismatch'],
    ['another issuer', { iss: 'https://other.example.com' }, 'issuer_untrusted'],
    ['not active', { active: false }, 'token_inactive'],
    ['expired', { exp: NOW - 60 }, 'token_expired'],
    ['bound', { cnf: { jkt: 'j' } }, 'binding_mismatch'],
    ['a DPoP token without its key', { token_type: 'DPoP' }, 'binding_mismatch'],
  ])('%s', async (_, members, expected) => {
    expect(await outcome({}, BOTH)).toBe('accepted')
    expect(await outcome(members, BOTH)).toBe(expected)
  })

  test('it says nothing of an audience: a checked one is checked still', async () => {
    expect(await outcome({ aud: RESOURCE }, { tokens: 'access-only' })).toBe('accepted')
    expect(await outcome({ aud: 'https://other.example.com' }, { tokens: 'access-only' })).toBe('audience_mismatch')
  })

  test('nor of JWTs, whose kind is told here', async () => {
    const setup = { introspection: { use: 'always', tokens: 'access-only' } } as const
    const { api } = await introspecting({ ...setup, reply: () => Response.json(goodAnswer()) })
    expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
    expect(await codeOf(api.verify(await signToken(undefined, { typ: 'JWT' })))).toBe('token_type_wrong')
  })
})

describe('the refusal names the whole cure, with whatever is configured', () => {
  const cure = "set `introspect({ audience: 'assumed', tokens: 'access-only' })`"

  test.each<[string, string, Settings]>([
    ['neither option', 'audience_mismatch', {}],
    ["`audience: 'assumed'`", 'token_type_wrong', { audience: 'assumed' }],
    ["`tokens: 'access-only'`", 'audience_mismatch', { tokens: 'access-only' }],
  ])('with %s: %s', async (_, code, introspection) => {
    const { api } = await asking({}, introspection)
    const refusal = api.verify(opaque())
    await expect(refusal).rejects.toMatchObject({ code })
    await expect(refusal).rejects.toThrow(withDetail(`issuer "${ISSUER}" answers without \`aud\` and \`token_type\``))
    await expect(refusal).rejects.toThrow(withDetail(cure))
    await expect(refusal).rejects.toThrow(withDetail("Any client's token of this issuer is good then"))
    await expect(refusal).rejects.toThrow(withDetail("set `clients: ['CLIENT_ID']`"))
    expect(await outcome({}, BOTH)).toBe('accepted')
  })

  test('where the answer names the kind, the audience alone', async () => {
    const { api } = await asking({ token_type: 'Bearer' }, {})
    await expect(api.verify(opaque())).rejects.toThrow(withDetail("set `introspect({ audience: 'assumed' })`"))
    expect(await outcome({ token_type: 'Bearer' }, { audience: 'assumed' })).toBe('accepted')
  })

  test('where the audience is not checked, the tokens alone, and no word of clients, which are set', async () => {
    const { api } = await asking({}, {}, unchecked)
    const refusal = api.verify(opaque())
    await expect(refusal).rejects.toThrow(withDetail("set `introspect({ tokens: 'access-only' })`"))
    await expect(refusal).rejects.not.toThrow(withDetail('CLIENT_ID'))
  })

  test('where a `typ` names another kind, none', async () => {
    for (const introspection of [{}, { audience: 'assumed' }, BOTH] as const) {
      const { api } = await asking({ typ: 'rt+jwt' }, introspection)
      const refusal = api.verify(opaque())
      await expect(refusal).rejects.toThrow(withDetail('`typ` is "rt+jwt"'))
      await expect(refusal).rejects.not.toThrow(withDetail('access-only'))
    }
  })
})
