import {
  type CacheTier,
  createResourceServer,
  type ResourceServer,
  sharedTiers,
} from '../../../src/entry-points/index.ts'
import { BASES, makeToken } from '../compact.ts'
import { base64urlOf, binaryOfBytes, bytesOf } from '../bytes.ts'
import { type FuzzedIssuer, NOW } from '../issuers.ts'
import { mutateObject, mutateText, type Vocabulary } from '../json-text.ts'
import type { KeyName } from '../keys.ts'
import { judgeTierEntry } from '../oracle/tier.ts'
import { refuse } from '../oracle/token.ts'
import { ORACLE } from '../oracle-settings.ts'
import type { Random } from '../random.ts'
import { shorter, withoutMembers } from '../shrink.ts'
import { COMMON_OPTIONS, type Subject, type Tamper } from '../subject.ts'
import { generateKeySet } from './key-sets.ts'

/** What a shared tier says of an issuer's keys while the issuer is down. */
export interface TierRecipe {
  readonly token: KeyName
  /** The entry as JSON, in a binary string. */
  readonly entry: string
  /** How it is sealed; the configuration asks for a seal wherever there is one. */
  readonly seal?: Seal
}

interface Seal {
  readonly fault: 'none' | 'none at all' | 'another name' | 'another secret' | 'cut' | 'changed'
  /** Where it is cut or changed. */
  readonly at: number
}

const FAULTS: readonly Seal['fault'][] = [
  'none',
  'none',
  'none at all',
  'another name',
  'another secret',
  'cut',
  'changed',
]
const NOW_MS = NOW * 1000
const DAY_MS = 86_400_000
const SECRET = new Uint8Array(32).fill(1)
const encoder = new TextEncoder()
// With the mark kept, as JSON.parse would have it.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const DATA = '"@"'
const MEMBERS: Vocabulary = {
  fitting: [
    ...[-1, 0, 1, 60_000, -DAY_MS + 1].map((offset) => ['originMs', NOW_MS + offset] as const),
    ...[1, DAY_MS, 2 ** 53 - 1 - NOW_MS].map((offset) => ['expiresMs', NOW_MS + offset] as const),
    ['v', 1],
  ],
  names: ['originMs', 'expiresMs', 'data', 'originMs', 'expiresMs', 'document', 'keys'],
  values: [null, '', `${NOW_MS}`, 0, -1, true, [], {}, [NOW_MS], 2 ** 53 - 1, 2 ** 53, -(2 ** 53), 1e300, 0.5],
  edges: [60_000, 60_001, 0, 1, -DAY_MS, 1 - DAY_MS, -DAY_MS - 1, DAY_MS].map((offset) => NOW_MS + offset),
}

/** Entries of a shared tier, under tokens that are good. */
export function createTiersSubject(tamper: Tamper): Subject<TierRecipe> {
  const tokens = new Map<KeyName, Promise<string>>()

  function tokenFor(name: KeyName): Promise<string> {
    const base = BASES.get(name)
    if (!base) throw new Error(`no token ${name}`)
    const token = tokens.get(name) ?? makeToken(base)
    tokens.set(name, token)
    return token
  }

  return {
    name: 'tiers',
    share: 3,
    generate: generateEntry,
    async prepare(recipe) {
      const { issuer } = BASES.get(recipe.token) as { issuer: FuzzedIssuer }
      const token = await tokenFor(recipe.token)
      const text = decoder.decode(bytesOf(recipe.entry))
      const api = tamper(serverOf(issuer, recipe.seal, text))
      return {
        attempt: () => api.verify(token),
        judge: () =>
          recipe.seal && recipe.seal.fault !== 'none'
            ? refuse('issuer_unavailable')
            : judgeTierEntry(text, token, { ...issuer, jwks: [] }, { ...ORACLE, nowMs: NOW_MS }),
        ended: () => api.close(),
      }
    },
    *simpler(recipe) {
      const { seal, ...plain } = recipe
      if (seal?.fault === 'none') yield plain
      for (const entry of withoutMembers(recipe.entry)) yield { ...recipe, entry }
      for (const entry of shorter(recipe.entry)) yield { ...recipe, entry }
    },
  }
}

function serverOf(issuer: FuzzedIssuer, seal: Seal | undefined, text: string): ResourceServer {
  const tier: CacheTier = {
    name: 'fuzzed',
    get: async (name) => (seal ? sealed(name, text, seal) : text),
    put: async () => {},
    delete: async () => {},
  }
  const { identifier, profile, audience, clients, algorithms } = issuer
  return createResourceServer({
    ...COMMON_OPTIONS,
    issuers: [
      {
        issuer: identifier,
        audience,
        ...(clients && { clients }),
        jwt: { profile, jwksUri: 'https://keys.example.com/jwks', ...(algorithms && { algorithms }) },
      },
    ],
    tiers: sharedTiers([tier], { ...(seal && { encryption: [{ id: 'k', secret: SECRET }] }) }),
    fetch: () => Promise.reject(new TypeError('the issuer is down')),
  })
}

/** Seals as docs/caching.md says, written apart from the code under test. */
async function sealed(name: string, text: string, { fault, at }: Seal): Promise<string> {
  if (fault === 'none at all') return text
  const iv = crypto.getRandomValues(new Uint8Array(12))
  const secret = fault === 'another secret' ? new Uint8Array(32).fill(2) : SECRET
  const additionalData = encoder.encode(fault === 'another name' ? `${name}x` : name)
  const key = await crypto.subtle.importKey('raw', secret, 'AES-GCM', false, ['encrypt'])
  const bytes = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData }, key, encoder.encode(text))
  const whole = ['k', base64urlOf(binaryOfBytes(iv)), base64urlOf(binaryOfBytes(new Uint8Array(bytes)))].join('.')
  const place = at % whole.length
  if (fault === 'cut') return whole.slice(0, place)
  if (fault !== 'changed') return whole
  return whole.slice(0, place) + (whole[place] === 'A' ? 'B' : 'A') + whole.slice(place + 1)
}

function generateEntry(random: Random): TierRecipe {
  const { token, body } = generateKeySet(random)
  // What size alone refuses is no mutation.
  const isOdd = body.length > 65_536 || random.oneIn(12)
  const document = isOdd ? random.pick(['null', '[]', '1', '{}', '""']) : body
  const data = `{"document":${document},"maxAgeSeconds":${random.pick(['600', 'null', '-1', '1e999', '"1"', '0'])}}`
  const members = {
    originMs: NOW_MS - random.below(2 * DAY_MS),
    expiresMs: NOW_MS + 1 + random.below(DAY_MS),
    data: '@',
  }
  const outer = random.oneIn(3) ? JSON.stringify(members) : mutateObject(members, MEMBERS, random)
  const entry = outer.replace(DATA, () => data)
  return {
    token,
    entry: random.oneIn(12) ? mutateText(entry, random) : entry,
    ...(random.oneIn(3) && { seal: { fault: random.pick(FAULTS), at: random.below(100_000) } }),
  }
}
