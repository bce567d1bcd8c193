import { BearwardError } from '../errors.ts'
import { nameOf } from '../faults.ts'
import { isAsync } from '../runtime/thenable.ts'

/**
 * The header fields of a request: a `Headers`; an object, with names in any case and an array for several header lines; or a
 * function that returns the lines of one header. The function receives the name in lower case, and returns one string for each
 * line, in their order, and an empty array where the request has no such header.
 */
export type RequestHeaders =
  | Headers
  | Readonly<Record<string, string | readonly string[] | undefined>>
  | ((name: string) => readonly string[])

/**
 * Returns the values of a header, one for each line. `Headers` joins several lines by commas, and so they come as one.
 *
 * @param name in lower case
 * @throws {BearwardError} credentials_malformed, where a function throws or returns anything but an array of strings
 */
export function headerLines(headers: RequestHeaders, name: string): readonly string[] {
  if (typeof headers === 'function') return readLines(headers, name)
  // By what it can do: another realm's or another library's Headers is one as well.
  if (isHeaders(headers)) {
    const value = headers.get(name)
    return value === null ? [] : [value]
  }
  const lines: string[] = []
  for (const key in headers) {
    // The length first, as it rules out nearly all of them.
    if (key.length !== name.length || key.toLowerCase() !== name || !Object.hasOwn(headers, key)) continue
    const value = headers[key] as string | string[] | undefined
    if (Array.isArray(value)) for (const line of value) lines.push(line)
    else if (value !== undefined) lines.push(value)
  }
  return lines
}

/** Calls a function of the application, or of an adapter that may not know its framework well enough. */
function readLines(read: (name: string) => readonly string[], name: string): readonly string[] {
  let problem: string
  try {
    const lines: unknown = read(name)
    if (areTexts(lines)) return lines
    problem = `it returned ${describeKind(lines)}`
  } catch (fault) {
    problem = `it threw (${nameOf(fault)})`
  }
  throw new BearwardError(
    'credentials_malformed',
    `the function "headers" must return the lines of "${name}" as an array of strings: ${problem}`,
  )
}

/** A loop, since `every` skips holes: a header with a hole for its line would count as absent. */
function areTexts(lines: unknown): lines is readonly string[] {
  if (!Array.isArray(lines)) return false
  for (const line of lines) if (typeof line !== 'string') return false
  return true
}

/** The kind of a value, and nothing of the value itself: it may be the token. */
function describeKind(value: unknown): string {
  if (isAsync(value)) return 'a promise'
  return Array.isArray(value) ? 'an array of other things' : `a value of type ${typeof value}`
}

function isHeaders(headers: Exclude<RequestHeaders, (name: string) => readonly string[]>): headers is Headers {
  return typeof (headers as Partial<Headers>).get === 'function'
}
