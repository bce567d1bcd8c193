import { quote } from '../errors.ts'
import { describeFault, Fault, isA, nameOf } from '../faults.ts'
import { isAsync } from '../runtime/thenable.ts'
import type { IntrospectionSettings } from '../parts/introspection/options.ts'
import { endpointFault } from '../parse/endpoint-address.ts'
import type { FetchFunction } from '../pipeline.ts'
import { readBytes } from '../parse/read-bytes.ts'
import type { CallContext, Issuer } from '../pipeline.ts'
import { describeRedirect, isRedirect } from './fetch-document.ts'
import { limit } from '../runtime/limit.ts'
import { CannotAsk, Outage, UselessAnswer } from './faults.ts'
import { secretsIn } from './request-secrets.ts'
import type { UpstreamRequest, UpstreamResponse } from './messages.ts'
import type { IntrospectionDialect } from '../parts/introspection/dialect.ts'

export interface EndpointSettings {
  readonly fetch: FetchFunction
  readonly insecureHosts: readonly string[]
  readonly now: () => number
  readonly tiers: { readonly maxWaitMs: number } | undefined
}

/** What one question brings along. */
export interface AskingContext extends CallContext {
  readonly signal: AbortSignal
  /** What no message may repeat: the token, to which the credentials of the request are added. */
  readonly secrets: string[]
}

const MAX_ANSWER_BYTES = 64 * 1024

/**
 * Asks an issuer's endpoint about one token, once more where the connection failed.
 *
 * @throws {Outage} where it cannot be reached, gives no answer in time, breaks off or answers with 5xx
 * @throws {UselessAnswer} for redirects, 429 and answers that are too large
 * @throws {CannotAsk} where our own credentials or the endpoint's address cannot be had
 */
export async function askEndpoint(
  token: string,
  issuer: Issuer,
  options: Pick<IntrospectionSettings, 'auth' | 'timeoutMs' | 'endpoint'> & { readonly dialect: IntrospectionDialect },
  settings: EndpointSettings,
  context: AskingContext,
): Promise<UpstreamResponse> {
  const { auth, dialect } = options
  // Where shared tiers are asked for the endpoint's address, the time that they may take is theirs.
  const timeoutMs = options.timeoutMs + (options.endpoint === undefined ? (settings.tiers?.maxWaitMs ?? 0) : 0)
  // The time counts from here, not from when the request began to wait for its turn.
  const { secrets } = context
  const { signal: ends, end } = limit(context.signal, timeoutMs)
  let waitsForCredentials = false

  async function attempt(endpoint: string): Promise<UpstreamResponse> {
    // Built for every attempt: an assertion is good for one.
    const request = buildRequest(dialect, token, endpoint, auth)
    waitsForCredentials = true
    if (auth !== 'none') await authenticate(request, issuer, auth, settings.now(), secrets)
    waitsForCredentials = false
    secrets.push(...secretsIn(request, endpoint))
    requireEndpoint(request.url, settings.insecureHosts, true)
    return read(await send(request, settings.fetch, ends, secrets), request.url, settings.now(), secrets)
  }

  async function exchange(): Promise<UpstreamResponse> {
    const endpoint = options.endpoint ?? (await addressOf(issuer, auth, settings, { ...context, signal: ends }))
    try {
      return await attempt(endpoint)
    } catch (fault) {
      // Asking about a token changes nothing, so that it may be asked twice; but not after the time is up.
      if (!isA(fault, ConnectionFailed) || ends.aborted) throw fault
      return await attempt(endpoint)
    }
  }

  const expired = new Promise<never>((_, reject) => {
    ends.addEventListener('abort', () => {
      const late = `no answer within ${timeoutMs} ms`
      reject(waitsForCredentials ? new CannotAsk('our own credentials do not come in time') : new Outage(late))
    })
  })
  try {
    return await Promise.race([exchange(), expired])
  } finally {
    end()
  }
}

class ConnectionFailed extends Outage {}

async function addressOf(
  issuer: Issuer,
  auth: IntrospectionSettings['auth'],
  settings: EndpointSettings,
  context: CallContext,
): Promise<string> {
  let metadata: Record<string, unknown>
  try {
    metadata = await issuer.metadata(context)
  } catch (cause) {
    throw new Outage(`its metadata cannot be had: ${describeFault(cause)}`)
  }
  const aliases = metadata['mtls_endpoint_aliases']
  const usesTls = auth !== 'none' && auth.method === 'tls_client_auth'
  // RFC 8705 §5: an endpoint that asks for certificates may live elsewhere.
  const alias = usesTls ? (aliases as Record<string, unknown> | undefined)?.['introspection_endpoint'] : undefined
  const endpoint = alias ?? metadata['introspection_endpoint']
  if (typeof endpoint !== 'string') throw new CannotAsk('its metadata names no `introspection_endpoint`')
  requireEndpoint(endpoint, settings.insecureHosts, issuer.local)
  return endpoint
}

