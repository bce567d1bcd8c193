import { createScopeExpansion } from '../../../src/token/scopes.ts'
import { describe, expect, test } from 'vitest'
import { BearwardError, createResourceServer, type ResourceServerOptions } from '../../../src/entry-points/index.ts'
import { parseOptions, type Settings } from '../../../src/options/settings.ts'
import { ISSUER, RESOURCE } from '../../fixture/issuer.ts'
import { saysWhatCame } from './what-came.ts'

const GOOD: ResourceServerOptions = { resource: RESOURCE, issuers: [{ issuer: ISSUER }] }

function settings(changes: Record<string, unknown> = {}): Settings {
  return parseOptions({ ...GOOD, ...changes })
}

/** The message of the refusal; `'accepted'` where there is none. */
function messageFor(options: unknown): string {
  try {
    createResourceServer(options as ResourceServerOptions)
    return 'accepted'
  } catch (error) {
    expect(error).toBeInstanceOf(BearwardError)
    expect(error).toMatchObject({ code: 'configuration_invalid' })
    return (error as Error).message
  }
}

function refusalOf(changes: Record<string, unknown>): string {
  return messageFor({ ...GOOD, ...changes })
}

type Row = readonly [option: string, what: string, changes: Record<string, unknown>, got: string, expected: string]

/** One option with each wrong value; `path` is where the value stands. */
function wrong(path: string, expected: string, ...values: readonly (readonly [unknown, string])[]): Row[] {
  return values.map(([value, got]) => [path, got, nest(path, value), got, expected] as const)
}

function nest(path: string, value: unknown): Record<string, unknown> {
  const [first = '', ...rest] = path.split('.')
  return { [first]: rest.length === 0 ? value : nest(rest.join('.'), value) }
}

const NOT_TEXT = [
  [7, '7'],
  [true, 'true'],
  [null, 'null'],
  [{}, 'an object'],
  [() => 'x', 'a function'],
] as const

const NOT_OBJECT = [
  [7, '7'],
  ['x', '"x"'],
  [true, 'true'],
  [[], 'an array of 0'],
  [() => ({}), 'a function'],
] as const

const NOT_NUMBER = [
  ['10', '"10"'],
  [Number.NaN, 'NaN'],
  [Infinity, 'Infinity'],
  [-Infinity, '-Infinity'],
  [null, 'null'],
  [true, 'true'],
  [{}, 'an object'],
  [10n, 'a bigint'],
] as const

const NOT_BOOLEAN = [
  ['true', '"true"'],
  [1, '1'],
  [0, '0'],
  [null, 'null'],
  [{}, 'an object'],
] as const

const NOT_FUNCTION = [
  ['x', '"x"'],
  [7, '7'],
  [null, 'null'],
  [{}, 'an object'],
  [true, 'true'],
] as const

