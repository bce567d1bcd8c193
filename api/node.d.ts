// The exports of 'bearward/node' and the types that they need. `npm run api` writes this file.

import { IncomingMessage, ServerResponse } from 'node:http'

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

export type ForwardedField = 'x-forwarded-proto' | 'x-forwarded-host' | 'x-forwarded-prefix'

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

export type NodeHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

export interface ProtectOptions {
  readonly optional?: boolean
  readonly preflight?: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>
  readonly onError?: 'reject' | ((error: unknown, request: IncomingMessage, response: ServerResponse) => unknown)
  readonly trustedProxies?: TrustedProxies
}

export type ProtectedHandler<Claims, Token = AccessToken<Claims>> = (
  request: IncomingMessage,
  response: ServerResponse,
  context: {
    readonly token: Token
  },
) => void | Promise<void>

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

export interface TrustedProxies {
  readonly addresses: readonly string[]
  readonly fields: readonly ForwardedField[]
}

declare const granted: unique symbol

export declare function metadataHandler(api: Pick<ResourceServer, 'metadata'>): NodeHandler

export declare function protect<Claims>(
  api: ResourceServer<Claims>,
  requirement: Requirement<NoInfer<Claims>>,
  handler: ProtectedHandler<Claims>,
  options?: ProtectOptions & {
    readonly optional?: false
  },
): NodeHandler

export declare function protect<Claims>(
  api: ResourceServer<Claims>,
  requirement: Requirement<NoInfer<Claims>>,
  handler: ProtectedHandler<Claims, AccessToken<Claims> | undefined>,
  options: ProtectOptions,
): NodeHandler

export declare function protect<Claims>(
  api: ResourceServer<Claims>,
  handler: ProtectedHandler<Claims>,
  options?: ProtectOptions & {
    readonly optional?: false
  },
): NodeHandler

export declare function protect<Claims>(
  api: ResourceServer<Claims>,
  handler: ProtectedHandler<Claims, AccessToken<Claims> | undefined>,
  options: ProtectOptions,
): NodeHandler
