import { functionOf } from '../../options/checks.ts'
import type { TrustedIssuer } from '../../options/public.ts'
import type { ResolvedIssuers } from '../../parts.ts'
import type { CallContext } from '../../pipeline.ts'
import { createTenants } from './tenants.ts'

/**
 * Returns the issuer that a hint names, or `undefined` where it is not trusted. Called once per `iss`: an answer counts for ten
 * minutes, a refusal for ten seconds, and both caches are bounded. The answer's `issuer` must equal `iss`. For a token that
 * names no issuer the hint is `{ opaque: true }`, and the answer needs `introspection`.
 */
export type IssuerResolver = (
  hint: { readonly iss: string; readonly opaque?: undefined } | { readonly opaque: true; readonly iss?: undefined },
  context: CallContext,
) => TrustedIssuer | undefined | Promise<TrustedIssuer | undefined>

/**
 * Makes the part that finds the issuers of many tenants, for the option `issuers`. Answers are checked as strictly as listed
 * issuers. `iss` is unverified input: answer from a list of your own.
 *
 * @example
 * issuers: resolveIssuers(async ({ iss }) => (iss !== undefined && (await isTenant(iss)) ? { issuer: iss } : undefined))
 */
export function resolveIssuers(resolve: IssuerResolver): ResolvedIssuers {
  return {
    kind: 'issuers',
    check(option) {
      functionOf()(resolve, option)
      return { start: (stage) => createTenants(resolve, `${option}()`, stage) }
    },
  }
}
