import { BearwardError } from '../errors.ts'
import { challengeParameters, typeName, misconfigured, scopeName } from '../options/checks.ts'
import { isObject } from '../parse/json.ts'
import type { AccessToken } from '../pipeline.ts'
import { isAsync } from '../runtime/thenable.ts'

/** A requirement's yes. Nothing else is one. */
export const granted: unique symbol = Symbol('bearward.granted')

/** A requirement's no; made by `deny`. */
export interface Denial {
  readonly reason: string
  /** Scopes that would have helped: all that the requirement needs. */
  readonly scopes?: readonly string[]
  /** What else the challenge tells the client, such as `acr_values`. @see RFC 9470 §3 */
  readonly parameters?: Readonly<Record<string, string>>
}

/** What a requirement may look at beside the token. */
export interface RequirementContext {
  /**
   * Milliseconds since the epoch, by the clock of the resource server. Where the clock tells no time, reading it throws, which
   * denies.
   */
  readonly nowMs: number
}

/**
 * Decides whether a token permits an operation. Answers `granted` or `deny(...)`; anything else, a promise or a throw,
 * denies.
 */
export interface Requirement<Claims = unknown> {
  (token: AccessToken<Claims>, context: RequirementContext): typeof granted | Denial
  /** Lets a challenge name what is needed even when no token came. */
  readonly scopes?: readonly string[]
}

const denials = new WeakSet<object>()

/**
 * Says no.
 *
 * @param reason for operators; clients do not see it. Never put a token or a secret into it.
 * @param options `scopes`: every scope that the operation needs, where scopes are what is missing. `parameters`: what else the
 *   challenge tells the client; names are tokens, values printable ASCII.
 * @throws {BearwardError} configuration_invalid for one that is no scope name or no parameter
 */
export function deny(
  reason: string,
  options: { readonly scopes?: readonly string[]; readonly parameters?: Readonly<Record<string, string>> } = {},
): Denial {
  // They go into a header: a claim's value that found its way here must not.
  const names = options.scopes?.map((name) => scopeName(name, 'deny().scopes'))
  const scopes = names?.length ? Object.freeze(names) : undefined
  const parameters = options.parameters && challengeParameters(options.parameters, 'deny().parameters')
  const denial: Denial = Object.freeze({
    reason: String(reason),
    ...(scopes && { scopes }),
    ...(parameters && { parameters }),
  })
  denials.add(denial)
  return denial
}

/** Needs every scope named. @throws {BearwardError} configuration_invalid for no name or one that is no scope */
export function scope(...names: readonly [string, ...string[]]): Requirement {
  const needed = requireNames('scope()', names)
  return requirement(needed, (token) => {
    if (needed.every((name) => token.scopes.includes(name))) return granted
    const missing = needed.filter((name) => !token.scopes.includes(name))
    return deny(`the token lacks scope ${missing.join(', ')}`, { scopes: needed })
  })
}

/** Needs one of the scopes named. @throws {BearwardError} configuration_invalid for no name or one that is no scope */
export function anyScope(...names: readonly [string, ...string[]]): Requirement {
  const accepted = requireNames('anyScope()', names)
  return requirement(accepted, (token) =>
    accepted.some((name) => token.scopes.includes(name))
      ? granted
      : deny(`the token has none of the scopes ${accepted.join(', ')}`, { scopes: accepted }),
  )
}

/** Needs every requirement. @throws {BearwardError} configuration_invalid for none */
export function allOf<Claims>(...requirements: readonly Requirement<Claims>[]): Requirement<Claims> {
  const all = requireRequirements('allOf()', requirements)
  const scopes = scopesOf(all)
  return requirement(scopes, (token, context) => {
    const refusals = all.map((each) => evaluate(each, token, context)).filter((outcome) => outcome !== granted)
    const [first] = refusals
    if (!first) return granted
    // Scopes that are missing are named at once and whole: a client that asks for them piecemeal asks its user again.
    const lacksScopes = refusals.some((denial) => denial.scopes)
    const reasons = refusals.map(({ reason }) => reason).join('; ')
    return deny(reasons, {
      ...(lacksScopes && { scopes: unique([...scopes, ...scopesOf(refusals)]) }),
      ...parametersOf(refusals),
    })
  })
}

/** Needs one of the requirements. @throws {BearwardError} configuration_invalid for none */
export function anyOf<Claims>(...requirements: readonly Requirement<Claims>[]): Requirement<Claims> {
  const alternatives = requireRequirements('anyOf()', requirements)
  return requirement(scopesOf(alternatives), (token, context) => {
    const refusals: Denial[] = []
    for (const alternative of alternatives) {
      const outcome = evaluate(alternative, token, context)
      if (outcome === granted) return granted
      refusals.push(outcome)
    }
    const reasons = refusals.map(({ reason }) => reason).join('; ')
    return deny(reasons, { scopes: scopesOf(refusals), ...parametersOf(refusals) })
  })
}

