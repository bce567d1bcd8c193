import { arrayOf, type Check, misconfigured, objectOf, oneOf, text } from '../options/checks.ts'

/** A header field in which a reverse proxy passes on how the client addressed it. */
export type ForwardedField = 'x-forwarded-proto' | 'x-forwarded-host' | 'x-forwarded-prefix'

/** Which reverse proxies are believed, and in which fields. */
export interface TrustedProxies {
  /** Addresses from which the proxies connect, such as `['10.0.0.7']`. Nobody else is believed. */
  readonly addresses: readonly string[]
  /**
   * The fields that these proxies write themselves, whatever the client sent; names in lower case, at least one. Most proxies
   * set `x-forwarded-proto` and pass a client's `x-forwarded-host` and `x-forwarded-prefix` on unchanged: name those two only
   * where the proxy is configured to write them. A field that is not named is ignored. Of each field the last value counts,
   * up to 2,048 characters; a longer one is ignored as well.
   */
  readonly fields: readonly ForwardedField[]
}

/** The part of Node's request that is read here. */
export interface ForwardedRequest {
  readonly socket: { readonly remoteAddress?: string | undefined }
  /** Names and values of header lines in turn, as they came. */
  readonly rawHeaders: readonly string[]
}

// Longer than any origin or path prefix in use; what is read here comes before authentication.
const MAX_VALUE_LENGTH = 2_048

/** Reads the option `trustedProxies`. @throws {BearwardError} configuration_invalid */
export const trustedProxies: Check<TrustedProxies> = (value, option) => {
  if (Array.isArray(value)) {
    // Addresses alone said nothing about the fields: a client's own prefix and host were believed.
    throw misconfigured(
      option,
      'an array',
      "{ addresses: ['10.0.0.7'], fields: ['x-forwarded-proto'] }, naming the fields that the proxy writes itself",
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
 * Makes the function that returns origin and path prefix under which a request was sent: as a trusted proxy says, else
 * `origin`. Where a field that counts is malformed, none of them is believed.
 */
export function createForwarding(
  { addresses, fields }: TrustedProxies,
  origin: string,
): (request: ForwardedRequest) => string {
  const proxies = new Set(addresses)
  const believed = new Set(fields)
  const { protocol, host: ownHost } = new URL(origin)
  const ownScheme = protocol.slice(0, -1)

  function valueOf(rawHeaders: readonly string[], field: ForwardedField): string | undefined {
    return believed.has(field) ? lastValue(rawHeaders, field) : undefined
  }

  if (proxies.size === 0) return () => origin
  return ({ socket, rawHeaders }) => {
    if (!proxies.has(plainAddress(socket.remoteAddress))) return origin
    const scheme = valueOf(rawHeaders, 'x-forwarded-proto') ?? ownScheme
    const host = valueOf(rawHeaders, 'x-forwarded-host') ?? ownHost
    const prefix = withoutSlashesAtEnd(valueOf(rawHeaders, 'x-forwarded-prefix') ?? '')
    // Anything but plain path segments could turn the rest of the address into a query.
    if (!/^(?:\/[A-Za-z0-9._~-]+)*$/.test(prefix)) return origin
    const base = `${scheme}://${host}${prefix}`
    return /^https?$/.test(scheme) && /^[A-Za-z0-9.:[\]-]+$/.test(host) && URL.canParse(base) ? base : origin
  }
}

/** The last value is the one that the nearest proxy wrote; those before it may be the client's. */
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

/** A loop, since `/\/+$/` takes the square of the time for slashes that are not at the end. */
function withoutSlashesAtEnd(path: string): string {
  let end = path.length
  while (path.charAt(end - 1) === '/') end--
  return path.slice(0, end)
}

/** IPv4 addresses come IPv6-mapped where the server listens on both. */
function plainAddress(address = ''): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '')
}
