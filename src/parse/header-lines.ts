/** The header fields of a request: names in any case; an array is several header lines. */
export type RequestHeaders = Headers | Readonly<Record<string, string | readonly string[] | undefined>>

/** The values of a header, one for each line; `Headers` hands several lines over as one, joined by commas. */
export function headerLines(headers: RequestHeaders, name: string): string[] {
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

function isHeaders(headers: RequestHeaders): headers is Headers {
  return typeof (headers as Partial<Headers>).get === 'function'
}
