// The rows of the comparison, for Node and Workers alike: no `node:` module may be imported here.

import type { Algorithm } from '../tokens.ts'
import type { Build } from './builds.ts'

/** `known` and `fresh` tokens are accepted, the other kinds refused; `none` is a request without a token. */
export type Kind = 'known' | 'fresh' | 'signature' | 'expired' | 'none'

export interface Row {
  readonly name: string
  readonly kind: Kind
  readonly algorithm: Algorithm
  readonly atOnce: 1 | 64
}

export const rows: readonly Row[] = [
  { name: 'known RS256 token', kind: 'known', algorithm: 'RS256', atOnce: 1 },
  { name: 'fresh RS256 token', kind: 'fresh', algorithm: 'RS256', atOnce: 1 },
  { name: 'fresh RS256 token, 64 at once', kind: 'fresh', algorithm: 'RS256', atOnce: 64 },
  { name: 'fresh ES256 token', kind: 'fresh', algorithm: 'ES256', atOnce: 1 },
  { name: 'fresh ES256 token, 64 at once', kind: 'fresh', algorithm: 'ES256', atOnce: 64 },
  { name: 'bad RS256 signature, 64 at once', kind: 'signature', algorithm: 'RS256', atOnce: 64 },
  { name: 'expired RS256 token, 64 at once', kind: 'expired', algorithm: 'RS256', atOnce: 64 },
  { name: 'no token', kind: 'none', algorithm: 'RS256', atOnce: 1 },
]

const REFUSALS: Readonly<Partial<Record<Kind, string>>> = {
  signature: 'signature_invalid',
  expired: 'token_expired',
  none: 'credentials_missing',
}

/** Whether a kind's tokens are good. Only then the negative controls apply: the other checks expect a refusal. */
export function isAccepted(kind: Kind): boolean {
  return REFUSALS[kind] === undefined
}

export interface Terms {
  readonly kind: Kind
  readonly issuer: string
  readonly resource: string
  readonly scope: string
}

/** Checks one token. Rejects where the outcome is not the one of its kind. The first call fetches the keys. */
export type RowCheck = (token: string) => Promise<void>

export function createCheck({ createResourceServer, scope }: Build, terms: Terms): RowCheck {
  const { kind, issuer, resource } = terms
  const api = createResourceServer({
    resource,
    issuers: [{ issuer }],
    tokenCache: kind === 'known' ? undefined : false,
    // A bad signature may fetch the keys anew once in an hour. That happens before the first round.
    keys: { cooldownSeconds: 3_600, refreshSeconds: 86_400 },
  })
  const requirement = scope(terms.scope)
  const refusal = REFUSALS[kind]
  if (refusal === undefined) return async (token) => api.authorize(await api.verify(token), requirement)
  if (kind === 'none') {
    return async () => {
      try {
        await api.authenticate({ method: 'GET', url: resource, headers: {} })
      } catch (error) {
        const { status } = api.challenge(error, { requirement })
        if (status !== 401) throw error
        return
      }
      throw new Error('a request without a token was let in')
    }
  }
  return async (token) => {
    try {
      await api.verify(token)
    } catch (error) {
      if ((error as { code?: unknown }).code !== refusal) throw error
      return
    }
    throw new Error(`a token was accepted that is to be refused: ${refusal}`)
  }
}
