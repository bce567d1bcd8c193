/** The parameters and the type of key with which WebCrypto verifies. @see RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2 */
export interface SignatureAlgorithm {
  readonly keyType: 'RSA' | 'EC' | 'OKP' | 'AKP'
  readonly curve?: string
  readonly parameters: AlgorithmIdentifier | RsaPssParams | EcdsaParams
}

function rsa(): SignatureAlgorithm {
  return { keyType: 'RSA', parameters: { name: 'RSASSA-PKCS1-v1_5' } }
}

function pss(bits: 256 | 384 | 512): SignatureAlgorithm {
  return { keyType: 'RSA', parameters: { name: 'RSA-PSS', saltLength: bits / 8 } }
}

function ecdsa(curve: string, bits: 256 | 384 | 512): SignatureAlgorithm {
  return { keyType: 'EC', curve, parameters: { name: 'ECDSA', hash: `SHA-${bits}` } }
}

function mlDsa(name: string): SignatureAlgorithm {
  return { keyType: 'AKP', parameters: { name } }
}

const ed25519: SignatureAlgorithm = { keyType: 'OKP', curve: 'Ed25519', parameters: { name: 'Ed25519' } }

// Only asymmetric ones: an issuer's public key can never serve as a shared secret (CVE-2016-10555).
const algorithms: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  ['RS256', rsa()],
  ['RS384', rsa()],
  ['RS512', rsa()],
  ['PS256', pss(256)],
  ['PS384', pss(384)],
  ['PS512', pss(512)],
  ['ES256', ecdsa('P-256', 256)],
  ['ES384', ecdsa('P-384', 384)],
  ['ES512', ecdsa('P-521', 512)],
  ['EdDSA', ed25519],
  ['Ed25519', ed25519],
  ['ML-DSA-44', mlDsa('ML-DSA-44')],
  ['ML-DSA-65', mlDsa('ML-DSA-65')],
  ['ML-DSA-87', mlDsa('ML-DSA-87')],
])

/** Every JWS algorithm that may be configured. */
export const ASYMMETRIC_ALGORITHMS: readonly string[] = [...algorithms.keys()]

export function signatureAlgorithm(name: string): SignatureAlgorithm | undefined {
  return algorithms.get(name)
}

/** Returns the algorithms that a key of this type and curve can verify. */
export function algorithmsForKey(keyType: unknown, curve: unknown): readonly string[] {
  return [...algorithms]
    .filter(([, algorithm]) => algorithm.keyType === keyType && (algorithm.curve ?? curve) === curve)
    .map(([name]) => name)
}
