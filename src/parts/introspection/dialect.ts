import { quote } from '../../errors.ts'
import { Fault, isA } from '../../faults.ts'
import { type JsonObject, strictCopy } from '../../parse/json.ts'
import { isAsync } from '../../runtime/thenable.ts'
import { describeWithout } from '../../upstream/concealment.ts'
import { CannotAsk, UselessAnswer } from '../../upstream/faults.ts'
import type { UpstreamRequest, UpstreamResponse } from '../../upstream/messages.ts'

/**
 * How to ask an endpoint about a token, and how to read its answer. RFC 7662 is the default. Implement another for an endpoint
 * with a protocol of its own.
 */
export interface IntrospectionDialect {
  readonly name: string
  /** The endpoint's address, for services that have only one. The option `endpoint` overrules it. */
  readonly endpoint?: string
  /** The scopes that a scope of this service implies. */
  readonly implies?: Readonly<Record<string, readonly string[]>>
  /** Builds the request, without the client's credentials. */
  readonly request: (
    token: string,
    context: { readonly endpoint: string; readonly clientId: string | undefined },
  ) => UpstreamRequest
  /**
   * Reads the answer as RFC 7662 claims: `{ active: false }`, or `{ active: true, … }`. If it throws, or returns no boolean
   * `active`, the issuer is at fault: the token is refused with `issuer_unavailable`.
   */
  readonly read: (response: UpstreamResponse) => JsonObject
}

/** Builds a request in a dialect, which may be a user's own. @throws {CannotAsk} */
export function buildRequest(
  dialect: IntrospectionDialect,
  token: string,
  context: { readonly endpoint: string; readonly clientId: string | undefined },
): UpstreamRequest {
  const named = `dialect ${quote(dialect.name)}`
  try {
    const request = dialect.request(token, context)
    if (isAsync(request)) throw new CannotAsk(`${named} builds its request in a promise: \`request\` answers at once`)
    requireRequest(request, named)
    return request
  } catch (cause) {
    if (isA(cause, Fault)) throw cause
    throw new CannotAsk(`${named} cannot build its request: ${describeWithout(cause, [token])}`)
  }
}

function requireRequest({ url, method, headers, body }: UpstreamRequest, named: string): void {
  const isSound =
    typeof url === 'string' &&
    (method === 'GET' || method === 'POST') &&
    typeof headers?.set === 'function' &&
    (body === undefined || typeof body === 'string' || body instanceof URLSearchParams)
  if (isSound) return
  throw new CannotAsk(`${named} built no request: expected { url, method: 'GET' | 'POST', headers: Headers, body }`)
}

/**
 * Reads an answer in a dialect. Returns a frozen copy: a user's dialect may later change the object that it returned.
 *
 * @throws {UselessAnswer}
 */
export function readResponse(
  dialect: IntrospectionDialect,
  response: UpstreamResponse,
  secrets: readonly string[],
): JsonObject {
  const named = `dialect ${quote(dialect.name)}`
  const answered = `an answer with status ${response.status}`
  let answer: JsonObject
  try {
    answer = dialect.read(response)
    if (isAsync(answer))
      throw new UselessAnswer(`${named} read ${answered} and returned a promise: \`read\` answers at once`)
  } catch (cause) {
    if (isA(cause, UselessAnswer)) throw cause
    throw new UselessAnswer(`${named} cannot read ${answered}: ${describeWithout(cause, secrets)}`)
  }
  const copy = strictCopy(answer)
  if (!copy) throw new UselessAnswer(`${named} made no JSON object of ${answered}`)
  return copy
}
