import type { JWK } from 'jose'
import { SignJWT } from 'jose/jwt/sign'
import { importJWK, importPKCS8 } from 'jose/key/import'
import { type Check, typeName, misconfigured, oneOf, text } from '../options/checks.ts'
import { isObject } from '../parse/json.ts'
import { CannotAsk } from './faults.ts'
import type { UpstreamRequest } from './messages.ts'

/** A fixed value, or a function that returns the present one: then rotating it needs no restart. */
export type Changing<T> = T | (() => T | Promise<T>)

/** Authenticates this API at an issuer's endpoint. Made by `clientSecretBasic` and similar functions. */
export interface ClientAuthentication {
  /** Name of the method. @see RFC 7591 §2 */
  readonly method: string
  readonly clientId?: string
  /** Adds the credentials; called for every request. */
  readonly authenticate: (
    request: UpstreamRequest,
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

const ASSERTION_SECONDS = 60
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const SIGNING_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
]

/** Checks an option that takes `'none'` or a client authentication. */
export const clientAuthentication: Check<ClientAuthentication | 'none'> = (value, option) => {
  if (value === 'none' || isClientAuthentication(value)) return value
  // Never the value itself: it may be the secret.
  throw misconfigured(
    option,
    value === undefined ? 'nothing' : typeof value,
    '"none", clientSecretBasic(…), privateKeyJwt(…) or another of their kind',
  )
}

function isClientAuthentication(value: unknown): value is ClientAuthentication {
  return isObject(value) && typeof value['authenticate'] === 'function'
}

/** `client_secret_basic`. @see RFC 6749 §2.3.1: both parts are form-encoded before base64 */
export function clientSecretBasic(options: {
  readonly clientId: string
  readonly clientSecret: Changing<string>
}): ClientAuthentication {
  const clientId = text(options.clientId, 'clientSecretBasic().clientId')
  const secret = requireSecret(options.clientSecret, 'clientSecretBasic().clientSecret')
  return {
    method: 'client_secret_basic',
    clientId,
    async authenticate({ headers }, { conceal }) {
      const present = await secret()
      conceal?.(present)
      const credentials = `${formEncode(clientId)}:${formEncode(present)}`
      headers.set('Authorization', `Basic ${btoa(credentials)}`)
    },
  }
}

/** `client_secret_post`. @see RFC 6749 §2.3.1 */
export function clientSecretPost(options: {
  readonly clientId: string
  readonly clientSecret: Changing<string>
}): ClientAuthentication {
  const clientId = text(options.clientId, 'clientSecretPost().clientId')
  const secret = requireSecret(options.clientSecret, 'clientSecretPost().clientSecret')
  return {
    method: 'client_secret_post',
    clientId,
    async authenticate(request) {
      const form = requireForm(request)
      form.set('client_id', clientId)
      form.set('client_secret', await secret())
    },
  }
}

/** `client_secret_jwt`: an assertion keyed with the secret (HS256 by default). @see RFC 7523 §2.2 and §3 */
export function clientSecretJwt(options: {
  readonly clientId: string
  readonly clientSecret: Changing<string>
  readonly algorithm?: 'HS256' | 'HS384' | 'HS512'
}): ClientAuthentication {
  const clientId = text(options.clientId, 'clientSecretJwt().clientId')
  const secret = requireSecret(options.clientSecret, 'clientSecretJwt().clientSecret')
  const algorithm = oneOf('HS256', 'HS384', 'HS512')(options.algorithm ?? 'HS256', 'clientSecretJwt().algorithm')
  return {
    method: 'client_secret_jwt',
    clientId,
    async authenticate(request, { issuer, nowMs, conceal }) {
      const present = await secret()
      conceal?.(present)
      const key = new TextEncoder().encode(present)
      addAssertion(request, clientId, await assertion(clientId, issuer, nowMs, { alg: algorithm }, key))
    },
  }
}

/** `private_key_jwt`: an assertion signed with the client's key. @see RFC 7523 §2.2 and §3 */
export function privateKeyJwt(options: {
  readonly clientId: string
  readonly privateKey: Changing<PrivateKey>
  /** JWS algorithm. Default: the JWK's `alg`, else RS256. */
  readonly algorithm?: string
  /** `kid` of the assertion. Default: the JWK's. */
  readonly keyId?: string
}): ClientAuthentication {
  const clientId = text(options.clientId, 'privateKeyJwt().clientId')
  const { privateKey, algorithm, keyId } = options
  if (!['string', 'object', 'function'].includes(typeof privateKey) || privateKey === null) {
    throw misconfigured('privateKeyJwt().privateKey', typeof privateKey, 'a CryptoKey, a JWK, PEM text or a function')
  }
  if (algorithm !== undefined) oneOf(...SIGNING_ALGORITHMS)(algorithm, 'privateKeyJwt().algorithm')
  let imported: { readonly from: PrivateKey; readonly key: CryptoKey } | undefined

  async function signingKey(from: PrivateKey, alg: string): Promise<CryptoKey> {
    if (from instanceof CryptoKey) return from
    if (imported?.from !== from) {
      const key = typeof from === 'string' ? await importPKCS8(from, alg) : ((await importJWK(from, alg)) as CryptoKey)
      imported = { from, key }
    }
    return imported.key
  }

  return {
    method: 'private_key_jwt',
    clientId,
    async authenticate(request, { issuer, nowMs }) {
      const from = typeof privateKey === 'function' ? await privateKey() : privateKey
      const jwk = typeof from === 'string' || from instanceof CryptoKey ? {} : from
      const alg = algorithm ?? jwk.alg ?? 'RS256'
      const kid = keyId ?? jwk.kid
      const header = { alg, ...(kid !== undefined && { kid }) }
      addAssertion(request, clientId, await assertion(clientId, issuer, nowMs, header, await signingKey(from, alg)))
    },
  }
}

/** `tls_client_auth`: the option `fetch` presents the certificate, through a binding or an agent. @see RFC 8705 §2 */
export function tlsClientAuth(options: { readonly clientId: string }): ClientAuthentication {
  const clientId = text(options.clientId, 'tlsClientAuth().clientId')
  return {
    method: 'tls_client_auth',
    clientId,
    authenticate(request) {
      requireForm(request).set('client_id', clientId)
    },
  }
}

/** A bearer token of the resource server's own. @see RFC 7662 §2.1 */
export function bearerToken(token: Changing<string>): ClientAuthentication {
  const present = requireSecret(token, 'bearerToken()')
  return {
    method: 'bearer',
    async authenticate({ headers }) {
      headers.set('Authorization', `Bearer ${await present()}`)
    },
  }
}

/** Returns a function that reads the secret. Errors name its type, never its value. */
function requireSecret(secret: Changing<string>, option: string): () => Promise<string> {
  if (typeof secret === 'string' && secret !== '') return async () => secret
  if (typeof secret !== 'function') {
    throw misconfigured(
      option,
      secret === '' ? 'an empty string' : `a value of type ${typeof secret}`,
      'a secret, or a function that gives it',
    )
  }
  return async () => {
    const present: unknown = await secret()
    if (typeof present !== 'string' || present === '') {
      throw new CannotAsk(`${option} gave ${typeName(present)}, expected a non-empty string`)
    }
    return present
  }
}

function requireForm({ body }: UpstreamRequest): URLSearchParams {
  if (body instanceof URLSearchParams) return body
  throw new CannotAsk(
    `the request sends ${typeName(body)} as its body, expected URLSearchParams: this method puts the client's credentials into a form`,
  )
}

function addAssertion(request: UpstreamRequest, clientId: string, jwt: string): void {
  const form = requireForm(request)
  form.set('client_id', clientId)
  form.set('client_assertion_type', ASSERTION_TYPE)
  form.set('client_assertion', jwt)
}

function assertion(
  clientId: string,
  issuer: string,
  nowMs: number,
  header: { alg: string; kid?: string },
  key: CryptoKey | Uint8Array,
): Promise<string> {
  const now = Math.floor(nowMs / 1000)
  return (
    new SignJWT({ jti: crypto.randomUUID() })
      .setProtectedHeader(header)
      .setIssuer(clientId)
      .setSubject(clientId)
      // The issuer alone: one of several audiences could pass the assertion on to another.
      .setAudience(issuer)
      .setIssuedAt(now)
      .setExpirationTime(now + ASSERTION_SECONDS)
      .sign(key)
  )
}

function formEncode(value: string): string {
  return new URLSearchParams({ v: value }).toString().slice(2)
}
