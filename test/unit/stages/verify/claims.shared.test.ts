import { describe, expect, expectTypeOf, test } from 'vitest'
import { withDetail } from '../../../fixture/detail.ts'
import type { ClaimsOf, StandardSchemaV1 } from '../../../../src/entry-points/index.ts'
import {
  type AccessToken,
  createResourceServer,
  type ResourceServer,
  type TrustedIssuer,
} from '../../../../src/entry-points/index.ts'
import { applySchema } from '../../../../src/token/claims-schema.ts'
import { fakeUpstream, goodClaims, ISSUER, NOW_MS, RESOURCE, signingKey, signToken } from '../../../fixture/issuer.ts'
import { codeOf, fixture } from '../../../fixture/server.ts'

async function verify(
  claims: Record<string, unknown>,
  issuer: Omit<TrustedIssuer, 'issuer'> = {},
  audience?: string | readonly string[],
): Promise<unknown> {
  const { api } = await fixture({ issuers: [{ issuer: ISSUER, ...issuer }], audience })
  return codeOf(api.verify(await signToken(goodClaims(claims))))
}

describe('the audience', () => {
  test.each<[string, unknown]>([
    ['names the resource', RESOURCE],
    ['names it among others', ['https://other.example.com', RESOURCE]],
  ])('passes where it %s', async (_, aud) => {
    expect(await verify({ aud })).toBe('accepted')
  })

  test.each<[string, unknown]>([
    ['another resource', 'https://other.example.com'],
    ['a trailing slash', `${RESOURCE}/`],
    ['another case', RESOURCE.toUpperCase()],
    ['a longer host', `${RESOURCE}.evil.example`],
    ['a path below', `${RESOURCE}/orders`],
    ['only a part', 'https://api.example'],
    ['a space at the end', `${RESOURCE} `],
    ['a list in a string', `x ${RESOURCE}`],
    ['an empty list', []],
    ['an empty string', ''],
    ['a list of others', ['a', 'b']],
  ])('is audience_mismatch with %s', async (_, aud) => {
    expect(await verify({ aud: RESOURCE })).toBe('accepted')
    expect(await verify({ aud })).toBe('audience_mismatch')
  })

  test('the option `audience` replaces the resource', async () => {
    expect(await verify({ aud: 'orders' }, {}, 'orders')).toBe('accepted')
    expect(await verify({ aud: 'bills' }, {}, ['orders', 'bills'])).toBe('accepted')
    expect(await verify({ aud: RESOURCE }, {}, ['orders', 'bills'])).toBe('audience_mismatch')
  })

  test('an issuer’s own `audience` replaces both', async () => {
    expect(await verify({ aud: 'own' }, { audience: 'own' }, 'orders')).toBe('accepted')
    expect(await verify({ aud: 'orders' }, { audience: ['own', 'other'] }, 'orders')).toBe('audience_mismatch')
    expect(await verify({ aud: RESOURCE }, { audience: 'own' })).toBe('audience_mismatch')
  })

  test('a message names what was expected and some of what came', async () => {
    const { api } = await fixture()
    const token = await signToken(goodClaims({ aud: ['a\u0007', 'b', 'c', 'd', 'e'] }))
    await expect(api.verify(token)).rejects.toThrow(withDetail(`expected "${RESOURCE}", got "a?", "b", "c", "d"`))
  })
})

describe('the clients', () => {
  const clients = ['client-1', 'client-2']

  test.each([
    ['one of them', { client_id: 'client-2' }, 'accepted'],
    ['another', { client_id: 'client-3' }, 'client_refused'],
    ['another case', { client_id: 'Client-1' }, 'client_refused'],
    ['another, while azp is one of them', { client_id: 'client-3', azp: 'client-1' }, 'client_refused'],
  ])('%s', async (_, claims, code) => {
    expect(await verify(claims, { clients })).toBe(code)
  })

  test('any passes where none are listed', async () => {
    expect(await verify({ client_id: 'client-3' })).toBe('accepted')
  })

  test('by any of their names in the profile `compatible`', async () => {
    const jwt = { profile: 'compatible' } as const
    for (const name of ['client_id', 'cid', 'appid', 'azp']) {
      expect(await verify({ client_id: undefined, [name]: 'client-1' }, { clients, jwt })).toBe('accepted')
      expect(await verify({ client_id: undefined, [name]: 'client-3' }, { clients, jwt })).toBe('client_refused')
    }
    expect(await verify({ client_id: undefined }, { clients, jwt })).toBe('client_refused')
  })

  test('are checked beside the audience, not in its place', async () => {
    expect(await verify({ aud: 'https://other.example.com' }, { clients })).toBe('audience_mismatch')
  })
})

