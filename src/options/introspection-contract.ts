import type { JWK } from 'jose'
import type { JsonObject } from '../parse/json.ts'

/** A value that stands still, or a function that gives the present one: rotating it needs no restart. */
export type Changing<T> = T | (() => T | Promise<T>)

/** A request to the introspection endpoint before it is sent; authentication adds to it. */
export interface IntrospectionRequest {
  url: string
  readonly method: 'GET' | 'POST'
  readonly headers: Headers
  /** Form members, or a body to the letter. */
  body: URLSearchParams | string | undefined
}

/** Tells the introspection endpoint who asks. Made by `clientSecretBasic` and its like. */
export interface ClientAuthentication {
  /** Name of the method. @see RFC 7591 §2 */
  readonly method: string
  readonly clientId?: string
  /** Adds the credentials; called for every request. */
  readonly authenticate: (
    request: IntrospectionRequest,
    context: {
      readonly issuer: string
      readonly nowMs: number
      /** Names a secret that no error and no event may repeat. The credentials in the request itself are known. */
      readonly conceal?: (secret: string) => void
    },
  ) => void | Promise<void>
}

/** A private key: a `CryptoKey`, a JWK, or PKCS #8 in PEM. */
export type PrivateKey = CryptoKey | JWK | string

/** What an endpoint answered, read whole. */
export interface IntrospectionResponse {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array
}

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
  ) => IntrospectionRequest
  /**
   * Reads the answer as RFC 7662 claims: `{ active: false }`, or `{ active: true, … }`. Anything it throws, and an answer
   * without a boolean `active`, is the issuer's fault and refuses the token with `issuer_unavailable`.
   */
  readonly read: (response: IntrospectionResponse) => JsonObject
}
