import type { Introspection } from '../../parts.ts'
import type { Issuer } from '../../pipeline.ts'
import type { ClientAuthentication } from '../../upstream/client-authentication.ts'
import { type AskedIssuer, createAskedIssuer } from './asked-issuer.ts'
import type { IntrospectionDialect } from './dialect.ts'
import { ENDPOINT_MEMBER } from './endpoint.ts'
import { createIntrospectionEngine } from './engine.ts'
import { type IntrospectionSettings, parseIntrospection } from './options.ts'
import { hasPrefix, requireDistinctPrefixes } from './prefixes.ts'

/**
 * Makes the part that asks an issuer about its tokens, for the option `introspection` of that issuer. `createResourceServer` checks
 * the options.
 *
 * @see RFC 7662
 * @example
 * introspection: introspect({ auth: clientSecretBasic({ clientId, clientSecret }) })
 */
export function introspect(options: IntrospectOptions): Introspection {
  return {
    kind: 'introspection',
    check(option, { insecureHosts }) {
      const settings = parseIntrospection(options, option, insecureHosts)
      const { endpoint, prefixes, signedResponse, use } = settings
      return {
        prefixes,
        requireDistinct: requireDistinctPrefixes,
        needsKeys: signedResponse,
        needsMember: endpoint === undefined ? ENDPOINT_MEMBER : undefined,
        start(services) {
          const engine = services.engine(createIntrospectionEngine)
          const describe = describer(settings)
          return {
            use,
            accepts: (token) => hasPrefix(token, prefixes),
            introspect: (token, issuer, context) => engine.introspect(token, describe(issuer), context),
            confirm: (token, jwt, issuer, context) => engine.confirm(token, jwt, describe(issuer), context),
            forget: (token, issuer) => engine.forgetEverywhere(token, describe(issuer)),
          }
        },
      }
    },
  }
}

/** Describes an issuer once for all of its requests. */
function describer(settings: IntrospectionSettings): (issuer: Issuer) => AskedIssuer {
  let asked: AskedIssuer | undefined
  return (issuer) => {
    if (asked?.issuer !== issuer) asked = createAskedIssuer(issuer, settings)
    return asked
  }
}

/** How `introspect` asks an issuer about tokens. @see RFC 7662 */
export interface IntrospectOptions {
  /** Where to ask. Default: the dialect's address, else `introspection_endpoint` of the issuer's metadata. */
  readonly endpoint?: string | undefined
  /** How this API authenticates: `clientSecretBasic(…)` or a similar function, or `'none'`. */
  readonly auth: ClientAuthentication | 'none'
  /**
   * Default `'opaque'`: asks only about tokens that are not verified as JWTs. `'always'` also asks about JWTs that were verified
   * here, so that their revocation counts.
   */
  readonly use?: 'opaque' | 'always' | undefined
  /** The prefixes of this issuer's opaque tokens. Required where several issuers introspect. */
  readonly opaqueTokens?: { readonly prefixes: readonly string[] } | undefined
  /** Seconds for which an answer counts, never beyond the token's `exp`. Default 30, 0 to 3600; 0 asks every time. */
  readonly cacheSeconds?: number | undefined
  /** `'assumed'` accepts answers without `aud`, on purpose: for endpoints that answer for this resource only. */
  readonly audience?: 'assumed' | undefined
  /**
   * `'access-only'` states on purpose that this endpoint calls only access tokens active. It accepts answers that name neither a
   * checked audience nor the kind of the token. An answer that names another kind is still refused. Default: such answers are
   * refused, as they may be about refresh tokens.
   */
  readonly tokens?: 'access-only' | undefined
  /** Asks for signed answers, and accepts no others. Default false. @see RFC 9701 */
  readonly signedResponse?: boolean | undefined
  /** For an endpoint with another protocol than RFC 7662: `googleTokenInfo()`, `githubTokenCheck(…)` or one of your own. */
  readonly dialect?: IntrospectionDialect | undefined
  /** Milliseconds for one exchange. Default 3000, 100 to 30000. */
  readonly timeoutMs?: number | undefined
  /** Most exchanges at once; four times as many may wait. Default 50, 1 to 10000. */
  readonly maxConcurrent?: number | undefined
  /**
   * Seconds by which an answer may outlive `cacheSeconds` while the endpoint is down, never beyond `exp`. A token that the issuer
   * revokes meanwhile is accepted that much longer. Default 0, 0 to 86400.
   */
  readonly staleOnOutageSeconds?: number | undefined
}
