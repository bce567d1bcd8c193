import { ASYMMETRIC_ALGORITHMS } from '../jws/algorithms.ts'
import type { CheckedIntrospection } from '../parts.ts'
import { endpointFault, isLocal } from '../parse/endpoint-address.ts'
import { isObject, type JsonObject } from '../parse/json.ts'
import {
  arrayOf,
  type Check,
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

/** A trusted issuer, checked, with its defaults filled in. */
export interface IssuerSettings {
  readonly identifier: string
  readonly audience: ReadonlySet<string> | null
  readonly clients: ReadonlySet<string> | undefined
  readonly metadata: MetadataSource
  readonly keys:
    | { readonly from: 'metadata' }
    | { readonly from: 'url'; readonly url: string }
    | { readonly from: 'data'; readonly jwks: JsonObject }
  readonly algorithms: ReadonlySet<string>
  readonly profile: 'rfc9068' | 'compatible'
  /** The operator put it on this machine, so that its documents may name addresses there. */
  readonly local: boolean
  /** The derived resource metadata names it, so that clients may discover it. */
  readonly advertised: boolean
  /** JWTs are verified here. */
  readonly verifiesJwts: boolean
  readonly introspection: CheckedIntrospection | undefined
}

type MetadataSource =
  | { readonly from: 'discovery' }
  | { readonly from: 'url'; readonly url: string }
  | { readonly from: 'data'; readonly document: JsonObject }

interface Surroundings {
  readonly audience: ReadonlySet<string>
  readonly insecureHosts: readonly string[]
}

/** @throws {BearwardError} configuration_invalid */
export function parseIssuer(value: unknown, option: string, { audience, insecureHosts }: Surroundings): IssuerSettings {
  const given = objectOf<ParsedIssuer>(value, option, {
    issuer: text,
    audience: (each, name) => (each === null ? null : optional(texts)(each, name)),
    clients: optional(arrayOf(text, 'an array of at least one client identifier')),
    metadata: (each, name) => parseMetadataSource(each, name, insecureHosts),
    jwt: (each, name) => ({
      ...parseJwt(each === undefined || each === false ? {} : each, name, insecureHosts),
      verifiesJwts: each !== false,
    }),
    introspection: optional(introspectionPart({ insecureHosts })),
  })
  if (given.audience === null && !given.clients) {
    throw misconfigured(`${option}.clients`, 'nothing', 'the accepted clients, since "audience" is null')
  }
  if (!given.jwt.verifiesJwts && !given.introspection) {
    throw misconfigured(
      `${option}.jwt`,
      'false',
      '"introspection" beside it, or no token of this issuer could be checked',
    )
  }
  const sought = soughtInMetadata(given)
  requireIssuer(given, option, insecureHosts, sought)
  return {
    identifier: given.issuer,
    audience: given.audience === null ? null : given.audience ? new Set(given.audience) : audience,
    clients: given.clients && new Set(given.clients),
    metadata: given.metadata,
    local:
      isLocal(given.issuer) ||
      given.metadata.from === 'data' ||
      (given.metadata.from === 'url' && isLocal(given.metadata.url)),
    advertised: isDiscoverable(given.issuer, sought),
    ...given.jwt,
    introspection: given.introspection,
  }
}

interface ParsedIssuer {
  readonly issuer: string
  readonly audience: readonly string[] | null | undefined
  readonly clients: readonly string[] | undefined
  readonly metadata: MetadataSource
  readonly jwt: Pick<IssuerSettings, 'keys' | 'algorithms' | 'profile' | 'verifiesJwts'>
  readonly introspection: CheckedIntrospection | undefined
}

/** What of an issuer comes out of its metadata, as opposed to being given. */
interface Sought {
  readonly keys: boolean
  /** The member that the issuer's introspection needs. */
  readonly member: string | undefined
}

function soughtInMetadata({ jwt, introspection }: ParsedIssuer): Sought {
  const needsKeys = jwt.verifiesJwts || introspection?.needsKeys === true
  return {
    keys: needsKeys && jwt.keys.from === 'metadata',
    member: introspection?.needsMember,
  }
}

function requireIssuer(
  { issuer, metadata }: ParsedIssuer,
  option: string,
  insecureHosts: readonly string[],
  sought: Sought,
): void {
  if (metadata.from === 'data') {
    const { issuer: named, jwks_uri: jwksUri } = metadata.document
    if (named !== issuer) throw misconfigured(`${option}.metadata.issuer`, show(named), `exactly "${issuer}"`)
    if (sought.keys) endpointUrl(insecureHosts)(jwksUri, `${option}.metadata.jwks_uri`)
    if (sought.member !== undefined) {
      endpointUrl(insecureHosts)(metadata.document[sought.member], `${option}.metadata.${sought.member}`)
    }
  }
  const isOnlyCompared = !sought.keys && sought.member === undefined
  if (!URL.canParse(issuer)) {
    // Such an identifier can be compared, but nothing can be discovered from it.
    if (isOnlyCompared || metadata.from !== 'discovery') return
  }
  // Nothing is asked at an identifier that is only compared, so that it may be plain http, as AD FS has it.
  const hosts = isOnlyCompared ? [new URL(issuer).hostname] : insecureHosts
  endpointUrl(hosts)(issuer, `${option}.issuer`)
  if (issuer.includes('?')) throw misconfigured(`${option}.issuer`, `"${issuer}"`, 'a URL without query')
}

/** Whether clients can discover an issuer by its identifier. @see RFC 9728 §2, RFC 8414 §2 */
function isDiscoverable(identifier: string, sought: Sought): boolean {
  if (!URL.canParse(identifier)) return false
  return sought.keys || sought.member !== undefined || endpointFault(new URL(identifier), []) === undefined
}

function parseMetadataSource(value: unknown, option: string, insecureHosts: readonly string[]): MetadataSource {
  if (value === undefined || value === 'discover') return { from: 'discovery' }
  if (!isObject(value)) throw misconfigured(option, show(value), '"discover", { url }, or the metadata itself')
  if ('issuer' in value) return { from: 'data', document: plainData(value, option) as JsonObject }
  return { from: 'url', url: objectOf<{ url: string }>(value, option, { url: endpointUrl(insecureHosts) }).url }
}

function parseJwt(
  value: unknown,
  option: string,
  insecureHosts: readonly string[],
): Omit<ParsedIssuer['jwt'], 'verifiesJwts'> {
  const { jwks, jwksUri, algorithms, profile } = objectOf<{
    jwks: JsonObject | undefined
    jwksUri: string | undefined
    algorithms: readonly string[]
    profile: IssuerSettings['profile']
  }>(value, option, {
    jwks: optional(keySet),
    jwksUri: optional(endpointUrl(insecureHosts)),
    algorithms: withDefault(
      ASYMMETRIC_ALGORITHMS,
      arrayOf(oneOf(...ASYMMETRIC_ALGORITHMS), 'an array of at least one asymmetric JWS algorithm'),
    ),
    profile: withDefault<IssuerSettings['profile']>('rfc9068', oneOf('rfc9068', 'compatible')),
  })
  if (jwks && jwksUri !== undefined) throw misconfigured(option, '"jwks" and "jwksUri"', 'one of the two')
  const keys: IssuerSettings['keys'] = jwks
    ? { from: 'data', jwks }
    : jwksUri === undefined
      ? { from: 'metadata' }
      : { from: 'url', url: jwksUri }
  return { keys, algorithms: new Set(algorithms), profile }
}

const keySet: Check<JsonObject> = (value, option) => {
  if (!isObject(value) || !Array.isArray(value['keys']) || value['keys'].length === 0) {
    throw misconfigured(option, show(value), 'a JWK Set with at least one key')
  }
  return plainData(value, option) as JsonObject
}
