import { p256 } from '@noble/curves/nist.js'
import { base64urlOf, binaryOf, binaryOfBytes, bytesOf } from './bytes.ts'
import { damage, type SignatureFault } from './signatures.ts'
import { type FuzzedIssuer, goodClaims, ISSUERS } from './issuers.ts'
import { type KeyName, publicJwk, TEST_KEYS } from './keys.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Other spellings of a part, most of them of the same bytes. */
const spellings = {
  padded: (part) => part.padEnd(Math.ceil(part.length / 4) * 4, '='),
  standard: (part) => part.replaceAll('-', '+').replaceAll('_', '/'),
  'spare-bits': (part) =>
    part.length % 4 > 1 ? part.slice(0, -1) + (ALPHABET[ALPHABET.indexOf(part.at(-1) ?? '') ^ 1] ?? '') : part,
  'space-after': (part) => `${part} `,
  'newline-within': (part) => `${part.slice(0, 4)}\n${part.slice(4)}`,
  escaped: (part) => part.replace(/.$/, (character) => `%${character.charCodeAt(0).toString(16)}`),
  shorter: (part) => part.slice(0, -1),
} satisfies Record<string, (part: string) => string>
export type Spelling = keyof typeof spellings
export const SPELLINGS = Object.keys(spellings) as Spelling[]

/** One change to the finished token, which is not signed again. */
export type Edit =
  | { readonly part: number; readonly content: string }
  | { readonly part: number; readonly of: string }
  | { readonly part: number; readonly spelling: Spelling }
  | { readonly at: number; readonly remove: number; readonly insert: string }

/** How a token is made: all in text, so that it can be pasted. */
export interface TokenRecipe {
  /** Binary strings; signed as they are. */
  readonly header: string
  readonly payload: string
  /** A key's name, for RSA with an algorithm after a colon; or `hmac`, with a public key as the secret. */
  readonly signer: string
  readonly fault?: SignatureFault
  readonly edits?: readonly Edit[]
}

type Signer = (input: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>

const signers = new Map<string, Promise<Signer>>()

async function makeSigner(name: string): Promise<Signer> {
  if (name === 'hmac') {
    const secret = bytesOf(binaryOf(JSON.stringify(publicJwk('a-es'))))
    const key = await crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
    return signerOf(key, { name: 'HMAC' })
  }
  const [keyName, algorithm = ''] = name.split(':') as [KeyName, string?]
  const { alg: _, use: __, ...jwk } = TEST_KEYS[keyName] as JsonWebKey
  if (jwk.kty === 'EC') {
    // WebCrypto's ECDSA is random: a signature that is cut off would now be malformed, now wrong. RFC 6979's is not.
    // Half of the signatures have a high `s`, as JOSE knows no other rule.
    const secretKey = bytesOf(atob((jwk.d ?? '').replaceAll('-', '+').replaceAll('_', '/')))
    return async (input) => p256.sign(input, secretKey, { lowS: false })
  }
  const hash = algorithm === 'RS384' ? 'SHA-384' : 'SHA-256'
  const parameters =
    jwk.kty === 'OKP'
      ? { name: 'Ed25519' }
      : { name: algorithm.startsWith('PS') ? 'RSA-PSS' : 'RSASSA-PKCS1-v1_5', hash, saltLength: 32 }
  return signerOf(await crypto.subtle.importKey('jwk', jwk, parameters, false, ['sign']), parameters)
}

function signerOf(key: CryptoKey, parameters: AlgorithmIdentifier | RsaPssParams): Signer {
  return async (input) => new Uint8Array(await crypto.subtle.sign(parameters, key, input))
}

async function sign(input: string, name: string): Promise<Uint8Array> {
  const signer = signers.get(name) ?? makeSigner(name)
  signers.set(name, signer)
  return (await signer)(bytesOf(input))
}

/** A good token for each issuer and key, by the key's name. */
export const BASES: ReadonlyMap<string, TokenRecipe & { readonly issuer: FuzzedIssuer }> = new Map(
  ISSUERS.flatMap((issuer) => issuer.keys.map((name) => [name, { issuer, ...baseRecipe(issuer, name) }] as const)),
)

function baseRecipe(issuer: FuzzedIssuer, name: KeyName): TokenRecipe {
  return {
    header: binaryOf(JSON.stringify(goodHeader(issuer, name))),
    payload: binaryOf(JSON.stringify(goodClaims(issuer))),
    signer: name,
  }
}

function goodHeader({ profile }: FuzzedIssuer, name: KeyName): Record<string, unknown> {
  const { kty, kid } = publicJwk(name)
  const alg = { EC: 'ES256', OKP: 'Ed25519', RSA: 'RS256' }[kty as 'EC' | 'OKP' | 'RSA']
  return { alg, ...(kid !== undefined && { kid }), typ: profile === 'rfc9068' ? 'at+jwt' : 'JWT' }
}

// Bases are signed once: half of the cases start from them.
const signed = new Map<string, string>()

/** Makes the token, and changes it afterwards as the recipe says. */
export async function makeToken(recipe: TokenRecipe): Promise<string> {
  const { header, payload, signer, fault, edits = [] } = recipe
  const base = BASES.get(signer)
  const isBase = !fault && base?.header === header && base.payload === payload
  const known = isBase ? signed.get(signer) : undefined
  const token = known ?? (await signedToken(recipe))
  if (isBase && !known) signed.set(signer, token)
  let result = token
  for (const edit of edits) result = await edited(result, edit)
  return result
}

async function signedToken({ header, payload, signer, fault }: TokenRecipe): Promise<string> {
  const input = `${base64urlOf(header)}.${base64urlOf(payload)}`
  const signature = await sign(input, signer)
  return `${input}.${base64urlOf(binaryOfBytes(fault ? damage(signature, fault) : signature))}`
}

async function edited(token: string, edit: Edit): Promise<string> {
  if ('at' in edit) return token.slice(0, edit.at) + edit.insert + token.slice(edit.at + edit.remove)
  const parts = token.split('.')
  const own = parts[edit.part] ?? ''
  if ('content' in edit) parts[edit.part] = base64urlOf(edit.content)
  else if ('of' in edit) {
    const other = BASES.get(edit.of)
    parts[edit.part] = (other ? await makeToken({ ...other, edits: [] }) : '').split('.')[edit.part] ?? ''
  } else parts[edit.part] = spellings[edit.spelling](own)
  return parts.join('.')
}
