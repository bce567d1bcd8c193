// The exports of 'bearward/fetch' and the types that they need. `npm run api` writes this file.

interface AccessToken<Claims = JwtClaims> {
  readonly format: 'jwt' | 'opaque'
  readonly issuer: string
  readonly subject?: string
  readonly clientId?: string
  readonly audience: readonly string[]
  readonly scopes: readonly string[]
  readonly issuedAtSeconds?: number
  readonly expiresAtSeconds?: number
  readonly tokenId?: string
  readonly confirmation?: {
    readonly jkt?: string
    readonly 'x5t#S256'?: string
  }
  readonly authentication: {
    readonly acr?: string
    readonly amr?: readonly string[]
    readonly authTimeSeconds?: number
  }
  readonly authorizationDetails: readonly AuthorizationDetail[]
  readonly actor?: Actor
  readonly claims: Claims
}

type Actor = JsonObject & {
  readonly sub?: string
  readonly iss?: string
}

type AuthorizationDetail = JsonObject & {
  readonly type: string
}

interface CallContext {
  readonly signal?: AbortSignal
  readonly waitUntil?: (promise: Promise<unknown>) => void
  readonly responseHeaders?: Headers
}

interface ChallengeResponse {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: {
    readonly error?: string
    readonly error_description: string
    readonly code?: string
  }
}

type ClientCertificate =
  | {
      readonly der: Uint8Array
    }
  | {
      readonly sha256: Uint8Array
    }

interface Denial {
  readonly reason: string
  readonly scopes?: readonly string[]
  readonly parameters?: Readonly<Record<string, string>>
}

export type FetchHandler<Env> = (request: Request, env?: Env, ctx?: unknown) => Promise<Response>

interface IssuerState {
  readonly issuer: string
  readonly state: 'cold' | 'fresh' | 'stale' | 'down'
  readonly keys: number
  readonly freshUntilMs?: number
  readonly downSinceMs?: number
  readonly lastError?: string
}

type Json = string | number | boolean | null | readonly Json[] | JsonObject

type JsonObject = {
  readonly [name: string]: Json | undefined
}

type JwtClaims = JsonObject

export interface ProtectOptions {
  readonly optional?: boolean
  readonly preflight?: (request: Request) => Response | Promise<Response>
}

export interface Protected<Claims, Env, Token = AccessToken<Claims>> {
  readonly token: Token
  readonly env: Env
  readonly ctx: unknown
}

export type ProtectedHandler<Claims, Env, Token = AccessToken<Claims>> = (
  request: Request,
  context: Protected<Claims, Env, Token>,
) => Response | Promise<Response>

interface ProtectedResourceMetadata {
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

type RequestHeaders =
  | Headers
  | Readonly<Record<string, string | readonly string[] | undefined>>
  | ((name: string) => readonly string[])

interface RequestView {
  readonly method: string
  readonly url: string
  readonly headers: RequestHeaders
  readonly certificate?: () => ClientCertificate | undefined
  readonly form?: () => Promise<URLSearchParams>
}

interface Requirement<Claims = unknown> {
  (token: AccessToken<Claims>, context: RequirementContext): typeof granted | Denial
  readonly scopes?: readonly string[]
}

interface RequirementContext {
  readonly nowMs: number
}

interface ResourceServer<Claims = JwtClaims> {
  verify(token: string, context?: CallContext): Promise<AccessToken<Claims>>
  authenticate(request: Request | RequestView, context?: CallContext): Promise<AccessToken<Claims>>
  authorize(token: AccessToken<Claims>, requirement: Requirement<Claims>): void
  challenge(
    error: unknown,
    context?: {
      readonly requirement?: Pick<Requirement, 'scopes'> | undefined
    },
  ): ChallengeResponse
  metadata(): ProtectedResourceMetadata
  readonly metadataPath: string | undefined
  ready(context?: CallContext): Promise<void>
  invalidate(token: string): Promise<void>
  invalidateAll(): Promise<void>
  snapshot(): IssuerState[]
  close(): void
}

export type ResourceServerSource<Claims = JwtClaims, Env = unknown> =
  | ResourceServer<Claims>
  | ((env: Env) => ResourceServer<Claims>)

declare const granted: unique symbol

export declare function metadataHandler<Claims, Env>(source: ResourceServerSource<Claims, Env>): FetchHandler<Env>

export declare function protect<Claims, Env>(
  api: ResourceServerSource<Claims, Env>,
  requirement: Requirement<NoInfer<Claims>>,
  handler: ProtectedHandler<Claims, Env>,
  options?: ProtectOptions & {
    readonly optional?: false
  },
): FetchHandler<Env>

export declare function protect<Claims, Env>(
  api: ResourceServerSource<Claims, Env>,
  requirement: Requirement<NoInfer<Claims>>,
  handler: ProtectedHandler<Claims, Env, AccessToken<Claims> | undefined>,
  options: ProtectOptions,
): FetchHandler<Env>

export declare function protect<Claims, Env>(
  api: ResourceServerSource<Claims, Env>,
  handler: ProtectedHandler<Claims, Env>,
  options?: ProtectOptions & {
    readonly optional?: false
  },
): FetchHandler<Env>

export declare function protect<Claims, Env>(
  api: ResourceServerSource<Claims, Env>,
  handler: ProtectedHandler<Claims, Env, AccessToken<Claims> | undefined>,
  options: ProtectOptions,
): FetchHandler<Env>
