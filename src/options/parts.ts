import type {
  CheckedIntrospection,
  CheckedTiers,
  Introspection,
  IntrospectionSurroundings,
  SharedTiers,
} from '../parts.ts'
import { isObject } from '../parse/json.ts'
import { type Check, typeName, misconfigured } from './checks.ts'

/** Checks the option `introspection` of an issuer, and the options of the part that stands there. */
export function introspectionPart(surroundings: IntrospectionSurroundings): Check<CheckedIntrospection> {
  return (value, option) => {
    if (isPart<Introspection>(value, 'introspection')) return value.check(option, surroundings)
    throw misconfigured(option, typeName(value), 'introspect({ … }), a function that bearward exports')
  }
}

/** Checks the option `tiers`, and the options of the part that stands there. */
export const sharedTiersPart: Check<CheckedTiers> = (value, option) => {
  if (isPart<SharedTiers>(value, 'tiers')) return value.check(option)
  throw misconfigured(option, typeName(value), 'sharedTiers([ … ]), a function that bearward exports')
}

/** Whether a value was made by a function of a part that the option takes. Options alone bring no code. */
export function isPart<Part extends { readonly kind: string }>(value: unknown, kind: Part['kind']): value is Part {
  return isObject(value) && value['kind'] === kind && typeof value['check'] === 'function'
}
