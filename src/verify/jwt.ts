import { readAccessToken, requireTimely } from '../access-token.ts'
import type { CallContext, Issuer, JwtClaims, UnverifiedJwt, VerifiedToken } from '../pipeline.ts'
import type { StandardSchemaV1 } from '../standard-schema.ts'
import { requireRecipient, withSchema } from '../acceptance.ts'
import { requireProfile, requireTokenType } from './profile.ts'
import { requireAlgorithm, verifySignature } from '../signature.ts'

export interface VerifySettings {
  readonly clockToleranceSeconds: number
  readonly claims: StandardSchemaV1 | undefined
  readonly expandScopes: (granted: readonly string[]) => readonly string[]
  readonly now: () => number
}

/**
 * Verifies a JWT access token locally: first what its header alone can refuse, then the signature, then the claims.
 *
 * @throws {BearwardError} token_type_wrong, algorithm_refused, key_unknown, signature_invalid, claim_missing, claim_invalid,
 *   token_expired, token_not_yet_valid, audience_mismatch, client_refused, issuer_unavailable
 * @see RFC 9068 §4
 */
export async function verifyJwt<Claims>(
  jwt: UnverifiedJwt,
  issuer: Issuer,
  settings: VerifySettings,
  context: CallContext,
): Promise<VerifiedToken<Claims>> {
  requireAlgorithm(jwt, issuer)
  requireTokenType(jwt, issuer)
  const key = await verifySignature(jwt, issuer, context)

  const claims: JwtClaims = jwt.claims
  const now = settings.now()
  requireProfile(claims, issuer)
  const origin = { format: 'jwt', issuer: issuer.identifier } as const
  const { accessToken, notBeforeSeconds } = readAccessToken(claims, origin, settings.expandScopes, now)
  requireTimely(accessToken, notBeforeSeconds, now, settings.clockToleranceSeconds)
  requireRecipient(accessToken, issuer)
  return { accessToken: await withSchema<Claims>(accessToken, settings.claims), notBeforeSeconds, key }
}
