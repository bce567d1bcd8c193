import { readAccessToken, type ReadToken, requireTimely } from '../../token/access-token.ts'
import type { AccessToken, CallContext, Issuer, UnverifiedJwt, VerifiedToken } from '../../pipeline.ts'
import type { ScopeReader } from '../../token/scopes.ts'
import type { StandardSchemaV1 } from '../../token/standard-schema.ts'
import { withSchema } from '../../token/claims-schema.ts'
import { requireRecipient } from '../../token/recipient.ts'
import { requireProfile, requireTokenType } from './profile.ts'
import { requireAlgorithm, verifySignature } from '../../jws/signature.ts'

export interface VerifySettings {
  readonly clockToleranceSeconds: number
  readonly claims: StandardSchemaV1 | undefined
  readonly toScopes: ScopeReader
  readonly now: () => number
}

/**
 * Verifies a JWT access token locally: first its header, because that can refuse it at no cost, then the signature, then the claims.
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
  const algorithmKnown = requireAlgorithm(jwt, issuer)
  // Usually there is no promise, and the signature begins in the same turn.
  if (algorithmKnown) await algorithmKnown
  requireTokenType(jwt, issuer)
  const signer = verifySignature(jwt, issuer, context)
  // Another thread verifies the signature meanwhile, so the claims cost no time. Nothing counts before the signature is valid.
  const read = readClaims(jwt, issuer, settings)
  const key = await signer

  if ('refusal' in read) throw read.refusal
  const { accessToken, notBeforeSeconds } = read
  requireTimely(accessToken, notBeforeSeconds, settings.now(), settings.clockToleranceSeconds)
  requireRecipient(accessToken, issuer)
  if (!settings.claims) return { accessToken: accessToken as AccessToken<Claims>, notBeforeSeconds, key }
  return { accessToken: await withSchema<Claims>(accessToken, settings.claims), notBeforeSeconds, key }
}

/** Reads the claims, or why they are refused. */
function readClaims(
  jwt: UnverifiedJwt,
  issuer: Issuer,
  { toScopes, now }: VerifySettings,
): ReadToken | { readonly refusal: unknown } {
  try {
    requireProfile(jwt, issuer)
    return readAccessToken(jwt.claims, { format: 'jwt', issuer: issuer.identifier }, toScopes, now())
  } catch (refusal) {
    return { refusal }
  }
}
