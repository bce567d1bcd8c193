import { createLocalJWKSet, jwtVerify } from 'jose'
import { expect, test } from 'vitest'
import { BearwardError } from '../../src/entry-points/index.ts'
import {
  base64url,
  goodClaims,
  ISSUER,
  NOW,
  NOW_MS,
  RESOURCE,
  signingKey,
  signRaw,
  signToken,
} from '../fixture/issuer.ts'
import { fixture } from '../fixture/server.ts'
import { bytesOf } from './forge.ts'

const MUTATIONS = 5_000
const SEED = 20_261_122

/** A small generator with a seed: a failure can be run again. */
function generator(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const JUNK: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1,
  0.5,
  NOW,
  NOW + 9,
  NOW + 11,
  NOW - 9,
  NOW - 11,
  NOW + 86_400,
  NOW * 1000,
  2 ** 53,
  1e308,
  '',
  ' ',
  'a',
  'a b',
  '\u0000',
  '__proto__',
  `${NOW + 300}`,
  ISSUER,
  `${ISSUER}/`,
  RESOURCE,
  `${RESOURCE}/`,
  [],
  [[]],
  [''],
  ['a', 'b'],
  ['a', 1],
  [RESOURCE],
  [RESOURCE, 'b'],
  [RESOURCE, 1],
  [null],
  {},
  { a: 1 },
  { jkt: 'x' },
  { 'x5t#S256': 'x' },
  [{ type: 'a' }],
  [{ type: 1 }],
  { sub: 'a' },
  ['b64'],
  'at+jwt',
  'application/AT+JWT',
  'JWT',
  'ES256',
  'none',
  'HS256',
  'ES256-1',
]
const CLAIMS = [
  'iss',
  'aud',
  'sub',
  'client_id',
  'jti',
  'iat',
  'exp',
  'nbf',
  'scope',
  'scp',
  'cnf',
  'act',
  'acr',
  'amr',
  'auth_time',
  'authorization_details',
  'azp',
  'cid',
  'nonce',
  'events',
  'typ',
  'constructor',
  '__proto__',
  'x',
]
const HEADERS = ['alg', 'kid', 'typ', 'crit', 'b64', 'jwk', 'jku', 'x5c', 'cty', 'zip', '__proto__', 'x']
const CHARACTERS = [
  '.',
  '=',
  '-',
  '_',
  '+',
  '/',
  'A',
  'z',
  '0',
  ' ',
  '\n',
  '"',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\\',
  '\u0000',
  'é',
  '\ufeff',
  '1e999',
  '"sub":"b",',
  '"alg":"ES256",',
]

function pick<T>(random: (below: number) => number, from: readonly T[]): T {
  return from[random(from.length)] as T
}

/** Changes a text in one to three places. */
function mutateText(text: string, random: (below: number) => number): string {
  let result = text
  for (let times = 1 + random(3); times > 0; times--) {
    const at = random(result.length + 1)
    const [before, after] = [result.slice(0, at), result.slice(at)]
    result =
      [
        () => before + after.slice(1),
        () => before + pick(random, CHARACTERS) + after,
        () => before + pick(random, CHARACTERS) + after.slice(1),
        () => before + after.slice(random(40)),
        () => before + before.slice(-random(40) - 1) + after,
        () => after + before,
        () => before,
      ][random(at === 0 ? 5 : 7)]?.() ?? result
  }
  return result
}

/** Changes members of an object, and writes it as JSON. */
function mutateObject(
  object: Record<string, unknown>,
  names: readonly string[],
  random: (below: number) => number,
): string {
  const members = new Map(Object.entries(object).map(([name, value]) => [name, JSON.stringify(value)]))
  for (let times = random(3); times > 0; times--) {
    const name = pick(random, names)
    const value = pick(random, JUNK)
    // The one known difference has a test of its own.
    if (random(6) === 0 || (name === 'nbf' && value === null)) members.delete(name)
    else members.set(name, JSON.stringify(value))
  }
  return `{${[...members].map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`
}

/** Whether an object in valid JSON repeats a name or has one called `__proto__`: written apart from what it checks. */
function hasBadNames(text: string): boolean {
  const open: Set<string>[] = []
  for (const [lexeme] of text.matchAll(/"(?:[^"\\]|\\.)*"\s*:?|[{}]/g)) {
    if (lexeme === '{') open.push(new Set())
    else if (lexeme === '}') open.pop()
    else if (lexeme.endsWith(':')) {
      const name = JSON.parse(lexeme.slice(0, -1)) as string
      if (name === '__proto__' || open.at(-1)?.has(name)) return true
      open.at(-1)?.add(name)
    }
  }
  return false
}

const isText = (value: unknown): boolean => typeof value === 'string' && value !== ''
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every((each) => typeof each === 'string')
const isMap = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value)

