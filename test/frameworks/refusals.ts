import { goodClaims, NOW, signingKey, signToken } from '../fixture/issuer.ts'
import { loopbackIssuer } from '../fixture/loopback-issuer.ts'

/** Refusals of each status that a client gets. */
export const refusals = [
  { code: 'credentials_missing', status: 401 },
  { code: 'token_expired', status: 401 },
  { code: 'scope_insufficient', status: 403 },
  { code: 'issuer_unavailable', status: 503 },
] as const

export type RefusalCode = (typeof refusals)[number]['code']

/** Two issuers with the same keys; the second one is down. */
export interface Issuers {
  readonly identifiers: readonly [up: string, down: string]
  /** A token that is accepted. */
  readonly goodToken: () => Promise<string>
  /** What brings the refusal about: a token, or none. */
  readonly badToken: (code: RefusalCode) => Promise<string | undefined>
  readonly stop: () => Promise<void>
}

export async function startIssuers(): Promise<Issuers> {
  const keys = [(await signingKey()).jwk]
  const [up, down] = await Promise.all([loopbackIssuer(keys), loopbackIssuer(keys)])
  await down.stop()
  const sign = (changes: Record<string, unknown> = {}): Promise<string> =>
    signToken(goodClaims({ iss: up.issuer, ...changes }))

  return {
    identifiers: [up.issuer, down.issuer],
    goodToken: () => sign(),
    async badToken(code) {
      if (code === 'token_expired') return sign({ iat: NOW - 400, exp: NOW - 60 })
      if (code === 'scope_insufficient') return sign({ scope: 'orders:write' })
      if (code === 'issuer_unavailable') return sign({ iss: down.issuer })
      return undefined
    },
    stop: up.stop,
  }
}
