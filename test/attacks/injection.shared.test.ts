import { describe, expect, test } from 'vitest'
import { BearwardError, deny, type Requirement, resolveIssuers, scope } from '../../src/entry-points/index.ts'
import { base64url, goodClaims, ISSUER, NOW, RESOURCE, signRaw, signToken } from '../fixture/issuer.ts'
import { ask, parseChallenges } from '../fixture/reply.ts'
import { fixture, type Fixture } from '../fixture/server.ts'
import { goodHeader, partsOf } from './forge.ts'

const MARK = 'M4RK'
const POISONS = [
  `${MARK}\r\nSet-Cookie: a=b`,
  `${MARK}\n`,
  `${MARK}", error="none`,
  `${MARK}\\`,
  `${MARK}\u0000`,
  `${MARK}\u001b[2J`,
  `${MARK}\u007f`,
  `${MARK}é`,
  `${MARK}\u2028`,
  `${MARK}\u202e`,
  `${MARK}😀`,
  `${MARK}\ud800`,
]
// Printable ASCII, and the ellipsis that bearward itself puts behind what it shortened.
const PLAIN = /^[\x20-\x7e…]*$/

/** Everything that a refusal leaves behind: the error, the events, the answer. */
async function traces(made: Fixture, token: string, requirement?: Requirement): Promise<readonly string[]> {
  const error: unknown = await made.api.verify(token).then(
    (verified) => {
      if (requirement)
        return Promise.resolve()
          .then(() => made.api.authorize(verified, requirement))
          .catch((cause: unknown) => cause)
      return undefined
    },
    (cause: unknown) => cause,
  )
  expect(error).toBeInstanceOf(BearwardError)
  const reply = await ask(made.api, { token, ...(requirement && { requirement }) })
  const { message, detail, code, error: wire } = error as BearwardError
  return [
    message,
    detail,
    code,
    wire ?? '',
    ...[...reply.headers].map(([name, value]) => `${name}: ${value}`),
    ...Object.values(reply.body as Record<string, string>),
    ...made.events.flatMap((event) => Object.values(event).map(String)),
  ]
}

function expectPlain(all: readonly string[]): void {
  for (const each of all) expect(each).toMatch(PLAIN)
}

