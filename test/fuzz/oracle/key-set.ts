import { type JWK } from 'jose'
import {
  algorithmsOf,
  importOnce,
  judgeToken,
  type Judgement,
  type OracleIssuer,
  type OracleSettings,
  refuse,
} from './token.ts'
import { readStrictObject } from './strict-json.ts'

/** A document as it went over the wire. */
export interface SeenDocument {
  readonly status: number
  readonly body: Uint8Array
  readonly fails: boolean
}

export const MAX_DOCUMENT_BYTES = 512 * 1024

/** A document as a lenient reader has it, or `undefined`; and whether a strict one would have read the same. */
export function readDocument({
  status,
  body,
  fails,
}: SeenDocument): { document: object; isStrict: boolean } | undefined {
  if (fails || status !== 200 || body.length > MAX_DOCUMENT_BYTES) return undefined
  try {
    const document: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
    if (typeof document !== 'object' || document === null || Array.isArray(document)) return undefined
    return { document, isStrict: readStrictObject(body) !== undefined }
  } catch {
    return undefined
  }
}

/**
 * Judges what must become of a token whose issuer publishes this. Without a usable key it is the issuer that is at fault;
 * an unusable key never spoils its neighbours.
 *
 * @see DESIGN.md, settled: keys; docs/errors.md, key_unknown
 */
export async function judgeKeySet(
  seen: SeenDocument,
  token: string,
  issuer: OracleIssuer,
  settings: OracleSettings,
): Promise<Judgement> {
  const read = readDocument(seen)
  const keys: unknown = read && 'keys' in read.document ? read.document.keys : undefined
  if (!Array.isArray(keys)) return refuse('issuer_unavailable')
  const usable: JWK[] = []
  for (const key of keys.slice(0, MAX_MEMBERS) as readonly unknown[]) {
    if (await isUsable(key, issuer)) usable.push(key as JWK)
  }
  if (usable.length === 0) return refuse('issuer_unavailable')
  // One key that is published twice is one key.
  const jwks = [...new Map(usable.map((jwk) => [JSON.stringify(publicPart(jwk)), jwk])).values()].map(publicPart)
  const judgement = await judgeToken(token, { ...settings, issuers: [{ ...issuer, jwks }] })
  // Members that are repeated in key sets: to be refused or read like everybody reads them, either will do.
  return read?.isStrict ? judgement : { ...judgement, reasons: new Set([...judgement.reasons, 'issuer_unavailable']) }
}

const MAX_MODULUS_BITS = 8_192
const MAX_EXPONENT = 2n ** 32n
const MAX_MEMBERS = 300
const MAX_NAME = 1_024
const PUBLIC = ['kty', 'crv', 'n', 'e', 'x', 'y', 'alg', 'kid'] as const
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']

function publicPart(jwk: JWK): JWK {
  return Object.fromEntries(PUBLIC.filter((name) => jwk[name] !== undefined).map((name) => [name, jwk[name]]))
}

async function isUsable(key: unknown, { algorithms }: OracleIssuer): Promise<boolean> {
  if (typeof key !== 'object' || key === null || Array.isArray(key)) return false
  const jwk = key as JWK & { readonly pub?: unknown }
  const { use, key_ops: operations } = jwk as Record<string, unknown>
  if (use !== undefined && use !== 'sig') return false
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return false
  if (PRIVATE.some((name) => name in jwk)) return false
  if (PUBLIC.some((name) => jwk[name] !== undefined && typeof jwk[name] !== 'string')) return false
  if (jwk.pub !== undefined && typeof jwk.pub !== 'string') return false
  const [algorithm] = algorithmsOf(jwk).filter((name) => algorithms?.includes(name) ?? true)
  if (algorithm === undefined) return false
  if ((jwk.kid?.length ?? 0) > MAX_NAME) return false
  if (jwk.kty === 'RSA' && Math.floor((jwk.n?.length ?? Infinity) * (6 / 8)) * 8 > MAX_MODULUS_BITS) return false
  if (jwk.kty === 'RSA' && !isGoodExponent(jwk.e)) return false
  if (jwk.crv === 'Ed25519' && !isGoodPointOnce(jwk.x)) return false
  try {
    const imported = await importOnce(publicPart(jwk), algorithm)
    const bits = 'algorithm' in imported ? (imported.algorithm as Partial<RsaKeyAlgorithm>).modulusLength : undefined
    return bits === undefined || bits >= 2048
  } catch {
    return false
  }
}

function numberOf(text: string | undefined): bigint | undefined {
  if (text === undefined || !/^[A-Za-z0-9_-]+$/.test(text) || text.length % 4 === 1) return undefined
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  if (btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '') !== text) return undefined
  let value = 0n
  for (const character of binary) value = (value << 8n) | BigInt(character.charCodeAt(0))
  return value
}

/** Odd and greater than one, as with exponent 1 anybody can sign; and not so long that to verify is a burden. */
function isGoodExponent(e: string | undefined): boolean {
  const value = numberOf(e)
  return value !== undefined && value > 1n && value < MAX_EXPONENT && value % 2n === 1n
}

const FIELD = 2n ** 255n - 19n
// d of edwards25519: RFC 8032 §5.1.
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n

const points = new Map<string, boolean>()

function isGoodPointOnce(x: string | undefined): boolean {
  const name = String(x)
  const known = points.get(name) ?? isGoodPoint(x)
  if (points.size > 1_000) points.clear()
  points.set(name, known)
  return known
}

/** A point of Ed25519 of order greater than eight: multiplied by eight it is not the neutral one. */
function isGoodPoint(x: string | undefined): boolean {
  const value = numberOf(x)
  if (value === undefined || x?.length !== 43) return false
  const reversed = [...value.toString(16).padStart(64, '0').matchAll(/../g)].map(([pair]) => pair).toReversed()
  const y = (BigInt(`0x${reversed.join('')}`) & (2n ** 255n - 1n)) % FIELD
  // Three doublings of y alone: y' = (y² + x²) / (2 + x² - y²), with x² = (y² - 1) / (d y² + 1).
  let current = y
  for (let doubling = 0; doubling < 3; doubling++) {
    const square = mod(current * current)
    const other = divide(square - 1n, D * square + 1n)
    if (mod(2n + other - square) === 0n) return true
    current = divide(square + other, 2n + other - square)
  }
  return current !== 1n
}

function mod(value: bigint): bigint {
  return ((value % FIELD) + FIELD) % FIELD
}

function divide(dividend: bigint, divisor: bigint): bigint {
  return mod(dividend * power(mod(divisor), FIELD - 2n))
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  for (let bit = 1n, square = base; bit <= exponent; bit <<= 1n, square = mod(square * square)) {
    if (exponent & bit) result = mod(result * square)
  }
  return result
}
