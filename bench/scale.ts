// How a check's cost grows: with the issuers that are trusted, with the keys of a set, with the tokens remembered, with the claims.

import { createResourceServer, scope } from '../dist/index.js'
import { type Entry, measureRounds, type Rounds, timeInTurn } from './measure.ts'
import { claimsFor, createSigningKey, createSupply, RESOURCE, SCOPE, type SigningKey, signTokens } from './tokens.ts'

export interface Curve {
  readonly name: string
  readonly unit: string
  /** Nanoseconds a check, by the figure on the axis and round. */
  readonly rounds: Rounds
}

export interface ScaleOptions {
  readonly rounds: number
  readonly batch: number
}

const ISSUER = 'https://login.example.com'
const TOKENS = 500
const needed = scope(SCOPE)

type ResourceOptions = Parameters<typeof createResourceServer>[0]

/**
 * RS256: its verification is the cheapest of all, so that whatever grows beside it shows most. With one issuer in use only the
 * number of trusted ones grows; with fifty the processor has fifty keys to keep at hand as well.
 */
export async function measureIssuers(
  options: ScaleOptions,
  inUse: 1 | 50,
  counts: readonly number[] = [1, 100, 10_000],
): Promise<Curve> {
  const key = await createSigningKey('RS256')
  const entries: Entry[] = []
  for (const count of counts) {
    const issuers = Array.from({ length: count }, (_, index) => `${ISSUER}/${index}`)
    // Those whose tokens come stand all over the list.
    const active = Array.from(
      { length: Math.min(inUse, count) },
      (_, index) => issuers[Math.floor(((index + 0.5) * count) / inUse)] ?? `${ISSUER}/0`,
    )
    const tokens = await signTokens(key, TOKENS, (index) => claimsFor(active[index % active.length] ?? ISSUER, index))
    const trusted = issuers.map((issuer) => ({ issuer, jwt: { jwks: { keys: [key.jwk] } } }))
    entries.push(
      await entry(String(count), { resource: RESOURCE, issuers: trusted, tokenCache: false }, tokens, options),
    )
  }
  return {
    name: `a fresh RS256 token by trusted issuers, ${inUse === 1 ? 'one of them' : 'up to fifty of them'} in use`,
    unit: inUse === 1 ? 'issuers' : 'issuers, 50 in use',
    rounds: await measureRounds(entries, options.rounds),
  }
}

export async function measureKeys(options: ScaleOptions, counts: readonly number[] = [1, 100]): Promise<Curve> {
  const pairs: SigningKey[] = []
  // Ten keys under many names: making a hundred takes ten seconds, and a name is all that they are told apart by.
  for (let index = 0; index < 10; index++) pairs.push(await createSigningKey('RS256'))
  const keys = Array.from({ length: Math.max(...counts) }, (_, index) => renamed(pairs[index % 10]!, `key-${index}`))
  const entries: Entry[] = []
  for (const count of counts) {
    const key = keys[count - 1] as SigningKey
    const tokens = await signTokens(key, TOKENS, (index) => claimsFor(ISSUER, index))
    const jwks = { keys: keys.slice(0, count).map(({ jwk }) => jwk) }
    const issuers = [{ issuer: ISSUER, jwt: { jwks } }]
    entries.push(await entry(String(count), { resource: RESOURCE, issuers, tokenCache: false }, tokens, options))
  }
  return {
    name: 'a fresh RS256 token by keys in the set',
    unit: 'keys',
    rounds: await measureRounds(entries, options.rounds),
  }
}

function renamed(key: SigningKey, kid: string): SigningKey {
  return { ...key, jwk: { ...key.jwk, kid } }
}

/** Tokens that are remembered, each asked about in turn. Ed25519, as nothing else is signed as fast. */
export async function measureRemembered(
  options: ScaleOptions,
  counts: readonly number[] = [10, 100, 1_000, 10_000, 100_000],
): Promise<Curve> {
  const key = await createSigningKey('EdDSA')
  const all = await signTokens(key, Math.max(...counts), (index) => claimsFor(ISSUER, index))
  const entries: Entry[] = []
  for (const count of counts) {
    const tokens = all.slice(0, count)
    const settings: ResourceOptions = {
      resource: RESOURCE,
      issuers: [{ issuer: ISSUER, jwt: { jwks: { keys: [key.jwk] } } }],
      tokenCache: { max: count, maxBytes: 2 ** 30, maxAgeSeconds: 3_600 },
    }
    const known = await entry(String(count), settings, tokens, { ...options, batch: options.batch * 10 })
    entries.push(known)
  }
  return {
    name: 'a known token by remembered tokens',
    unit: 'tokens',
    rounds: await measureRounds(entries, options.rounds),
  }
}

export async function measureClaims(
  options: ScaleOptions,
  kind: 'fresh' | 'known',
  kilobytes: readonly number[] = [0.5, 1, 2, 4, 8, 16],
): Promise<Curve> {
  const key = await createSigningKey('RS256')
  const entries: Entry[] = []
  for (const size of kilobytes) {
    const tokens = await signTokens(key, kind === 'fresh' ? 200 : 100, (index) => claimsOfSize(index, size * 1024))
    const settings: ResourceOptions = {
      resource: RESOURCE,
      issuers: [{ issuer: ISSUER, jwt: { jwks: { keys: [key.jwk] } } }],
      maxTokenBytes: 65_536,
      tokenCache: kind === 'fresh' ? false : undefined,
    }
    entries.push(await entry(String(size), settings, tokens, options))
  }
  return {
    name: `a ${kind} RS256 token by its claims`,
    unit: 'KiB of claims',
    rounds: await measureRounds(entries, options.rounds),
  }
}

/** Claims of a given length as JSON: a list of entitlements makes up what is missing. */
function claimsOfSize(index: number, bytes: number): Record<string, unknown> {
  const claims = claimsFor(ISSUER, index)
  const missing = bytes - JSON.stringify(claims).length
  if (missing <= 0) return claims
  const entitlements = Array.from({ length: Math.ceil(missing / 32) }, (_, at) =>
    `urn:example:entitlement:${String(at)}`.padEnd(29, '0'),
  )
  return { ...claims, entitlements }
}

async function entry(
  name: string,
  settings: ResourceOptions,
  tokens: readonly Uint8Array[],
  { batch }: ScaleOptions,
): Promise<Entry> {
  const api = createResourceServer(settings)
  const check = async (token: string): Promise<void> => api.authorize(await api.verify(token), needed)
  const supply = createSupply(tokens)
  // Once all of them: keys are imported, and what may be remembered is.
  for (const token of supply(tokens.length)) await check(token)
  return { name, measure: () => timeInTurn(check, supply(batch)) }
}
