import type { CheckedBinding, CheckedResolver, CheckedTiers, Observer, ResolvedIssuers } from '../parts.ts'
import type { BearwardEvent, FetchFunction } from '../pipeline.ts'
import type { StandardSchemaV1 } from '../token/standard-schema.ts'
import { isAsync } from '../runtime/thenable.ts'
import { createClock, systemClock } from '../runtime/clock.ts'
import {
  arrayOf,
  boolean,
  type Check,
  functionOf,
  headerText,
  integerBetween,
  misconfigured,
  numberBetween,
  objectOf,
  optional,
  scopeName,
  show,
  text,
  texts,
  withDefault,
} from './checks.ts'
import { type IssuerSettings, parseIssuer } from './issuer.ts'
import { isPart, sharedTiersPart } from './parts.ts'
import { parseResourceMetadata, type ResourceMetadataSettings } from './resource.ts'
import type { ResourceServerOptions } from './public.ts'

/** Every option, checked, with its default filled in. */
export interface Settings {
  readonly resource: string
  readonly issuers: readonly IssuerSettings[] | CheckedResolver
  /** Checks an issuer that is not in the list. */
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
  /** Scope → what it brings along directly; free of cycles. */
  readonly implied: ScopeImplications
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
 * @throws {BearwardError} configuration_invalid, naming the option, what came and what was expected
 */
export function parseOptions(options: unknown): Settings {
  const insecureHosts = readInsecureHosts(options)
  const given = objectOf<ParsedOptions>(options, '', {
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
    resourceMetadata: (value) => value,
    realm: optional(headerText),
    insecureHosts: () => insecureHosts,
    fetch: withDefault<FetchFunction>((url, init) => fetch(url, init), functionOf()),
    now: clock,
    onEvent: optional(functionOf<(event: BearwardEvent) => void>()),
  })
  const audience = new Set(given.audience ?? [given.resource])
  const parse = (issuer: unknown, option: string) => parseIssuer(issuer, option, { audience, insecureHosts })
  const issuers = 'start' in given.issuers ? given.issuers : parseIssuers(given.issuers, parse)
  return {
    ...given,
    issuers,
    parseIssuer: parse,
    implied: given.scopes,
    resourceMetadata: parseResourceMetadata(given.resourceMetadata, given.resource, issuers, given.form, insecureHosts),
    emit: safely(given.onEvent),
    // No option takes them yet.
    bindings: [],
    observer: undefined,
  }
}

interface ParsedOptions {
  readonly resource: string
  readonly audience: readonly string[] | undefined
  readonly issuers: readonly unknown[] | CheckedResolver
  readonly clockToleranceSeconds: number
  readonly maxTokenBytes: number
  readonly form: boolean
  readonly tokenCache: TokenCacheSettings | false
  readonly keys: KeySettings
  readonly tiers: CheckedTiers | undefined
  readonly claims: StandardSchemaV1 | undefined
  readonly scopes: ScopeImplications
  readonly resourceMetadata: unknown
  readonly realm: string | undefined
  readonly insecureHosts: readonly string[]
  readonly fetch: FetchFunction
  readonly now: () => number
  readonly onEvent: ((event: BearwardEvent) => void) | undefined
}

// Keeps the interface above and the public options in step.
type _AllOptions =
  Record<keyof ResourceServerOptions, unknown> extends Record<keyof ParsedOptions, unknown> ? true : never
true satisfies _AllOptions

const clock: Check<() => number> = (value, option) =>
  value === undefined ? systemClock : createClock(functionOf<() => unknown>()(value, option))

function readInsecureHosts(options: unknown): readonly string[] {
  const hosts = (options as { insecureHosts?: unknown } | null | undefined)?.insecureHosts
  return withDefault([], arrayOf(hostName, 'an array of host names', 0))(hosts, 'insecureHosts')
}

const hostName: Check<string> = (value, option) => {
  const name = text(value, option)
  const url = URL.canParse(`http://${name}/`) ? new URL(`http://${name}/`) : undefined
  if (url?.hostname !== name) throw misconfigured(option, `"${name}"`, 'a host name in lower case, without port')
  return name
}

const resourceIdentifier: Check<string> = (value, option) => {
  const resource = text(value, option)
  if (!URL.canParse(resource) || resource.includes('#')) {
    const expected =
      'an absolute URI without fragment, such as "https://api.example.com" ("audience" beside it may be any string)'
    throw misconfigured(option, `"${resource}"`, expected)
  }
  return resource
}

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

const tokenCache: Check<TokenCacheSettings | false> = (value, option) => {
  if (value === false) return false
  const { max, maxBytes, maxAgeSeconds } = objectOf<{ max: number; maxBytes: number; maxAgeSeconds: number }>(
    value === undefined ? {} : value,
    option,
    {
      max: withDefault(10_000, integerBetween(1, 1_000_000)),
      maxBytes: withDefault(32 * 1024 * 1024, integerBetween(64 * 1024, 1024 * 1024 * 1024)),
      maxAgeSeconds: withDefault(300, numberBetween(1, 86_400)),
    },
  )
  return { max, maxBytes, maxAgeMs: maxAgeSeconds * 1000 }
}

const keys: Check<KeySettings> = (value, option) => {
  const given = objectOf<{ [name in 'refreshSeconds' | 'maxStaleSeconds' | 'cooldownSeconds' | 'timeoutMs']: number }>(
    value === undefined ? {} : value,
    option,
    {
      refreshSeconds: withDefault(600, numberBetween(60, 86_400)),
      maxStaleSeconds: withDefault(86_400, numberBetween(60, 604_800)),
      cooldownSeconds: withDefault(30, numberBetween(1, 3_600)),
      timeoutMs: withDefault(5_000, numberBetween(100, 30_000)),
    },
  )
  if (given.maxStaleSeconds < given.refreshSeconds) {
    throw misconfigured(`${option}.maxStaleSeconds`, `${given.maxStaleSeconds}`, 'no less than "keys.refreshSeconds"')
  }
  return {
    refreshMs: given.refreshSeconds * 1000,
    maxStaleMs: given.maxStaleSeconds * 1000,
    cooldownMs: given.cooldownSeconds * 1000,
    timeoutMs: given.timeoutMs,
  }
}

const standardSchema: Check<StandardSchemaV1> = (value, option) => {
  const schema = value as Partial<StandardSchemaV1> | null
  if (typeof schema?.['~standard']?.validate !== 'function') {
    throw misconfigured(option, show(value), 'a Standard Schema, such as those of zod, valibot or arktype')
  }
  return schema as StandardSchemaV1
}

const scopes: Check<ScopeImplications> = (value, option) => {
  const { implies } = objectOf<{ implies: ScopeImplications }>(value === undefined ? {} : value, option, {
    implies: (given, name) =>
      objectOf<ScopeImplications>(given === undefined ? {} : given, name, allMembers(given, scopeNames)),
  })
  const path = `${option}.implies`
  const settled = new Set<string>()
  for (const scope of Object.keys(implies)) requireNoCycle(scopeName(scope, path), implies, path, [], settled)
  return implies
}

const scopeNames = arrayOf(scopeName, 'an array of scope names')

function allMembers<T>(value: unknown, check: Check<T>): Record<string, Check<T>> {
  return Object.fromEntries(Object.keys(value ?? {}).map((name) => [name, check]))
}

function requireNoCycle(
  scope: string,
  implies: ScopeImplications,
  option: string,
  trail: readonly string[],
  settled: Set<string>,
): void {
  if (trail.includes(scope)) {
    throw misconfigured(option, `the cycle ${[...trail, scope].join(' → ')}`, 'implications without a cycle')
  }
  if (settled.has(scope)) return
  const direct = Object.hasOwn(implies, scope) ? (implies[scope] ?? []) : []
  for (const next of direct) requireNoCycle(next, implies, option, [...trail, scope], settled)
  settled.add(scope)
}

/** An observer's fault must not become a request's fault. */
function safely(onEvent: ((event: BearwardEvent) => unknown) | undefined): (event: BearwardEvent) => void {
  if (!onEvent) return () => {}
  return (event) => {
    try {
      isAsync(onEvent(Object.freeze(event)))
    } catch {
      // Nobody is left to tell.
    }
  }
}
