import { bearerToken, clientSecretBasic, createResourceServer, introspect, type IntrospectOptions } from 'bearward'
import { base64url, goodClaims, ISSUER, RESOURCE, signingKey, signToken } from '../../test/fixture/issuer.ts'
import { keepSecret } from '../../test/fixture/secrets.ts'
import { createEmitted, type Emitted } from '../emitted.ts'
import { codeOf, outcomeOf, type Scenario } from '../scene.ts'

const SECRET = 'the-client-secret-that-nobody-may-ever-see'
const API_TOKEN = 'the-token-with-which-this-api-asks-about-others'
const ENDPOINT = `${ISSUER}/introspect`

/** Line breaks for logs and headers, quotes, terminal and direction controls, an empty and a long text. */
const HOSTILE = [
  'x\r\nSet-Cookie: stolen=1',
  '", error="none',
  '\\"\\',
  '\u001B[2J\u001B]0;owned\u0007',
  '\u202Etxt.exe',
  '\0',
  '\u2028\u0085',
  'ü日本語😀',
  'A'.repeat(2_000),
]

/** Tokens, documents, answers and faults that try to get into emitted texts. */
export const hostileWords: Scenario = {
  name: 'hostile tokens, documents, answers and faults: what of them is emitted',
  goal: '0 tokens, secrets, attacker bytes; a planted one is found',
  async run(world) {
    keepSecret(SECRET)
    keepSecret(API_TOKEN)
    keepSecret(btoa(`orders-api:${SECRET}`))
    const found = createEmitted()
    const outcomes: string[] = [
      ...(await hostileTokens(found)),
      ...(await hostileRequests(found)),
      ...(await hostileDocuments(found)),
      ...(await hostileAnswers(found)),
    ]
    const { texts, leaks } = found.report()
    world.emitted.add(found.report())
    const planted = await plant()
    const untyped = outcomes.filter((outcome) => outcome.startsWith('untyped')).length
    return {
      measured: `${leaks.length} in ${outcomes.length} answers${leaks.length > 0 ? ` (${[...new Set(leaks)].join(', ')})` : ''}, ${untyped} untyped; ${planted} of 4 planted ones found`,
      samples: texts,
      met: leaks.length === 0 && untyped === 0 && planted === 4,
    }
  },
}

async function hostileTokens(emitted: Emitted): Promise<string[]> {
  const { jwk } = await signingKey()
  const api = createResourceServer({
    resource: RESOURCE,
    issuers: [{ issuer: ISSUER, jwt: { jwks: { keys: [jwk] } } }],
    onEvent: emitted.event,
  })
  const now = Math.floor(Date.now() / 1_000)
  const good = { iat: now - 10, exp: now + 300 }
  const token = await signToken(goodClaims(good))
  const [header = '', payload = '', signature = ''] = token.split('.')
  const tokens = [
    `${header}.${payload}`,
    `${token}.`,
    `${token} `,
    `${header}..${signature}`,
    token.slice(0, -1),
    `${token}=`,
  ]
  for (const word of HOSTILE) {
    for (const member of ['kid', 'typ', 'alg', 'cty', 'jku']) {
      const forged = base64url(JSON.stringify({ alg: 'ES256', kid: jwk.kid, typ: 'at+jwt', [member]: word }))
      tokens.push(`${forged}.${payload}.${signature}`)
    }
    for (const claim of ['iss', 'aud', 'sub', 'client_id', 'scope', 'jti', 'exp', 'acr', 'cnf', word]) {
      tokens.push(await signToken(goodClaims({ ...good, [claim]: word })))
    }
    tokens.push(word, token + word, word + token, `${header}.${base64url(word)}.${signature}`)
  }
  return Promise.all(tokens.map((each) => outcomeOf(api, each, emitted)))
}

async function hostileRequests(emitted: Emitted): Promise<string[]> {
  const { jwk } = await signingKey()
  const api = createResourceServer({
    resource: RESOURCE,
    issuers: [{ issuer: ISSUER, jwt: { jwks: { keys: [jwk] } } }],
    form: true,
    onEvent: emitted.event,
  })
  const now = Math.floor(Date.now() / 1_000)
  const token = await signToken(goodClaims({ iat: now - 10, exp: now + 300, aud: 'https://elsewhere.example' }))
  const fields = [
    token,
    `Basic ${token}`,
    `Bearer ${token} ${token}`,
    `Bearer ${token}, Bearer ${token}`,
    `DPoP ${token}`,
    `Bearer=${token}`,
  ]
  const requests = [...fields, ...HOSTILE.map((word) => `Bearer ${word}${token}`)].flatMap((authorization) => [
    { method: 'GET', url: `${RESOURCE}/?access_token=${token}`, headers: { authorization } },
    { method: 'GET', url: RESOURCE, headers: { authorization: [authorization, `Bearer ${token}`] } },
  ])
  return Promise.all(
    requests.map(async (request) => {
      try {
        await api.authenticate(request)
        return 'accepted'
      } catch (error) {
        emitted.refusal(api, error, token)
        return codeOf(error)
      }
    }),
  )
}

