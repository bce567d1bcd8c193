// The tokens of all rows, and the authorization server that they name.

import { type Authority, startAuthority } from '../authority.ts'
import { forgeTokens } from '../controls.ts'
import { type Algorithm, claimsFor, createSigningKey, signTokens } from '../tokens.ts'
import type { Kind } from './rows.ts'

export interface Material {
  readonly authority: Authority
  readonly tokens: Readonly<Record<Kind, readonly Uint8Array[]>>
  /** The negative controls: a build that accepts one is not measured. */
  readonly bad: ReadonlyMap<string, Uint8Array>
}

export type MaterialOf = (algorithm: Algorithm) => Material

export async function prepareMaterial(algorithm: Algorithm, count: number): Promise<Material> {
  const key = await createSigningKey(algorithm)
  const authority = await startAuthority({ keys: [key.jwk] })
  const { issuer } = authority
  const good = await signTokens(key, count, (index) => claimsFor(issuer, index))
  const longAgo = Math.floor(Date.now() / 1000) - 3_600
  const expired = await signTokens(key, count, (index) => ({
    ...claimsFor(issuer, index),
    iat: longAgo - 3_600,
    exp: longAgo,
  }))
  return {
    authority,
    tokens: { known: good, fresh: good, none: good, signature: good.map(spoilSignature), expired },
    bad: await forgeTokens(key, issuer),
  }
}

/** Changes one character in the middle of the signature: the encoding stays canonical, and the number stays below the modulus. */
export function spoilSignature(token: Uint8Array): Uint8Array {
  const spoiled = Uint8Array.from(token)
  const place = Math.floor((token.lastIndexOf('.'.charCodeAt(0)) + token.length) / 2)
  spoiled[place] = (token[place] === 'A'.charCodeAt(0) ? 'B' : 'A').charCodeAt(0)
  return spoiled
}
