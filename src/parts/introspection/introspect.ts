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
 * Makes the part that asks an issuer about its tokens, for the option `introspection` of that issuer. The server that the part is
 * given to checks the options.
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
  /** Who asks: `clientSecretBasic(…)` and its like, or `'none'`. */
  readonly auth: ClientAuthentication | 'none'
  /**
   * Default `'opaque'`: only tokens that are not verified as JWTs. `'always'` also asks about JWTs that verified locally, so
   * that their revocation counts.
   */
  readonly use?: 'opaque' | 'always' | undefined
  /** Which opaque tokens are this issuer's. Required where several issuers introspect. */
  readonly opaqueTokens?: { readonly prefixes: readonly string[] } | undefined
  /** Seconds for which an answer counts, never beyond the token's `exp`. Default 30, 0 to 3600; 0 asks every time. */
  readonly cacheSeconds?: number | undefined
  /** `'assumed'` accepts answers without `aud`: on purpose, for endpoints that answer for this resource only. */
  readonly audience?: 'assumed' | undefined
  /**
   * `'access-only'` says on purpose that this endpoint calls nothing but access tokens active. Accepts answers that name
   * neither an audience that is checked nor the kind of the token; one that names another kind is refused still. Default:
   * such answers are refused, as they may be about refresh tokens.
   */
  readonly tokens?: 'access-only' | undefined
  /** Ask for signed answers and accept no others. Default false. @see RFC 9701 */
  readonly signedResponse?: boolean | undefined
  /** For an endpoint that does not speak RFC 7662: `googleTokenInfo()`, `githubTokenCheck(…)` or one of your own. */
  readonly dialect?: IntrospectionDialect | undefined
  /** Milliseconds for one exchange. Default 3000, 100 to 30000. */
  readonly timeoutMs?: number | undefined
  /** Most exchanges at once; four times as many may wait. Default 50, 1 to 10000. */
  readonly maxConcurrent?: number | undefined
  /**
   * Seconds by which an answer may outlive `cacheSeconds` while the endpoint is down, never beyond `exp`. A token that was
   * revoked meanwhile is accepted that much longer. Default 0, 0 to 86400.
   */
  readonly staleOnOutageSeconds?: number | undefined
}