/** What the design forbids and jose lets pass, or `undefined`. */
function forbidden(token: string): string | undefined {
  const [header = '', payload = '', signature = ''] = token.split('.')
  if (
    ![header, payload, signature].every((part) => /^[A-Za-z0-9_-]*$/.test(part) && base64url(bytesOf(part)) === part)
  ) {
    return 'not canonical'
  }
  const texts = [header, payload].map((part) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytesOf(part)))
  if (texts.some((text) => text.startsWith('\ufeff') || hasBadNames(text))) return 'JSON not strict'
  if (texts.some((text) => /(?<=[:,[\s])-?\d+(?:\.\d+)?e\d{3,}/i.test(text.replace(/"(?:[^"\\]|\\.)*"/g, '""'))))
    return 'infinite'
  const [head, claims] = texts.map((text) => JSON.parse(text) as Record<string, unknown>) as [
    Record<string, unknown>,
    Record<string, unknown>,
  ]
  if ('crit' in head || 'b64' in head) return 'extension'
  if ('kid' in head && typeof head['kid'] !== 'string') return 'kid'
  const given = new Map(Object.entries(claims).filter(([, value]) => value !== null))
  const wrong = (names: readonly string[], fits: (value: unknown) => boolean): boolean =>
    names.some((name) => given.has(name) && !fits(given.get(name)))
  if (['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti'].some((name) => !given.has(name))) return 'missing'
  if (wrong(['sub', 'jti', 'client_id', 'cid', 'azp', 'appid'], isText)) return 'text'
  if (wrong(['exp', 'iat', 'nbf'], (value) => Number.isFinite(value) && Math.abs(value as number) < 2 ** 53))
    return 'time'
  if (wrong(['aud'], (value) => typeof value === 'string' || isTexts(value))) return 'aud'
  const scope = given.get('scope') ?? given.get('scp')
  if (scope !== undefined && typeof scope !== 'string' && !isTexts(scope)) return 'scope'
  if (wrong(['act'], isMap)) return 'shape'
  if (
    wrong(
      ['authorization_details'],
      (value) =>
        Array.isArray(value) &&
        value.every((each) => isMap(each) && typeof (each as { type?: unknown }).type === 'string'),
    )
  )
    return 'details'
  if (given.has('cnf')) return 'bound'
  const [exp, iat] = [given.get('exp') as number, given.get('iat') as number]
  if (iat > exp || iat > NOW + 10 || exp > NOW + 10 * 366 * 86_400) return 'bounds'
  return undefined
}

test(`${MUTATIONS} mutations of good tokens, half of them signed again: accepted is exactly what jose accepts and the design does not forbid, every refusal is typed`, async () => {
  const key = await signingKey()
  const { api, upstream } = await fixture({ tokenCache: { max: 100 } })
  const keys = createLocalJWKSet({ keys: [key.jwk] })
  const random = generator(SEED)
  const good = await signToken()
  const header = { alg: 'ES256', kid: key.jwk.kid, typ: 'at+jwt' }

  async function mutation(each: number): Promise<string> {
    if (each % 2 === 0) return mutateText(good, random)
    const payload = mutateObject({ ...goodClaims() }, CLAIMS, random)
    // Signed with ES256 whatever the header says by then.
    if (random(4) === 0) return signRaw(JSON.stringify(header), mutateText(payload, random))
    if (random(4) === 0) return signRaw(mutateObject(header, HEADERS, random), payload)
    return signRaw(JSON.stringify(header), payload)
  }

  const counts = { accepted: 0, refused: 0 }
  const faults: unknown[] = []
  for (let each = 0; each < MUTATIONS; each++) {
    const token = await mutation(each)
    const outcome: unknown = await api.verify(token).then(
      () => 'accepted',
      (error: unknown) => (error instanceof BearwardError ? error.status : error),
    )
    const oracle = await jwtVerify(token, keys, {
      issuer: ISSUER,
      audience: RESOURCE,
      typ: 'at+jwt',
      algorithms: ['ES256'],
      clockTolerance: 10,
      currentDate: new Date(NOW_MS),
      requiredClaims: ['exp', 'iat', 'sub', 'jti', 'client_id'],
    }).then(
      () => 'accepted',
      () => 'refused',
    )
    const expected = oracle === 'accepted' && forbidden(token) === undefined ? 'accepted' : 401
    counts[expected === 'accepted' ? 'accepted' : 'refused']++
    if (outcome !== expected) faults.push({ each, token, outcome, oracle, expected })
  }
  expect(faults).toEqual([])
  // The run says something only where both happen often.
  expect(counts.accepted).toBeGreaterThan(200)
  expect(counts.refused).toBeGreaterThan(2_000)
  // One load of metadata and keys, and one refetch for all the failed signatures within the cooldown.
  expect(upstream.calls.length).toBeLessThanOrEqual(4)
})

test('the one known difference: an `nbf` of null is absent, as the design says of every claim, where jose refuses it', async () => {
  const { api } = await fixture()
  const keys = createLocalJWKSet({ keys: [(await signingKey()).jwk] })
  for (const [nbf, oracle] of [
    [NOW, 'accepted'],
    [null, 'refused'],
  ] as const) {
    const token = await signToken(goodClaims({ nbf }))
    await expect(api.verify(token)).resolves.toMatchObject({ subject: 'user-1' })
    const outcome = jwtVerify(token, keys, { currentDate: new Date(NOW_MS) })
    expect(
      await outcome.then(
        () => 'accepted',
        () => 'refused',
      ),
    ).toBe(oracle)
  }
})
