import { BearwardError } from '../../errors.ts'
import { isObject, type JsonObject } from '../../parse/json.ts'
import type { Issuer } from '../../pipeline.ts'
import { isVerifiable } from '../../jws/runtime-algorithms.ts'
import { verifySignature } from '../../jws/signature.ts'
import { readUnverifiedJwt } from '../../jws/unverified-jwt.ts'
import { UselessAnswer } from '../../upstream/faults.ts'
import type { UpstreamResponse } from '../../upstream/messages.ts'
import type { IntrospectionDialect } from './dialect.ts'
import { describeError, rfc7662 } from './dialects.ts'

const MEDIA_TYPE = 'application/token-introspection+jwt'
const ENCRYPTED =
  'its answer is encrypted, which is not read: register this client without `introspection_encrypted_response_alg`'
// An answer is made for one request. An older one was kept and sent again.
const MAX_AGE_SECONDS = 60

/** Asks for a signed answer. The body is read by `readSignedResponse`. @see RFC 9701 §4 */
export const rfc9701Request: IntrospectionDialect['request'] = (token, context) => {
  const request = rfc7662.request(token, context)
  request.headers.set('Accept', MEDIA_TYPE)
  return request
}

export interface SignedResponseSettings {
  /** The audiences that the answer may name: this resource, or the client that asked. */
  readonly audience: readonly string[]
  readonly nowMs: number
  readonly clockToleranceSeconds: number
}

/**
 * Verifies a signed answer and returns the answer in it. An unsigned answer is refused: an attacker that strips a signature can
 * forge the answer too.
 *
 * @throws {UselessAnswer}
 * @throws {BearwardError} issuer_unavailable, where the issuer's keys cannot be had
 * @see RFC 9701 §5
 */
export async function readSignedResponse(
  response: UpstreamResponse,
  issuer: Issuer,
  settings: SignedResponseSettings,
  signal: AbortSignal,
): Promise<JsonObject> {
  if (response.status !== 200) throw new UselessAnswer(describeError(response))
  const type = response.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== MEDIA_TYPE) throw new UselessAnswer('its answer is not signed (RFC 9701), as "signedResponse" demands')
  const text = new TextDecoder().decode(response.body)
  if (text.split('.', 6).length === 5) throw new UselessAnswer(ENCRYPTED)
  let payload: JsonObject
  try {
    const jwt = readUnverifiedJwt(text)
    if (jwt.type !== 'token-introspection+jwt') throw new UselessAnswer('its signed answer has another `typ`')
    if (!issuer.algorithms.has(jwt.algorithm) || !(await isVerifiable(jwt.algorithm)))
      throw new UselessAnswer('its signed answer uses an algorithm that is not accepted')
    if (jwt.issuer !== issuer.identifier) throw new UselessAnswer('its signed answer names another issuer')
    await verifySignature(jwt, issuer, { signal })
    payload = jwt.claims
  } catch (cause) {
    if (!(cause instanceof BearwardError) || cause.code === 'issuer_unavailable') throw cause
    // Only the code: the header and the claims of an unsigned answer may repeat the token.
    throw new UselessAnswer(`its signed answer is not valid (${cause.code})`)
  }
  requireRecipientAndFreshness(payload, settings)
  const answer = payload['token_introspection']
  if (!isObject(answer)) throw new UselessAnswer('its signed answer has no object `token_introspection`')
  return answer
}

function requireRecipientAndFreshness(
  { aud, iat }: JsonObject,
  { audience, nowMs, clockToleranceSeconds }: SignedResponseSettings,
): void {
  const named = typeof aud === 'string' ? [aud] : Array.isArray(aud) ? aud : []
  if (!named.some((each) => typeof each === 'string' && audience.includes(each))) {
    throw new UselessAnswer('its signed answer is meant for somebody else')
  }
  const age = typeof iat === 'number' ? nowMs / 1000 - iat : Number.NaN
  if (!(age <= MAX_AGE_SECONDS + clockToleranceSeconds && age >= -clockToleranceSeconds)) {
    throw new UselessAnswer('its signed answer is not fresh')
  }
}
