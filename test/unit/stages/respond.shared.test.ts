import { describe, expect, test } from 'vitest'
import { BearwardError, outcomeOf, type ErrorCode } from '../../../src/errors.ts'
import { buildChallenge, type ChallengeResponse, type ChallengeSettings } from '../../../src/stages/respond.ts'
import { scope } from '../../../src/entry-points/index.ts'
import { fixture } from '../../fixture/server.ts'
import vectors from '../../vectors/www_authenticate_parse.json' with { type: 'json' }

interface Challenge {
  readonly scheme: string
  readonly parameters: Record<string, string>
  readonly token68?: string
}

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y
const TOKEN68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y
const QUOTED = /"((?:[^"\\]|\\[^])*)"/y
const BLANK = /[ \t]*/y

/**
 * Reads a WWW-Authenticate field as a client does; `undefined` where it cannot be read.
 *
 * @see RFC 9110 §11.2, §11.6.1 and §5.6.1
 */
function parseChallenges(field: string): Challenge[] | undefined {
  let at = 0
  // Parameters follow a scheme and a space, or other parameters; never a token68.
  let mayHaveParameters = false
  const challenges: Challenge[] = []

  function take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = at
    const match = pattern.exec(field)
    if (!match) return undefined
    at = pattern.lastIndex
    return match
  }

  /** One `name=value`; leaves the place where it was if there is none. */
  function takeParameter(): readonly [string, string] | undefined {
    const start = at
    const name = take(TOKEN)?.[0]
    take(BLANK)
    if (name !== undefined && field[at] === '=') {
      at++
      take(BLANK)
      const quoted = take(QUOTED)?.[1]
      const value = quoted === undefined ? take(TOKEN)?.[0] : quoted.replace(/\\([^])/g, '$1')
      if (value !== undefined) return [name.toLowerCase(), value]
    }
    at = start
    return undefined
  }

  /** White space and commas; says whether an element of a list may begin here. */
  function skipCommas(): boolean {
    take(BLANK)
    let commas = 0
    while (field[at] === ',') {
      commas++
      at++
      take(BLANK)
    }
    return commas > 0
  }

  /** A scheme with what stands right behind it. */
  function takeChallenge(): boolean {
    const scheme = take(TOKEN)?.[0].toLowerCase()
    if (scheme === undefined) return false
    mayHaveParameters = field[at] === ' '
    take(BLANK)
    const first = mayHaveParameters ? takeParameter() : undefined
    const token68 = mayHaveParameters && !first ? take(TOKEN68)?.[0] : undefined
    if (token68 !== undefined) mayHaveParameters = false
    challenges.push({ scheme, parameters: Object.fromEntries(first ? [first] : []), ...(token68 && { token68 }) })
    return true
  }

  skipCommas()
  while (at < field.length) {
    const parameter = mayHaveParameters ? takeParameter() : undefined
    if (parameter) Object.assign(challenges.at(-1)?.parameters ?? {}, Object.fromEntries([parameter]))
    else if (!takeChallenge()) return undefined
    if (!skipCommas() && at < field.length) return undefined
  }
  return challenges.length === 0 ? undefined : challenges
}

describe('the parser of these tests reads what others wrote', () => {
  test('there are as many vectors as there should be', () => {
    expect(vectors.vectors).toHaveLength(54)
    expect(vectors.count).toBe(54)
  })

  test.each(vectors.vectors)('$description', ({ header, expected }) => {
    expect(parseChallenges(header)).toEqual(expected)
  })
})

const SCHEMES = [{ name: 'Bearer', parameters: [] }]
const PLAIN: ChallengeSettings = { realm: undefined, resourceMetadataUrl: undefined, schemes: SCHEMES }
const METADATA = 'https://api.example.com/.well-known/oauth-protected-resource'

function answer(
  code: ErrorCode,
  settings: Partial<ChallengeSettings> = {},
  needed?: { readonly scopes?: readonly string[] },
): ChallengeResponse {
  return buildChallenge(new BearwardError(code, 'for operators'), needed, { ...PLAIN, ...settings })
}

/** The parameters of the one Bearer challenge. */
function parametersOf({ headers }: ChallengeResponse): Record<string, string> {
  const challenges = parseChallenges(headers['WWW-Authenticate'] ?? '')
  expect(challenges).toHaveLength(1)
  expect(challenges?.[0]?.scheme).toBe('bearer')
  return challenges?.[0]?.parameters ?? {}
}

const INVALID_TOKEN: readonly ErrorCode[] = [
  'token_malformed',
  'token_too_large',
  'token_type_wrong',
  'issuer_untrusted',
  'algorithm_refused',
  'key_unknown',
  'signature_invalid',
  'token_expired',
  'token_not_yet_valid',
  'audience_mismatch',
  'client_refused',
  'claim_missing',
  'claim_invalid',
  'binding_mismatch',
]

