import { createResourceServer, type ResourceServer } from '../../../src/entry-points/index.ts'
import { ANSWER_TYPES, type AnswerRecipe, answerOf } from '../answers.ts'
import { bytesOf } from '../bytes.ts'
import { BASES, makeToken } from '../compact.ts'
import { mutateObject, mutateText, type Vocabulary } from '../json-text.ts'
import { publicJwk } from '../keys.ts'
import type { ExpectedToken } from '../oracle/claims.ts'
import { judgeMetadata, type SeenMetadata } from '../oracle/metadata.ts'
import { judgeToken } from '../oracle/token.ts'
import { ORACLE } from '../oracle-settings.ts'
import type { Random } from '../random.ts'
import { shorter, withoutMembers } from '../shrink.ts'
import { createSlots, SLOTS } from '../slots.ts'
import { COMMON_OPTIONS, type Subject, type Tamper } from '../subject.ts'

/** What each of the two well-known addresses answers; nothing there without one. */
export interface MetadataRecipe {
  readonly first?: AnswerRecipe
  readonly second?: AnswerRecipe
}

const TOKEN = 'a-es'
const ISSUER = 'https://login.example.com'
const PATHS = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'] as const
const JWKS_URI = `${ISSUER}/jwks`
const MEMBERS: Vocabulary = {
  fitting: [
    ['jwks_uri', 'https://keys.example.com/jwks'],
    ['jwks_uri', 'https://KEYS.example.com:443/jwks?a=b'],
    ['introspection_endpoint', `${ISSUER}/introspect`],
    ['issuer', `${ISSUER}/`],
  ],
  names: ['issuer', 'jwks_uri', 'issuer', 'jwks_uri', 'jwks_uri', 'introspection_endpoint', 'jwks'],
  values: [
    null,
    '',
    'a',
    0,
    true,
    [],
    {},
    [ISSUER],
    [JWKS_URI],
    ISSUER,
    `${ISSUER}/`,
    ISSUER.toUpperCase(),
    `${ISSUER}\u0000`,
    'https://attacker.example',
    'https://login.example.com.attacker.example',
    JWKS_URI,
    `${JWKS_URI}?a=b`,
    `${JWKS_URI}#a`,
    ` ${JWKS_URI}`,
    `${JWKS_URI}\n`,
    'http://login.example.com/jwks',
    'HTTPS://LOGIN.EXAMPLE.COM/jwks',
    'https://user:password@login.example.com/jwks',
    'https://@login.example.com/jwks',
    '//login.example.com/jwks',
    '/jwks',
    'http://localhost/jwks',
    'https://localhost:8080/jwks',
    'https://127.0.0.1/jwks',
    'https://127.1/jwks',
    'https://[::1]/jwks',
    'https://[::ffff:127.0.0.1]/jwks',
    'https://0.0.0.0/jwks',
    'https://2130706433/jwks',
    'https://a.localhost/jwks',
    'https://localhost./jwks',
    'https://localhost../jwks',
    'https://ip6-localhost/jwks',
    'https://localhost.localdomain/jwks',
    'https://[::127.0.0.1]/jwks',
    'https://[::ffff:0:127.0.0.1]/jwks',
    'https://[64:ff9b::7f00:1]/jwks',
    'https://[::2]/jwks',
    'https://0.0.0.1/jwks',
    'http://0x7f.0.0.1/jwks',
    'https://169.254.169.254/jwks',
    'file:///etc/passwd',
    'data:application/json,{"keys":[]}',
    'javascript:1',
    'ftp://login.example.com/jwks',
    'https://',
    'https://login.example.com:443/jwks',
    'https://login.example.com/a/../jwks',
    'https:login.example.com/jwks',
  ],
}

interface Slot {
  readonly api: ResourceServer
  readonly index: number
  readonly issuer: string
  readonly publish: (recipe: MetadataRecipe, mayAsk: readonly string[]) => void
  /** Addresses asked since the last look that no metadata permits. */
  readonly strays: () => readonly string[]
}