async function hostileDocuments(emitted: Emitted): Promise<string[]> {
  const token = await signToken(goodClaims({ exp: Math.floor(Date.now() / 1_000) + 300, iat: 1 }))
  const outcomes: string[] = []
  for (const word of HOSTILE) {
    const metadata = { issuer: ISSUER, jwks_uri: `${ISSUER}/jwks` }
    const documents = [
      { ...metadata, issuer: word },
      { ...metadata, jwks_uri: word },
      { ...metadata, jwks_uri: `https://user:${SECRET}@login.example.com/jwks?key=${API_TOKEN}` },
      word,
    ]
    const keys = [
      { keys: [{ kty: word, kid: word, alg: word, use: word, crv: word }] },
      { keys: [{ ...(await signingKey()).jwk, kid: word, x: word }] },
      { keys: word },
    ]
    const pairs = [...documents.map((document) => [document, {}]), ...keys.map((set) => [metadata, set])]
    for (const [document, set] of pairs) {
      const answer = (url: string): Response => Response.json(url.includes('/.well-known/') ? document : set)
      outcomes.push(await outcomeWith(emitted, token, async (url) => answer(url)))
    }
    outcomes.push(await outcomeWith(emitted, token, async () => new Response(word)))
  }
  outcomes.push(
    await outcomeWith(
      emitted,
      token,
      async () => new Response('', { status: 302, headers: { location: `/?${token}` } }),
    ),
  )
  return outcomes
}

function outcomeWith(emitted: Emitted, token: string, fetch: (url: string) => Promise<Response>): Promise<string> {
  const api = createResourceServer({ resource: RESOURCE, issuers: [{ issuer: ISSUER }], fetch, onEvent: emitted.event })
  return outcomeOf(api, token, emitted)
}

const auths: readonly IntrospectOptions['auth'][] = [
  clientSecretBasic({ clientId: 'orders-api', clientSecret: SECRET }),
  bearerToken(API_TOKEN),
]

/** Endpoints that repeat the token everywhere, and endpoints that send the words above. */
async function hostileAnswers(emitted: Emitted): Promise<string[]> {
  const token = 'an-opaque-token-that-everybody-repeats'
  const exp = Math.floor(Date.now() / 1_000) + 300
  const active = { active: true, token_type: 'Bearer', aud: RESOURCE, sub: 'user', client_id: 'client', exp }
  const answers: (() => Response)[] = []
  for (const word of [token, ...HOSTILE]) {
    for (const member of ['iss', 'aud', 'token_type', 'client_id', 'scope', 'exp', 'nbf', 'active', 'error', 'cnf']) {
      answers.push(() => Response.json({ ...active, [member]: word }))
      answers.push(() => Response.json({ ...active, [member]: [word] }))
    }
    const type = { 'content-type': /^[\x20-\x7e]{1,100}$/.test(word) ? word : 'text/html' }
    answers.push(
      () => new Response(word),
      () => new Response(word, { status: 401, headers: type }),
      () => new Response(word, { status: 500 }),
      () => Response.json({ error: word, error_description: word }, { status: 400 }),
    )
  }
  const outcomes: string[] = []
  for (const auth of auths) {
    for (const answer of answers) {
      const introspection = introspect({ auth, endpoint: ENDPOINT })
      const api = createResourceServer({
        resource: RESOURCE,
        issuers: [{ issuer: ISSUER, jwt: false, introspection }],
        fetch: async () => answer(),
        onEvent: emitted.event,
      })
      outcomes.push(await outcomeOf(api, token, emitted))
    }
  }
  return outcomes
}

/** Emits forbidden texts; returns how many the search finds. */
async function plant(): Promise<number> {
  const token = await signToken()
  const part = token.slice(-40, -10)
  const body = { error_description: 'The access token is malformed' }
  const api = { challenge: () => ({ status: 401, headers: { 'WWW-Authenticate': `Bearer x="${part}"` }, body }) }
  const quiet = { challenge: () => ({ status: 401, headers: {}, body }) }
  const plants: ((emitted: Emitted) => void)[] = [
    (emitted) => emitted.refusal(quiet, new Error('no', { cause: new Error(`got ${part}`) }), token),
    (emitted) => emitted.refusal(api, new Error('no'), token),
    (emitted) => emitted.event({ type: 'token_refused', code: 'token_malformed', detail: token }),
    (emitted) => emitted.event({ type: 'token_refused', code: 'token_malformed', detail: 'a\r\nb' }),
  ]
  return plants.filter((run) => {
    const emitted = createEmitted()
    run(emitted)
    return emitted.report().leaks.length > 0
  }).length
}
