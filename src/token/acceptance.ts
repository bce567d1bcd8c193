import { BearwardError, quote, quoteSome } from '../errors.ts'
import { nameOf } from '../faults.ts'
import { isObject } from '../parse/json.ts'
import type { AccessToken, Issuer, JwtClaims } from '../pipeline.ts'
import type { StandardSchemaV1 } from './standard-schema.ts'

/**
 * Checks that the token is meant for this resource and was issued to an accepted client.
 *
 * @throws {BearwardError} audience_mismatch, client_refused
 * @see RFC 9068 §4, RFC 8707 §2
 */
export function requireRecipient(token: AccessToken, { audience, clients }: Issuer): void {
  if (audience && !isMeantFor(audience, token)) {
    const actual = token.audience.slice(0, 4).map(quote).join(', ') || 'none'
    throw new BearwardError('audience_mismatch', `claim \`aud\`: expected ${quoteSome(audience)}, got ${actual}`)
  }
  if (clients && !(token.clientId !== undefined && clients.has(token.clientId))) {
    const actual = token.clientId === undefined ? 'none' : quote(token.clientId)
    throw new BearwardError('client_refused', `client of the token: expected ${quoteSome(clients)}, got ${actual}`)
  }
}

function isMeantFor(audience: ReadonlySet<string>, token: AccessToken): boolean {
  for (const each of token.audience) if (audience.has(each)) return true
  return false
}

/**
 * Passes the claims through the configured schema; without one `Claims` is `JwtClaims`, see createResourceServer's signature.
 *
 * @throws {BearwardError} claim_invalid, naming the members that failed
 */
export async function withSchema<Claims>(
  token: AccessToken,
  schema: StandardSchemaV1 | undefined,
): Promise<AccessToken<Claims>> {
  if (!schema) return token as AccessToken<Claims>
  return Object.freeze({ ...token, claims: (await applySchema(schema, token.claims)) as Claims })
}

// An answer may have thousands of members.
const MAX_NAMED = 8

/**
 * Runs a Standard Schema and freezes what comes out.
 *
 * @throws {BearwardError} claim_invalid, naming the members that failed and nothing of their values
 */
export async function applySchema(schema: StandardSchemaV1, claims: JwtClaims): Promise<unknown> {
  let members: string[]
  try {
    const result = await schema['~standard'].validate(claims)
    // What is neither a value nor issues is no yes.
    if (!isObject(result)) throw new TypeError('it answered with something that is no result')
    if (result.issues === undefined && 'value' in result) return deepFreeze(result.value)
    members = (result.issues ?? []).map(({ path }) => (path ?? []).map(memberName).join('.') || '(all)')
  } catch (fault) {
    // Not in its own words, which may quote the claims, and these the token.
    throw new BearwardError('claim_invalid', `the \`claims\` schema threw: ${nameOf(fault)}`)
  }
  const distinct = [...new Set(members)]
  const named = distinct.slice(0, MAX_NAMED).map(quote).join(', ')
  const more = distinct.length > MAX_NAMED ? ` and ${distinct.length - MAX_NAMED} more` : ''
  throw new BearwardError('claim_invalid', `the \`claims\` schema refuses ${named}${more}`)
}

function memberName(segment: PropertyKey | { readonly key: PropertyKey }): string {
  return String(typeof segment === 'object' ? segment.key : segment)
}

/** Freezes plain data; what has a nature of its own (dates, maps, bytes) is left as the schema made it. */
function deepFreeze(value: unknown, seen = new Set<unknown>()): unknown {
  const isPlain = Array.isArray(value) || Object.prototype.toString.call(value) === '[object Object]'
  if (!isPlain || seen.has(value)) return value
  seen.add(value)
  for (const inner of Object.values(value as object)) deepFreeze(inner, seen)
  return Object.freeze(value)
}
