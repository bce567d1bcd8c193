import type { CheckedIntrospection, CheckedTiers, Introspection, ResolvedIssuers, SharedTiers } from '../parts.ts'
import { isObject } from '../parse/json.ts'
import { type Check, misconfigured, typeName } from './checks.ts'

type Part = Introspection | ResolvedIssuers | SharedTiers

/** Checks the option `introspection` of an issuer, and the options of its part. */
export function introspectionPart(insecureHosts: readonly string[]): Check<CheckedIntrospection> {
  return (value, option) => {
    requirePart<Introspection>(value, option, 'introspection', 'introspect({ … })')
    return value.check(option, { insecureHosts })
  }
}

/** Checks the option `tiers`, and the options of its part. */
export const sharedTiersPart: Check<CheckedTiers> = (value, option) => {
  requirePart<SharedTiers>(value, option, 'tiers', 'sharedTiers([ … ])')
  return value.check(option)
}

/** A plain object or function brings no code: the user must call the part's function. */
function requirePart<P extends Part>(
  value: unknown,
  option: string,
  kind: P['kind'],
  call: string,
): asserts value is P {
  if (!isPart<P>(value, kind)) throw misconfigured(option, typeName(value), `${call}, a function that bearward exports`)
}

/** Whether the function of a part made a value, for the option that takes this kind. */
export function isPart<P extends Part>(value: unknown, kind: P['kind']): value is P {
  return isObject(value) && value['kind'] === kind && typeof value['check'] === 'function'
}