// What every answer carries, whoever sends it.
const OWN = {
  'Content-Type': 'application/json',
  'Cache-Control': 'private, no-store',
  'Access-Control-Expose-Headers': 'WWW-Authenticate, Retry-After',
}

describe('a challenge', () => {
  test.each(INVALID_TOKEN)('of %s is a 401 invalid_token', (code) => {
    const response = answer(code)
    expect(response.status).toBe(401)
    expect(parametersOf(response)).toEqual({
      error: 'invalid_token',
      error_description: outcomeOf(code)?.description,
    })
    expect(response.body).toEqual({
      code,
      error: 'invalid_token',
      error_description: outcomeOf(code)?.description,
    })
  })

  test.each(['credentials_malformed', 'credentials_ambiguous'] as const)('of %s is a 400 invalid_request', (code) => {
    const response = answer(code)
    expect(response).toMatchObject({ status: 400, body: { code, error: 'invalid_request' } })
    expect(parametersOf(response)['error']).toBe('invalid_request')
  })

  test('of missing credentials is a bare offer, without an error', () => {
    const response = answer('credentials_missing')
    expect(response).toMatchObject({ status: 401, headers: { 'WWW-Authenticate': 'Bearer' } })
    expect(parametersOf(response)).toEqual({})
    expect(response.body).not.toHaveProperty('error')
    expect(response.body).toMatchObject({ code: 'credentials_missing' })
  })

  test('of a missing scope is a 403 insufficient_scope that lists the whole set', () => {
    const error = new BearwardError('scope_insufficient', 'lacks', { scopes: ['orders:read', 'orders:write'] })
    const response = buildChallenge(error, undefined, { ...PLAIN, resourceMetadataUrl: METADATA })
    expect(response).toMatchObject({ status: 403, body: { error: 'insufficient_scope' } })
    expect(parametersOf(response)).toMatchObject({
      error: 'insufficient_scope',
      scope: 'orders:read orders:write',
      resource_metadata: METADATA,
    })
  })

  test('names the scopes that the requirement needs, even when no token came', () => {
    expect(parametersOf(answer('credentials_missing', {}, scope('a', 'b')))).toEqual({ scope: 'a b' })
    expect(parametersOf(answer('token_expired', {}, scope('a')))).toMatchObject({ scope: 'a' })
    expect(parametersOf(answer('credentials_missing', {}, { scopes: [] }))).toEqual({})
    expect(parametersOf(answer('credentials_missing', {}, {}))).toEqual({})
  })

  test('names the scopes of the denial rather than those of the requirement', () => {
    const error = new BearwardError('scope_insufficient', 'lacks', { scopes: ['inner'] })
    expect(parametersOf(buildChallenge(error, scope('outer'), PLAIN))['scope']).toBe('inner')
  })

  test.each([...INVALID_TOKEN, 'credentials_missing', 'credentials_malformed', 'credentials_ambiguous'] as const)(
    'of %s names the realm and the metadata',
    (code) => {
      const parameters = parametersOf(answer(code, { realm: 'orders', resourceMetadataUrl: METADATA }))
      expect(parameters).toMatchObject({ realm: 'orders', resource_metadata: METADATA })
    },
  )

  test.each([
    ['plain', 'orders'],
    ['with quotes', 'the "orders" API'],
    ['with backslashes', 'C:\\orders\\'],
    ['with both', '\\"'],
    ['that ends in a backslash', 'x\\'],
    ['with commas and equals signs', 'a, Basic realm="b", c=d'],
    ['of every printable character', String.fromCharCode(...Array.from({ length: 95 }, (_, at) => at + 32))],
  ])('carries a realm %s through unharmed', (_, realm) => {
    const parameters = parametersOf(answer('token_expired', { realm, resourceMetadataUrl: METADATA }, scope('a')))
    expect(parameters).toEqual({
      realm,
      error: 'invalid_token',
      error_description: 'The access token expired',
      scope: 'a',
      resource_metadata: METADATA,
    })
  })

  test('quotes every value, and holds nothing but printable ASCII', () => {
    const field = answer('token_expired', { realm: 'r', resourceMetadataUrl: METADATA }, scope('a')).headers[
      'WWW-Authenticate'
    ]
    expect(field).toBe(
      `Bearer realm="r", error="invalid_token", error_description="The access token expired", scope="a", ` +
        `resource_metadata="${METADATA}"`,
    )
    expect(() => new Headers({ 'WWW-Authenticate': field ?? '' })).not.toThrow()
  })
})

