import type { JSONWebKeySet } from 'jose'
import { describe, expect, test } from 'vitest'
import { BearwardError, createResourceServer } from '../../src/entry-points/index.ts'
import document from '../vectors/wycheproof/resource-server.json' with { type: 'json' }
import { NOW_MS, signingKey } from '../fixture/issuer.ts'
import { verifyJws } from './signature-level.ts'

interface Case {
  readonly id: string
  readonly comment: string
  readonly kind: string
  /** A compact string, or a JWS in JSON serialization. */
  readonly token: unknown
  /** Absent where the original test has no public key. */
  readonly jwks?: unknown
  readonly expected: string
}

const cases: readonly Case[] = document.cases

function ofClass(...expected: readonly string[]): readonly Case[] {
  return cases.filter((each) => expected.includes(each.expected))
}

/** What a resource server says that trusts these keys, under either profile. */
async function outcomeOf({ token, jwks }: Case, profile: 'rfc9068' | 'compatible'): Promise<unknown> {
  try {
    const api = createResourceServer({
      resource: 'https://api.example.com',
      issuers: [{ issuer: 'joe', jwt: { jwks: jwks as JSONWebKeySet, profile } }],
      fetch: () => Promise.reject(new Error('no vector may cause a request')),
      now: () => NOW_MS,
    })
    // As the caller of a queue would hand it over; an object is what plain JavaScript may hand over.
    await api.verify(token as string)
    return 'accepted'
  } catch (error) {
    return error instanceof BearwardError ? error.code : error
  }
}

describe('Wycheproof', () => {
  test('holds 649 cases: 607 to refuse, 35 with a valid signature, 4 either way, 3 a stretch', () => {
    expect(cases).toHaveLength(649)
    expect(ofClass('reject')).toHaveLength(607)
    expect(ofClass('signature-valid')).toHaveLength(35)
    expect(ofClass('either')).toHaveLength(4)
    expect(ofClass('reject (stretch)')).toHaveLength(3)
    expect(new Set(cases.map(({ id }) => id)).size).toBe(649)
  })

  test.each(['rfc9068', 'compatible'] as const)(
    'every case is refused by a server of profile %s that holds the keys of the case, with a typed error',
    async (profile) => {
      const outcomes = await Promise.all(cases.map(async (each) => [each.id, await outcomeOf(each, profile)] as const))
      const untyped = outcomes.filter(([, outcome]) => typeof outcome !== 'string')
      const accepted = outcomes.filter(([, outcome]) => outcome === 'accepted')
      expect({ untyped, accepted }).toEqual({ untyped: [], accepted: [] })
    },
  )

  test.each(['rfc9068', 'compatible'] as const)(
    'every case is refused, for its token’s sake, by a server of profile %s that also holds a key of its own',
    async (profile) => {
      const { jwk } = await signingKey()
      const accompanied = cases.map((each) => {
        const { keys } = (each.jwks ?? { keys: [] }) as JSONWebKeySet
        return { ...each, jwks: { keys: [...keys, jwk] } }
      })
      const outcomes = await Promise.all(accompanied.map((each) => outcomeOf(each, profile)))
      // Their payloads are text, or they are no compact JWS: that much is seen before any key is looked at.
      expect(new Set(outcomes)).toEqual(new Set(['token_malformed']))
    },
  )

  test('a case in JSON serialization is refused as text too', async () => {
    const jwks = { keys: [(await signingKey()).jwk] }
    const objects = cases.filter(({ token }) => typeof token !== 'string')
    expect(objects.length).toBeGreaterThan(0)
    for (const { token, ...rest } of objects) {
      expect(await outcomeOf({ ...rest, token: JSON.stringify(token), jwks }, 'compatible')).toBe('token_malformed')
    }
  })

  test.each(ofClass('signature-valid').map((each) => [each.id, each.comment, each] as const))(
    'the signature of %s (%s) verifies',
    async (_id, _comment, { token, jwks }) => {
      expect(await verifyJws(token as string, jwks)).toBe('verified')
    },
  )

  test('no signature verifies of the 607 cases to refuse, not even before the claims are looked at', async () => {
    const verified: string[] = []
    for (const { id, comment, token, jwks } of ofClass('reject')) {
      if (typeof token === 'string' && (await verifyJws(token, jwks)) === 'verified') verified.push(`${id} ${comment}`)
    }
    expect(verified).toEqual([])
  })

  test('the 4 cases that may go either way are refused: their key names another algorithm, and the key decides', async () => {
    const outcomes = await Promise.all(
      ofClass('either').map(async ({ comment, token, jwks }) => [comment, await verifyJws(token as string, jwks)]),
    )
    expect(outcomes).toEqual([
      // The key says PS256, the header PS384.
      ['Figure20', 'algorithm_refused'],
      // The key says "ES521", which is no algorithm: the key is passed over.
      ['Figure27', 'key_unknown'],
      ['Figure20', 'algorithm_refused'],
      ['Figure27', 'key_unknown'],
    ])
  })

  test('of the 3 stretch cases the key with exponent 1 is refused; the two ROCA keys are not recognized as weak', async () => {
    const outcomes = await Promise.all(
      ofClass('reject (stretch)').map(async ({ comment, token, jwks }) => [
        comment,
        await verifyJws(token as string, jwks),
      ]),
    )
    // An issuer that signs with a factorizable key is beyond what its resource server can mend: told here, not hidden.
    expect(outcomes).toEqual([
      ['rejectsKeyWithRocaVulnerability', 'verified'],
      ['rejectsPublicExponent1', 'key_unknown'],
      ['rejectsKeyWithRocaVulnerability', 'verified'],
    ])
  })
})
