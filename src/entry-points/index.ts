export {
  allOf,
  anyOf,
  anyScope,
  claim,
  deny,
  granted,
  scope,
  type Denial,
  type Requirement,
  type RequirementContext,
} from '../stages/authorize.ts'
export { BearwardError, type ErrorChallenge, type ErrorCode, type WireError } from '../errors.ts'
export {
  bearerToken,
  clientSecretBasic,
  clientSecretJwt,
  clientSecretPost,
  privateKeyJwt,
  tlsClientAuth,
  type Changing,
  type ClientAuthentication,
  type PrivateKey,
} from '../upstream/client-authentication.ts'
export type { UpstreamRequest, UpstreamResponse } from '../upstream/messages.ts'
export type { Introspection, ResolvedIssuers, SharedTiers } from '../parts.ts'
export type { IntrospectionDialect } from '../parts/introspection/dialect.ts'
export { githubTokenCheck, googleTokenInfo } from '../parts/introspection/dialects.ts'
export { introspect, type IntrospectOptions } from '../parts/introspection/introspect.ts'
export { resolveIssuers, type IssuerResolver } from '../parts/tenants/resolve-issuers.ts'
export { sharedTiers, type SharedTiersOptions, type TierEncryptionKey } from '../parts/shared-tiers/shared-tiers.ts'
export type { AuthorizationServerMetadata, JsonWebKeySet, ProtectedResourceMetadata } from '../options/documents.ts'
export type {
  JwtOptions,
  KeyOptions,
  ResourceServerOptions,
  ScopeOptions,
  TokenCacheOptions,
  TrustedIssuer,
} from '../options/public.ts'
export type { RequestHeaders } from '../parse/header-lines.ts'
export type {
  AccessToken,
  Actor,
  AuthorizationDetail,
  BearwardEvent,
  CallContext,
  ClientCertificate,
  FetchFunction,
  IssuerState,
  JwtClaims,
  RequestView,
} from '../pipeline.ts'
export { createResourceServer, type ClaimsOf, type ResourceServer } from '../resource-server.ts'
export type { ChallengeResponse } from '../stages/respond.ts'
export type { CacheTier, TierExpiry } from '../stores/cache-tier.ts'
export { memoryTier, type MemoryTierOptions } from '../stores/memory-tier.ts'
export type { StandardSchemaV1 } from '../token/standard-schema.ts'
