import { BearwardError } from '../errors.ts'
import { describeFault, Fault, isA, nameOf, ownWords, UNKNOWN_REASON } from '../faults.ts'

/** A shorter excerpt of a long secret identifies nothing. */
const TELLING = 16
/** Shorter pieces of a secret occur by chance. */
const PIECE = 8
/** Every piece contains one whole block, wherever the piece begins. */
const BLOCK = PIECE / 2
/** bearward writes no longer detail. */
const MAX_SEARCHED = 4_096
/** In how many places of a secret one block of a text is compared: a secret of one letter has the block everywhere. */
const MAX_PLACES = 64
const REPEATS = 'the issuer repeats the token or a secret in what is not acceptable'

/**
 * As `describeFault`; where the words repeat a secret, the kind of the error replaces them.
 *
 * @param secrets what must not be repeated: the token, and the credentials of the request
 */
export function describeWithout(fault: unknown, secrets: readonly string[]): string {
  const words = describeFault(fault)
  return repeatsAny(words, secrets) ? nameWithout(fault, secrets) : words
}

/** As `nameOf`; a name that repeats a secret is unknown. */
export function nameWithout(fault: unknown, secrets: readonly string[]): string {
  const name = nameOf(fault)
  return repeatsAny(name, secrets) ? UNKNOWN_REASON : name
}

/** Returns the fault, in other words where its own repeat a secret. */
export function withoutSecrets(fault: unknown, secrets: readonly string[]): unknown {
  const words = ownWords(fault)
  if (words === undefined) return new Fault(describeWithout(fault, secrets))
  if (!repeatsAny(words, secrets)) return fault
  if (isA(fault, BearwardError)) return new BearwardError(fault.code, REPEATS)
  // The class of a fault tells what became of the request: it stays.
  return Object.assign(fault as Fault, { message: REPEATS })
}

/**
 * Whether a text repeats a telling part of one of these secrets: in any case and punctuation, percent-encoded, in pieces and out
 * of order. Half of a short secret is telling, and so are sixteen characters of a long one.
 */
export function repeatsAny(text: string, secrets: readonly string[]): boolean {
  if (secrets.length === 0) return false
  // The search would take as long as the sender of the text wants.
  if (text.length > MAX_SEARCHED) return true
  const readings = text.includes('%') ? [text, percentDecoded(text)] : [text]
  return readings.some((reading) => {
    const [written, letters] = [masked(reading), bare(reading)]
    return secrets.some((secret) => (isWord(secret) ? standsAlone(reading, secret) : repeats(written, letters, secret)))
  })
}

/** Whether a secret is so short that it looks like an ordinary word. */
function isWord(secret: string): boolean {
  return secret.length < PIECE / 2 || /^(?:[A-Za-z]{1,7}|[0-9.]{1,7})$/.test(secret)
}

/** Whether a text contains a short secret as a whole value. */
function standsAlone(text: string, secret: string): boolean {
  return secret !== '' && (text.includes(`"${secret}"`) || text.includes(`(${secret})`))
}

function repeats(written: string, letters: string, secret: string): boolean {
  // A secret with few letters counts only as a whole.
  if (secret.length <= written.length && written.includes(masked(secret))) return true
  const ofSecret = bare(secret)
  return ofSecret.length >= PIECE && shares(letters, ofSecret)
}

/** Replaces the characters that a message replaces, in lower case. */
function masked(text: string): string {
  return text.toLowerCase().replace(/[^\x20-\x7e]|["\\]/g, '?')
}

/** Keeps the letters and digits, in lower case: so a secret is found in pieces or in capitals. */
function bare(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, '')
}

function percentDecoded(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
}

/** Whether the pieces of a secret in a text add up to a telling part. The secret may be long: it is searched for the text's blocks. */
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

/** Finds the longest piece of the secret that contains the text's block at this place, up to a telling length. */
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
