import { type ExpectedToken } from './claims.ts'
import { MAX_DOCUMENT_BYTES, readDocument, type SeenDocument } from './key-set.ts'
import { type Judgement, refuse } from './token.ts'

export interface SeenMetadata extends SeenDocument {
  readonly contentType: string
  /** Status and headers came, whatever became of the body. */
  readonly isAnswered: boolean
}

/** What the documents at the two addresses permit. */
export interface MetadataJudgement {
  readonly judgement: Judgement
  /** Addresses, beside the two, that may be asked because of them. */
  readonly mayAsk: readonly string[]
}

/**
 * Judges what must become of a good token whose issuer's keys lie wherever the metadata says, if it may say so.
 *
 * @see DESIGN.md, settled: discovery; RFC 8414 §3.3; docs/request-lifecycle.md, "Requests to the issuer"
 */
export function judgeMetadata(
  documents: readonly (SeenMetadata | undefined)[],
  issuer: string,
  token: ExpectedToken,
): MetadataJudgement {
  const unavailable = refuse('issuer_unavailable')
  for (const seen of documents) {
    if (!seen || saysNotHere(seen)) continue
    // An outage decides, and so does a document that was not read to its end: it may be this issuer's.
    if (seen.status !== 200 || seen.fails || seen.body.length > MAX_DOCUMENT_BYTES) break
    const read = readDocument(seen)
    const { issuer: named, jwks_uri: uri } = (read?.document ?? {}) as Record<string, unknown>
    // Somebody else's document is used for nothing, and the other address is asked.
    if (named !== issuer) continue
    if (typeof uri !== 'string' || !mayBeAsked(uri)) break
    const reasons = new Set(read?.isStrict ? [] : ['issuer_unavailable'])
    return { judgement: { reasons, token }, mayAsk: [uri] }
  }
  return { judgement: unavailable, mayAsk: [] }
}

/** A 4xx other than 429, a redirect, or a content type other than `application/json`. */
function saysNotHere({ isAnswered, status, contentType }: SeenMetadata): boolean {
  if (!isAnswered) return false
  if (status !== 200) return status >= 300 && status < 500 && status !== 429
  return contentType.split(';')[0]?.trim().toLowerCase() !== 'application/json'
}

const LONGEST_ADDRESS = 4_096

/** https, no fragment, no credentials, of a bearable length, and not this machine. */
function mayBeAsked(address: string): boolean {
  if (address.length > LONGEST_ADDRESS || !URL.canParse(address)) return false
  const { protocol, hostname, username, password, hash } = new URL(address)
  return protocol === 'https:' && username === '' && password === '' && hash === '' && !isHere(hostname)
}

const NAMES_OF_THIS_MACHINE = ['localhost', 'localhost.localdomain', 'ip6-localhost', 'ip6-loopback']

function isHere(hostname: string): boolean {
  const labels = hostname.split('.')
  while (labels.at(-1) === '') labels.pop()
  const host = labels.join('.')
  if (NAMES_OF_THIS_MACHINE.includes(host) || labels.at(-1) === 'localhost') return true
  if (/^localhost[46](?:\.localdomain[46])?$/.test(host)) return true
  const groups = host.startsWith('[') ? groupsOf(host.slice(1, -1)) : undefined
  const bytes = groups ? embeddedIpv4(groups) : labels.map(Number)
  return bytes !== undefined && bytes.length === 4 && (bytes[0] === 127 || bytes[0] === 0)
}

/** The eight numbers of an IPv6 address. */
function groupsOf(address: string): readonly number[] {
  const [before = [], after] = address.split('::').map((part) => (part === '' ? [] : part.split(':')))
  const zeros = after ? Array<string>(8 - before.length - after.length).fill('0') : []
  return [...before, ...zeros, ...(after ?? [])].map((group) => Number.parseInt(group, 16))
}

/** The IPv4 address that an IPv6 address stands for; of `::` and `::1` the one that they behave like. */
function embeddedIpv4(groups: readonly number[]): readonly number[] | undefined {
  const [high = 0, low = 0] = groups.slice(6)
  const prefix = groups.slice(0, 6).join(' ')
  if (prefix === '0 0 0 0 0 0' && high === 0) return low > 1 ? undefined : [127, 0, 0, 1]
  const known = ['0 0 0 0 0 0', '0 0 0 0 0 65535', '0 0 0 0 65535 0', '100 65435 0 0 0 0']
  return known.includes(prefix) ? [high >> 8, high & 255, low >> 8, low & 255] : undefined
}