describe('what an attacker writes stays out of headers, and harmless in messages', () => {
  const places: readonly (readonly [string, (poison: string) => Promise<string>])[] = [
    ['kid', (kid) => signToken(goodClaims(), { kid })],
    ['typ', (typ) => signToken(goodClaims(), { typ })],
    [
      'alg',
      async (alg) =>
        `${base64url(JSON.stringify(await goodHeader({ alg })))}.${partsOf(await signToken()).payload}.AAAA`,
    ],
    ['iss', (iss) => signToken(goodClaims({ iss }))],
    ['aud', (aud) => signToken(goodClaims({ aud }))],
    ['aud in an array', (aud) => signToken(goodClaims({ aud: [aud, aud] }))],
    ['exp', (exp) => signToken(goodClaims({ exp }))],
    ['act', (act) => signToken(goodClaims({ act }))],
    ['scp', (scp) => signToken(goodClaims({ scope: [scp, 1] }))],
    ['cnf', (cnf) => signToken(goodClaims({ cnf }))],
    ['a member of cnf', (method) => signToken(goodClaims({ cnf: { [method]: 1, jkt: method } }))],
    ['crit', (crit) => signToken(goodClaims(), { typ: crit, x: crit })],
  ]

  test.each(places)('in `%s`', async (_, make) => {
    for (const poison of POISONS) {
      const made = await fixture({ realm: 'orders' })
      const all = await traces(made, await make(poison))
      expectPlain(all)
      const challenge = all.find((each) => each.startsWith('www-authenticate'))
      expect(challenge ?? '').not.toContain(MARK)
      // Whatever a message quotes, it cannot close its quotes.
      for (const each of all) expect(each).not.toContain(`${MARK}"`.concat(', error'))
    }
  })

  test.each(['client_id', 'token_use', 'typ'])('in the claim `%s` of the profile "compatible"', async (name) => {
    for (const poison of POISONS) {
      const made = await fixture({ issuers: [{ issuer: ISSUER, clients: ['c'], jwt: { profile: 'compatible' } }] })
      expectPlain(await traces(made, await signToken(goodClaims({ [name]: poison }), { typ: 'JWT' })))
    }
  })

  test('in the name of a claim, and in a schema’s complaint about it', async () => {
    for (const poison of POISONS) {
      const claims = {
        '~standard': {
          version: 1 as const,
          vendor: 'test',
          validate: () => ({ issues: [{ message: poison, path: [poison, { key: poison }] }] }),
        },
      }
      const made = await fixture({ claims } as object)
      expectPlain(await traces(made, await signToken(goodClaims({ [poison]: poison }))))
    }
  })

  test('in the scope, where the scope that is needed is shown and not the one that was granted', async () => {
    for (const poison of POISONS) {
      const made = await fixture()
      const all = await traces(made, await signToken(goodClaims({ scope: poison })), scope('orders:admin'))
      expectPlain(all)
      expect(all.join()).not.toContain(MARK)
    }
  })

  test('in the Authorization header itself, wherever a header can hold it', async () => {
    const { api, events } = await fixture({ realm: 'orders' })
    for (const poison of [
      `Bearer ${MARK}"`,
      `Bearer ${MARK}\\`,
      `${MARK}", Bearer`,
      `Bearer ${MARK}, x="y"`,
      `Basic ${MARK}é`,
      `Bearer ${MARK} é`,
    ]) {
      const view = { method: 'GET', url: RESOURCE, headers: { authorization: poison } }
      const error: unknown = await api.authenticate(view).catch((cause: unknown) => cause)
      expect(error).toBeInstanceOf(BearwardError)
      const answer = api.challenge(error)
      expect(JSON.stringify([answer, (error as BearwardError).detail, events])).not.toContain(MARK)
      expect(() => parseChallenges(answer.headers['WWW-Authenticate'] ?? '')).not.toThrow()
    }
  })

  test('in what an issuer answers: its metadata, its keys, its errors', async () => {
    const oauth = `${ISSUER}/.well-known/oauth-authorization-server`
    for (const poison of POISONS) {
      const answers: readonly (readonly [string, () => Response])[] = [
        [oauth, () => Response.json({ issuer: poison, jwks_uri: `${ISSUER}/jwks` })],
        [oauth, () => Response.json({ issuer: ISSUER, jwks_uri: poison })],
        [oauth, () => Response.json({ issuer: ISSUER, jwks_uri: `https://${poison}` })],
        [oauth, () => new Response(poison, { headers: { 'Content-Type': 'application/json' } })],
        [
          `${ISSUER}/jwks`,
          () => Response.json({ keys: [{ kty: 'EC', crv: 'P-256', x: poison, y: poison, kid: poison }] }),
        ],
        [`${ISSUER}/jwks`, () => Response.json({ keys: [{ kty: poison }, poison] })],
        [`${ISSUER}/jwks`, () => new Response(poison)],
      ]
      for (const [url, answer] of answers) {
        const made = await fixture()
        made.upstream.answers.set(url, answer)
        const all = await traces(made, await signToken())
        for (const each of all) expect([url, each]).toEqual([url, expect.stringMatching(PLAIN)])
        for (const { lastError } of made.api.snapshot()) expect(lastError ?? '').toMatch(PLAIN)
      }
    }
  })

  test('what a resolver says of its fault for an issuer stays with the operator, and harmless', async () => {
    for (const poison of POISONS) {
      const made = await fixture({
        issuers: resolveIssuers(({ iss = '' }) => {
          throw new Error(`no tenant ${iss}`)
        }),
      })
      expectPlain(await traces(made, await signToken(goodClaims({ iss: `https://${poison}` }))))
    }
  })

  test('what a handler’s own requirement says is shown to no client', async () => {
    const made = await fixture()
    const requirement: Requirement = () => deny(`${MARK}", x="y\r\nz`)
    const reply = await ask(made.api, { token: await signToken(), requirement })
    expect(reply.status).toBe(403)
    expect(JSON.stringify([reply.body, [...reply.headers]])).not.toContain(MARK)
  })

  test('scopes that a custom requirement names cannot break the challenge, nor out of it', async () => {
    const known = ['error', 'error_description', 'scope', 'resource_metadata']
    for (const poison of POISONS) {
      const made = await fixture()
      const denying: Requirement = () => deny('no', { scopes: [poison] })
      const naming: Requirement = Object.assign(() => deny('no'), { scopes: [poison] })
      const replies = [
        await ask(made.api, { token: await signToken(), requirement: denying }),
        await ask(made.api, { token: await signToken(), requirement: naming }),
        await ask(made.api, { requirement: naming }),
      ]
      expect(replies.map(({ status }) => status)).toEqual([403, 403, 401])
      for (const { challenges } of replies) {
        for (const { parameters } of challenges) {
          expect(known).toEqual(expect.arrayContaining(Object.keys(parameters)))
          // RFC 6749 §3.3: what is no scope name may not stand there.
          expect(parameters['scope'] ?? '').toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/)
        }
      }
    }
  })

  test('a path in the request never reaches a challenge', async () => {
    const { api } = await fixture()
    const reply = await ask(api, { path: `/${MARK}%0d%0a?${MARK}="x"` })
    expect(reply.status).toBe(401)
    expect(JSON.stringify([...reply.headers])).not.toContain(MARK)
  })

  test('the twin: the same places with plain text are quoted in messages, for operators', async () => {
    const { api } = await fixture()
    const { detail } = (await api
      .verify(await signToken(goodClaims({ iss: 'https://plain.example' })))
      .catch((cause: unknown) => cause)) as BearwardError
    expect(detail).toContain('"https://plain.example"')
  })
})

