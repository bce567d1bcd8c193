import { BearwardError, quote, maskUserInfo } from '../errors.ts'
import { isFurtherParameter } from '../parse/challenge-parameter.ts'
import { isObject } from '../parse/json.ts'
import { endpointFault } from '../parse/endpoint-address.ts'

/** Reads one option: returns its checked value or throws; `undefined` means that it was left out. */
export type Check<T> = (value: unknown, option: string) => T

/** Says which option is wrong, what came and what was expected. */
export function misconfigured(option: string, actual: string, expected: string): BearwardError {
  return new BearwardError('configuration_invalid', `option "${option}": expected ${expected}, got ${actual}`)
}

/** Reads an object member by member; a member without a check is an unknown option. */
export function objectOf<T>(
  value: unknown,
  option: string,
  checks: { readonly [Name in keyof T]-?: Check<T[Name]> },
): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw misconfigured(option, quote(value), 'an object')
  }
  const known = Object.keys(checks)
  for (const name of Object.keys(value)) {
    if (!known.includes(name)) {
      throw misconfigured(join(option, name), 'an unknown option', `one of ${known.join(', ')}`)
    }
  }
  const given = value as Record<string, unknown>
  const entries = known.map((name) => [name, checks[name as keyof T](given[name], join(option, name))])
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
  return (value, option) => (value === undefined ? undefined : check(value, option))
}

export function withDefault<T>(fallback: T, check: Check<T>): Check<T> {
  return (value, option) => (value === undefined ? fallback : check(value, option))
}

export function numberBetween(min: number, max: number): Check<number> {
  return (value, option) => {
    if (typeof value !== 'number' || !(value >= min && value <= max)) {
      throw misconfigured(option, show(value), `a number from ${min} to ${max}`)
    }
    return value
  }
}

export function integerBetween(min: number, max: number): Check<number> {
  const inRange = numberBetween(min, max)
  return (value, option) => {
    if (!Number.isInteger(value)) throw misconfigured(option, show(value), `a whole number from ${min} to ${max}`)
    return inRange(value, option)
  }
}

export function oneOf<T extends string>(...allowed: readonly T[]): Check<T> {
  return (value, option) => {
    const found = allowed.find((each) => each === value)
    if (found === undefined) throw misconfigured(option, show(value), allowed.map((each) => `"${each}"`).join(' or '))
    return found
  }
}

export const boolean: Check<boolean> = (value, option) => {
  if (typeof value !== 'boolean') throw misconfigured(option, show(value), 'true or false')
  return value
}

export const text: Check<string> = (value, option) => {
  if (typeof value !== 'string' || value === '') throw misconfigured(option, show(value), 'a non-empty string')
  return value
}

/** Printable ASCII, as it may stand in a quoted string of a header. */
export const headerText: Check<string> = (value, option) => {
  if (typeof value !== 'string' || !/^[\x20-\x7e]+$/.test(value)) {
    throw misconfigured(option, show(value), 'a non-empty string of printable ASCII characters')
  }
  return value
}

/** A string, or several. */
export const texts: Check<readonly string[]> = (value, option) => {
  return typeof value === 'string'
    ? [text(value, option)]
    : arrayOf(text, 'a non-empty string or an array of them')(value, option)
}

/** A scope name. @see RFC 6749 §3.3 */
export const scopeName: Check<string> = (value, option) => {
  if (typeof value !== 'string' || !/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(value)) {
    throw misconfigured(option, show(value), 'one scope name: no space, no quote, no backslash, printable ASCII only')
  }
  return value
}

/** Further parameters of a challenge, as a frozen copy. @see RFC 9110 §11.2 */
export const challengeParameters: Check<Readonly<Record<string, string>>> = (value, option) => {
  if (!isObject(value)) throw misconfigured(option, show(value), 'an object of strings')
  for (const [name, each] of Object.entries(value)) {
    if (isFurtherParameter(name, each)) continue
    throw misconfigured(option, quote(name), 'names that bearward does not send itself, with printable ASCII values')
  }
  return Object.freeze({ ...value } as Record<string, string>)
}

export function functionOf<T>(): Check<T> {
  return (value, option) => {
    if (typeof value !== 'function') throw misconfigured(option, show(value), 'a function')
    return value as T
  }
}

/** Parses an absolute URL without fragment and credentials that may be spoken to: https, or http where that is safe. */
export function endpointUrl(insecureHosts: readonly string[]): Check<string> {
  return (value, option) => {
    const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined
    if (!url) throw misconfigured(option, show(value), 'an absolute URL')
    const fault = endpointFault(url, insecureHosts)
    if (fault) throw misconfigured(option, show(value), fault)
    return value as string
  }
}

/** What came, as a message may say it: an address with its user name and password masked. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  return quote(typeof value === 'string' ? maskUserInfo(value) : value)
}

/** What came where it may well be a secret: its kind alone. */
export function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (typeof value === 'object') return Array.isArray(value) ? 'an array' : 'an object'
  return `a ${typeof value}`
}

/** A copy of plain data, so that what its owner does to it later changes nothing here. */
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
