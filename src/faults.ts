import { BearwardError, maskUserInfo } from './errors.ts'

/** An error of bearward's own, in its own words. Foreign words enter its message only through `describeFault`. */
export class Fault extends Error {}

/** The longest description of a foreign error. */
const MAX_WORDS = 197
/** How much of a foreign message is searched for addresses with a user name and a password. */
const MAX_READ = 2_048
export const UNKNOWN_REASON = 'unknown reason'

/**
 * Says what went wrong. An error of `fetch`, of a store or of a user's function may hold the whole request in `cause`, `config`
 * or `errors`, so bearward never hands it on. The description contains only its message and that of its cause, shortened, in
 * plain printable ASCII, with user names and passwords of addresses masked.
 *
 * A message may quote a secret all the same: where the secrets are known, use `describeWithout`.
 */
export function describeFault(fault: unknown): string {
  return ownWords(fault) ?? foreignWords(fault)
}

/** Returns what an error of bearward's own says; `undefined` for a foreign error. */
export function ownWords(fault: unknown): string | undefined {
  if (isA(fault, BearwardError)) return read(fault, 'detail')
  return isA(fault, Fault) ? read(fault, 'message') : undefined
}

/** Returns the kind of an error whose message may quote a secret. The name itself may be a secret: only names of errors count. */
export function nameOf(fault: unknown): string {
  const name = read(fault, 'name')
  return name !== undefined && /^[A-Za-z]{0,35}(?:Error|Exception)$/.test(name) ? name : UNKNOWN_REASON
}

/** Returns the code by which the system names a failure, such as ENOTFOUND; that of the cause, where `fetch` hides it there. */
export function systemCodeOf(fault: unknown): string | undefined {
  const code = read(fault, 'code') ?? read(readAny(fault, 'cause'), 'code')
  return code !== undefined && /^(?:E[A-Z]{3,15}|UND_ERR_[A-Z_]{3,30})$/.test(code) ? code : undefined
}

/** As `instanceof`, which throws where a foreign object is a proxy that does. */
export function isA<T>(value: unknown, kind: abstract new (...details: never[]) => T): value is T {
  try {
    return value instanceof kind
  } catch {
    return false
  }
}

function foreignWords(fault: unknown): string {
  const message = wordsOf(fault)
  if (message === undefined) return nameOf(fault)
  // `fetch` hides the reason behind a message of its own.
  const hidden = wordsOf(readAny(fault, 'cause'))
  return plain(hidden === undefined ? message : `${message} (${hidden})`)
}

/** The message of an error; its code where it has none, as when several addresses of a host were tried in vain. */
function wordsOf(fault: unknown): string | undefined {
  return read(fault, 'message') || read(fault, 'code') || undefined
}

function plain(words: string): string {
  // What is masked is cut afterwards: a cut could take the `@` off. A megabyte is not searched.
  const known = maskUserInfo(words.slice(0, MAX_READ))
  const short = words.length > MAX_READ || known.length > MAX_WORDS ? `${known.slice(0, MAX_WORDS)}...` : known
  return short.replace(/[^\x20-\x7e]/g, '?')
}

function read(fault: unknown, name: string): string | undefined {
  const value = readAny(fault, name)
  return typeof value === 'string' ? value : undefined
}

/** A member of a foreign object, which may throw when it is read. Errors of another realm are no instances of `Error`. */
function readAny(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  try {
    return (value as Record<string, unknown>)[name]
  } catch {
    return undefined
  }
}