describe('no challenge', () => {
  test('for an outage: a 503 that says when to come back', () => {
    const error = new BearwardError('issuer_unavailable', 'down', { retryAfterSeconds: 17 })
    const settings = { ...PLAIN, realm: 'r', resourceMetadataUrl: METADATA }
    expect(buildChallenge(error, scope('a'), settings)).toEqual({
      status: 503,
      headers: { ...OWN, 'Retry-After': '17' },
      body: { code: 'issuer_unavailable', error_description: error.message },
    })
  })

  test('for an outage of unknown length: come back in a second', () => {
    expect(answer('issuer_unavailable').headers).toEqual({ ...OWN, 'Retry-After': '1' })
  })

  test('for a token that no other token could replace', () => {
    const response = answer('access_denied', { realm: 'r' }, scope('a'))
    expect(response).toMatchObject({ status: 403, body: { code: 'access_denied' } })
    expect(response.headers).toEqual(OWN)
    expect(response.body).not.toHaveProperty('error')
  })

  test('for a misconfigured server: a 500', () => {
    const response = answer('configuration_invalid', { realm: 'r' }, scope('a'))
    expect(response).toMatchObject({ status: 500, headers: OWN })
    expect(response.headers).toEqual(OWN)
    expect(JSON.stringify(response)).not.toContain('for operators')
  })
})

describe('an error that is not ours', () => {
  test.each<[string, unknown]>([
    ['an Error', new Error('SECRET')],
    ['a TypeError', new TypeError('SECRET')],
    ['a string', 'SECRET'],
    ['nothing', undefined],
    ['null', null],
    [
      'an object that looks like ours',
      { name: 'BearwardError', code: 'token_expired', status: 401, message: 'SECRET' },
    ],
    ['an Error that looks like ours', Object.assign(new Error('SECRET'), { code: 'token_expired', status: 401 })],
  ])('%s is a 500 that says nothing, never a 401', (_, error) => {
    const response = buildChallenge(error, scope('a'), { ...PLAIN, realm: 'r', resourceMetadataUrl: METADATA })
    expect(response).toEqual({ status: 500, headers: OWN, body: { error_description: 'The server failed' } })
  })
})

test.each<[string, unknown]>([
  ['an error of another code', Object.assign(new BearwardError('token_expired', 'late'), { code: 'bogus' })],
  ['an empty shell', Object.create(BearwardError.prototype)],
  [
    'a proxy that throws',
    new Proxy(new BearwardError('token_expired', 'late'), {
      get() {
        throw new TypeError('own')
      },
    }),
  ],
])('%s is a 500', (_, error) => {
  expect(buildChallenge(error, scope('a'), { ...PLAIN, realm: 'r', resourceMetadataUrl: METADATA }).status).toBe(500)
})

test.each<[string, unknown]>([
  ['a text', 'orders:read'],
  ['a number', 7],
  ['a list with a symbol in it', [Symbol('a'), 'b c']],
])('a requirement whose scopes are %s names none, and the challenge stays a 401', (_, scopes) => {
  const error = new BearwardError('credentials_missing', '')
  const response = buildChallenge(error, { scopes } as { scopes: readonly string[] }, PLAIN)
  expect(response).toMatchObject({ status: 401, headers: { 'WWW-Authenticate': 'Bearer' } })
})

test('a delay that is no number of seconds is one second', () => {
  for (const retryAfterSeconds of [Number.NaN, -1, 0, Infinity]) {
    const error = new BearwardError('issuer_unavailable', '', { retryAfterSeconds })
    const settings = PLAIN
    expect(buildChallenge(error, undefined, settings).headers['Retry-After']).toBe('1')
  }
})

test('nothing of an operator’s message reaches the client', () => {
  for (const code of [...INVALID_TOKEN, 'access_denied', 'scope_insufficient', 'issuer_unavailable'] as const) {
    expect(JSON.stringify(answer(code))).not.toContain('for operators')
  }
})

describe('through a server', () => {
  test('the settings are those of the options', async () => {
    const { api } = await fixture({ realm: 'the "orders" API' })
    const error = await api.authenticate(new Request('https://api.example.com/')).catch((cause: unknown) => cause)
    expect(parametersOf(api.challenge(error, { requirement: scope('a') }))).toEqual({
      realm: 'the "orders" API',
      scope: 'a',
      resource_metadata: METADATA,
    })
  })

  test('the metadata stands in no challenge where it is switched off', async () => {
    const { api } = await fixture({ resourceMetadata: false })
    expect(api.challenge(new BearwardError('credentials_missing', '')).headers).toEqual({
      ...OWN,
      'WWW-Authenticate': 'Bearer',
    })
  })

  test('a requirement without scopes and a missing context are fine', async () => {
    const { api } = await fixture({ resourceMetadata: false })
    const error = new BearwardError('credentials_missing', '')
    for (const context of [undefined, {}, { requirement: undefined }, { requirement: {} }]) {
      expect(parametersOf(api.challenge(error, context))).toEqual({})
    }
  })
})