const rows: readonly Row[] = [
  ...wrong(
    'resource',
    'an absolute URI without fragment',
    ['', '""'],
    [undefined, 'nothing'],
    [['x'], 'an array of 1'],
    ...NOT_TEXT,
    ['api.example.com', '"api.example.com"'],
    ['/orders', '"/orders"'],
    [`${RESOURCE}#x`, `"${RESOURCE}#x"`],
    [`${RESOURCE}#`, `"${RESOURCE}#"`],
    ['https://', '"https://"'],
  ),
  ...wrong('audience', 'a non-empty string', ['', '""'], [[], 'an array of 0'], ...NOT_TEXT),
  ...wrong(
    'issuers',
    'an array of at least one trusted issuer, or resolveIssuers(…)',
    [undefined, 'nothing'],
    [[], 'an array of 0'],
    [null, 'null'],
    [ISSUER, `"${ISSUER}"`],
    [{ issuer: ISSUER }, 'an object'],
  ),
  ...wrong(
    'clockToleranceSeconds',
    'a number from 0 to 60',
    [-1, '-1'],
    [-0.001, '-0.001'],
    [60.001, '60.001'],
    ...NOT_NUMBER,
  ),
  ...wrong(
    'maxTokenBytes',
    'number from 256 to 1048576',
    [255, '255'],
    [1_048_577, '1048577'],
    [300.5, '300.5'],
    ...NOT_NUMBER,
  ),
  ...wrong('form', 'true or false', ...NOT_BOOLEAN),
  ...wrong('tokenCache', 'an object', [null, 'null'], ...NOT_OBJECT),
  ...wrong('tokenCache.max', 'number from 1 to 1000000', [0, '0'], [1_000_001, '1000001'], [1.5, '1.5'], ...NOT_NUMBER),
  ...wrong(
    'tokenCache.maxBytes',
    'number from 65536 to 1073741824',
    [65_535, '65535'],
    [2 ** 30 + 1, '1073741825'],
    ...NOT_NUMBER,
  ),
  ...wrong(
    'tokenCache.maxAgeSeconds',
    'a number from 1 to 86400',
    [0, '0'],
    [0.99, '0.99'],
    [86_401, '86401'],
    ...NOT_NUMBER,
  ),
  ...wrong('keys', 'an object', [null, 'null'], [false, 'false'], ...NOT_OBJECT),
  ...wrong('keys.refreshSeconds', 'a number from 60 to 86400', [59, '59'], [86_401, '86401'], ...NOT_NUMBER),
  ...wrong('keys.maxStaleSeconds', 'a number from 60 to 604800', [59, '59'], [604_801, '604801'], ...NOT_NUMBER),
  ...wrong('keys.maxStaleSeconds', 'at least "keys.refreshSeconds"', [599, '599']),
  ...wrong('keys.cooldownSeconds', 'a number from 1 to 3600', [0, '0'], [3601, '3601'], ...NOT_NUMBER),
  ...wrong('keys.timeoutMs', 'a number from 100 to 30000', [99, '99'], [30_001, '30001'], ...NOT_NUMBER),
  ...wrong('scopes', 'an object', [null, 'null'], [false, 'false'], ...NOT_OBJECT),
  ...wrong('scopes.implies', 'an object', [null, 'null'], [false, 'false'], ...NOT_OBJECT),
  ...wrong(
    'scopes.implies.admin',
    'an array of scope names',
    ['orders:read', '"orders:read"'],
    [[], 'an array of 0'],
    [undefined, 'nothing'],
    [null, 'null'],
    [{}, 'an object'],
  ),
  ...wrong(
    'realm',
    'a non-empty string of printable ASCII characters',
    ['', '""'],
    ['é', '"?"'],
    ['a\r\nb', '"a??b"'],
    ['a\u0000', '"a?"'],
    ['a\tb', '"a?b"'],
    ...NOT_TEXT,
  ),
  ...wrong(
    'insecureHosts',
    'an array of host names',
    ['idp.internal', '"idp.internal"'],
    [null, 'null'],
    [true, 'true'],
    [{}, 'an object'],
  ),
  ...wrong('fetch', 'a function', ...NOT_FUNCTION),
  ...wrong('now', 'a function', ...NOT_FUNCTION),
  ...wrong('onEvent', 'a function', ...NOT_FUNCTION),
]

