import { BearwardError, quote } from '../errors.ts'
import { nameOf } from '../faults.ts'
import { isObject } from '../parse/json.ts'
import type { AccessToken, JwtClaims } from '../pipeline.ts'
import type { StandardSchemaV1 } from './standard-schema.ts'

/**
 * Applies the configured schema to the claims. Without a schema `Claims` is `JwtClaims`: see the signature of `createResourceServer`.
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

// Claims may have thousands of members.
const MAX_NAMED = 8

/**
 * Runs a Standard Schema and freezes its output.
 *
 * @throws {BearwardError} claim_invalid, naming the members that failed but not their values
 */
export async function applySchema(schema: StandardSchemaV1, claims: JwtClaims): Promise<unknown> {
  let members: string[]
  try {
    const result = await schema['~standard'].validate(claims)
    // Only a result with a value accepts the claims.
    if (!isObject(result)) throw new TypeError('no result')
    if (result.issues === undefined && 'value' in result) return deepFreeze(result.value)
    members = (result.issues ?? []).map(({ path }) => (path ?? []).map(memberName).join('.') || '(all)')
  } catch (fault) {
    // Its message may quote the claims, and those may quote the token.
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

/** Deeply freezes plain objects and arrays. Dates, maps, bytes and other objects stay as the schema made them. */
function deepFreeze(value: unknown, seen = new Set<unknown>()): unknown {
  const isPlain = Array.isArray(value) || Object.prototype.toString.call(value) === '[object Object]'
  if (!isPlain || seen.has(value)) return value
  seen.add(value)
  for (const inner of Object.values(value as object)) deepFreeze(inner, seen)
  return Object.freeze(value)
}
