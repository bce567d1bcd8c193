import { arrayOf, type Check, misconfigured, oneOf, plainData, scopeName, show, text } from './checks.ts'
import type { ProtectedResourceMetadata } from './documents.ts'
import type { IssuerSettings } from './issuer.ts'
import type { CheckedResolver } from '../parts.ts'
import { endpointFault } from '../parse/endpoint-address.ts'
import { isObject, strictCopy } from '../parse/json.ts'

export interface ResourceMetadataSettings {
  readonly document: ProtectedResourceMetadata
  /** The document's address, as challenges name it; `undefined` where it is not advertised. */
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
  issuers: readonly IssuerSettings[] | CheckedResolver,
  form: boolean,
  insecureHosts: readonly string[],
): ResourceMetadataSettings {
  const option = 'resourceMetadata'
  const additions = value === undefined || value === false ? {} : parseAdditions(value, option)
  const url = wellKnownUrl(resource, insecureHosts)
  if (value && url === undefined) {
    throw misconfigured(option, show(value), `nothing, since "${resource}" is no https URL that could serve it`)
  }
  if (additions.resource !== undefined && additions.resource !== resource) {
    throw misconfigured(`${option}.resource`, show(additions.resource), `exactly "${resource}", or nothing`)
  }
  const listed = 'start' in issuers ? [] : issuers.filter(({ advertised }) => advertised)
  const described: ProtectedResourceMetadata = {
    resource,
    // RFC 9728 §3.2: a member without values is left out.
    ...(listed.length > 0 && { authorization_servers: listed.map(({ identifier }) => identifier) }),
    bearer_methods_supported: form ? ['header', 'body'] : ['header'],
    ...additions,
  }
  // The document as clients read it. It is deeply frozen: every caller of `metadata()` shares it.
  const document = strictCopy(described) as ProtectedResourceMetadata | undefined
  if (!document) throw misconfigured(option, show(value), 'JSON')
  return { document, url: value === false ? undefined : url }
}

// RFC 9728 §2 allows any other members.
const MEMBERS: Readonly<Record<string, Check<unknown>>> = {
  authorization_servers: arrayOf(text, 'an array of issuers'),
  jwks_uri: text,
  scopes_supported: arrayOf(scopeName, 'an array of scope names'),
  bearer_methods_supported: arrayOf(oneOf('header', 'body'), 'an array of "header" and "body"'),
  resource_name: text,
  resource_documentation: text,
  resource_policy_uri: text,
  resource_tos_uri: text,
}

function parseAdditions(value: unknown, option: string): Partial<ProtectedResourceMetadata> {
  if (!isObject(value)) throw misconfigured(option, show(value), 'false or an object')
  const additions = plainData(value, option)
  for (const [name, check] of Object.entries(MEMBERS)) {
    if (additions[name] !== undefined) check(additions[name], `${option}.${name}`)
  }
  return additions
}

function wellKnownUrl(resource: string, insecureHosts: readonly string[]): string | undefined {
  const url = new URL(resource)
  if (endpointFault(url, insecureHosts) !== undefined) return undefined
  const path = url.pathname === '/' ? '' : url.pathname
  return `${url.origin}/.well-known/oauth-protected-resource${path}${url.search}`
}
