// Negative controls: whoever accepts one of these, or refuses the good token, is not measured, as it does other work.

import type { TokenCheck } from './contenders/contender.ts'
import { claimsFor, freshString, signToken, type SigningKey } from './tokens.ts'

/** Tokens that must be refused, by what is wrong with them. */
export async function forgeTokens(key: SigningKey, issuer: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const claims = claimsFor(issuer, 0)
  const sign = (changed: Record<string, unknown>, header?: Record<string, unknown>) =>
    signToken(key, { ...claims, jti: crypto.randomUUID(), ...changed }, header)
  const longAgo = Math.floor(Date.now() / 1000) - 3_600
  return new Map([
    ['a tampered payload', swapPayload(await sign({}), await sign({ sub: 'admin' }))],
    ['a tampered signature', swapSignature(await sign({}), await sign({ sub: 'admin' }))],
    ['a wrong audience', await sign({ aud: 'https://other.example.com' })],
    ['a wrong issuer', await sign({ iss: 'https://other.example.com' })],
    ['an expired token', await sign({ iat: longAgo - 3_600, exp: longAgo })],
    ['a wrong type', await sign({}, { typ: 'JWT' })],
    ['a missing scope', await sign({ scope: 'openid orders:readonly' })],
  ])
}

/** What is wrong with a contender; `undefined` where nothing is. */
export async function findFault(
  check: TokenCheck,
  good: Uint8Array,
  bad: ReadonlyMap<string, Uint8Array>,
): Promise<string | undefined> {
  try {
    await check(freshString(good))
  } catch (error) {
    return `refuses a good token: ${error instanceof Error ? error.message : String(error)}`
  }
  for (const [what, token] of bad) {
    // Twice: a cache of refusals, or of anything else, must not let it in either.
    for (const _ of [1, 2]) if (await accepts(check, token)) return `accepts ${what}`
  }
  return undefined
}

async function accepts(check: TokenCheck, token: Uint8Array): Promise<boolean> {
  try {
    await check(freshString(token))
    return true
  } catch {
    return false
  }
}

function swapPayload(token: Uint8Array, other: Uint8Array): Uint8Array {
  const [header, , signature] = freshString(token).split('.')
  return new TextEncoder().encode([header, freshString(other).split('.')[1], signature].join('.'))
}

function swapSignature(token: Uint8Array, other: Uint8Array): Uint8Array {
  const [header, payload] = freshString(token).split('.')
  return new TextEncoder().encode([header, payload, freshString(other).split('.')[2]].join('.'))
}