function requireEndpoint(url: string, insecureHosts: readonly string[], loopback: boolean): void {
  const fault = URL.canParse(url) ? endpointFault(new URL(url), insecureHosts, loopback) : 'an absolute URL'
  if (fault) throw new CannotAsk(`its endpoint is not asked: expected ${fault}`)
}

function buildRequest(
  dialect: IntrospectionDialect,
  token: string,
  endpoint: string,
  auth: IntrospectionSettings['auth'],
): UpstreamRequest {
  const named = `dialect ${quote(dialect.name)}`
  let request: UpstreamRequest
  try {
    request = dialect.request(token, { endpoint, clientId: auth === 'none' ? undefined : auth.clientId })
    if (isAsync(request)) throw new CannotAsk(`${named} builds its request in a promise: \`request\` answers at once`)
    requireRequest(request, named)
  } catch (cause) {
    throw isA(cause, Fault)
      ? cause
      : new CannotAsk(`${named} cannot build its request: ${describeFault(cause, [token])}`)
  }
  return request
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

async function authenticate(
  request: UpstreamRequest,
  { identifier }: Issuer,
  auth: Exclude<IntrospectionSettings['auth'], 'none'>,
  nowMs: number,
  secrets: string[],
): Promise<void> {
  const presented = request.headers.get('Authorization')
  function conceal(secret: unknown): void {
    if (typeof secret === 'string') secrets.push(secret)
  }
  try {
    await auth.authenticate(request, { issuer: identifier, nowMs, conceal })
  } catch (cause) {
    // Not in its own words: such an error may quote a credential that was not sent yet.
    const words = isA(cause, Fault) ? cause.message : nameOf(cause, secrets)
    throw new CannotAsk(`our own credentials (${auth.method}) cannot be had: ${words}`)
  }
  // The endpoint would answer about our own token, and any token at all would be as good as ours.
  if (presented !== null && request.headers.get('Authorization') !== presented) {
    throw new CannotAsk(`our own credentials (${auth.method}) take the header in which the dialect presents the token`)
  }
}

async function send(
  { url, method, headers, body }: UpstreamRequest,
  fetch: FetchFunction,
  signal: AbortSignal,
  secrets: readonly string[],
): Promise<Response> {
  try {
    return await fetch(url, { method, headers, redirect: 'manual', signal, ...(body !== undefined && { body }) })
  } catch (cause) {
    throw new ConnectionFailed(`it cannot be reached: ${describeFault(cause, secrets)}`)
  }
}

async function read(
  response: Response,
  url: string,
  nowMs: number,
  secrets: readonly string[],
): Promise<UpstreamResponse> {
  try {
    return await readWhole(response, url, nowMs, secrets)
  } catch (cause) {
    if (isA(cause, Fault)) throw cause
    throw new UselessAnswer(`\`fetch\` gave no Response that can be read: ${describeFault(cause, secrets)}`)
  }
}

async function readWhole(
  response: Response,
  url: string,
  nowMs: number,
  secrets: readonly string[],
): Promise<UpstreamResponse> {
  const { status, headers } = response
  let body: Uint8Array | undefined
  try {
    body = await readBytes(response.body, MAX_ANSWER_BYTES)
  } catch (cause) {
    throw new Outage(`it broke off its answer: ${describeFault(cause, secrets)}`)
  }
  if (status >= 500) throw new Outage(`it answered with status ${status}`)
  if (status === 429)
    throw new UselessAnswer('it answered with status 429', { retryAfterSeconds: retryAfter(headers, nowMs) })
  if (isRedirect(response)) throw new UselessAnswer(`it answered ${describeRedirect(response, url)}`)
  if (!body) throw new UselessAnswer(`it answered with more than ${MAX_ANSWER_BYTES} bytes`)
  return { status, headers, body }
}

/** @see RFC 9110 §10.2.3: seconds, or a date */
function retryAfter(headers: Headers, nowMs: number): number {
  const value = headers.get('retry-after') ?? ''
  const seconds = /^\d{1,5}$/.test(value) ? Number(value) : (Date.parse(value) - nowMs) / 1000
  return Math.min(3_600, Math.max(1, Math.ceil(seconds || 1)))
}
