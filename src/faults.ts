import { BearwardError, maskUserInfo } from './errors.ts'

/** A fault within bearward. Its message is in our own words: what others say gets into it through `describeFault` alone. */
export class Fault extends Error {}

/** The longest description of an error that bearward did not make. */
const MAX_WORDS = 197
/** How much of it is searched for addresses with a user name and a password. */
const MAX_READ = 2_048
/** A shorter excerpt of a long secret identifies nothing. */
const TELLING = 16
/** Shorter pieces of a secret occur by chance. */
const PIECE = 8
/** Every piece holds one whole block, wherever it begins. */
const BLOCK = PIECE / 2
/** No detail of ours is longer. */
const MAX_SEARCHED = 4_096
/** How many places of a secret are compared with one block of a text: a secret of one letter has them everywhere. */
const MAX_PLACES = 64
const REPEATS = 'the issuer repeats the token or a secret in what is not acceptable'
const UNKNOWN = 'unknown reason'

/**
 * Says what went wrong. An error of `fetch`, of a store or of a user's function may quote what it was working with, and it may
 * hold the whole request in `cause`, `config` or `errors`. So it is never handed on itself: only its message is, and that of its
 * cause, as plain printable ASCII, shortened, with user names and passwords of addresses masked. Where these words repeat a secret,
 * the kind of the error stands in for them.
 *
 * @param secrets what must not be repeated: the token, and whatever else the request carried
 */
export function describeFault(fault: unknown, secrets: readonly string[] = []): string {
  const words = ownWords(fault) ?? foreignWords(fault)
  return repeatsAny(words, secrets) ? nameOf(fault, secrets) : words
}

/** Returns the kind of an error whose message may quote a secret. Its name may be one too: only names of errors count. */
export function nameOf(fault: unknown, secrets: readonly string[] = []): string {
  const name = read(fault, 'name')
  if (name === undefined || !/^[A-Za-z]{0,35}(?:Error|Exception)$/.test(name)) return UNKNOWN
  return repeatsAny(name, secrets) ? UNKNOWN : name
}

/** Returns the fault, in other words where its own repeat a secret. */
export function withoutSecrets(fault: unknown, secrets: readonly string[]): unknown {
  const words = ownWords(fault)
  if (words === undefined) return new Fault(describeFault(fault, secrets))
  if (!repeatsAny(words, secrets)) return fault
  if (isA(fault, BearwardError)) return new BearwardError(fault.code, REPEATS)
  // Its class says what became of the request, and stays.
  return Object.assign(fault as Fault, { message: REPEATS })
}

/** As `instanceof`, which throws where a foreign object is a proxy that does. */
export function isA<T>(value: unknown, kind: abstract new (...details: never[]) => T): value is T {
  try {
    return value instanceof kind
  } catch {
    return false
  }
}

/**
 * Whether a text holds a telling part of one of these secrets: in whatever case and punctuation, percent-encoded, in pieces
 * and out of order. Half of a short secret is telling, and sixteen characters of a long one.
 */
export function repeatsAny(text: string, secrets: readonly string[]): boolean {
  if (secrets.length === 0) return false
  // Nobody reads that much; to search it would take as long as somebody wants it to.
  if (text.length > MAX_SEARCHED) return true
  const readings = text.includes('%') ? [text, percentDecoded(text)] : [text]
  return readings.some((reading) => {
    const [written, letters] = [masked(reading), bare(reading)]
    return secrets.some((secret) => (isWord(secret) ? standsAlone(reading, secret) : repeats(written, letters, secret)))
  })
}

/** Whether a secret is too short to be told from a word like any other. */
function isWord(secret: string): boolean {
  return secret.length < PIECE / 2 || /^(?:[A-Za-z]{1,7}|[0-9.]{1,7})$/.test(secret)
}

/** Whether a text holds a short secret as a whole value. */
function standsAlone(text: string, secret: string): boolean {
  return secret !== '' && (text.includes(`"${secret}"`) || text.includes(`(${secret})`))
}

function repeats(written: string, letters: string, secret: string): boolean {
  // One of few letters is found whole or not at all.
  if (secret.length <= written.length && written.includes(masked(secret))) return true
  const ofSecret = bare(secret)
  return ofSecret.length >= PIECE && shares(letters, ofSecret)
}

/** In lower case, without what a message replaces. */
function masked(text: string): string {
  return text.toLowerCase().replace(/[^\x20-\x7e]|["\\]/g, '?')
}

/** Letters and digits in lower case: a secret in pieces, or in capitals, is one still. */
function bare(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, '')
}

function percentDecoded(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
}

/** Whether the pieces of a secret in a text add up to a telling part. The secret, which is long, is searched block by block. */
function shares(text: string, secret: string): boolean {
  const least = Math.min(TELLING, Math.max(PIECE, Math.ceil(secret.length / 2)))
  let shared = 0
  let counted = 0
  for (let at = 0; at + BLOCK <= text.length; at += BLOCK) {
    if (at < counted) continue
    const { start, end } = longestPiece(text, at, secret)
    if (end - start < PIECE) continue
    shared += end - Math.max(start, counted)
    if (shared >= least) return true
    counted = end
  }
  return false
}

/** The longest piece of the secret that holds the text's block at this place, up to a telling length. */
function longestPiece(text: string, at: number, secret: string): { readonly start: number; readonly end: number } {
  const block = text.slice(at, at + BLOCK)
  let longest = { start: at, end: at }
  let places = 0
  for (let found = secret.indexOf(block); found >= 0; found = secret.indexOf(block, found + 1)) {
    if (++places > MAX_PLACES) return { start: at, end: at + TELLING }
    let [before, after] = [0, BLOCK]
    while (after < TELLING && at + after < text.length && text[at + after] === secret[found + after]) after++
    while (before < TELLING && before < at && text[at - before - 1] === secret[found - before - 1]) before++
    if (before + after > longest.end - longest.start) longest = { start: at - before, end: at + after }
    if (before + after >= TELLING) break
  }
  return longest
}

function ownWords(fault: unknown): string | undefined {
  if (isA(fault, BearwardError)) return read(fault, 'detail')
  return isA(fault, Fault) ? read(fault, 'message') : undefined
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
