import { generateKeyPairSync, randomBytes } from 'node:crypto'
import type { JWK } from 'jose'

const LIMIT_BYTES = 512 * 1_024

/** Documents of a hostile tenant that cost as much as possible. Its tokens are valid with each. */
export interface HostileDocuments {
  readonly metadata: Uint8Array<ArrayBuffer>
  readonly keys: Uint8Array<ArrayBuffer>
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}

function curvePoints(namedCurve: string): readonly JWK[] {
  return Array.from({ length: 40 }, () => generateKeyPairSync('ec', { namedCurve }).publicKey.export({ format: 'jwk' }))
}

function odd(bytes: number): string {
  const number = randomBytes(bytes)
  number[0] = 0x80
  number[bytes - 1] = 0x01
  return base64url(number)
}

const p256 = curvePoints('P-256')
const p521 = curvePoints('P-521')

/** Members of a key set, by their cost: to parse, to try, to import, to hold. */
const members: Readonly<Record<string, (index: number) => unknown>> = {
  zeros: () => 0,
  'empty objects': () => ({}),
  'names of their own': (index) => ({ [`name-${index}`]: 0 }),
  'P-256': (index) => ({ ...p256[index % p256.length], kid: `key-${index}` }),
  'P-521': (index) => ({ ...p521[index % p521.length], kid: `key-${index}` }),
  'points off the curve': (index) => ({ ...p521[index % p521.length], x: base64url(randomBytes(66)) }),
  Ed25519: () => ({ kty: 'OKP', crv: 'Ed25519', x: base64url(randomBytes(32)) }),
  'RSA with 8,192 bits': (index) => ({ kty: 'RSA', n: odd(1_024), e: 'AQAB', kid: `key-${index}` }),
  'RSA with a long exponent': () => ({ kty: 'RSA', n: odd(384), e: odd(384) }),
  'long names': (index) => ({ ...p256[index % p256.length], kid: String(index).padStart(1_024, 'k') }),
}

/** Ten tenants' documents of 512 KiB each. */
export function hostileDocuments(issuers: readonly string[], jwk: JWK): readonly HostileDocuments[] {
  const kinds = Object.values(members)
  return issuers.map((issuer, index) => ({
    metadata: filled({ issuer, jwks_uri: `${issuer}/jwks` }, 'junk', [], kinds[index % 3]),
    keys: filled({}, 'keys', [jwk], kinds[index % kinds.length]),
  }))
}

/** An object with as many items in one of its members as fit. */
function filled(
  document: Record<string, unknown>,
  member: string,
  first: readonly unknown[],
  make: (index: number) => unknown = () => 0,
): Uint8Array<ArrayBuffer> {
  const items = first.map((each) => JSON.stringify(each))
  const room = LIMIT_BYTES - JSON.stringify({ ...document, [member]: first }).length
  for (let index = 0, length = 0; ; index++) {
    const item = JSON.stringify(make(index))
    length += item.length + 1
    if (length > room) break
    items.push(item)
  }
  const text = JSON.stringify({ ...document, [member]: 0 }).replace(`"${member}":0`, `"${member}":[${items.join(',')}]`)
  return new TextEncoder().encode(text)
}