async function everything(token: string): Promise<string> {
  const made = await fixture({ realm: 'orders' })
  const error = (await made.api.verify(token).catch((cause: unknown) => cause)) as BearwardError
  expect(error).toBeInstanceOf(BearwardError)
  const reply = await ask(made.api, { token })
  const causes: string[] = []
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    causes.push(cause.message, cause.stack ?? '', JSON.stringify(cause), String(cause))
  }
  return [...causes, JSON.stringify(made.events), JSON.stringify([...reply.headers]), JSON.stringify(reply.body)].join(
    '\n',
  )
}

describe('no token and no secret in what is said about them', () => {
  test('neither whole nor in part, whichever way it is refused', async () => {
    const good = await signToken(goodClaims({ secret: 'S3CRET-CLAIM' }))
    const { header, payload, signature } = partsOf(good)
    const tokens = [
      await signToken(goodClaims({ exp: NOW - 60, iat: NOW - 600 })),
      await signToken(goodClaims({ aud: 'https://other.example.com' })),
      await signToken(goodClaims({ iss: 'https://other.example.com' })),
      await signToken(goodClaims(), { kid: 'unknown' }),
      await signToken(goodClaims(), { typ: 'JWT' }),
      await signToken(goodClaims({ cnf: { jkt: 'S3CRET-THUMBPRINT' } })),
      await signToken(goodClaims({ scope: [1] })),
      await signRaw('{"alg":"ES256"', JSON.stringify(goodClaims())),
      `${header}.${payload}.${signature.slice(0, -4)}AAAA`,
      `${header}.${payload}.${signature}.`,
      `${header}.${payload}`,
      'opaque-S3CRET-opaque-S3CRET-opaque',
    ]
    for (const token of tokens) {
      const said = await everything(token)
      expect(said).not.toContain('S3CRET')
      const parts = token.split('.').filter((part) => part.length >= 16)
      for (const part of [
        token,
        ...parts,
        ...parts.map((each) => each.slice(0, 16)),
        ...parts.map((each) => each.slice(-16)),
      ]) {
        expect([token.slice(0, 40), said.includes(part)]).toEqual([token.slice(0, 40), false])
      }
    }
  })

  test('nor the Authorization header, whatever is in it', async () => {
    const { api, events } = await fixture()
    for (const value of [
      'Basic dXNlcjpTM0NSRVQ=',
      'Bearer S3CRET S3CRET',
      'Bearer S3CRET, Basic S3CRET',
      'S3CRET',
      'Bearer S3CRÉT',
    ]) {
      const view = { method: 'GET', url: RESOURCE, headers: { authorization: value } }
      const error = (await api.authenticate(view).catch((cause: unknown) => cause)) as BearwardError
      const said = JSON.stringify([error, error.message, error.detail, error.stack, api.challenge(error), events])
      expect(said).not.toMatch(/S3CR|dXNlcjpT/)
    }
  })

  test('nor in what is said of an issuer whose metadata holds credentials', async () => {
    const { api, upstream, events } = await fixture()
    upstream.answers.set(`${ISSUER}/.well-known/oauth-authorization-server`, () =>
      Response.json({ issuer: ISSUER, jwks_uri: 'https://user:S3CRET@login.example.com/jwks' }),
    )
    const error = (await api.verify(await signToken()).catch((cause: unknown) => cause)) as BearwardError
    expect(error.code).toBe('issuer_unavailable')
    expect(JSON.stringify([error.detail, events, api.snapshot()])).not.toContain('S3CRET')
  })

  test('nor a private key that an issuer published by mistake', async () => {
    const { api, upstream, events } = await fixture()
    upstream.publish({ kty: 'EC', crv: 'P-256', x: 'S3CRET', y: 'S3CRET', d: 'S3CRET' }, { kty: 'oct', k: 'S3CRET' })
    const error = (await api.verify(await signToken()).catch((cause: unknown) => cause)) as BearwardError
    expect(JSON.stringify([error.detail, events, api.snapshot()])).not.toContain('S3CRET')
  })
})
