import { quote } from '../errors.ts'
import { describeFault, Fault, isA, nameOf, systemCodeOf, UNKNOWN_REASON } from '../faults.ts'
import { endpointFault } from '../parse/endpoint-address.ts'
import type { FetchFunction } from '../pipeline.ts'
import { type Excerpt, readExcerpt } from '../parse/excerpt.ts'
import { readBytes } from '../parse/read-bytes.ts'
import { waitTurn } from '../runtime/turns.ts'

/** The issuer's server did not answer with the requested document. */
export class UpstreamFault extends Fault {
  /** The server works, but it has no such document at this address: another address may have it. */
  readonly notHere: boolean

  constructor(message: string, options: { readonly notHere?: boolean } = {}) {
    super(message)
    this.notHere = options.notHere ?? false
  }
}

export interface FetchedDocument extends Excerpt {
  /** From `Cache-Control: max-age`, less `Age`. */
  readonly maxAgeSeconds: number | undefined
}

export interface FetchSettings {
  readonly fetch: FetchFunction
  readonly insecureHosts: readonly string[]
  /** Whether the address may be on this machine. */
  readonly loopback: boolean
  /** Accepted media types; empty for any. */
  readonly mediaTypes: readonly string[]
  /** The members to read. */
  readonly members: readonly string[]
  readonly signal: AbortSignal
}

// Real documents are smaller. One of 512 KiB takes a few milliseconds to read.
const MAX_BYTES = 512 * 1024
const LARGE_BYTES = 64 * 1024
/** The names of the errors that the runtimes' own `fetch` throws. */
const USUAL_NAMES: readonly string[] = ['TypeError', 'Error', 'AbortError', 'TimeoutError']

/**
 * Fetches members of one JSON object. Follows no redirect, reads no more than 512 KiB, and accepts only status 200.
 *
 * @throws {UpstreamFault}
 */
export async function fetchDocument(url: string, settings: FetchSettings): Promise<FetchedDocument> {
  const { mediaTypes, members } = settings
  requireEndpoint(url, settings)
  const response = await request(url, settings)
  const { status, headers } = response
  if (status !== 200) {
    await discard(response)
    // Some servers redirect every unknown path to a login page.
    const notHere = isRedirect(response) || (status >= 400 && status < 500 && status !== 429)
    const answer = isRedirect(response) ? describeRedirect(response, url) : `with status ${status}`
    throw new UpstreamFault(`${shown(url)} answered ${answer}`, { notHere })
  }
  const mediaType = headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() ?? ''
  if (mediaTypes.length > 0 && !mediaTypes.includes(mediaType)) {
    await discard(response)
    throw new UpstreamFault(`${shown(url)} answered with content type ${quote(mediaType)}, not JSON`, { notHere: true })
  }
  let bytes: Uint8Array | undefined
  try {
    bytes = await readBytes(response.body, MAX_BYTES)
  } catch (fault) {
    throw new UpstreamFault(`${shown(url)} broke off its answer: ${describeFailure(fault, url)}`)
  }
  if (!bytes) throw new UpstreamFault(`${shown(url)} answered with more than ${MAX_BYTES} bytes`)
  if (bytes.length > LARGE_BYTES) await waitTurn()
  return { ...readObject(url, bytes, members), maxAgeSeconds: maxAge(headers) }
}

/** An address as a message may show it: its query may hold a key. */
function shown(url: string): string {
  const { origin, pathname } = new URL(url)
  return origin + pathname
}

function hasQuery(url: string): boolean {
  return new URL(url).search !== ''
}

/** Says why a request failed. A foreign error may quote the whole address, so where that has a query, only the error's kind counts. */
function describeFailure(fault: unknown, url: string): string {
  if (!hasQuery(url) || isA(fault, Fault)) return describeFault(fault)
  const name = nameOf(fault)
  const code = systemCodeOf(fault)
  // An unusual name and an unusual code may repeat the query too.
  const usual = USUAL_NAMES.includes(name) ? name : UNKNOWN_REASON
  return code === undefined || url.includes(code) ? usual : `${usual} (${code})`
}

function requireEndpoint(url: string, { insecureHosts, loopback }: FetchSettings): void {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  const fault = parsed ? endpointFault(parsed, insecureHosts, loopback) : 'an absolute URL'
  // The address may hold a password before the host: only the origin is shown.
  if (fault) throw new UpstreamFault(`${parsed ? parsed.origin : quote(url)} is not asked: expected ${fault}`)
}

async function request(url: string, { fetch, mediaTypes, signal }: FetchSettings): Promise<Response> {
  let response: Response
  try {
    const accept = [...new Set([...mediaTypes, 'application/json'])].join(', ')
    // Workers do not implement `redirect: 'error'`.
    response = await fetch(url, { headers: { accept }, redirect: 'manual', signal })
  } catch (fault) {
    throw new UpstreamFault(`${shown(url)} cannot be reached: ${describeFailure(fault, url)}`)
  }
  if (isResponse(response)) return response
  throw new UpstreamFault(`${shown(url)} cannot be read: the option "fetch" returned no Response`)
}

/** Whether a user's own `fetch` kept to its type. Another realm's Response is one as well, so its members decide. */
function isResponse(response: Partial<Response> | null | undefined): boolean {
  return typeof response?.status === 'number' && typeof response.headers?.get === 'function'
}

export function isRedirect({ status, type }: Pick<Response, 'status' | 'type'>): boolean {
  return type === 'opaqueredirect' || (status >= 300 && status < 400)
}

/**
 * Names the host to which a redirect leads. The rest of that address may hold a token; and the host may repeat a key in the
 * query of `url`.
 */
export function describeRedirect({ headers }: Pick<Response, 'headers'>, url: string): string {
  const location = headers.get('location')
  const host = location !== null && URL.canParse(location, url) ? new URL(location, url).host : ''
  const where = host === '' || hasQuery(url) ? '' : ` to the host ${quote(host)}`
  return `with a redirect${where}, and none is followed. Configure the address to which it leads`
}

function readObject(url: string, bytes: Uint8Array, members: readonly string[]): Excerpt {
  let excerpt: Excerpt | undefined
  try {
    excerpt = readExcerpt(new TextDecoder('utf-8', { fatal: true }).decode(bytes), members)
  } catch {
    throw new UpstreamFault(`${shown(url)} answered with invalid JSON`, { notHere: true })
  }
  if (!excerpt) throw new UpstreamFault(`${shown(url)} answered with JSON that is no object`, { notHere: true })
  return excerpt
}

function maxAge(headers: Headers): number | undefined {
  const directive = /(?:^|[\s,])max-age="?(\d{1,9})/i.exec(headers.get('cache-control') ?? '')?.[1]
  if (directive === undefined) return undefined
  const age = /^\d{1,9}$/.exec(headers.get('age') ?? '')?.[0] ?? '0'
  return Math.max(0, Number(directive) - Number(age))
}

async function discard({ body }: Response): Promise<void> {
  // An unread body occupies its connection, and a Worker has six.
  await body?.cancel().catch(() => {})
}