describe('each option that is wrong is configuration_invalid: named, with what came and what was expected', () => {
  test.each(rows)('%s: %s', (option, _, changes, got, expected) => {
    const message = refusalOf(changes)
    expect(message).toMatch(new RegExp(`^option "${option.replaceAll('.', String.raw`\.`)}": expected `))
    expect(message).toContain(expected)
    expect(saysWhatCame(message, got), message).toBe(true)
  })

  test('their twin is accepted', () => {
    expect(messageFor(GOOD)).toBe('accepted')
  })

  test.each<[string, unknown, string]>([
    ['audience', ['x', ''], 'audience[1]'],
    ['audience', ['x', 7], 'audience[1]'],
    ['insecureHosts', ['idp.internal', ''], 'insecureHosts[1]'],
    ['insecureHosts', ['Idp.Internal'], 'insecureHosts[0]'],
    ['insecureHosts', ['idp.internal:8080'], 'insecureHosts[0]'],
    ['insecureHosts', ['http://idp.internal'], 'insecureHosts[0]'],
    ['insecureHosts', ['idp.internal/path'], 'insecureHosts[0]'],
    ['insecureHosts', ['user@idp.internal'], 'insecureHosts[0]'],
    ['insecureHosts', ['127.1'], 'insecureHosts[0]'],
    ['insecureHosts', [7], 'insecureHosts[0]'],
    ['scopes', { implies: { admin: ['a b'] } }, 'scopes.implies.admin[0]'],
    ['scopes', { implies: { admin: ['a', ''] } }, 'scopes.implies.admin[1]'],
    ['scopes', { implies: { admin: ['a', 7] } }, 'scopes.implies.admin[1]'],
    ['scopes', { implies: { 'ad min': ['a'] } }, 'scopes.implies'],
    ['scopes', { implies: { '': ['a'] } }, 'scopes.implies'],
  ])('an item of %s: %j is named', (option, value, path) => {
    const message = refusalOf({ [option]: value })
    expect(message.startsWith(`option "${path}": expected `)).toBe(true)
    expect(message).toContain(', got ')
  })

  test.each([
    ['null', null, 'null'],
    ['nothing', undefined, 'undefined'],
    ['a string', RESOURCE, `"${RESOURCE}"`],
    ['an array', [GOOD], 'an array of 1'],
    ['a function', () => GOOD, 'a function'],
  ])('%s in place of the options', (_, options, got) => {
    const message = messageFor(options)
    expect(message).toContain('expected an object')
    expect(message).toContain(`got ${got}`)
  })

  test.each<[string, unknown, string]>([
    ['null', null, 'null'],
    ['a string', 'zod', '"zod"'],
    ['an object', {}, 'an object'],
    ['a function', () => true, 'a function'],
    ['a schema without validate', { '~standard': { version: 1, vendor: 'x' } }, 'an object'],
    ['a schema whose validate is no function', { '~standard': { validate: true } }, 'an object'],
  ])('claims: %s', (_, claims, got) => {
    const message = refusalOf({ claims })
    expect(message).toMatch(/^option "claims": expected a Standard Schema/)
    expect(saysWhatCame(message, got), message).toBe(true)
  })

  test.each([
    ['an object', { '~standard': { version: 1, vendor: 'x', validate: (value: unknown) => ({ value }) } }],
    [
      'a function',
      Object.assign(() => {}, { '~standard': { version: 1, vendor: 'x', validate: (value: unknown) => ({ value }) } }),
    ],
  ])('claims: a schema that is %s is accepted', (_, claims) => {
    expect(refusalOf({ claims })).toBe('accepted')
  })
})

describe('an unknown option is configuration_invalid at each level', () => {
  test.each<[string, Record<string, unknown>]>([
    ['issuer', { issuer: ISSUER }],
    ['clockTolerance', { clockTolerance: 10 }],
    ['Resource', { Resource: RESOURCE }],
    ['tokenCache.ttl', { tokenCache: { ttl: 1 } }],
    ['keys.cacheSeconds', { keys: { cacheSeconds: 1 } }],
    ['scopes.includes', { scopes: { includes: {} } }],
    ['issuers[0].issuerUrl', { issuers: [{ issuer: ISSUER, issuerUrl: ISSUER }] }],
    ['issuers[0].jwt.secret', { issuers: [{ issuer: ISSUER, jwt: { secret: 'x' } }] }],
    ['issuers[0].metadata.uri', { issuers: [{ issuer: ISSUER, metadata: { url: ISSUER, uri: ISSUER } }] }],
    // Not built yet, and therefore unknown.
    ['dpop', { dpop: false }],
    // The value does not matter: a name that is not known is a mistake.
    ['typo', { typo: undefined }],
    ['toString', { toString: () => 'x' }],
  ])('%s', (option, changes) => {
    const message = refusalOf(changes)
    expect(message.startsWith(`option "${option}": expected one of `)).toBe(true)
    expect(message.endsWith(', got an unknown option')).toBe(true)
  })

  test('the message lists the known ones', () => {
    expect(refusalOf({ typo: 1 })).toContain('resource, audience, issuers, clockToleranceSeconds')
  })
})

