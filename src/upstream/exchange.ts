import { describeFault, Fault, isA } from '../faults.ts'
import { endpointFault } from '../parse/endpoint-address.ts'
import { readBytes } from '../parse/read-bytes.ts'
import type { CallContext, FetchFunction, Issuer } from '../pipeline.ts'
import { runWithin } from '../runtime/deadline.ts'
import type { ClientAuthentication } from './client-authentication.ts'
import { describeWithout, nameWithout } from './concealment.ts'
import { CannotAsk, Outage, UselessAnswer } from './faults.ts'
import { describeRedirect, isRedirect } from './fetch-document.ts'
import type { UpstreamRequest, UpstreamResponse } from './messages.ts'
import { secretsIn } from './request-secrets.ts'

/** What is asked of an issuer's endpoint, and by whom. */
export interface Question {
  readonly issuer: Pick<Issuer, 'identifier' | 'local' | 'metadata'>
  /** The endpoint's address, where the options give it; else the issuer's metadata is asked for it. */
  readonly endpoint: string | undefined
  readonly auth: ClientAuthentication | 'none'
  /** Builds the request, without the client's credentials; called for every attempt. @throws {CannotAsk} */
  readonly request: (endpoint: string) => UpstreamRequest
}

/** What one question brings along. */
export interface AskingContext extends CallContext {
  readonly signal: AbortSignal
  /** What no message may repeat. The exchange adds the credentials of its request. */
  readonly secrets: string[]
}

export interface ExchangeSettings {
  /** The member of the issuer's metadata that holds the endpoint's address. */
  readonly member: string
  readonly timeoutMs: number
  /** What shared tiers may take beside, where they are asked for the issuer's metadata. */
  readonly tiersMs: number
  /** The same question may be asked twice: after a failed connection it is. */
  readonly isRepeatable: boolean
  readonly fetch: FetchFunction
  readonly insecureHosts: readonly string[]
  readonly now: () => number
}

const MAX_ANSWER_BYTES = 64 * 1024

/**
 * Asks an issuer's endpoint: finds its address, builds the request, adds the credentials, sends it and reads the answer whole.
 *
 * @throws {Outage} where it is unreachable, gives no answer in time, breaks off or answers with 5xx
 * @throws {UselessAnswer} for redirects, 429 and answers that are too large
 * @throws {CannotAsk} where our own credentials or the endpoint's address are missing
 */
export async function exchange(
  question: Question,
  settings: ExchangeSettings,
  context: AskingContext,
): Promise<UpstreamResponse> {
  const { isRepeatable, now } = settings
  const { secrets } = context
  const timeoutMs = settings.timeoutMs + (question.endpoint === undefined ? settings.tiersMs : 0)
  let waitsForCredentials = false

  async function attempt(endpoint: string, signal: AbortSignal): Promise<UpstreamResponse> {
    // Built for every attempt: an assertion is good for one.
    const request = question.request(endpoint)
    waitsForCredentials = true
    await authenticate(request, question, now(), secrets)
    waitsForCredentials = false
    secrets.push(...secretsIn(request, endpoint))
    requireEndpoint(request.url, settings.insecureHosts, true)
    return read(await send(request, settings.fetch, signal, secrets), request.url, now(), secrets)
  }

  async function ask(signal: AbortSignal): Promise<UpstreamResponse> {
    const endpoint = question.endpoint ?? (await addressOf(question, settings, { ...context, signal }))
    try {
      return await attempt(endpoint, signal)
    } catch (fault) {
      if (!isRepeatable || !isA(fault, ConnectionFailed) || signal.aborted) throw fault
      return await attempt(endpoint, signal)
    }
  }

  return runWithin(ask, {
    ms: timeoutMs,
    late() {
      if (waitsForCredentials) throw new CannotAsk('our own credentials do not come in time')
      throw new Outage(`no answer within ${timeoutMs} ms`)
    },
    signal: context.signal,
  })
}

class ConnectionFailed extends Outage {}

async function addressOf(
  { issuer, auth }: Question,
  { member, insecureHosts }: ExchangeSettings,
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
  const alias = usesTls ? (aliases as Record<string, unknown> | undefined)?.[member] : undefined
  const endpoint = alias ?? metadata[member]
  if (typeof endpoint !== 'string') throw new CannotAsk(`its metadata names no \`${member}\``)
  requireEndpoint(endpoint, insecureHosts, issuer.local)
  return endpoint
}

function requireEndpoint(url: string, insecureHosts: readonly string[], loopback: boolean): void {
  const fault = URL.canParse(url) ? endpointFault(new URL(url), insecureHosts, loopback) : 'an absolute URL'
  if (fault) throw new CannotAsk(`its endpoint is not asked: expected ${fault}`)
}

async function authenticate(
  request: UpstreamRequest,
  { issuer, auth }: Question,
  nowMs: number,
  secrets: string[],
): Promise<void> {
  if (auth === 'none') return
  const presented = request.headers.get('Authorization')
  function conceal(secret: unknown): void {
    if (typeof secret === 'string') secrets.push(secret)
  }
  try {
    await auth.authenticate(request, { issuer: issuer.identifier, nowMs, conceal })
  } catch (cause) {
    // Not in its own words: such an error may quote a credential that was not sent yet.
    const words = isA(cause, Fault) ? cause.message : nameWithout(cause, secrets)
    throw new CannotAsk(`our own credentials (${auth.method}) cannot be had: ${words}`)
  }
  // An endpoint reads in that header what it is asked about: it would answer about our own credentials.
  if (presented !== null && request.headers.get('Authorization') !== presented) {
    const taken = 'take the header `Authorization`, in which the request presents its token'
    throw new CannotAsk(`our own credentials (${auth.method}) ${taken}`)
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
    throw new ConnectionFailed(`it cannot be reached: ${describeWithout(cause, secrets)}`)
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
    throw new UselessAnswer(`\`fetch\` gave no Response that can be read: ${describeWithout(cause, secrets)}`)
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
    throw new Outage(`it broke off its answer: ${describeWithout(cause, secrets)}`)
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
