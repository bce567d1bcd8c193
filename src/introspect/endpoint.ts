import { fetchFault, messageOf } from '../errors.ts'
import type { IntrospectionSettings } from '../options/introspection.ts'
import { endpointFault } from '../options/checks.ts'
import type { FetchFunction } from '../options/public.ts'
import { readBytes } from '../parse/read-bytes.ts'
import type { Issuer } from '../pipeline.ts'
import { UselessAnswer } from './answer.ts'
import type { IntrospectionRequest } from './authentication.ts'
import type { IntrospectionDialect, IntrospectionResponse } from './dialects.ts'

/** The endpoint did not answer, or answered that it is broken: what counts towards its circuit. */
export class Outage extends Error {}

/** The endpoint asks to be left alone for a while. */
export class Throttled extends Error {
  readonly retryAfterSeconds: number

  constructor(retryAfterSeconds: number) {
    super('it answered with status 429')
    this.retryAfterSeconds = retryAfterSeconds
  }
}

export interface EndpointSettings {
  readonly fetch: FetchFunction
  readonly insecureHosts: readonly string[]
  readonly now: () => number
}

const MAX_ANSWER_BYTES = 512 * 1024

/**
 * Asks an issuer's endpoint about one token, once more where the connection failed.
 *
 * @throws {Outage} where it cannot be reached, breaks off or answers with 5xx
 * @throws {Throttled}
 * @throws {UselessAnswer} for redirects, answers that are too large, and client credentials that cannot be had
 */
export async function askEndpoint(
  token: string,
  issuer: Issuer,
  { auth }: IntrospectionSettings,
  dialect: IntrospectionDialect,
  settings: EndpointSettings,
  signal: AbortSignal,
): Promise<IntrospectionResponse> {
  const endpoint = await addressOf(issuer, settings, signal)
  const clientId = auth === 'none' ? undefined : auth.clientId

  async function attempt(): Promise<IntrospectionResponse> {
    // Built for every attempt: an assertion is good for one.
    const request = dialect.request(token, { endpoint, clientId })
    if (auth !== 'none') await authenticate(request, issuer, auth, settings.now())
    requireEndpoint(request.url, settings.insecureHosts)
    return read(await send(request, settings.fetch, signal), signal)
  }

  try {
    return await attempt()
  } catch (fault) {
    // Asking about a token changes nothing, so that it may be asked twice; but not after the time is up.
    if (!(fault instanceof ConnectionFailed) || signal.aborted) throw fault
    return attempt()
  }
}

class ConnectionFailed extends Outage {}

async function addressOf(issuer: Issuer, settings: EndpointSettings, signal: AbortSignal): Promise<string> {
  const configured = issuer.introspection?.endpoint
  if (configured !== undefined) return configured
  let metadata: Record<string, unknown>
  try {
    metadata = await issuer.metadata({ signal })
  } catch (cause) {
    throw new Outage(`its metadata cannot be had: ${messageOf(cause)}`, { cause })
  }
  const aliases = metadata['mtls_endpoint_aliases']
  const usesTls = issuer.introspection?.auth !== 'none' && issuer.introspection?.auth.method === 'tls_client_auth'
  // RFC 8705 §5: an endpoint that asks for certificates may live elsewhere.
  const alias = usesTls ? (aliases as Record<string, unknown> | undefined)?.['introspection_endpoint'] : undefined
  const endpoint = alias ?? metadata['introspection_endpoint']
  if (typeof endpoint !== 'string') throw new UselessAnswer('its metadata names no `introspection_endpoint`')
  requireEndpoint(endpoint, settings.insecureHosts)
  return endpoint
}

function requireEndpoint(url: string, insecureHosts: readonly string[]): void {
  const fault = URL.canParse(url) ? endpointFault(new URL(url), insecureHosts) : 'an absolute URL'
  if (fault) throw new UselessAnswer(`its endpoint is not asked: expected ${fault}`)
}

async function authenticate(
  request: IntrospectionRequest,
  { identifier }: Issuer,
  auth: Exclude<IntrospectionSettings['auth'], 'none'>,
  nowMs: number,
): Promise<void> {
  try {
    await auth.authenticate(request, { issuer: identifier, nowMs })
  } catch (cause) {
    // Its message is not repeated: it may hold the credential.
    throw new UselessAnswer(`our own credentials (${auth.method}) cannot be had`, { cause })
  }
}

async function send(
  { url, method, headers, body }: IntrospectionRequest,
  fetch: FetchFunction,
  signal: AbortSignal,
): Promise<Response> {
  try {
    return await fetch(url, { method, headers, redirect: 'manual', signal, ...(body !== undefined && { body }) })
  } catch (cause) {
    throw new ConnectionFailed(`it cannot be reached: ${fetchFault(cause)}`, { cause })
  }
}

async function read(response: Response, signal: AbortSignal): Promise<IntrospectionResponse> {
  const { status, headers, type } = response
  let body: Uint8Array | undefined
  try {
    body = await readBytes(response.body, MAX_ANSWER_BYTES)
  } catch (cause) {
    throw new Outage(signal.aborted ? 'it did not answer in time' : `it broke off its answer: ${fetchFault(cause)}`, {
      cause,
    })
  }
  if (status >= 500) throw new Outage(`it answered with status ${status}`)
  if (status === 429) throw new Throttled(retryAfter(headers))
  if (type === 'opaqueredirect' || (status >= 300 && status < 400)) {
    throw new UselessAnswer('it answered with a redirect, and none is followed')
  }
  if (!body) throw new UselessAnswer(`it answered with more than ${MAX_ANSWER_BYTES} bytes`)
  return { status, headers, body }
}

function retryAfter(headers: Headers): number {
  const value = headers.get('retry-after') ?? ''
  return /^\d{1,5}$/.test(value) ? Math.min(3_600, Math.max(1, Number(value))) : 1
}
