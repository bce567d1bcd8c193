// Fewer characters of a token than these tell nobody anything.
const TELLING = 16

/** Whether a text holds a telling part of a secret. */
export function repeats(text: string, secret: string): boolean {
  if (secret.length <= TELLING) return text.includes(secret)
  for (let start = 0; start + TELLING <= text.length; start++) {
    if (secret.includes(text.slice(start, start + TELLING))) return true
  }
  return false
}
