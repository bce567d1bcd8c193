import { describe, expect, test } from 'vitest'
import { BearwardError } from '../../../../src/errors.ts'
import {
  type CacheTier,
  createResourceServer,
  memoryTier,
  type ResourceServerOptions,
  sharedTiers,
  type SharedTiersOptions,
} from '../../../../src/entry-points/index.ts'
import { parseOptions } from '../../../../src/options/settings.ts'
import { parseTiers } from '../../../../src/parts/shared-tiers/options.ts'
import { ISSUER, RESOURCE } from '../../../fixture/issuer.ts'

const SECRET = 'A'.repeat(43)

function refusalOf(options: Record<string, unknown>): string {
  try {
    createResourceServer({
      resource: RESOURCE,
      issuers: [{ issuer: ISSUER }],
      ...(options as Partial<ResourceServerOptions>),
    })
    return 'accepted'
  } catch (error) {
    if (error instanceof BearwardError && error.code === 'configuration_invalid') return error.message
    throw error
  }
}

/** As `refusalOf`, of the tiers that are made of this. */
function refusalOfTiers(list: unknown, options?: unknown): string {
  return refusalOf({ tiers: sharedTiers(list as readonly CacheTier[], options as SharedTiersOptions) })
}

const tier = { name: 'mine', get: async () => undefined, put: async () => {}, delete: async () => {} }

describe('tiers', () => {
  test('are none by default', () => {
    expect(parseOptions({ resource: RESOURCE, issuers: [{ issuer: ISSUER }] }).tiers).toBeUndefined()
  })

  test.each([
    ['a memory tier', [memoryTier()]],
    ['one of the user’s own', [tier]],
    [
      'an instance of a class',
      [
        new (class {
          name = 'mine'
          async get() {}
          async put() {}
          async delete() {}
        })(),
      ],
    ],
    [
      'with every option',
      [
        { ...tier, timeoutMs: 10, answers: false },
        { ...tier, timeoutMs: 5_000, answers: true },
      ],
    ],
  ])('may be %s', (_, tiers) => {
    expect(refusalOfTiers(tiers)).toBe('accepted')
  })

  test.each([
    ['an empty list', [], 'option "tiers": expected an array of at least one cache tier'],
    ['a tier without its list', tier, 'option "tiers": expected an array'],
    ['null', [null], 'option "tiers[0]": expected a CacheTier with a function "get", got null'],
    [
      'a tier that cannot put',
      [tier, { ...tier, put: 1 }],
      'option "tiers[1]": expected a CacheTier with a function "put"',
    ],
    ['a Map', [new Map()], 'with a function "put"'],
    ['a tier without a name', [{ ...tier, name: undefined }], 'option "tiers[0].name"'],
    ['a name with a line break', [{ ...tier, name: 'a\nb' }], 'option "tiers[0].name"'],
    [
      'no time at all',
      [{ ...tier, timeoutMs: 9 }],
      'option "tiers[0].timeoutMs": expected a whole number from 10 to 5000',
    ],
    ['too much time', [{ ...tier, timeoutMs: 5_001 }], 'option "tiers[0].timeoutMs"'],
    ['a word for answers', [{ ...tier, answers: 'no' }], 'option "tiers[0].answers": expected true or false'],
  ])('may not be %s', (_, tiers, message) => {
    expect(refusalOfTiers(tiers)).toContain(message)
  })
})