/** What a server's `verify` gives. */
type Verified<Server extends { verify: (token: string) => Promise<unknown> }> = Awaited<ReturnType<Server['verify']>>

interface Tenant {
  readonly tenant: string
}

type Result<Output> = ReturnType<StandardSchemaV1<unknown, Output>['~standard']['validate']>

function schemaOf<Output>(validate: (value: unknown) => Result<Output>): StandardSchemaV1<unknown, Output> {
  return { '~standard': { version: 1, vendor: 'by hand', validate } }
}

function tenantOf(value: unknown): string | undefined {
  const { tenant } = value as { tenant?: unknown }
  return typeof tenant === 'string' ? tenant : undefined
}

/** Takes `tenant` and drops the rest. */
const tenantSchema = schemaOf<Tenant>((value) => {
  const tenant = tenantOf(value)
  return tenant === undefined ? { issues: [{ message: 'SECRET', path: ['tenant'] }] } : { value: { tenant } }
})

async function serverWith<Output>(
  schema: StandardSchemaV1<unknown, Output>,
): Promise<ResourceServer<ClaimsOf<StandardSchemaV1<unknown, Output>>>> {
  return createResourceServer({
    resource: RESOURCE,
    issuers: [{ issuer: ISSUER }],
    fetch: fakeUpstream(ISSUER, (await signingKey()).jwk).fetch,
    now: () => NOW_MS,
    claims: schema,
  })
}

