import type { Algorithm, KeySet } from '../tokens.ts'

export const ALL = ['RS256', 'PS256', 'ES256', 'EdDSA'] as const satisfies readonly Algorithm[]

export interface Setup {
  readonly issuer: string
  readonly jwksUri: string
  /** What is at `jwksUri`, for those who cannot fetch over plain http. */
  readonly jwks: KeySet
  readonly algorithm: Algorithm
  /** Whether verified tokens may be remembered, by those who can. */
  readonly remembers: boolean
}

/** Resolves for a token that is good and has the scope; throws or rejects for every other. */
export type TokenCheck = (token: string) => unknown

/** A library, set up to do the same work as all the others: signature, `iss`, `aud`, `exp`, `typ` and one scope. */
export interface Contender {
  readonly name: string
  readonly packages: readonly string[]
  /** What it can verify; it is left out of the others. */
  readonly algorithms: readonly Algorithm[]
  /** It verifies on the calling thread, and the event loop stands still meanwhile. */
  readonly blocks?: boolean
  /** It can remember verified tokens. */
  readonly canRemember?: boolean
  readonly create: (setup: Setup) => TokenCheck | Promise<TokenCheck>
}

/** For libraries that leave scopes to their users. */
export function requireScope(claims: object, needed: string): void {
  const { scope } = claims as { readonly scope?: unknown }
  if (typeof scope !== 'string' || !scope.split(' ').includes(needed)) throw new Error('the scope is missing')
}

/** For libraries that leave `typ` to their users. */
export function requireType(header: { readonly typ?: unknown } | undefined): void {
  if (header?.typ !== 'at+jwt') throw new Error('the token is of another type')
}
