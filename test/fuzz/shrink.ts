/** The text of one JSON object with each of its outermost members left out in turn; nothing for a text that has none. */
export function* withoutMembers(text: string): Iterable<string> {
  const spans = outermostSpans(text)
  if (spans.length < 2) return
  for (const left of spans) {
    yield `{${spans.filter((span) => span !== left).join(',')}}`
  }
}

/** The same with a part left out: halves first, then quarters, down to a few characters. */
export function* shorter(text: string): Iterable<string> {
  for (let length = text.length >> 1; length >= Math.max(1, text.length >> 5); length >>= 1) {
    for (let at = 0; at < text.length; at += length) yield text.slice(0, at) + text.slice(at + length)
  }
}

/** Splits at the commas between outermost members, as far as the text looks like an object. */
function outermostSpans(text: string): readonly string[] {
  if (!text.startsWith('{') || !text.endsWith('}')) return []
  const spans: string[] = []
  let depth = 0
  let start = 1
  let inString = false
  for (let at = 1; at < text.length - 1; at++) {
    const sign = text[at]
    if (inString) {
      if (sign === '\\') at++
      else if (sign === '"') inString = false
    } else if (sign === '"') inString = true
    else if (sign === '{' || sign === '[') depth++
    else if (sign === '}' || sign === ']') depth--
    else if (sign === ',' && depth === 0) {
      spans.push(text.slice(start, at))
      start = at + 1
    }
  }
  return [...spans, text.slice(start, -1)]
}
