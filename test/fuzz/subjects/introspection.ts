import { createResourceServer, introspect, type ResourceServer } from '../../../src/entry-points/index.ts'
import { bytesOf } from '../bytes.ts'
import { NOW, RESOURCE, TOLERANCE_SECONDS } from '../issuers.ts'
import { mutateObject, type Vocabulary } from '../json-text.ts'
import { type AnsweringIssuer, judgeAnswer } from '../oracle/introspection.ts'
import type { Random } from '../random.ts'
import { shorter, withoutMembers } from '../shrink.ts'
import { COMMON_OPTIONS, type Subject, type Tamper } from '../subject.ts'
import { CLAIMS } from '../vocabulary.ts'
import { ANSWER_TYPES, type AnswerRecipe, answerOf } from '../answers.ts'

/** An answer of the issuer whose tokens begin with `prefix`. */
export interface IntrospectionRecipe extends AnswerRecipe {
  readonly prefix: string
}

const ISSUERS: readonly (AnsweringIssuer & { readonly prefix: string })[] = [
  {
    prefix: 'one_',
    identifier: 'https://one.example.com',
    audience: [RESOURCE],
    audienceAssumed: false,
    accessTokensOnly: false,
  },
  {
    prefix: 'two_',
    identifier: 'https://two.example.com/t',
    audience: null,
    clients: ['client-1', 'app-2'],
    audienceAssumed: false,
    accessTokensOnly: false,
  },
  {
    prefix: 'three_',
    identifier: 'https://three.example.com',
    audience: ['urn:a', 'urn:b'],
    audienceAssumed: true,
    accessTokensOnly: false,
  },
  {
    prefix: 'four_',
    identifier: 'https://four.example.com',
    audience: ['urn:c'],
    audienceAssumed: true,
    accessTokensOnly: true,
  },
]
const WORDS: Vocabulary = {
  ...CLAIMS,
  fitting: [
    ...(CLAIMS.fitting ?? []),
    ...['Bearer', 'bearer', 'DPoP', 'N_A', 'refresh_token'].map((type) => ['token_type', type] as const),
    ...ISSUERS.map(({ identifier }) => ['iss', identifier] as const),
    ...[true, false, 'true', 1, null].map((active) => ['active', active] as const),
  ],
  names: [...CLAIMS.names, 'active', 'active', 'token_type', 'token_type', 'username', 'iss', 'aud'],
  values: [
    ...CLAIMS.values,
    'DPoP',
    'bearer',
    'N_A',
    'refresh_token',
    'access_token',
    'true',
    1,
    'https://one.example.com',
  ],
}

/** What introspection endpoints answer about opaque tokens. */
export function createIntrospectionSubject(tamper: Tamper): Subject<IntrospectionRecipe> {
  const answers = new Map<string, AnswerRecipe>()
  const shared = createServer()
  let tokens = 0

  function createServer(): ResourceServer {
    const server = createResourceServer({
      ...COMMON_OPTIONS,
      issuers: ISSUERS.map(({ prefix, identifier, audience, clients, audienceAssumed, accessTokensOnly }) => ({
        issuer: identifier,
        audience,
        ...(clients && { clients }),
        jwt: false,
        introspection: introspect({
          auth: 'none',
          endpoint: `${identifier}/introspect`,
          opaqueTokens: { prefixes: [prefix] },
          maxConcurrent: 1_000,
          ...(audienceAssumed && { audience: 'assumed' }),
          ...(accessTokensOnly && { tokens: 'access-only' }),
        }),
      })),
      fetch: async (_, { body }) => {
        const recipe = answers.get((body as URLSearchParams).get('token') ?? '')
        if (!recipe) throw new Error('nothing is known of this token')
        return answerOf(recipe)
      },
    })
    return tamper(server)
  }

  return {
    name: 'introspection',
    share: 10,
    generate: generateAnswer,
    async prepare(recipe) {
      const issuer = ISSUERS.find(({ prefix }) => prefix === recipe.prefix)
      if (!issuer) throw new Error(`no issuer for ${recipe.prefix}`)
      const { status, body, contentType, fails } = recipe
      const token = `${recipe.prefix}${tokens++}`
      answers.set(token, recipe)
      // Outages open the circuit of all who share a server, and a frozen clock never closes it.
      const api = fails || status >= 500 ? createServer() : shared
      const seen = { status, contentType, body: bytesOf(body), fails: fails !== undefined }
      return {
        attempt: () => api.verify(token),
        repeatsRefusals: true,
        judge: () => judgeAnswer(seen, issuer, NOW, TOLERANCE_SECONDS),
        ended: () => answers.delete(token),
      }
    },
    *simpler(recipe) {
      const { fails, ...rest } = recipe
      if (fails) yield rest
      if (recipe.status !== 200) yield { ...recipe, status: 200 }
      if (recipe.contentType !== ANSWER_TYPES[0]) yield { ...recipe, contentType: ANSWER_TYPES[0] ?? '' }
      for (const body of withoutMembers(recipe.body)) yield { ...recipe, body }
      if (recipe.body.length > 100) for (const body of shorter(recipe.body)) yield { ...recipe, body }
    },
  }
}

function generateAnswer(random: Random): IntrospectionRecipe {
  const { prefix, identifier, audience, accessTokensOnly } = random.pick(ISSUERS)
  const answer = {
    active: !random.oneIn(20),
    ...(!(accessTokensOnly && random.oneIn(2)) && { token_type: 'Bearer' }),
    ...(random.oneIn(2) && { iss: identifier }),
    ...(audience && !random.oneIn(accessTokensOnly ? 2 : 10) && { aud: audience[0] }),
    sub: 'user-1',
    client_id: 'client-1',
    scope: 'orders:read orders:write',
    iat: NOW - 600,
    exp: NOW + 300,
  }
  return {
    prefix,
    status: random.oneIn(15) ? random.pick([201, 204, 206, 301, 302, 304, 400, 401, 403, 404, 429, 500, 503]) : 200,
    contentType: random.oneIn(15) ? random.pick(ANSWER_TYPES) : 'application/json',
    body: random.oneIn(10) ? JSON.stringify(answer) : mutateObject(answer, WORDS, random),
    ...(random.oneIn(50) && { fails: random.pick(['fetch', 'fetch-odd', 'body'] as const) }),
  }
}
