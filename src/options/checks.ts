import { BearwardError, quote, maskUserInfo } from '../errors.ts'
import { isFurtherParameter } from '../parse/challenge-parameter.ts'
import { isObject } from '../parse/json.ts'
import { endpointFault } from '../parse/endpoint-address.ts'

/** Reads one option: returns its checked value or throws; `undefined` means that the user left it out. */
export type Check<T> = (value: unknown, option: string) => T

/** Names the wrong option, its actual and its expected value. */
export function misconfigured(option: string, actual: string, expected: string): BearwardError {
  return new BearwardError('configuration_invalid', `option "${option}": expected ${expected}, got ${actual}`)
}

/** Makes a check of one condition. `expected` names the values that meet it. */
export function checkThat<T>(isValid: (value: unknown) => boolean, expected: string): Check<T> {
  return (value, option) => {
    if (isValid(value)) return value as T
    throw misconfigured(option, show(value), expected)
  }
}

/** A check for each option of an interface. */
export type Checks<Options> = { readonly [Name in keyof Options]-?: Check<unknown> }

/** Reads an object member by member; a member without a check is an unknown option. */
export function objectOf<T>(
  value: unknown,
  option: string,
  checks: { readonly [Name in keyof T]-?: Check<T[Name]> },
): T {
  if (!isObject(value)) throw misconfigured(option, quote(value), 'an object')
  const known = Object.keys(checks)
  for (const name of Object.keys(value)) {
    if (!known.includes(name)) {
      throw misconfigured(join(option, name), 'an unknown option', `one of ${known.join(', ')}`)
    }
  }
  const entries = known.map((name) => [name, checks[name as keyof T](value[name], join(option, name))])
  return Object.fromEntries(entries) as T
}

/** Reads an array item by item. */
export function arrayOf<T>(item: Check<T>, expected: string, min = 1): Check<readonly T[]> {
  return (value, option) => {
    if (!Array.isArray(value) || value.length < min) throw misconfigured(option, show(value), expected)
    return value.map((each, index) => item(each, `${option}[${index}]`))
  }
}

export function optional<T>(check: Check<T>): Check<T | undefined> {
  return withDefault<T | undefined>(undefined, check)
}

export function withDefault<T>(fallback: T, check: Check<T>): Check<T> {
  return (value, option) => (value === undefined ? fallback : check(value, option))
}

function isBetween(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && value >= min && value <= max
}

export function numberBetween(min: number, max: number): Check<number> {
  return checkThat((value) => isBetween(value, min, max), `a number from ${min} to ${max}`)
}

export function integerBetween(min: number, max: number): Check<number> {
  const isValid = (value: unknown) => Number.isInteger(value) && isBetween(value, min, max)
  return checkThat(isValid, `a whole number from ${min} to ${max}`)
}

export function oneOf<T extends string>(...allowed: readonly T[]): Check<T> {
  return checkThat((value) => allowed.some((each) => each === value), allowed.map((each) => `"${each}"`).join(' or '))
}

export const boolean: Check<boolean> = checkThat((value) => typeof value === 'boolean', 'true or false')

export const text: Check<string> = checkThat((value) => typeof value === 'string' && value !== '', 'a non-empty string')

/** Printable ASCII, for a quoted string of a header. */
export const headerText: Check<string> = textLike(/^[\x20-\x7e]+$/, 'a non-empty string of printable ASCII characters')

/** A string, or several. */
export const texts: Check<readonly string[]> = (value, option) => {
  return typeof value === 'string'
    ? [text(value, option)]
    : arrayOf(text, 'a non-empty string or an array of them')(value, option)
}

/** A scope name. @see RFC 6749 §3.3 */
export const scopeName: Check<string> = textLike(
  /^[\x21\x23-\x5b\x5d-\x7e]+$/,
  'one scope name: printable ASCII without spaces, quotes and backslashes',
)

function textLike(pattern: RegExp, expected: string): Check<string> {
  return checkThat((value) => typeof value === 'string' && pattern.test(value), expected)
}

/** Further parameters of a challenge, as a frozen copy. */
export const challengeParameters: Check<Readonly<Record<string, string>>> = (value, option) => {
  if (!isObject(value)) throw misconfigured(option, show(value), 'an object of strings')
  for (const [name, each] of Object.entries(value)) {
    if (!isFurtherParameter(name, each)) {
      throw misconfigured(option, quote(name), 'names that bearward does not send itself, with printable ASCII values')
    }
  }
  return Object.freeze({ ...value }) as Readonly<Record<string, string>>
}

export function functionOf<T>(): Check<T> {
  return checkThat((value) => typeof value === 'function', 'a function')
}

/** An absolute URL to which a request may go: without fragment and credentials, https, or http where that is safe. */
export function endpointUrl(insecureHosts: readonly string[]): Check<string> {
  return (value, option) => {
    const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined
    const fault = url ? endpointFault(url, insecureHosts) : 'an absolute URL'
    if (fault) throw misconfigured(option, show(value), fault)
    return value as string
  }
}

/** Describes a wrong value for a message; in an address it masks user name and password. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  return quote(typeof value === 'string' ? maskUserInfo(value) : value)
}

/** Describes a wrong value that may be a secret: only its type. */
export function typeName(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (typeof value === 'object') return Array.isArray(value) ? 'an array' : 'an object'
  return `a ${typeof value}`
}

/** Copies plain data, so that later changes by its owner have no effect. */
export function plainData<T>(value: T, option: string): T {
  try {
    return structuredClone(value)
  } catch {
    throw misconfigured(option, show(value), 'plain data')
  }
}

function join(option: string, name: string): string {
  return option === '' ? name : `${option}.${name}`
}
