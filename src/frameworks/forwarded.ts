import { arrayOf, type Check, misconfigured, objectOf, oneOf, text } from '../options/checks.ts'

/** A header field in which a reverse proxy states the address that the client used. */
export type ForwardedField = 'x-forwarded-proto' | 'x-forwarded-host' | 'x-forwarded-prefix'

/** The trusted reverse proxies, and their trusted header fields. */
export interface TrustedProxies {
  /** Addresses from which the proxies connect, such as `['10.0.0.7']`. Fields from other addresses are ignored. */
  readonly addresses: readonly string[]
  /**
   * The fields that the proxies overwrite themselves; names in lower case, at least one. Most proxies set `x-forwarded-proto`, but
   * pass on the `x-forwarded-host` and `x-forwarded-prefix` of a client: list these two only where the proxy is configured to
   * write them. Fields outside this list are ignored, and so is a value of more than 2,048 characters. Of several values the last
   * counts.
   */
  readonly fields: readonly ForwardedField[]
}

/** The part of Node's request that forwarding uses. */
export interface ForwardedRequest {
  readonly socket: { readonly remoteAddress?: string | undefined }
  /** Names and values of header lines in turn. */
  readonly rawHeaders: readonly string[]
}

// Longer than any origin or path prefix in use. Unauthenticated clients can send these fields.
const MAX_VALUE_LENGTH = 2_048

/** Checks the option `trustedProxies`. @throws {BearwardError} configuration_invalid */
export const trustedProxies: Check<TrustedProxies> = (value, option) => {
  if (Array.isArray(value)) {
    // An earlier version took addresses alone, and so trusted a client's own prefix and host.
    throw misconfigured(
      option,
      'an array',
      "{ addresses: ['10.0.0.7'], fields: ['x-forwarded-proto'] }, with the fields that the proxy writes itself",
    )
  }
  return objectOf<TrustedProxies>(value, option, {
    addresses: arrayOf(text, 'an array of addresses', 0),
    fields: arrayOf(
      oneOf<ForwardedField>('x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-prefix'),
      'an array of the fields that the proxy writes itself, at least one',
    ),
  })
}

/**
 * Returns a function that finds the origin and path prefix of a request: from the fields of a trusted proxy, else `origin`. One
 * malformed field makes it ignore them all.
 */
export function createForwarding(
  { addresses, fields }: TrustedProxies,
  origin: string,
): (request: ForwardedRequest) => string {
  const proxies = new Set(addresses)
  const trusted = new Set(fields)
  const { protocol, host: ownHost } = new URL(origin)
  const ownScheme = protocol.slice(0, -1)

  function valueOf(rawHeaders: readonly string[], field: ForwardedField): string | undefined {
    return trusted.has(field) ? lastValue(rawHeaders, field) : undefined
  }

  if (proxies.size === 0) return () => origin
  return ({ socket, rawHeaders }) => {
    if (!proxies.has(plainAddress(socket.remoteAddress))) return origin
    const scheme = valueOf(rawHeaders, 'x-forwarded-proto') ?? ownScheme
    const host = valueOf(rawHeaders, 'x-forwarded-host') ?? ownHost
    const prefix = withoutTrailingSlashes(valueOf(rawHeaders, 'x-forwarded-prefix') ?? '')
    // Other characters could turn the rest of the address into a query.
    if (!/^(?:\/[A-Za-z0-9._~-]+)*$/.test(prefix)) return origin
    const base = `${scheme}://${host}${prefix}`
    return /^https?$/.test(scheme) && /^[A-Za-z0-9.:[\]-]+$/.test(host) && URL.canParse(base) ? base : origin
  }
}

/** Returns the last value, which the nearest proxy wrote. The client may have written the others. */
function lastValue(rawHeaders: readonly string[], field: string): string | undefined {
  for (let index = rawHeaders.length - 2; index >= 0; index -= 2) {
    const name = rawHeaders[index] ?? ''
    if (name.length !== field.length || name.toLowerCase() !== field) continue
    const line = rawHeaders[index + 1] ?? ''
    const value = line.slice(line.lastIndexOf(',') + 1)
    return value.length > MAX_VALUE_LENGTH ? undefined : value.trim() || undefined
  }
  return undefined
}

/** Uses a loop: `/\/+$/` takes quadratic time for slashes before the end. */
function withoutTrailingSlashes(path: string): string {
  let end = path.length
  while (path.charAt(end - 1) === '/') end--
  return path.slice(0, end)
}

/** Unwraps an IPv6-mapped IPv4 address, as a server that listens on both receives it. */
function plainAddress(address = ''): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '')
}
