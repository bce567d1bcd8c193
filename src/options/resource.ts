import { arrayOf, endpointFault, misconfigured, scopeName } from './checks.ts'
import type { ProtectedResourceMetadata } from './documents.ts'
import type { IssuerSettings } from './issuer.ts'
import type { IssuerResolver } from './public.ts'
import { isObject } from '../parse/json.ts'

export interface ResourceMetadataSettings {
  readonly document: ProtectedResourceMetadata
  /** Where the document is served, and what challenges say; `undefined` where it is not advertised. */
  readonly url: string | undefined
}

/**
 * Derives the protected resource metadata and its path-inserted address.
 *
 * @throws {BearwardError} configuration_invalid
 * @see RFC 9728 §2 and §3.1
 */
export function parseResourceMetadata(
  value: unknown,
  resource: string,
  issuers: readonly IssuerSettings[] | IssuerResolver,
  form: boolean,
  insecureHosts: readonly string[],
): ResourceMetadataSettings {
  const option = 'resourceMetadata'
  if (value !== undefined && value !== false && !isObject(value)) {
    throw misconfigured(option, typeof value, 'false or an object')
  }
  const additions = value === false ? {} : ((value ?? {}) as Partial<ProtectedResourceMetadata>)
  const url = wellKnownUrl(resource, insecureHosts)
  if (value && url === undefined) {
    throw misconfigured(option, 'an object', `nothing, since "${resource}" is no https URL at which it could be served`)
  }
  if (additions.resource !== undefined && additions.resource !== resource) {
    throw misconfigured(`${option}.resource`, String(additions.resource), `exactly "${resource}", or nothing`)
  }
  if (additions.scopes_supported !== undefined) {
    arrayOf(scopeName, 'an array of scope names')(additions.scopes_supported, `${option}.scopes_supported`)
  }
  const document: ProtectedResourceMetadata = {
    resource,
    ...(typeof issuers !== 'function' && { authorization_servers: issuers.map(({ identifier }) => identifier) }),
    bearer_methods_supported: form ? ['header', 'body'] : ['header'],
    ...structuredClone(additions),
  }
  return { document: Object.freeze(document), url: value === false ? undefined : url }
}

function wellKnownUrl(resource: string, insecureHosts: readonly string[]): string | undefined {
  const url = new URL(resource)
  if (endpointFault(url, insecureHosts) !== undefined) return undefined
  const path = url.pathname === '/' ? '' : url.pathname
  return `${url.origin}/.well-known/oauth-protected-resource${path}${url.search}`
}
