// Keys and tokens. Every token is kept as bytes and becomes a new, flat string for each operation, as it would out of a socket:
// a string that was used before has its hash at hand, and a concatenated one has to be flattened first.

import { Buffer } from 'node:buffer'

export const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'] as const
export type Algorithm = (typeof ALGORITHMS)[number]

export const RESOURCE = 'https://api.example.com'
export const SCOPE = 'orders:read'
export const KEY_ID = 'bench-2026-11'

const RSA = { modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }

const PARAMETERS: Record<Algorithm, { generate: object; use: AlgorithmIdentifier | RsaPssParams | EcdsaParams }> = {
  RS256: { generate: { name: 'RSASSA-PKCS1-v1_5', ...RSA }, use: 'RSASSA-PKCS1-v1_5' },
  PS256: { generate: { name: 'RSA-PSS', ...RSA }, use: { name: 'RSA-PSS', saltLength: 32 } },
  ES256: { generate: { name: 'ECDSA', namedCurve: 'P-256' }, use: { name: 'ECDSA', hash: 'SHA-256' } },
  EdDSA: { generate: { name: 'Ed25519' }, use: 'Ed25519' },
}

export interface PublicJwk extends JsonWebKey {
  readonly kid: string
}

export interface KeySet {
  readonly keys: PublicJwk[]
}

export interface SigningKey {
  readonly algorithm: Algorithm
  readonly pair: CryptoKeyPair
  readonly jwk: PublicJwk
}

export function verifyParameters(algorithm: Algorithm): AlgorithmIdentifier | RsaPssParams | EcdsaParams {
  return PARAMETERS[algorithm].use
}

export async function createSigningKey(algorithm: Algorithm, kid = KEY_ID): Promise<SigningKey> {
  const { generate } = PARAMETERS[algorithm]
  const pair = await crypto.subtle.generateKey(generate as EcKeyGenParams, true, ['sign', 'verify'])
  const { kty, n, e, crv, x, y } = await crypto.subtle.exportKey('jwk', pair.publicKey)
  // Only what a published key has: no key_ops, no ext. `JSON` leaves out what is undefined.
  const jwk = JSON.parse(JSON.stringify({ kty, n, e, crv, x, y, kid, alg: algorithm, use: 'sig' })) as PublicJwk
  return { algorithm, pair, jwk }
}

/** The claims of an access token by RFC 9068: twelve, and with RS256 about 900 bytes on the wire. */
export function claimsFor(issuer: string, index: number): Record<string, unknown> {
  const now = Math.floor(Date.now() / 1000)
  return {
    iss: issuer,
    sub: `user-${String(index).padStart(8, '0')}`,
    aud: RESOURCE,
    iat: now,
    exp: now + 7_200,
    jti: crypto.randomUUID(),
    client_id: 'web-shop-frontend',
    scope: 'openid profile orders:read orders:write',
    auth_time: now - 60,
    acr: 'urn:example:loa:2',
    amr: ['pwd', 'otp'],
    roles: ['customer', 'newsletter', 'beta'],
  }
}

export async function signToken(
  key: SigningKey,
  claims: Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>> = {},
): Promise<Uint8Array> {
  const head = { alg: key.algorithm, typ: 'at+jwt', kid: key.jwk.kid, ...header }
  const input = [head, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  const bytes = new TextEncoder().encode(input)
  const signature = await crypto.subtle.sign(PARAMETERS[key.algorithm].use, key.pair.privateKey, bytes)
  return new TextEncoder().encode(`${input}.${Buffer.from(signature).toString('base64url')}`)
}

/** Signs many tokens, no two of which are the same. */
export async function signTokens(
  key: SigningKey,
  count: number,
  claims: (index: number) => Record<string, unknown>,
): Promise<Uint8Array[]> {
  const tokens: Uint8Array[] = []
  // In portions: a hundred thousand promises at once would only stand in each other's way.
  for (let from = 0; from < count; from += 500) {
    const indices = Array.from({ length: Math.min(500, count - from) }, (_, offset) => from + offset)
    tokens.push(...(await Promise.all(indices.map((index) => signToken(key, claims(index))))))
  }
  return tokens
}

/** Hands out tokens in turn, each time as strings that nobody has seen. */
export function createSupply(tokens: readonly Uint8Array[]): (count: number) => string[] {
  let next = 0
  return (count) => Array.from({ length: count }, () => freshString(tokens[next++ % tokens.length] as Uint8Array))
}

export function freshString(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
