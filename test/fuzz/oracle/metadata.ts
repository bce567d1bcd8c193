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

/** https, no fragment, no credentials, and not this machine. */
function mayBeAsked(address: string): boolean {
  if (!URL.canParse(address)) return false
  const { protocol, hostname, username, password, hash } = new URL(address)
  const host = hostname.replace(/\.$/, '')
  const isHere =
    host === 'localhost' ||
    host.endsWith('.localhost') ||
    /^127(?:\.\d+){3}$/.test(host) ||
    ['0.0.0.0', '[::]', '[::1]'].includes(host) ||
    host.startsWith('[::ffff:7f') ||
    host.startsWith('[::ffff:0:0')
  return protocol === 'https:' && username === '' && password === '' && hash === '' && !isHere
}