describe('bounds', () => {
  test.each<[string, readonly unknown[]]>([
    ['clockToleranceSeconds', [0, 0.5, 60]],
    ['maxTokenBytes', [256, 1024 * 1024]],
    ['tokenCache.max', [1, 1_000_000]],
    ['tokenCache.maxBytes', [65_536, 2 ** 30]],
    ['tokenCache.maxAgeSeconds', [1, 1.5, 86_400]],
    ['keys.refreshSeconds', [60, 86_400]],
    ['keys.maxStaleSeconds', [600, 604_800]],
    ['keys.cooldownSeconds', [1, 3600]],
    ['keys.timeoutMs', [100, 30_000]],
    ['insecureHosts', [[], ['idp.internal'], ['10.0.0.1'], ['[fd00::1]']]],
    ['resource', ['urn:example:orders', 'https://api.example.com/v1?x=1', 'http://api.example.com', 'api:orders']],
    ['audience', ['orders', ['orders', 'urn:bills']]],
    ['realm', [' ', 'the "orders" \\ API']],
    ['scopes.implies', [{}, { admin: ['a', 'a'] }]],
    ['tokenCache', [false, {}]],
    ['form', [true, false]],
  ])('%s: each end is accepted', (option, values) => {
    for (const value of values) expect(refusalOf(nest(option, value)), JSON.stringify(value)).toBe('accepted')
  })
})

const audienceOf = ({ issuers }: Settings): unknown => !('start' in issuers) && issuers[0]?.audience

describe('defaults', () => {
  test('are those of the contract', () => {
    expect(settings()).toMatchObject({
      resource: RESOURCE,
      clockToleranceSeconds: 10,
      maxTokenBytes: 16_384,
      form: false,
      tokenCache: { max: 10_000, maxBytes: 33_554_432, maxAgeMs: 300_000 },
      keys: { refreshMs: 600_000, maxStaleMs: 86_400_000, cooldownMs: 30_000, timeoutMs: 5_000 },
      realm: undefined,
      claims: undefined,
      insecureHosts: [],
      scopes: {},
    })
  })

  test('stand in for each option that is undefined', () => {
    const options = ['audience', 'clockToleranceSeconds', 'maxTokenBytes', 'form', 'tokenCache', 'keys', 'claims']
    const more = ['scopes', 'resourceMetadata', 'realm', 'insecureHosts', 'fetch', 'now', 'onEvent']
    const undefineds = Object.fromEntries([...options, ...more].map((name) => [name, undefined]))
    const { tokenCache, keys, form } = settings(undefineds)
    expect({ tokenCache, keys, form }).toEqual({
      tokenCache: settings().tokenCache,
      keys: settings().keys,
      form: false,
    })
  })

  test('stand in for the rest of a part that is given', () => {
    expect(settings({ tokenCache: { max: 5 } }).tokenCache).toEqual({
      max: 5,
      maxBytes: 33_554_432,
      maxAgeMs: 300_000,
    })
    expect(settings({ keys: { timeoutMs: 100 } }).keys).toMatchObject({ refreshMs: 600_000, timeoutMs: 100 })
  })

  test('the audience is the resource, unless given', () => {
    expect(audienceOf(settings())).toEqual(new Set([RESOURCE]))
    expect(audienceOf(settings({ audience: 'orders' }))).toEqual(new Set(['orders']))
    expect(audienceOf(settings({ audience: ['a', 'b'] }))).toEqual(new Set(['a', 'b']))
  })

  test('the clock is the system’s', () => {
    const before = Date.now()
    expect(settings().now()).toBeGreaterThanOrEqual(before)
  })
})

