import { describe, expect, test } from 'vitest'
import {
  createResourceServer,
  introspect,
  memoryTier,
  resolveIssuers,
  sharedTiers,
  type TrustedIssuer,
} from '../../../src/entry-points/index.ts'
import { ISSUER, RESOURCE } from '../../fixture/issuer.ts'
import { codeOf } from '../../fixture/server.ts'

const OTHER = 'https://other.example.com'
const SECRET = 'hunter2-hunter2-hunter2-hunter2'
const introspection = introspect({ auth: 'none' })
const tiers = sharedTiers([memoryTier()])

/** The message of the refusal; `'accepted'` where there is none. */
function refusalOf(options: Record<string, unknown>): string {
  try {
    createResourceServer({ resource: RESOURCE, issuers: [{ issuer: ISSUER }], ...options })
    return 'accepted'
  } catch (error) {
    expect(error).toMatchObject({ code: 'configuration_invalid' })
    return (error as Error).message
  }
}

describe('introspection', () => {
  const expected = 'expected introspect({ … }), a function that bearward exports, got'

  test.each<[string, unknown, string]>([
    ['the options themselves', { auth: 'none' }, 'an object'],
    ['options with a secret', { auth: { clientId: 'orders-api', clientSecret: SECRET } }, 'an object'],
    ['an empty object', {}, 'an object'],
    ['an object with a function of that name', { check: () => ({}) }, 'an object'],
    ['the function in place of what it makes', introspect, 'a function'],
    ['a secret', SECRET, 'a string'],
    ['true', true, 'a boolean'],
    ['null', null, 'null'],
    ['a list of it', [introspection], 'an array'],
    ['the part of another option', tiers, 'an object'],
  ])('is refused as %s, with the function to call', (_, value, got) => {
    expect(refusalOf({ issuers: [{ issuer: ISSUER, introspection }] })).toBe('accepted')
    expect(refusalOf({ issuers: [{ issuer: ISSUER, introspection: value }] })).toBe(
      `option "issuers[0].introspection": ${expected} ${got}`,
    )
    expect(refusalOf({ issuers: [{ issuer: OTHER }, { issuer: ISSUER, introspection: value }] })).toBe(
      `option "issuers[1].introspection": ${expected} ${got}`,
    )
  })

  test('is refused alike where a resolver answers with the options themselves', async () => {
    const issuer = { issuer: ISSUER, introspection: { auth: 'none' } } as unknown as TrustedIssuer
    const api = createResourceServer({ resource: RESOURCE, issuers: resolveIssuers(() => issuer) })
    await expect(api.verify('opaque')).rejects.toMatchObject({
      code: 'issuer_unavailable',
      detail: expect.stringContaining(`"issuers().introspection": ${expected} an object`) as string,
    })
  })

  test('may be left out', async () => {
    expect(refusalOf({ issuers: [{ issuer: ISSUER, introspection: undefined }] })).toBe('accepted')
    const api = createResourceServer({ resource: RESOURCE, issuers: [{ issuer: ISSUER }] })
    expect(await codeOf(api.verify('opaque'))).toBe('token_malformed')
  })
})

describe('tiers', () => {
  test.each<[string, unknown, string]>([
    ['a list of them', [memoryTier()], 'an array'],
    ['an empty list', [], 'an array'],
    ['a tier', memoryTier(), 'an object'],
    ['its options', { encryption: [{ id: 'k', secret: SECRET }] }, 'an object'],
    ['an object with a function of that name', { check: () => ({}) }, 'an object'],
    ['the function in place of what it makes', sharedTiers, 'a function'],
    ['an address with a password', `redis://:${SECRET}@redis:6379`, 'a string'],
    ['false', false, 'a boolean'],
    ['null', null, 'null'],
    ['the part of another option', introspection, 'an object'],
  ])('are refused as %s, with the function to call', (_, value, got) => {
    expect(refusalOf({ tiers })).toBe('accepted')
    expect(refusalOf({ tiers: value })).toBe(
      `option "tiers": expected sharedTiers([ … ]), a function that bearward exports, got ${got}`,
    )
  })

  test('have no option for their encryption beside them', () => {
    const tierEncryption = [{ id: 'k', secret: new Uint8Array(32) }]
    expect(refusalOf({ tiers, tierEncryption })).toMatch(/^option "tierEncryption": expected one of .+, got an unknown/)
  })
})
