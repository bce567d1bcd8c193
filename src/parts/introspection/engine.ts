import { BearwardError } from '../../errors.ts'
import { isA } from '../../faults.ts'
import type { Engine, Services } from '../../parts.ts'
import type { AccessToken, CallContext, Issuer } from '../../pipeline.ts'
import { requireTimely } from '../../token/access-token.ts'
import { commonScopes } from '../../token/scopes.ts'
import type { Verdict } from '../../upstream/verdict-cache.ts'
import { requireAgreement } from './answer.ts'
import type { AskedIssuer } from './asked-issuer.ts'
import { createInquiry } from './inquiry.ts'
import { createShapedClaims } from './shaped-claims.ts'

/** Asks issuers about tokens and caches their answers; one for all issuers of a server, so that the answers share one bound. */
export interface IntrospectionEngine extends Engine {
  /**
   * The access token that the issuer makes of a token which is not verified here.
   * @throws {BearwardError} token_inactive, token_type_wrong, issuer_untrusted, audience_mismatch, client_refused,
   *   claim_invalid, binding_mismatch, token_expired, token_not_yet_valid, issuer_unavailable
   */
  readonly introspect: <Claims>(token: string, asked: AskedIssuer, context: CallContext) => Promise<AccessToken<Claims>>
  /**
   * Asks whether a JWT that was verified here is active still. A binding counts from either side.
   * @throws {BearwardError} as `introspect`
   */
  readonly confirm: <Claims>(
    token: string,
    jwt: AccessToken<Claims>,
    asked: AskedIssuer,
    context: CallContext,
  ) => Promise<AccessToken<Claims>>
  /** Drops an issuer's answers about a token from the shared tiers too. */
  readonly forgetEverywhere: (token: string, asked: AskedIssuer) => Promise<void>
}

export function createIntrospectionEngine(services: Services): IntrospectionEngine {
  const { now, emit, clockToleranceSeconds } = services
  const claims = createShapedClaims(services.claims)
  const inquiry = createInquiry(services, claims.conceal)

  /** @throws {BearwardError} what the verdict refuses with; token_expired, token_not_yet_valid */
  function accept({ accepted, refused }: Verdict): AccessToken {
    if (!accepted) throw refused ?? new BearwardError('token_inactive', 'the token is not active')
    requireTimely(accepted.accessToken, accepted.notBeforeSeconds, now(), clockToleranceSeconds)
    return accepted.accessToken
  }

  function agree(jwt: AccessToken<unknown>, answer: AccessToken, issuer: Issuer): void {
    try {
      requireAgreement(jwt, answer, issuer)
    } catch (fault) {
      const detail = isA(fault, BearwardError) ? fault.detail : ''
      emit({ type: 'introspection_failed', issuer: issuer.identifier, detail, outage: false })
      throw fault
    }
  }

  return {
    async introspect<Claims>(token: string, asked: AskedIssuer, context: CallContext) {
      return claims.shape<Claims>(accept(await inquiry.verdictOn(token, 'introspect', asked, context)), token)
    },

    async confirm(token, jwt, asked, context) {
      const answer = accept(await inquiry.verdictOn(token, 'confirm', asked, context))
      agree(jwt, answer, asked.issuer)
      return narrow(jwt, answer)
    },

    forget: inquiry.forget,
    forgetAll: inquiry.forgetAll,
    forgetEverywhere: inquiry.forgetEverywhere,
    stop: inquiry.stop,
  }
}

/** The JWT without the scopes that the issuer took back since it signed the token, and with the bindings of either side. */
function narrow<Claims>(jwt: AccessToken<Claims>, answer: AccessToken): AccessToken<Claims> {
  const scopes = hasScopes(answer) ? commonScopes(jwt.scopes, answer.scopes) : jwt.scopes
  if (!answer.confirmation && scopes.length === jwt.scopes.length) return jwt
  const confirmation = answer.confirmation && Object.freeze({ ...jwt.confirmation, ...answer.confirmation })
  return Object.freeze({ ...jwt, scopes: Object.freeze(scopes), ...(confirmation && { confirmation }) })
}

function hasScopes({ claims }: AccessToken): boolean {
  return (claims['scope'] ?? claims['scp'] ?? undefined) !== undefined
}