describe('the claims schema', () => {
  test('of thousands of members that it refuses, eight are named', async () => {
    const issues = Array.from({ length: 3_000 }, (_, index) => ({ message: 'no', path: [`member${index}`] }))
    await expect(
      applySchema(
        schemaOf(() => ({ issues })),
        {},
      ),
    ).rejects.toThrow(withDetail(/"member0", .*"member7" and 2992 more$/))
  })

  test('its output becomes the claims, the rest of the token stays', async () => {
    const api = await serverWith(tenantSchema)
    const token = await api.verify(await signToken(goodClaims({ tenant: 'acme' })))
    expect(token.claims).toEqual({ tenant: 'acme' })
    expect(token).toMatchObject({ subject: 'user-1', scopes: ['orders:read', 'orders:write'], format: 'jwt' })
  })

  test('may answer later', async () => {
    const api = await serverWith(
      schemaOf<Tenant>(async (value) => {
        await Promise.resolve()
        return { value: { tenant: `${tenantOf(value)}!` } }
      }),
    )
    expect((await api.verify(await signToken(goodClaims({ tenant: 'acme' })))).claims).toEqual({ tenant: 'acme!' })
  })

  test('what it refuses is claim_invalid, naming the member and nothing of the value', async () => {
    const api = await serverWith(tenantSchema)
    expect(await codeOf(api.verify(await signToken(goodClaims({ tenant: 'acme' }))))).toBe('accepted')
    const refusal = api.verify(await signToken(goodClaims({ tenant: 7 })))
    expect(await codeOf(refusal)).toBe('claim_invalid')
    await expect(refusal).rejects.toThrow(withDetail(/"tenant"/))
    await expect(refusal).rejects.not.toThrow(withDetail(/SECRET/))
  })

  test('what it refuses later is claim_invalid', async () => {
    const api = await serverWith(schemaOf<never>(async () => ({ issues: [{ message: 'no' }] })))
    expect(await codeOf(api.verify(await signToken()))).toBe('claim_invalid')
  })

  test('an empty list of issues is a refusal', async () => {
    expect(
      await codeOf(
        applySchema(
          schemaOf<never>(() => ({ issues: [] })),
          {},
        ),
      ),
    ).toBe('claim_invalid')
  })

  test.each<[string, () => Result<never>]>([
    [
      'throws',
      () => {
        throw new Error('SECRET')
      },
    ],
    ['rejects', () => Promise.reject(new Error('SECRET'))],
  ])('one that %s refuses the token', async (_, validate) => {
    const refusal = applySchema(schemaOf(validate), {})
    expect(await codeOf(refusal)).toBe('claim_invalid')
    await expect(refusal).rejects.not.toThrow(withDetail(/SECRET/))
  })

  // A predicate handed over as a schema would otherwise let everything through, its `false` included.
  test.each([undefined, null, true, false, 'ok'])('one that answers with %j lets nothing through', async (nonsense) => {
    const validate = (() => nonsense) as unknown as () => Result<never>
    expect(await codeOf(applySchema(schemaOf(validate), {}))).not.toBe('accepted')
  })

  test('paths are named in each form that a schema may use', async () => {
    const issues = [
      { message: 'a', path: ['address', 0, 'zip'] },
      { message: 'b', path: [{ key: 'user' }, { key: 'name' }] },
      { message: 'c', path: ['line\nfeed'] },
      { message: 'd' },
      { message: 'e', path: [Symbol('s')] },
    ]
    const refusal = applySchema(
      schemaOf<never>(() => ({ issues })),
      {},
    )
    await expect(refusal).rejects.toThrow(withDetail('"address.0.zip", "user.name", "line?feed", "(all)", "Symbol(s)"'))
  })

  test('it sees the claims only after they were verified', async () => {
    let calls = 0
    const api = await serverWith(
      schemaOf<object>((value) => {
        calls++
        return { value: value as object }
      }),
    )
    const good = await signToken()
    const [header, , signature] = good.split('.')
    const [, otherPayload] = (await signToken(goodClaims({ sub: 'root' }))).split('.')
    expect(await codeOf(api.verify(`${header}.${otherPayload}.${signature}`))).toBe('signature_invalid')
    expect(await codeOf(api.verify(await signToken(goodClaims({ aud: 'other' }))))).toBe('audience_mismatch')
    expect(calls).toBe(0)
    await api.verify(good)
    expect(calls).toBe(1)
  })

  test('it is asked once for a token that is cached', async () => {
    let calls = 0
    const api = await serverWith(schemaOf<Tenant>(() => ({ value: { tenant: String(++calls) } })))
    const token = await signToken()
    expect((await api.verify(token)).claims).toEqual({ tenant: '1' })
    expect((await api.verify(token)).claims).toEqual({ tenant: '1' })
  })

  test('its output is frozen to its depths', async () => {
    const output = { list: [{ deep: { deeper: 1 } }] }
    await applySchema(
      schemaOf(() => ({ value: output })),
      {},
    )
    for (const part of [output, output.list, output.list[0], output.list[0]?.deep]) {
      expect(Object.isFrozen(part)).toBe(true)
    }
  })

  test('its output is frozen below a level that was frozen already, as read-only schemas make them', async () => {
    const output = Object.freeze({ list: ['a'] })
    await applySchema(
      schemaOf(() => ({ value: output })),
      {},
    )
    expect(Object.isFrozen(output.list)).toBe(true)
  })

  test('its output may refer to itself', async () => {
    const output: { self?: unknown } = {}
    output.self = output
    expect(
      await applySchema(
        schemaOf(() => ({ value: output })),
        {},
      ),
    ).toBe(output)
    expect(Object.isFrozen(output)).toBe(true)
  })

  test('its output may hold bytes, dates and primitives', async () => {
    for (const value of [Uint8Array.of(1, 2), new Date(0), 'text', 7, null, undefined]) {
      expect(
        await applySchema(
          schemaOf(() => ({ value: { value } })),
          {},
        ),
      ).toEqual({ value })
    }
  })

  test('its types flow from the option to the handler’s token', async () => {
    const api = await serverWith(tenantSchema)
    expectTypeOf(api).toEqualTypeOf<ResourceServer<Tenant>>()
    expectTypeOf<Verified<typeof api>>().toEqualTypeOf<AccessToken<Tenant>>()

    const made = createResourceServer({ resource: RESOURCE, issuers: [{ issuer: ISSUER }], claims: tenantSchema })
    expectTypeOf<Verified<typeof made>['claims']>().toEqualTypeOf<Tenant>()
    const plain = createResourceServer({ resource: RESOURCE, issuers: [{ issuer: ISSUER }] })
    expectTypeOf<Verified<typeof plain>>().toEqualTypeOf<AccessToken>()
  })
})
