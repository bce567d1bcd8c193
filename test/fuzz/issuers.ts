import type { TrustedIssuer } from '../../src/entry-points/index.ts'
import { type KeyName, publicJwk } from './keys.ts'

/** The frozen moment of every case, in seconds: 2026-01-01T00:00:00Z. */
export const NOW: number = Date.UTC(2026, 0, 1) / 1000
export const TOLERANCE_SECONDS = 10
export const RESOURCE = 'https://api.example.com'

/** An issuer as both the code under test and the oracle are told of it. */
export interface FuzzedIssuer {
  readonly identifier: string
  readonly profile: 'rfc9068' | 'compatible'
  /** `null`: `aud` is not checked. */
  readonly audience: readonly string[] | null
  readonly clients?: readonly string[]
  readonly algorithms?: readonly string[]
  readonly keys: readonly KeyName[]
}

// Kids are shared across issuers and within one, so that a key of the wrong issuer would be found if it were looked for.
export const ISSUERS: readonly FuzzedIssuer[] = [
  {
    identifier: 'https://login.example.com',
    profile: 'rfc9068',
    audience: [RESOURCE],
    keys: ['a-es', 'a-ed', 'a-rs'],
  },
  {
    identifier: 'https://sts.example.net/tenant/',
    profile: 'compatible',
    audience: ['api://orders', RESOURCE],
    keys: ['b-es', 'b-rs'],
  },
  {
    identifier: 'https://pool.example.org/c',
    profile: 'compatible',
    audience: null,
    clients: ['client-1', 'app-2'],
    keys: ['c-ed'],
  },
  {
    identifier: 'https://twins.example.com',
    profile: 'rfc9068',
    audience: ['urn:twins'],
    algorithms: ['ES256'],
    keys: ['d-es-1', 'd-es-2'],
  },
]

/** The same as options of a resource server. */
export function asTrusted({ identifier, profile, audience, clients, algorithms, keys }: FuzzedIssuer): TrustedIssuer {
  return {
    issuer: identifier,
    audience,
    ...(clients && { clients }),
    jwt: { profile, jwks: { keys: keys.map(publicJwk) }, ...(algorithms && { algorithms }) },
  }
}

/** Claims that every issuer's profile accepts. */
export function goodClaims({ identifier, audience }: FuzzedIssuer): Record<string, unknown> {
  return {
    iss: identifier,
    aud: audience?.[0] ?? 'whatever',
    sub: 'user-1',
    client_id: 'client-1',
    jti: 'token-1',
    iat: NOW - 600,
    exp: NOW + 300,
    scope: 'orders:read orders:write',
  }
}
