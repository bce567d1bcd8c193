import { ASYMMETRIC_ALGORITHMS } from '../../src/jws/algorithms.ts'
import { BearwardError } from '../../src/errors.ts'
import { snapshotOf, usableKeys } from '../../src/stages/issuer/usable-keys.ts'
import { decodeBase64url } from '../../src/parse/base64url.ts'
import { parseStrictObject } from '../../src/parse/json.ts'
import type { Issuer, JwtClaims, KeySource, Unverified, UnverifiedJwt } from '../../src/pipeline.ts'
import { requireAlgorithm, verifySignature } from '../../src/jws/signature.ts'

/**
 * Checks a compact JWS by bearward's own base64url, key selection and signature check, and by nothing else: the payloads of
 * published examples are no claims sets, so that the whole pipeline refuses them before it looks at a key.
 *
 * Returns `'verified'`, the code of the refusal, or what is wrong with the string.
 */
export async function verifyJws(token: string, jwks: unknown): Promise<string> {
  const parts = token.split('.')
  const [header64, payload64, signature64] = parts
  if (parts.length !== 3 || header64 === undefined || payload64 === undefined || signature64 === undefined) {
    return 'not three parts'
  }
  const headerBytes = decodeBase64url(header64)
  const header = headerBytes && parseStrictObject(headerBytes)
  const payload = decodeBase64url(payload64)
  const signature = decodeBase64url(signature64)
  if (!header || !payload || !signature) return 'not strict base64url over strict JSON'
  const { alg, kid } = header
  if (typeof alg !== 'string' || (kid !== undefined && typeof kid !== 'string')) return 'no usable header'

  const jwt: UnverifiedJwt = {
    kind: 'jwt',
    token,
    algorithm: alg as Unverified<string>,
    keyId: kid as Unverified<string> | undefined,
    type: undefined,
    issuer: 'https://vectors.example' as Unverified<string>,
    weight: 0,
    claims: {} as Unverified<JwtClaims>,
    signingInput: new TextEncoder().encode(`${header64}.${payload64}`),
    signature,
  }
  try {
    const issuer = await issuerOf(jwks)
    await requireAlgorithm(jwt, issuer)
    await verifySignature(jwt, issuer, {})
    return 'verified'
  } catch (error) {
    if (error instanceof BearwardError) return error.code
    throw error
  }
}

async function issuerOf(jwks: unknown): Promise<Issuer> {
  const algorithms = new Set(ASYMMETRIC_ALGORITHMS)
  const snapshot = snapshotOf((await usableKeys(jwks, algorithms, new Map())).keys)
  const keys: KeySource = {
    current: async () => snapshot,
    renewed: async () => undefined,
    stillHolds: () => true,
    failing: () => undefined,
  }
  const identifier = 'https://vectors.example'
  return {
    identifier,
    audience: null,
    clients: undefined,
    algorithms,
    profile: 'compatible',
    sources: '',
    local: false,
    keys,
    verifiesJwts: true,
    introspection: undefined,
    metadata: async () => ({}),
  }
}
