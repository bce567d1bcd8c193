import { expect } from 'vitest'
import type { ResourceServerOptions } from '../../src/entry-points/index.ts'
import { base64url, goodClaims, ISSUER, signingKey } from '../fixture/issuer.ts'
import { codeOf, fixture, type Fixture } from '../fixture/server.ts'

export interface Parts {
  readonly header: string
  readonly payload: string
  readonly signature: string
}

export function partsOf(token: string): Parts {
  const [header = '', payload = '', signature = ''] = token.split('.')
  return { header, payload, signature }
}

export function join({ header, payload, signature }: Parts): string {
  return `${header}.${payload}.${signature}`
}

export function bytesOf(encoded: string): Uint8Array<ArrayBuffer> {
  const binary = atob(encoded.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(binary, (character) => character.charCodeAt(0))
}

/** Header and good claims, signed by whatever `sign` makes of the signing input. */
export async function forge(
  header: Record<string, unknown>,
  sign: (input: Uint8Array<ArrayBuffer>) => Uint8Array | Promise<Uint8Array>,
  claims: Record<string, unknown> = goodClaims(),
): Promise<string> {
  const input = `${base64url(JSON.stringify(header))}.${base64url(JSON.stringify(claims))}`
  return `${input}.${base64url(await sign(new TextEncoder().encode(input)))}`
}

/** A signer with a shared secret. */
export function hmac(secret: Uint8Array<ArrayBuffer>, hash = 'SHA-256') {
  return async (input: Uint8Array<ArrayBuffer>): Promise<Uint8Array> => {
    const key = await crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash }, false, ['sign'])
    return new Uint8Array(await crypto.subtle.sign('HMAC', key, input))
  }
}

/** The header of the fixture's own tokens. */
export async function goodHeader(changes: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
  return { alg: 'ES256', typ: 'at+jwt', kid: (await signingKey()).jwk.kid, ...changes }
}

/** Holds each token against a server that accepts their twin, with no cache between them. */
export async function expectRefused(
  twin: string,
  tokens: readonly string[],
  code: string,
  options: Partial<ResourceServerOptions> = {},
): Promise<Fixture> {
  const made = await fixture({ tokenCache: false, ...options })
  expect(await codeOf(made.api.verify(twin))).toBe('accepted')
  expect(tokens.length).toBeGreaterThan(0)
  for (const token of tokens)
    expect([token.slice(0, 200), await codeOf(made.api.verify(token))]).toEqual([token.slice(0, 200), code])
  return made
}

/** Requests that went anywhere but to the issuer's own two documents. */
export function strayCalls({ upstream }: Fixture): readonly string[] {
  const expected = [`${ISSUER}/.well-known/oauth-authorization-server`, `${ISSUER}/jwks`]
  return upstream.calls.filter((url) => !expected.includes(url))
}
