import type { JSONWebKeySet } from 'jose'

/** A set of public keys. @see RFC 7517 §5 */
export type JsonWebKeySet = JSONWebKeySet

/** The members of an authorization server's metadata that a resource server uses. @see RFC 8414 §2 */
export interface AuthorizationServerMetadata {
  readonly issuer: string
  readonly jwks_uri?: string
  readonly [member: string]: unknown
}

/** The metadata of a protected resource, for its clients. @see RFC 9728 §2 */
export interface ProtectedResourceMetadata {
  readonly resource: string
  readonly authorization_servers?: readonly string[]
  readonly jwks_uri?: string
  readonly scopes_supported?: readonly string[]
  readonly bearer_methods_supported?: readonly ('header' | 'body')[]
  readonly resource_name?: string
  readonly resource_documentation?: string
  readonly resource_policy_uri?: string
  readonly resource_tos_uri?: string
  readonly [member: string]: unknown
}
