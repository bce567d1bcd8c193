import type { CheckedBinding, CheckedResolver, CheckedTiers, Observer, ResolvedIssuers } from '../parts.ts'
import type { BearwardEvent, FetchFunction } from '../pipeline.ts'
import type { StandardSchemaV1 } from '../token/standard-schema.ts'
import { isAsync } from '../runtime/thenable.ts'
import { createClock, systemClock } from '../runtime/clock.ts'
import {
  arrayOf,
  boolean,
  type Check,
  type Checks,
  checkThat,
  functionOf,
  headerText,
  integerBetween,
  misconfigured,
  numberBetween,
  objectOf,
  optional,
  scopeName,
  texts,
  withDefault,
} from './checks.ts'
import { type IssuerSettings, parseIssuer } from './issuer.ts'
import { isPart, sharedTiersPart } from './parts.ts'
import { parseResourceMetadata, type ResourceMetadataSettings } from './resource.ts'
import type { KeyOptions, ResourceServerOptions, ScopeOptions, TokenCacheOptions } from './public.ts'

/** All options: checked, with defaults. */
export interface Settings {
  readonly resource: string
  readonly issuers: readonly IssuerSettings[] | CheckedResolver
  /** Checks an issuer outside the list. */
  readonly parseIssuer: (issuer: unknown, option: string) => IssuerSettings
  readonly clockToleranceSeconds: number
  readonly maxTokenBytes: number
  readonly form: boolean
  readonly tokenCache: TokenCacheSettings | false
  readonly keys: KeySettings
  readonly tiers: CheckedTiers | undefined
  readonly bindings: readonly CheckedBinding[]
  readonly observer: Observer | undefined
  readonly claims: StandardSchemaV1 | undefined
  /** Scope → the scopes that it grants too, directly; without cycles. */
  readonly scopes: ScopeImplications
  readonly resourceMetadata: ResourceMetadataSettings
  readonly realm: string | undefined
  readonly insecureHosts: readonly string[]
  readonly fetch: FetchFunction
  readonly now: () => number
  readonly emit: (event: BearwardEvent) => void
}

type ScopeImplications = Readonly<Record<string, readonly string[]>>

export interface TokenCacheSettings {
  readonly max: number
  readonly maxBytes: number
  readonly maxAgeMs: number
}

export interface KeySettings {
  readonly refreshMs: number
  readonly maxStaleMs: number
  readonly cooldownMs: number
  readonly timeoutMs: number
}

/**
 * Checks the options once, when the server is created.
 *
 * @throws {BearwardError} configuration_invalid, naming the option, its actual and its expected value
 */
export function parseOptions(options: unknown): Settings {
  const given = objectOf(options, '', {
    resource: resourceIdentifier,
    audience: optional(texts),
    issuers: listOrResolver,
    clockToleranceSeconds: withDefault(10, numberBetween(0, 60)),
    maxTokenBytes: withDefault(16 * 1024, integerBetween(256, 1024 * 1024)),
    form: withDefault(false, boolean),
    tokenCache,
    keys,
    tiers: optional(sharedTiersPart),
    claims: optional(standardSchema),
    scopes,
    resourceMetadata: (value: unknown) => value,
    realm: optional(headerText),
    insecureHosts: withDefault<readonly string[]>([], arrayOf(hostName, 'an array of host names', 0)),
    fetch: withDefault<FetchFunction>((url, init) => fetch(url, init), functionOf()),
    now: clock,
    onEvent: optional(functionOf<(event: BearwardEvent) => void>()),
  } satisfies Checks<ResourceServerOptions>)
  const { resource, insecureHosts } = given
  const audience = new Set(given.audience ?? [resource])
  const parse = (issuer: unknown, option: string) => parseIssuer(issuer, option, { audience, insecureHosts })
  const issuers = 'start' in given.issuers ? given.issuers : parseIssuers(given.issuers, parse)
  return {
    ...given,
    issuers,
    parseIssuer: parse,
    resourceMetadata: parseResourceMetadata(given.resourceMetadata, resource, issuers, given.form, insecureHosts),
    emit: safely(given.onEvent),
    // They have no option yet.
    bindings: [],
    observer: undefined,
  }
}

const clock: Check<() => number> = (value, option) =>
  value === undefined ? systemClock : createClock(functionOf<() => unknown>()(value, option))

const hostName: Check<string> = checkThat(
  (value) =>
    typeof value === 'string' && URL.canParse(`http://${value}/`) && new URL(`http://${value}/`).hostname === value,
  'a host name in lower case, without port',
)

const resourceIdentifier: Check<string> = checkThat(
  (value) => typeof value === 'string' && URL.canParse(value) && !value.includes('#'),
  'an absolute URI without fragment, such as "https://api.example.com" ("audience" may be any string)',
)