/** What a scope brings along, itself left out. */
function implied(implies: Record<string, readonly string[]>, scope: string): readonly string[] {
  return createScopeExpansion(settings({ scopes: { implies } }).scopes)([scope]).slice(1)
}

describe('scopes.implies', () => {
  test('is followed to its ends', () => {
    const implies = { a: ['b'], b: ['c', 'd'], d: ['e'] }
    expect(implied(implies, 'a')).toEqual(['b', 'c', 'd', 'e'])
    expect(implied(implies, 'b')).toEqual(['c', 'd', 'e'])
    expect(implied(implies, 'd')).toEqual(['e'])
  })

  test('may meet one scope by two ways', () => {
    expect(implied({ a: ['b', 'c'], b: ['d'], c: ['d'] }, 'a')).toEqual(['b', 'c', 'd'])
  })

  test('may hold names that objects inherit', () => {
    expect(implied({ constructor: ['toString'] }, 'constructor')).toEqual(['toString'])
    expect(implied({ admin: ['a'] }, 'toString')).toEqual([])
  })

  test.each<[string, Record<string, readonly string[]>]>([
    ['of one', { a: ['a'] }],
    ['of two', { a: ['b'], b: ['a'] }],
    ['of three', { a: ['b'], b: ['c'], c: ['a'] }],
    ['behind a way in', { start: ['a'], a: ['b'], b: ['a'] }],
    ['beside a way out', { a: ['x', 'b'], b: ['y', 'a'] }],
  ])('with a cycle %s is configuration_invalid', (_, implies) => {
    const message = refusalOf({ scopes: { implies } })
    expect(message.startsWith('option "scopes.implies": expected no cycle, got the cycle ')).toBe(true)
    expect(message).toContain(' → ')
  })

  test('may meet again and again', () => {
    const implies = Object.fromEntries(
      Array.from({ length: 12 }, (_, level) => [
        [`a${level}`, [`a${level + 1}`, `b${level + 1}`]],
        [`b${level}`, [`a${level + 1}`, `b${level + 1}`]],
      ]).flat(),
    ) as Record<string, readonly string[]>
    expect(implied(implies, 'a0')).toHaveLength(24)
  })
})

describe('what is given later changes nothing', () => {
  test('lists are copied', () => {
    const audience = ['a']
    const hosts = ['idp.internal']
    const parsed = settings({ audience, insecureHosts: hosts })
    audience.push('b')
    hosts.push('evil.internal')
    expect(!('start' in parsed.issuers) && parsed.issuers[0]?.audience).toEqual(new Set(['a']))
    expect(parsed.insecureHosts).toEqual(['idp.internal'])
  })
})

describe('onEvent', () => {
  test('gets frozen events', () => {
    const events: object[] = []
    settings({ onEvent: (event: object) => events.push(event) }).emit({
      type: 'keys_loaded',
      issuer: 'i',
      keys: 1,
      from: 'issuer',
    })
    expect(events).toEqual([{ type: 'keys_loaded', issuer: 'i', keys: 1, from: 'issuer' }])
    expect(Object.isFrozen(events[0])).toBe(true)
  })

  test.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('broken')
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken'))],
  ])('that %s harms nobody', async (_, onEvent) => {
    expect(() =>
      settings({ onEvent }).emit({ type: 'keys_loaded', issuer: 'i', keys: 1, from: 'issuer' }),
    ).not.toThrow()
    // An unhandled rejection would fail the run.
    await new Promise((resolve) => setTimeout(resolve, 0))
  })
})

test('creation makes no request and reads no clock', () => {
  const touched: string[] = []
  createResourceServer({
    ...GOOD,
    fetch: () => {
      touched.push('fetch')
      return Promise.reject(new Error('touched'))
    },
    now: () => touched.push('now'),
    onEvent: () => touched.push('onEvent'),
  })
  expect(touched).toEqual([])
})