/**
 * Needs a top-level claim: equal (`===`) to a value, or such that a predicate answers `true`. Inherited members do not
 * count, and an absent claim is never handed to the predicate.
 *
 * @throws {BearwardError} configuration_invalid
 */
export function claim(name: string, expected: string | number | boolean | ((value: unknown) => boolean)): Requirement {
  if (typeof name !== 'string' || name === '') throw misconfigured('claim()', typeof name, 'the name of a claim')
  if (!['string', 'number', 'boolean', 'function'].includes(typeof expected)) {
    throw misconfigured(`claim("${name}")`, typeof expected, 'a string, a number, a boolean or a predicate')
  }
  return requirement([], ({ claims }) => {
    const value = isObject(claims) && Object.hasOwn(claims, name) ? claims[name] : undefined
    if (value === undefined || value === null) return deny(`the token has no claim "${name}"`)
    const fits = typeof expected === 'function' ? expected(value) === true : value === expected
    return fits ? granted : deny(`claim "${name}" does not fit${hintAt(name, value, expected)}`)
  })
}

/** What a requirement may have overlooked, told by the kinds of what was compared. */
function hintAt(name: string, value: unknown, expected: unknown): string {
  if (typeof expected === 'function' || typeof value === typeof expected) return ''
  if (!Array.isArray(value)) return `: it is ${typeName(value)}, compared with ${typeName(expected)}`
  return `: it is an array. Use a predicate: claim("${name}", (value) => Array.isArray(value) && value.includes(...))`
}

/**
 * Holds a token against a requirement.
 *
 * @throws {BearwardError} scope_insufficient where scopes are what is missing, else access_denied
 * @see RFC 6750 §3.1
 */
export function authorizeToken<Claims>(
  token: AccessToken<Claims>,
  needed: Requirement<Claims>,
  context: RequirementContext,
): void {
  const outcome = evaluate(needed, token, context)
  if (outcome === granted) return
  const { reason, scopes, parameters, cause } = outcome
  throw new BearwardError(scopes ? 'scope_insufficient' : 'access_denied', reason, {
    scopes,
    requirement: needed,
    ...(parameters && { challenge: { parameters } }),
    ...(cause !== undefined && { cause }),
  })
}

/** Runs a requirement; whatever is no clear yes comes out as a denial. */
function evaluate<Claims>(
  needed: Requirement<Claims>,
  token: AccessToken<Claims>,
  context: RequirementContext,
): typeof granted | (Denial & { cause?: unknown }) {
  let outcome: unknown
  let isPromise: boolean
  try {
    outcome = needed(token, context)
    if (outcome === granted) return granted
    isPromise = isAsync(outcome)
  } catch (cause) {
    return { reason: 'the requirement threw', cause }
  }
  if (typeof outcome === 'object' && outcome !== null && denials.has(outcome)) return outcome as Denial
  if (isPromise) return { reason: 'the requirement answered with a promise; requirements decide at once' }
  return { reason: 'the requirement answered with neither `granted` nor `deny(...)`' }
}

function requirement<Claims>(
  scopes: readonly string[],
  decide: (token: AccessToken<Claims>, context: RequirementContext) => typeof granted | Denial,
): Requirement<Claims> {
  return scopes.length === 0 ? decide : Object.assign(decide, { scopes: Object.freeze([...scopes]) })
}

function requireNames(where: string, names: readonly string[]): readonly string[] {
  if (names.length === 0) throw misconfigured(where, 'nothing', 'at least one scope name')
  return unique(names.map((name) => scopeName(name, where)))
}

function requireRequirements<Claims>(
  where: string,
  given: readonly Requirement<Claims>[],
): readonly Requirement<Claims>[] {
  if (given.length === 0) throw misconfigured(where, 'nothing', 'at least one requirement')
  for (const each of given) {
    if (typeof each !== 'function')
      throw misconfigured(where, typeof each, 'requirements, such as scope("orders:read")')
  }
  return [...given]
}

function scopesOf(parts: readonly { readonly scopes?: readonly string[] }[]): readonly string[] {
  return unique(parts.flatMap(({ scopes }) => scopes ?? []))
}

/** What several denials tell the client together. Of a parameter that several have, the first one counts. */
function parametersOf(refusals: readonly Denial[]): { readonly parameters?: Readonly<Record<string, string>> } {
  const all = refusals.flatMap(({ parameters }) => (parameters ? Object.entries(parameters) : []))
  return all.length > 0 ? { parameters: Object.fromEntries(all.toReversed()) } : {}
}

function unique(names: readonly string[]): readonly string[] {
  return [...new Set(names)]
}
