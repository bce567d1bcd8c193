export { allOf, anyOf, anyScope, claim, deny, granted, scope, type Denial, type Requirement } from './authorize.ts'
export { BearwardError, type ErrorCode, type WireError } from './errors.ts'
export type { AuthorizationServerMetadata, JsonWebKeySet, ProtectedResourceMetadata } from './options/documents.ts'
export type {
  FetchFunction,
  IssuerResolver,
  JwtOptions,
  KeyOptions,
  ResourceServerOptions,
  ScopeOptions,
  TokenCacheOptions,
  TrustedIssuer,
} from './options/public.ts'
export type {
  AccessToken,
  Actor,
  AuthorizationDetail,
  BearwardEvent,
  CallContext,
  IssuerState,
  JwtClaims,
  RequestView,
} from './pipeline.ts'
export { createResourceServer, type ClaimsOf, type ResourceServer } from './resource-server.ts'
export type { ChallengeResponse } from './respond.ts'
export type { StandardSchemaV1 } from './standard-schema.ts'
