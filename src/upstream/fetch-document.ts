import { quote } from '../errors.ts'
import { describeFault, Fault, repeatsAny } from '../faults.ts'
import { endpointFault } from '../parse/endpoint-address.ts'
import type { FetchFunction } from '../pipeline.ts'
import { type Excerpt, readExcerpt } from '../parse/excerpt.ts'
import { readBytes } from '../parse/read-bytes.ts'
import { waitTurn } from '../runtime/turns.ts'

/** An upstream's answer that is not what was asked for. */
export class UpstreamFault extends Fault {
  /** The server answered, and what it answered is no document of this kind: it may be at another address. */
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
  /** Whether the address may be one of this machine. */
  readonly loopback: boolean
  readonly maxBytes: number
  /** Media types that the answer may have; empty for any. */
  readonly mediaTypes: readonly string[]
  /** The members that are read of the document. */
  readonly members: readonly string[]
  readonly signal: AbortSignal
}

// Documents in use are smaller. To read one of 512 KiB takes a few milliseconds.
const LARGE_BYTES = 64 * 1024

/**
 * Fetches members of one JSON object: no redirect followed, no more than `maxBytes` read, nothing but status 200 accepted.
 *
 * @throws {UpstreamFault}
 */
export async function fetchDocument(url: string, settings: FetchSettings): Promise<FetchedDocument> {
  requireEndpoint(url, settings)
  const response = await request(url, settings)
  if (response.status !== 200) {
    await discard(response)
    // 3xx comes from servers that send every unknown path to a login page.
    const notHere = isRedirect(response) || (response.status >= 400 && response.status < 500 && response.status !== 429)
    throw new UpstreamFault(`${shown(url)} answered ${describeStatus(response, url)}`, { notHere })
  }
  const mediaType = response.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() ?? ''
  if (settings.mediaTypes.length > 0 && !settings.mediaTypes.includes(mediaType)) {
    await discard(response)
    throw new UpstreamFault(`${shown(url)} answered with content type ${quote(mediaType)}, not JSON`, { notHere: true })
  }
  const bytes = await readBounded(url, response, settings.maxBytes)
  if (bytes.length > LARGE_BYTES) await waitTurn()
  return { ...readObject(url, bytes, settings.members), maxAgeSeconds: maxAge(response.headers) }
}

/** An address as a message may name it: its query may hold a key. */
function shown(url: string): string {
  const { origin, pathname } = new URL(url)
  return origin + pathname
}

/** What an address may hold that no message may: a key in its query. */
function secretsIn(url: string): readonly string[] {
  return [...new URL(url).searchParams].map(([name, value]) => value || name)
}

function requireEndpoint(url: string, { insecureHosts, loopback }: FetchSettings): void {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  const fault = parsed ? endpointFault(parsed, insecureHosts, loopback) : 'an absolute URL'
  if (!fault) return
  // Its origin is enough: there may be a password in what comes before the host.
  throw new UpstreamFault(`${parsed ? parsed.origin : quote(url)} is not asked: expected ${fault}`)
}

async function request(url: string, { fetch, mediaTypes, signal }: FetchSettings): Promise<Response> {
  let response: Response
  try {
    response = await fetch(url, {
      headers: { accept: [...mediaTypes, 'application/json'].filter(unique).join(', ') },
      // 'error' is not implemented in Workers.
      redirect: 'manual',
      signal,
    })
  } catch (cause) {
    throw new UpstreamFault(`${shown(url)} cannot be reached: ${describeFault(cause, secretsIn(url))}`)
  }
  if (isResponse(response)) return response
  throw new UpstreamFault(`${shown(url)} cannot be read: the option "fetch" returned no Response`)
}

/** Whether a user's own `fetch` kept to its type. By what it can do: another realm's Response is one as well. */
function isResponse(response: Partial<Response> | null | undefined): boolean {
  return typeof response?.status === 'number' && typeof response.headers?.get === 'function'
}

export function isRedirect({ status, type }: Pick<Response, 'status' | 'type'>): boolean {
  return type === 'opaqueredirect' || (status >= 300 && status < 400)
}

function describeStatus(response: Response, url: string): string {
  return isRedirect(response) ? describeRedirect(response, url) : `with status ${response.status}`
}

/** Names the host to which a redirect leads, and nothing else of its address: there may be a token in it. */
export function describeRedirect({ headers }: Pick<Response, 'headers'>, url: string): string {
  const location = headers.get('location')
  const target = location !== null && URL.canParse(location, url) ? new URL(location, url) : undefined
  const isTold = target !== undefined && target.host !== '' && !repeatsAny(target.host, secretsIn(url))
  const where = isTold ? ` to the host ${quote(target.host)}` : ''
  return `with a redirect${where}, and none is followed. Configure the address to which it leads`
}

async function readBounded(url: string, response: Response, maxBytes: number): Promise<Uint8Array> {
  let bytes: Uint8Array | undefined
  try {
    bytes = await readBytes(response.body, maxBytes)
  } catch (cause) {
    throw new UpstreamFault(`${shown(url)} broke off its answer: ${describeFault(cause, secretsIn(url))}`)
  }
  if (!bytes) throw new UpstreamFault(`${shown(url)} answered with more than ${maxBytes} bytes`)
  return bytes
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

async function discard(response: Response): Promise<void> {
  // An unread body would hold its connection, and Workers have six.
  await response.body?.cancel().catch(() => {})
}

function unique<T>(value: T, index: number, all: readonly T[]): boolean {
  return all.indexOf(value) === index
}
