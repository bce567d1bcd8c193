import { BearwardError } from './errors.ts'

/** A fault within bearward. Its message is in our own words: what others say gets into it through `describeFault` alone. */
export class Fault extends Error {}

/** The longest description of an error that bearward did not make. */
const MAX_WORDS = 197
/** A shorter excerpt identifies no secret. */
const TELLING = 16
const REPEATS = 'the issuer repeats the token or a secret in what is not acceptable'

/**
 * Says what went wrong. An error of `fetch`, of a store or of a user's function may quote what it was working with, and it may
 * hold the whole request in `cause`, `config` or `errors`. So it is never handed on itself: only its message is, and that of its
 * cause, as plain printable ASCII, shortened, without user names and passwords of addresses. Where these words repeat a secret,
 * the kind of the error stands in for them.
 *
 * @param secrets what must not be repeated: the token, and whatever else the request carried
 */
export function describeFault(fault: unknown, secrets: readonly string[] = []): string {
  const own = ownWords(fault)
  const words = own ?? foreignWords(fault)
  return repeatsAny(words, secrets) ? nameOf(fault) : words
}

/** Returns the kind of an error whose message may quote a secret. */
export function nameOf(fault: unknown): string {
  const name = read(fault, 'name')
  return name !== undefined && /^[A-Za-z]{1,40}$/.test(name) ? name : 'unknown reason'
}

/** Returns the fault, in other words where its own repeat a secret. */
export function withoutSecrets(fault: unknown, secrets: readonly string[]): unknown {
  const words = ownWords(fault)
  if (words === undefined) return new Fault(describeFault(fault, secrets))
  if (!repeatsAny(words, secrets)) return fault
  if (fault instanceof BearwardError) return new BearwardError(fault.code, REPEATS)
  // Its class says what became of the request, and stays.
  return Object.assign(fault as Fault, { message: REPEATS })
}

/** Whether a text holds a telling part of one of these secrets, in whatever case and punctuation. */
function repeatsAny(text: string, secrets: readonly string[]): boolean {
  return secrets.some((secret) => repeats(text, secret))
}

function repeats(text: string, secret: string): boolean {
  if (secret === '') return false
  // A short one may be a word like any other: it counts where it stands as a whole value.
  if (secret.length < TELLING / 2) return text.includes(`"${secret}"`)
  if (text.includes(secret)) return true
  const [bareText, bareSecret] = [bare(text), bare(secret)]
  if (bareSecret.length < TELLING) return false
  for (let start = 0; start + TELLING <= bareText.length; start++) {
    if (bareSecret.includes(bareText.slice(start, start + TELLING))) return true
  }
  return false
}

/** Letters and digits in lower case: a secret in pieces, or in capitals, is one still. */
function bare(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]/g, '')
}

function ownWords(fault: unknown): string | undefined {
  if (fault instanceof BearwardError) return fault.detail
  return fault instanceof Fault ? fault.message : undefined
}

function foreignWords(fault: unknown): string {
  const message = read(fault, 'message')
  if (message === undefined) return 'unknown reason'
  // `fetch` hides the reason behind a message of its own.
  const hidden = read(readAny(fault, 'cause'), 'message')
  return plain(hidden === undefined ? message : `${message} (${hidden})`)
}

function plain(words: string): string {
  // Shortened first: what follows must not work on a megabyte.
  const short = words.length > MAX_WORDS ? `${words.slice(0, MAX_WORDS)}...` : words
  return short.replace(/\/\/[^\s/@]*@/g, '//').replace(/[^\x20-\x7e…]/g, '?')
}

function read(fault: unknown, name: string): string | undefined {
  const value = fault instanceof Error ? readAny(fault, name) : undefined
  return typeof value === 'string' ? value : undefined
}

/** A member of a foreign object, which may throw when it is read. */
function readAny(value: unknown, name: string): unknown {
  try {
    return (value as Record<string, unknown> | null | undefined)?.[name]
  } catch {
    return undefined
  }
}
