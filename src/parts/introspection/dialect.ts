import type { JsonObject } from '../../parse/json.ts'
import type { UpstreamRequest, UpstreamResponse } from '../../upstream/messages.ts'

/**
 * How to ask an endpoint about a token, and how to read its answer. RFC 7662 is one; implement another for an endpoint that
 * speaks otherwise.
 */
export interface IntrospectionDialect {
  readonly name: string
  /** Where to ask, for services that have one address. The option `endpoint` wins. */
  readonly endpoint?: string
  /** Scopes that a scope of this service brings along. */
  readonly implies?: Readonly<Record<string, readonly string[]>>
  /** Builds the request, without the client's credentials. */
  readonly request: (
    token: string,
    context: { readonly endpoint: string; readonly clientId: string | undefined },
  ) => UpstreamRequest
  /**
   * Reads the answer as RFC 7662 claims: `{ active: false }`, or `{ active: true, … }`. Anything it throws, and an answer
   * without a boolean `active`, is the issuer's fault and refuses the token with `issuer_unavailable`.
   */
  readonly read: (response: UpstreamResponse) => JsonObject
}