const listOrResolver: Check<readonly unknown[] | CheckedResolver> = (value, option) => {
  if (isPart<ResolvedIssuers>(value, 'issuers')) return value.check(option)
  const expected = 'an array of at least one trusted issuer, or resolveIssuers(…), a function that bearward exports'
  return arrayOf<unknown>((issuer) => issuer, expected)(value, option)
}

function parseIssuers(
  issuers: readonly unknown[],
  parse: (issuer: unknown, option: string) => IssuerSettings,
): readonly IssuerSettings[] {
  const parsed = issuers.map((issuer, index) => parse(issuer, `issuers[${index}]`))
  const seen = new Set<string>()
  for (const [index, { identifier }] of parsed.entries()) {
    if (seen.has(identifier)) {
      throw misconfigured(`issuers[${index}].issuer`, `"${identifier}" again`, 'each issuer once')
    }
    seen.add(identifier)
  }
  const introspections = parsed.map(({ introspection }) => introspection)
  introspections.find((introspection) => introspection)?.requireDistinct(introspections)
  return parsed
}

const tokenCache: Check<TokenCacheSettings | false> = (value = {}, option) => {
  if (value === false) return false
  const { max, maxBytes, maxAgeSeconds } = objectOf(value, option, {
    max: withDefault(10_000, integerBetween(1, 1_000_000)),
    maxBytes: withDefault(32 * 1024 * 1024, integerBetween(64 * 1024, 1024 * 1024 * 1024)),
    maxAgeSeconds: withDefault(300, numberBetween(1, 86_400)),
  } satisfies Checks<TokenCacheOptions>)
  return { max, maxBytes, maxAgeMs: maxAgeSeconds * 1000 }
}

const keys: Check<KeySettings> = (value = {}, option) => {
  const { refreshSeconds, maxStaleSeconds, cooldownSeconds, timeoutMs } = objectOf(value, option, {
    refreshSeconds: withDefault(600, numberBetween(60, 86_400)),
    maxStaleSeconds: withDefault(86_400, numberBetween(60, 604_800)),
    cooldownSeconds: withDefault(30, numberBetween(1, 3_600)),
    timeoutMs: withDefault(5_000, numberBetween(100, 30_000)),
  } satisfies Checks<KeyOptions>)
  if (maxStaleSeconds < refreshSeconds) {
    throw misconfigured(`${option}.maxStaleSeconds`, `${maxStaleSeconds}`, 'at least "keys.refreshSeconds"')
  }
  return {
    refreshMs: refreshSeconds * 1000,
    maxStaleMs: maxStaleSeconds * 1000,
    cooldownMs: cooldownSeconds * 1000,
    timeoutMs,
  }
}

const standardSchema: Check<StandardSchemaV1> = checkThat(
  (value) => typeof (value as Partial<StandardSchemaV1> | null)?.['~standard']?.validate === 'function',
  'a Standard Schema, such as one of zod, valibot or arktype',
)

const scopes: Check<ScopeImplications> = (value = {}, option) => {
  const { implies } = objectOf(value, option, { implies: implications } satisfies Checks<ScopeOptions>)
  const path = `${option}.implies`
  const settled = new Set<string>()
  for (const scope of Object.keys(implies)) requireNoCycle(scopeName(scope, path), implies, path, [], settled)
  return implies
}

const implications: Check<ScopeImplications> = (value = {}, option) => {
  const members = Object.keys(Object(value)).map((name) => [name, scopeNames] as const)
  return objectOf<ScopeImplications>(value, option, Object.fromEntries(members))
}

const scopeNames: Check<readonly string[]> = arrayOf(scopeName, 'an array of scope names')

function requireNoCycle(
  scope: string,
  implies: ScopeImplications,
  option: string,
  trail: readonly string[],
  settled: Set<string>,
): void {
  if (trail.includes(scope)) {
    throw misconfigured(option, `the cycle ${[...trail, scope].join(' → ')}`, 'no cycle')
  }
  if (settled.has(scope)) return
  const direct = Object.hasOwn(implies, scope) ? (implies[scope] ?? []) : []
  for (const next of direct) requireNoCycle(next, implies, option, [...trail, scope], settled)
  settled.add(scope)
}

/** Hides faults of `onEvent` from requests. */
function safely(onEvent: ((event: BearwardEvent) => unknown) | undefined): (event: BearwardEvent) => void {
  if (!onEvent) return () => {}
  return (event) => {
    try {
      isAsync(onEvent(Object.freeze(event)))
    } catch {
      // Nobody receives it.
    }
  }
}
