import { ASYMMETRIC_ALGORITHMS } from '../jws/algorithms.ts'
import type { CheckedIntrospection } from '../parts.ts'
import { endpointFault, isLocal } from '../parse/endpoint-address.ts'
import { isObject, type JsonObject } from '../parse/json.ts'
import {
  arrayOf,
  type Check,
  type Checks,
  endpointUrl,
  misconfigured,
  objectOf,
  oneOf,
  optional,
  plainData,
  show,
  text,
  texts,
  withDefault,
} from './checks.ts'
import { introspectionPart } from './parts.ts'
import type { JwtOptions, TrustedIssuer } from './public.ts'

/** A trusted issuer: checked, with defaults. */
export interface IssuerSettings {
  readonly identifier: string
  readonly audience: ReadonlySet<string> | null
  readonly clients: ReadonlySet<string> | undefined
  readonly metadata: MetadataSource
  readonly keys: KeyLocation
  readonly algorithms: ReadonlySet<string>
  readonly profile: 'rfc9068' | 'compatible'
  /** The operator placed it on this machine, so its documents may name addresses there. */
  readonly local: boolean
  /** The derived resource metadata names it, so that clients can discover it. */
  readonly advertised: boolean
  /** bearward verifies its JWTs here. */
  readonly verifiesJwts: boolean
  readonly introspection: CheckedIntrospection | undefined
}

type MetadataSource =
  | { readonly from: 'discovery' }
  | { readonly from: 'url'; readonly url: string }
  | { readonly from: 'data'; readonly document: JsonObject }

type KeyLocation =
  | { readonly from: 'metadata' }
  | { readonly from: 'url'; readonly url: string }
  | { readonly from: 'data'; readonly jwks: JsonObject }

interface Surroundings {
  readonly audience: ReadonlySet<string>
  readonly insecureHosts: readonly string[]
}

/** @throws {BearwardError} configuration_invalid */
export function parseIssuer(value: unknown, option: string, surroundings: Surroundings): IssuerSettings {
  const { insecureHosts } = surroundings
  const given = objectOf(value, option, {
    issuer: text,
    audience: (each, name) => (each === null ? null : optional(texts)(each, name)),
    clients: optional(arrayOf(text, 'an array of at least one client identifier')),
    metadata: (each, name) => parseMetadataSource(each, name, insecureHosts),
    jwt: (each = {}, name) => ({
      ...parseJwt(each === false ? {} : each, name, insecureHosts),
      verifiesJwts: each !== false,
    }),
    introspection: optional(introspectionPart(insecureHosts)),
  } satisfies Checks<TrustedIssuer>)
  const { issuer: identifier, audience, metadata, jwt, introspection } = given
  const clients = given.clients && new Set(given.clients)
  if (audience === null && !clients) {
    throw misconfigured(`${option}.clients`, 'nothing', 'the accepted clients, since "audience" is null')
  }
  if (!jwt.verifiesJwts && !introspection) {
    throw misconfigured(`${option}.jwt`, 'false', '"introspection" beside it: without both, no token can be checked')
  }
  const needed = neededMembers(jwt, introspection)
  requireIssuer({ identifier, metadata, needed }, option, insecureHosts)
  return {
    identifier,
    audience: audience === null ? null : audience ? new Set(audience) : surroundings.audience,
    clients,
    metadata,
    local: isLocal(identifier) || metadata.from === 'data' || (metadata.from === 'url' && isLocal(metadata.url)),
    advertised: isDiscoverable(identifier, needed),
    ...jwt,
    introspection,
  }
}

/** The members with addresses that bearward reads from the issuer's metadata, because the options do not give them. */
function neededMembers(
  { verifiesJwts, keys }: Pick<IssuerSettings, 'verifiesJwts' | 'keys'>,
  introspection: CheckedIntrospection | undefined,
): readonly string[] {
  const needsKeys = (verifiesJwts || introspection?.needsKeys === true) && keys.from === 'metadata'
  return [needsKeys ? 'jwks_uri' : undefined, introspection?.needsMember].filter((name) => name !== undefined)
}

interface DescribedIssuer extends Pick<IssuerSettings, 'identifier' | 'metadata'> {
  readonly needed: readonly string[]
}

function requireIssuer(
  { identifier, metadata, needed }: DescribedIssuer,
  option: string,
  insecureHosts: readonly string[],
): void {
  if (metadata.from === 'data') {
    const { document } = metadata
    const named = document['issuer']
    if (named !== identifier) throw misconfigured(`${option}.metadata.issuer`, show(named), `exactly "${identifier}"`)
    for (const name of needed) endpointUrl(insecureHosts)(document[name], `${option}.metadata.${name}`)
  }
  const isOnlyCompared = needed.length === 0
  if (!URL.canParse(identifier)) {
    // Nothing can be discovered from such an identifier, but it can be compared.
    if (isOnlyCompared || metadata.from !== 'discovery') return
  }
  // No request goes to an identifier that is only compared: it may be plain http, as that of AD FS.
  const hosts = isOnlyCompared ? [new URL(identifier).hostname] : insecureHosts
  endpointUrl(hosts)(identifier, `${option}.issuer`)
  if (identifier.includes('?')) throw misconfigured(`${option}.issuer`, `"${identifier}"`, 'a URL without query')
}

/** Whether clients can discover an issuer by its identifier. @see RFC 9728 §2, RFC 8414 §2 */
function isDiscoverable(identifier: string, needed: readonly string[]): boolean {
  if (!URL.canParse(identifier)) return false
  return needed.length > 0 || endpointFault(new URL(identifier), []) === undefined
}

function parseMetadataSource(value: unknown, option: string, insecureHosts: readonly string[]): MetadataSource {
  if (value === undefined || value === 'discover') return { from: 'discovery' }
  if (!isObject(value)) throw misconfigured(option, show(value), '"discover", { url }, or the metadata itself')
  if ('issuer' in value) return { from: 'data', document: plainData(value, option) as JsonObject }
  return { from: 'url', url: objectOf(value, option, { url: endpointUrl(insecureHosts) }).url }
}

function parseJwt(
  value: unknown,
  option: string,
  insecureHosts: readonly string[],
): Pick<IssuerSettings, 'keys' | 'algorithms' | 'profile'> {
  const { jwks, jwksUri, algorithms, profile } = objectOf(value, option, {
    jwks: optional(keySet),
    jwksUri: optional(endpointUrl(insecureHosts)),
    algorithms: acceptedAlgorithms,
    profile: withDefault<IssuerSettings['profile']>('rfc9068', oneOf('rfc9068', 'compatible')),
  } satisfies Checks<JwtOptions>)
  if (jwks && jwksUri !== undefined) throw misconfigured(option, '"jwks" and "jwksUri"', 'one of the two')
  const url: KeyLocation = jwksUri === undefined ? { from: 'metadata' } : { from: 'url', url: jwksUri }
  return { keys: jwks ? { from: 'data', jwks } : url, algorithms: new Set(algorithms), profile }
}

const acceptedAlgorithms: Check<readonly string[]> = withDefault(
  ASYMMETRIC_ALGORITHMS,
  arrayOf(oneOf(...ASYMMETRIC_ALGORITHMS), 'an array of at least one asymmetric JWS algorithm'),
)

const keySet: Check<JsonObject> = (value, option) => {
  if (!isObject(value) || !Array.isArray(value['keys']) || value['keys'].length === 0) {
    throw misconfigured(option, show(value), 'a JWK Set with at least one key')
  }
  return plainData(value, option) as JsonObject
}
