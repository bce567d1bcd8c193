import { createResourceServer, type ResourceServer } from '../../../src/entry-points/index.ts'
import { ANSWER_TYPES, type AnswerRecipe, answerOf } from '../answers.ts'
import { bytesOf } from '../bytes.ts'
import { BASES, makeToken } from '../compact.ts'
import { type FuzzedIssuer, ISSUERS } from '../issuers.ts'
import { mutateObject, mutateText, type Vocabulary } from '../json-text.ts'
import { type KeyName, publicJwk, TEST_KEYS } from '../keys.ts'
import { judgeKeySet } from '../oracle/key-set.ts'
import { ORACLE } from '../oracle-settings.ts'
import type { Random } from '../random.ts'
import { shorter, withoutMembers } from '../shrink.ts'
import { createSlots, slotAddress, SLOTS } from '../slots.ts'
import { COMMON_OPTIONS, type Subject, type Tamper } from '../subject.ts'

/** A key set, and the good token that meets it. */
export interface KeySetRecipe extends AnswerRecipe {
  readonly token: KeyName
}

const JWKS_URI = 'https://keys.example.com/jwks'
const TOKENS: readonly KeyName[] = ['a-es', 'a-ed', 'a-rs', 'b-es', 'b-rs', 'c-ed', 'd-es-1', 'd-es-2']
const OTHERS: readonly KeyName[] = ['stranger', 'a-ed', 'b-es', 'c-ed', 'd-es-1']
const WEAK_RSA = {
  kty: 'RSA',
  kid: 'rs',
  e: 'AQAB',
  n: 'tEQ-OxuDJ2LB8nGQbXuuTUlhvnkOgRsUWwxD1NzVQcQTsE9_dHTtnYn-QUf5ZzNpNHpHDAdiLCYoGLa4_OT9tt_7VXmhLmYqmvMGrL7s9tnhZyUM_8XXD5sLjZa6mVhzdWKWeWyMrVn0tWzGWa84ydKX9ZxWnTXHNMUFZ4G4jz0',
}
const MEMBERS: Vocabulary = {
  fitting: [
    ...['sig', 'enc'].map((use) => ['use', use] as const),
    ...[['verify'], ['sign'], ['verify', 'sign'], []].map((operations) => ['key_ops', operations] as const),
    ...['ES256', 'Ed25519', 'EdDSA', 'RS256', 'PS256'].map((alg) => ['alg', alg] as const),
    ...['es', 'ed', 'rs', 'twin'].map((kid) => ['kid', kid] as const),
    ['x5c', ['AAAA']],
  ],
  names: [
    'kty',
    'crv',
    'kid',
    'alg',
    'use',
    'key_ops',
    'x',
    'y',
    'n',
    'e',
    'd',
    'k',
    'x5c',
    'x5u',
    'priv',
    'ext',
    'kid',
    'alg',
  ],
  values: [
    null,
    '',
    'a',
    0,
    1,
    true,
    [],
    {},
    ['verify'],
    ['sign'],
    ['verify', 'sign'],
    ['encrypt'],
    'sig',
    'enc',
    'SIG',
    'EC',
    'RSA',
    'OKP',
    'oct',
    'AKP',
    'ec',
    'P-256',
    'P-384',
    'Ed25519',
    'Ed448',
    'X25519',
    'secp256k1',
    'ES256',
    'ES384',
    'RS256',
    'PS256',
    'HS256',
    'none',
    'EdDSA',
    'Ed25519',
    'RSA-OAEP',
    'ML-DSA-44',
    'es',
    'ed',
    'rs',
    'twin',
    'AQAB',
    'AQ',
    'AA',
    'Ag',
    'Aw',
    'AAEAAQ',
    'AQAC',
    'A'.repeat(43),
    `AQ${'A'.repeat(41)}`,
    '7P______________________________________38',
    'AAAA=',
    TEST_KEYS['a-es'].x,
    TEST_KEYS['a-es'].y,
    TEST_KEYS['b-es'].x,
    TEST_KEYS['a-ed'].x,
    TEST_KEYS['c-ed'].x,
    TEST_KEYS['b-rs'].n,
  ],
}

interface Slot {
  readonly api: ResourceServer
  readonly issuer: FuzzedIssuer
  readonly index: number
  /** What is published from now on. */
  readonly publish: (recipe: KeySetRecipe) => void
  readonly strays: string[]
}

