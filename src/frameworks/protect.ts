import { boolean, type Check, functionOf, misconfigured, optional, show, withDefault } from '../options/checks.ts'

/**
 * Reads the arguments of `protect` after the resource server: `[requirement,] handler[, options]`.
 *
 * @throws {BearwardError} configuration_invalid
 */
export function splitArguments<Needed, Handler>(
  rest: readonly unknown[],
): { requirement: Needed | undefined; handler: Handler; options: unknown } {
  const hasRequirement = typeof rest[1] === 'function'
  const [handler, options] = hasRequirement ? rest.slice(1) : rest
  if (typeof handler !== 'function') throw misconfigured('protect()', show(handler), 'a handler')
  // `undefined` from a misspelt name must not count as no requirement.
  if (hasRequirement && typeof rest[0] !== 'function')
    throw misconfigured('protect()', show(rest[0]), 'a requirement such as scope("orders:read")')
  return {
    requirement: hasRequirement ? (rest[0] as Needed) : undefined,
    handler: handler as Handler,
    options: options ?? {},
  }
}

/** The options of `protect` in every adapter. */
export interface RouteOptions<Preflight> {
  readonly optional: boolean
  readonly preflight: Preflight | undefined
}

export function routeChecks<Preflight>(): {
  readonly [Name in keyof RouteOptions<Preflight>]: Check<RouteOptions<Preflight>[Name]>
} {
  return { optional: withDefault(false, boolean), preflight: optional(functionOf<Preflight>()) }
}