test.each([['redis://user:hunter2@redis:6379'], [['redis://user:hunter2@redis:6379']]])(
  'an address in place of a tier is not repeated: it may hold a password',
  (tiers) => {
    expect(refusalOfTiers(tiers)).toMatch(/^option "tiers/)
    expect(refusalOfTiers(tiers)).not.toContain('hunter2')
  },
)

test.each<[string, unknown, string]>([
  ['a key', SECRET, 'got a string'],
  ['a list of keys', [{ id: 'k', secret: SECRET }], 'got an array'],
  ['bytes', new Uint8Array(32), '"tiers.0": expected one of encryption, got an unknown option'],
  ['null', null, 'got null'],
  ['an option of before', { tierEncryption: [] }, '"tiers.tierEncryption": expected one of encryption, got an unknown'],
])('%s in place of the options is refused, and not repeated', (_, options, message) => {
  expect(refusalOfTiers([tier], { encryption: [{ id: 'k', secret: SECRET }] })).toBe('accepted')
  expect(refusalOfTiers([tier], options)).toMatch(/^option "tiers/)
  expect(refusalOfTiers([tier], options)).toContain(message)
  expect(refusalOfTiers([tier], options)).not.toContain('AAAA')
})

describe('encryption', () => {
  test.each([
    ['base64url', SECRET],
    ['base64 as openssl prints it', `${'A'.repeat(43)}=\n`],
    ['the other alphabet', `+/${'A'.repeat(41)}=`],
    ['bytes', new Uint8Array(32)],
  ])('takes %s', (_, secret) => {
    expect(refusalOfTiers([tier], { encryption: [{ id: 'k1', secret }] })).toBe('accepted')
  })

  test('copies the bytes: what their owner does to them later changes nothing', () => {
    const secret = new Uint8Array(32).fill(7)
    const { keys } = parseTiers([tier], { encryption: [{ id: 'k1', secret }] }, 'tiers')
    secret.fill(0)
    expect(keys?.[0].secret).toEqual(new Uint8Array(32).fill(7))
  })

  test.each<[string, unknown, string]>([
    ['an empty list', [], 'option "tiers.encryption": expected an array of at least one key'],
    [
      'a key that is short',
      [{ id: 'k', secret: 'A'.repeat(42) }],
      'option "tiers.encryption[0].secret": expected 32 bytes',
    ],
    ['16 bytes', [{ id: 'k', secret: new Uint8Array(16) }], 'option "tiers.encryption[0].secret": expected 32 bytes'],
    ['a passphrase', [{ id: 'k', secret: 'correct horse battery staple' }], 'option "tiers.encryption[0].secret"'],
    [
      'no secret',
      [{ id: 'k' }],
      'option "tiers.encryption[0].secret": expected 32 bytes, as a Uint8Array or in base64, got nothing',
    ],
    ['no id', [{ secret: SECRET }], 'option "tiers.encryption[0].id"'],
    ['an id with a dot', [{ id: 'a.b', secret: SECRET }], 'option "tiers.encryption[0].id"'],
    [
      'one id twice',
      [
        { id: 'k', secret: SECRET },
        { id: 'k', secret: SECRET },
      ],
      'option "tiers.encryption[1].id": expected each id once',
    ],
    ['an unknown member', [{ id: 'k', secret: SECRET, alg: 'A256GCM' }], 'option "tiers.encryption[0].alg"'],
  ])('does not take %s, and never repeats the secret', (_, encryption, message) => {
    const refusal = refusalOfTiers([tier], { encryption })
    expect(refusal).toContain(message)
    expect(refusal).not.toMatch(/AAAA|correct horse/)
  })

  test.each<[string, unknown]>([
    ['the secret alone', 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA'],
    ['the secret in a list', ['c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA']],
    ['id and secret in each other’s place', [{ id: 'c2VjcmV0+c2VjcmV0/c2VjcmV0c2VjcmV0c2VjcmV0c2U=', secret: 'k1' }]],
    [
      'one id twice',
      [
        { id: 'c2VjcmV0', secret: SECRET },
        { id: 'c2VjcmV0', secret: SECRET },
      ],
    ],
  ])('says nothing of what came where it is %s', (_, encryption) => {
    expect(refusalOfTiers([tier], { encryption })).toMatch(/^option "tiers\.encryption/)
    expect(refusalOfTiers([tier], { encryption })).not.toContain('c2VjcmV0')
  })

  test('means nothing without tiers', () => {
    const encryption = [{ id: 'k', secret: SECRET }]
    expect(refusalOfTiers([], { encryption })).toContain('option "tiers": expected an array of at least one cache tier')
    expect(refusalOf({ tierEncryption: encryption })).toContain('option "tierEncryption": expected one of')
  })
})
