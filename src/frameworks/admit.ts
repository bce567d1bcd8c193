import type { Requirement } from '../authorize.ts'
import { BearwardError } from '../errors.ts'
import { misconfigured, show } from '../options/checks.ts'
import type { AccessToken, CallContext, RequestView } from '../pipeline.ts'
import type { ResourceServer } from '../resource-server.ts'

/**
 * Authenticates and authorizes a request. `undefined` means that it brought no credentials and needs none.
 *
 * @throws {BearwardError} the refusal
 */
export async function admit<Claims>(
  api: ResourceServer<Claims>,
  requirement: Requirement<Claims> | undefined,
  request: Request | RequestView,
  mayLackToken: boolean,
  context: CallContext = {},
): Promise<AccessToken<Claims> | undefined> {
  let token: AccessToken<Claims>
  try {
    token = await api.authenticate(request, context)
  } catch (error) {
    const mayPass = mayLackToken && error instanceof BearwardError && error.code === 'credentials_missing'
    if (mayPass) return undefined
    throw error
  }
  if (requirement) api.authorize(token, requirement)
  return token
}

/** Whether a handler's error is a denial of `api.authorize`; others are the handler's own, whatever their class. */
export function isDenial(error: unknown): error is BearwardError {
  return error instanceof BearwardError && (error.code === 'scope_insufficient' || error.code === 'access_denied')
}

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
