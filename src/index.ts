export { allOf, anyOf, anyScope, claim, deny, granted, scope, type Denial, type Requirement } from './authorize.ts'
export { BearwardError, type ErrorCode, type WireError } from './errors.ts'
export {
  bearerToken,
  type Changing,
  type ClientAuthentication,
  clientSecretBasic,
  clientSecretJwt,
  clientSecretPost,
  type IntrospectionRequest,
  type PrivateKey,
  privateKeyJwt,
  tlsClientAuth,
} from './introspect/authentication.ts'
export {
  githubTokenCheck,
  googleTokenInfo,
  type IntrospectionDialect,
  type IntrospectionResponse,
} from './introspect/dialects.ts'
export type { AuthorizationServerMetadata, JsonWebKeySet, ProtectedResourceMetadata } from './options/documents.ts'
export type {
  FetchFunction,
  IntrospectionOptions,
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