/** Metadata that an issuer publishes, under a token that is good. What is said of its host is said of each slot's own. */
export function createMetadataSubject(tamper: Tamper): Subject<MetadataRecipe> {
  const nextSlot = createSlots(makeBatch)
  const good = new Map<number, ReturnType<typeof goodToken>>()

  function makeBatch(): readonly Slot[] {
    const published = new Map<string, AnswerRecipe | undefined>()
    const permitted = new Set<string>()
    const asked: string[] = []
    const issuers = Array.from({ length: SLOTS }, (_, index) => rehosted(ISSUER, index))
    const server = createResourceServer({
      ...COMMON_OPTIONS,
      issuers: issuers.map((issuer) => ({ issuer })),
      fetch: async (url) => {
        const recipe = published.get(url)
        if (recipe) return answerOf(recipe)
        if (published.has(url)) return new Response(undefined, { status: 404 })
        asked.push(url)
        // Every other address has the keys: it is bearward that must not ask it.
        return Response.json({ keys: [publicJwk(TOKEN)] })
      },
    })
    const api = tamper(server)
    return issuers.map((issuer, index) => ({
      api,
      index,
      issuer,
      publish({ first, second }, mayAsk) {
        published.set(issuer + PATHS[0], first).set(issuer + PATHS[1], second)
        for (const url of mayAsk) permitted.add(url)
      },
      strays: () => takeOwn(asked, index).filter((url) => !permitted.has(url)),
    }))
  }

  function goodFor(index: number): ReturnType<typeof goodToken> {
    const made = good.get(index) ?? goodToken(index)
    good.set(index, made)
    return made
  }

  return {
    name: 'metadata',
    share: 4,
    generate: generateMetadata,
    async prepare(recipe) {
      const slot = nextSlot()
      const own = JSON.parse(rehosted(JSON.stringify(recipe), slot.index)) as MetadataRecipe
      const { token, expected } = await goodFor(slot.index)
      const { mayAsk, judgement } = judgeMetadata([seen(own.first), seen(own.second)], slot.issuer, expected)
      slot.publish(own, mayAsk)
      return {
        attempt: () => slot.api.verify(token),
        judge: () => judgement,
        broken() {
          const strays = slot.strays()
          return strays.length > 0 ? `it fetched ${strays.join(', ')}` : undefined
        },
      }
    },
    *simpler({ first, second }) {
      if (second) yield { ...(first && { first }) }
      if (first) yield { ...(second && { second }) }
      if (first) for (const simple of simplerAnswers(first)) yield { first: simple, ...(second && { second }) }
      if (second) for (const simple of simplerAnswers(second)) yield { ...(first && { first }), second: simple }
    },
  }
}

/** Every host of the example gets a name of its own in each slot, so that one slot's address is not another's. */
function rehosted(text: string, index: number): string {
  return text.replaceAll('example.com', `example-${index}.com`)
}

/** Takes out the addresses of a slot's hosts, and those of hosts that have no slot. */
function takeOwn(asked: string[], index: number): readonly string[] {
  const isOthers = (url: string): boolean => /example-\d+\.com/.test(url) && !url.includes(`example-${index}.com`)
  const all = asked.splice(0)
  asked.push(...all.filter(isOthers))
  return all.filter((url) => !isOthers(url))
}

/** A token of the slot's issuer, and what it is worth where the keys can be had. */
async function goodToken(index: number): Promise<{ readonly token: string; readonly expected: ExpectedToken }> {
  const base = BASES.get(TOKEN)
  if (!base) throw new Error(`no token ${TOKEN}`)
  const issuer = { ...base.issuer, identifier: rehosted(ISSUER, index), jwks: [publicJwk(TOKEN)] }
  const token = await makeToken({ ...base, payload: base.payload.replace(ISSUER, issuer.identifier) })
  const { token: expected } = await judgeToken(token, { ...ORACLE, issuers: [issuer] })
  if (!expected) throw new Error('the oracle refuses a good token')
  return { token, expected }
}

function seen(recipe: AnswerRecipe | undefined): SeenMetadata | undefined {
  if (!recipe) return undefined
  const { fails, body } = recipe
  const isAnswered = fails === undefined || fails === 'body'
  return { ...recipe, body: bytesOf(body), fails: fails !== undefined, isAnswered }
}

function* simplerAnswers(recipe: AnswerRecipe): Iterable<AnswerRecipe> {
  const { fails, ...rest } = recipe
  if (fails) yield rest
  if (recipe.status !== 200) yield { ...recipe, status: 200 }
  if (recipe.contentType !== ANSWER_TYPES[0]) yield { ...recipe, contentType: ANSWER_TYPES[0] ?? '' }
  for (const body of withoutMembers(recipe.body)) yield { ...recipe, body }
  for (const body of shorter(recipe.body)) yield { ...recipe, body }
}

function generateMetadata(random: Random): MetadataRecipe {
  const place = random.below(6)
  return {
    ...(place !== 0 && { first: answer(random) }),
    ...(place < 2 && { second: answer(random) }),
  }
}

function answer(random: Random): AnswerRecipe {
  const document = { issuer: ISSUER, jwks_uri: JWKS_URI, scopes_supported: ['a'] }
  const body = random.oneIn(10) ? JSON.stringify(document) : mutateObject(document, MEMBERS, random)
  const fails = random.oneIn(40) ? random.pick(['fetch', 'fetch-odd', 'body'] as const) : undefined
  return {
    // A status that was never sent decides nothing.
    status:
      !fails && random.oneIn(8) ? random.pick([201, 204, 301, 302, 304, 400, 401, 403, 404, 410, 429, 500, 503]) : 200,
    contentType: random.oneIn(8) ? random.pick(ANSWER_TYPES) : 'application/json',
    body: random.oneIn(15)
      ? mutateText(random.pick([body, '', '[]', 'null', '<html>', `\xef\xbb\xbf${body}`]), random)
      : body,
    ...(fails && { fails }),
  }
}