/** Key sets that an issuer publishes, under tokens that are good. */
export function createKeySetsSubject(tamper: Tamper): Subject<KeySetRecipe> {
  const nextSlot = new Map(ISSUERS.map((issuer) => [issuer, createSlots(() => makeBatch(issuer))]))
  const tokens = new Map<string, Promise<string>>()

  function makeBatch(like: FuzzedIssuer): readonly Slot[] {
    const published = new Map<string, KeySetRecipe>()
    const strays: string[] = []
    const issuers = Array.from({ length: SLOTS }, (_, index) => ({
      ...like,
      identifier: slotAddress(like.identifier, index),
      jwksUri: slotAddress(JWKS_URI, index),
    }))
    const server = createResourceServer({
      ...COMMON_OPTIONS,
      issuers: issuers.map(({ identifier, profile, audience, clients, algorithms, jwksUri }) => ({
        issuer: identifier,
        audience,
        ...(clients && { clients }),
        jwt: { profile, jwksUri, ...(algorithms && { algorithms }) },
      })),
      fetch: async (url) => {
        const recipe = published.get(url)
        if (recipe) return answerOf(recipe)
        strays.push(url)
        throw new Error('nothing is published here')
      },
    })
    const api = tamper(server)
    return issuers.map(({ jwksUri, ...issuer }, index) => ({
      api,
      issuer,
      index,
      strays,
      publish: (recipe) => published.set(jwksUri, recipe),
    }))
  }

  function tokenFor(name: KeyName, { issuer, index }: Slot): Promise<string> {
    const base = BASES.get(name)
    if (!base) throw new Error(`no token ${name}`)
    const id = `${name} ${index}`
    const payload = base.payload.replace(base.issuer.identifier, issuer.identifier)
    const token = tokens.get(id) ?? makeToken({ ...base, payload })
    tokens.set(id, token)
    return token
  }

  return {
    name: 'key-sets',
    share: 6,
    generate: generateKeySet,
    async prepare(recipe) {
      const slot = nextSlot.get(BASES.get(recipe.token)?.issuer as FuzzedIssuer)?.()
      if (!slot) throw new Error(`no issuer of ${recipe.token}`)
      const token = await tokenFor(recipe.token, slot)
      slot.publish(recipe)
      const { status, body, fails } = recipe
      const seen = { status, body: bytesOf(body), fails: fails !== undefined }
      return {
        attempt: () => slot.api.verify(token),
        judge: () => judgeKeySet(seen, token, { ...slot.issuer, jwks: [] }, ORACLE),
        broken: () => (slot.strays.length > 0 ? `it fetched ${slot.strays.splice(0).join(', ')}` : undefined),
      }
    },
    *simpler(recipe) {
      const { fails, ...rest } = recipe
      if (fails) yield rest
      if (recipe.status !== 200) yield { ...recipe, status: 200 }
      if (recipe.contentType !== ANSWER_TYPES[0]) yield { ...recipe, contentType: ANSWER_TYPES[0] ?? '' }
      for (const body of withoutMembers(recipe.body)) yield { ...recipe, body }
      for (const body of fewerKeys(recipe.body)) yield { ...recipe, body }
      for (const body of shorter(recipe.body)) yield { ...recipe, body }
    },
  }
}

/** Makes up a key set, and names the token that meets it. */
export function generateKeySet(random: Random): KeySetRecipe {
  const token = random.oneIn(6) ? random.pick(TOKENS) : random.pick(['a-es', 'a-ed', 'c-ed', 'd-es-2'] as const)
  const keys = ISSUERS.find(({ keys: own }) => own.includes(token))?.keys ?? [token]
  const written = [...keys].filter((name) => name === token || !random.oneIn(3)).map((name) => key(name, random))
  if (random.oneIn(3)) written.splice(random.below(written.length + 1), 0, key(random.pick(OTHERS), random))
  if (random.oneIn(4)) written.splice(random.below(written.length + 1), 0, oddKey(random))
  const plain = `{"keys":[${written.join(',')}]}`
  return {
    token,
    status: random.oneIn(25) ? random.pick([201, 204, 301, 304, 400, 404, 429, 500, 503]) : 200,
    contentType: random.oneIn(10) ? random.pick(ANSWER_TYPES) : 'application/json',
    body: random.oneIn(10) ? oddSet(plain, random) : plain,
    ...(random.oneIn(60) && { fails: random.pick(['fetch', 'fetch-odd', 'body'] as const) }),
  }
}

function key(name: KeyName, random: Random): string {
  const jwk: Record<string, unknown> = random.oneIn(20) ? { ...TEST_KEYS[name] } : { ...publicJwk(name) }
  return random.oneIn(3) ? JSON.stringify(jwk) : mutateObject(jwk, MEMBERS, random)
}

function oddKey(random: Random): string {
  const odd = ['null', '1', '""', '[]', '{}', 'true', '{"kty":"oct","k":"AAAA"}', JSON.stringify(WEAK_RSA)]
  return random.pick([...odd, `{"kty":"OKP","crv":"Ed25519","kid":"ed","x":"${'A'.repeat(43)}"}`])
}

function oddSet(plain: string, random: Random): string {
  const odd = ['', '{}', '[]', 'null', '{"keys":[]}', '{"keys":{}}', '{"keys":null}', '{"keys":"a"}', '{"keys":[null]}']
  const large = [`${' '.repeat(512 * 1024)}${plain}`, `{"keys":[${'{},'.repeat(2_000)}{}]}`]
  if (random.oneIn(30)) return random.pick(large)
  return random.oneIn(2) ? random.pick([...odd, '<html>', `\xef\xbb\xbf${plain}`]) : mutateText(plain, random)
}

/** The set with a key left out, and with members of keys left out. */
function* fewerKeys(body: string): Iterable<string> {
  const inner = /^\{"keys":\[(.*)\]\}$/s.exec(body)?.[1]
  if (inner === undefined) return
  const keys = inner.split(/(?<=\}),(?=\{)/)
  for (const left of keys) yield `{"keys":[${keys.filter((each) => each !== left).join(',')}]}`
  for (const [index, each] of keys.entries()) {
    for (const fewer of withoutMembers(each)) yield `{"keys":[${keys.with(index, fewer).join(',')}]}`
  }
}
