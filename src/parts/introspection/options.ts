import { type ClientAuthentication, clientAuthentication } from '../../upstream/client-authentication.ts'
import type { IntrospectionDialect } from './dialect.ts'
import { isObject } from '../../parse/json.ts'
import {
  arrayOf,
  boolean,
  type Check,
  endpointUrl,
  headerText,
  integerBetween,
  misconfigured,
  numberBetween,
  objectOf,
  oneOf,
  optional,
  show,
  withDefault,
} from '../../options/checks.ts'

/** How an issuer is asked about tokens, checked, with its defaults filled in. */
export interface IntrospectionSettings {
  readonly endpoint: string | undefined
  readonly auth: ClientAuthentication | 'none'
  readonly use: 'opaque' | 'always'
  readonly prefixes: readonly string[] | undefined
  readonly cacheMs: number
  readonly audienceAssumed: boolean
  readonly accessTokensOnly: boolean
  readonly signedResponse: boolean
  readonly dialect: IntrospectionDialect | undefined
  readonly timeoutMs: number
  readonly maxConcurrent: number
  readonly staleOnOutageMs: number
}

/** @throws {BearwardError} configuration_invalid */
export function parseIntrospection(
  value: unknown,
  option: string,
  insecureHosts: readonly string[],
): IntrospectionSettings {
  const given = objectOf<{
    endpoint: string | undefined
    auth: ClientAuthentication | 'none'
    use: 'opaque' | 'always'
    opaqueTokens: { prefixes: readonly string[] } | undefined
    cacheSeconds: number
    audience: 'assumed' | undefined
    tokens: 'access-only' | undefined
    signedResponse: boolean
    dialect: IntrospectionDialect | undefined
    timeoutMs: number
    maxConcurrent: number
    staleOnOutageSeconds: number
  }>(value, option, {
    endpoint: optional(endpointUrl(insecureHosts)),
    auth: clientAuthentication,
    use: withDefault<'opaque' | 'always'>('opaque', oneOf('opaque', 'always')),
    opaqueTokens: optional((each, name) =>
      objectOf<{ prefixes: readonly string[] }>(each, name, { prefixes: arrayOf(headerText, 'an array of prefixes') }),
    ),
    cacheSeconds: withDefault(30, numberBetween(0, 3_600)),
    audience: optional(oneOf('assumed')),
    tokens: optional(oneOf('access-only')),
    signedResponse: withDefault(false, boolean),
    dialect: optional(dialect),
    timeoutMs: withDefault(3_000, numberBetween(100, 30_000)),
    maxConcurrent: withDefault(50, integerBetween(1, 10_000)),
    staleOnOutageSeconds: withDefault(0, numberBetween(0, 86_400)),
  })
  if (given.signedResponse && given.dialect) {
    throw misconfigured(
      `${option}.signedResponse`,
      'true beside a dialect',
      'false: signed responses belong to RFC 7662',
    )
  }
  if (given.staleOnOutageSeconds > 0 && given.cacheSeconds === 0) {
    throw misconfigured(`${option}.staleOnOutageSeconds`, `${given.staleOnOutageSeconds}`, '0, since nothing is cached')
  }
  if (given.dialect?.endpoint !== undefined)
    endpointUrl(insecureHosts)(given.dialect.endpoint, `${option}.dialect.endpoint`)
  return {
    endpoint: given.endpoint ?? given.dialect?.endpoint,
    auth: given.auth,
    use: given.use,
    prefixes: given.opaqueTokens?.prefixes,
    cacheMs: given.cacheSeconds * 1000,
    audienceAssumed: given.audience === 'assumed',
    accessTokensOnly: given.tokens === 'access-only',
    signedResponse: given.signedResponse,
    dialect: given.dialect,
    timeoutMs: given.timeoutMs,
    maxConcurrent: given.maxConcurrent,
    staleOnOutageMs: given.staleOnOutageSeconds * 1000,
  }
}

function isDialect(value: unknown): value is IntrospectionDialect {
  return isObject(value) && typeof value['request'] === 'function' && typeof value['read'] === 'function'
}

const dialect: Check<IntrospectionDialect> = (value, option) => {
  if (isDialect(value)) return value
  throw misconfigured(option, show(value), 'an IntrospectionDialect: an object with the functions request and read')
}
