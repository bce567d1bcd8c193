import { boolean, type Check, functionOf, misconfigured, optional, show, withDefault } from '../options/checks.ts'

/**
 * Reads the arguments after the resource server; the requirement may be left out.
 *
 * @throws {BearwardError} configuration_invalid
 */
export function splitArguments<Needed, Handler>(
  rest: readonly unknown[],
): { requirement: Needed | undefined; handler: Handler; options: unknown } {
  const named = typeof rest[1] === 'function'
  const [handler, options] = named ? rest.slice(1) : rest
  if (typeof handler !== 'function') throw misconfigured('protect()', show(handler), 'a handler')
  // A requirement that was misspelt must not mean that there is none.
  if (named && typeof rest[0] !== 'function')
    throw misconfigured('protect()', show(rest[0]), 'a requirement, or none at all')
  return {
    requirement: named ? (rest[0] as Needed) : undefined,
    handler: handler as Handler,
    options: options ?? {},
  }
}

/** The options of `protect` that every adapter has. */
export interface RouteOptions<Preflight> {
  readonly optional: boolean
  readonly preflight: Preflight | undefined
}

export function routeChecks<Preflight>(): {
  readonly [Name in keyof RouteOptions<Preflight>]: Check<RouteOptions<Preflight>[Name]>
} {
  return { optional: withDefault(false, boolean), preflight: optional(functionOf<Preflight>()) }
}
