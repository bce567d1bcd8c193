import type { ResourceServer } from '../resource-server.ts'
import type { ChallengeResponse } from '../stages/respond.ts'

/** An answer that an adapter gives itself, for its framework to send. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** JSON; empty with status 204. */
  readonly body: string
}

export function refusalAnswer({ status, headers, body }: ChallengeResponse): Answer {
  return { status, headers, body: JSON.stringify(body) }
}

/** The protected resource metadata, open to every origin: it holds nothing but what a client must know. @see RFC 9728 §3.2 */
export function metadataAnswer(api: Pick<ResourceServer, 'metadata'>): Answer {
  return {
    status: 200,
    headers: {
      'Content-Type': 'application/json',
      'Cache-Control': 'private, no-store',
      'Access-Control-Allow-Origin': '*',
    },
    body: JSON.stringify(api.metadata()),
  }
}

/**
 * Lets every script read the metadata document: a browser asks first where the script sends header fields of its own, as MCP
 * clients do. The document is public, and nothing here permits credentials.
 *
 * @see https://fetch.spec.whatwg.org/#cors-preflight-fetch
 */
export function metadataPreflightAnswer(): Answer {
  return {
    status: 204,
    headers: {
      'Access-Control-Allow-Origin': '*',
      'Access-Control-Allow-Methods': 'GET, HEAD',
      'Access-Control-Allow-Headers': '*',
      'Access-Control-Max-Age': '86400',
    },
    body: '',
  }
}

/** Whether a header field, named in lower case, adds to one that is there already. Any other field would replace it. */
export function isAdditive(name: string): boolean {
  return name === 'set-cookie' || name === 'vary' || name === 'access-control-expose-headers'
}

/** Whether a request asks for the metadata document. */
export function asksForMetadata(api: Pick<ResourceServer, 'metadataPath'>, method: string, path: string): boolean {
  return path === api.metadataPath && (method === 'GET' || method === 'HEAD')
}

// Addresses that a URL would leave as they are: none of these characters is encoded, decoded or taken for another.
const PLAIN = /^[\w.~:/?@!$&()*+,;=-]+$/

/** As `asksForMetadata`, of an absolute address. */
export function addressesMetadata(api: Pick<ResourceServer, 'metadataPath'>, method: string, url: string): boolean {
  if (api.metadataPath === undefined) return false
  // Nearly every address: parsing it would take longer than all that is done for a known token.
  if (!url.endsWith(api.metadataPath) && PLAIN.test(url) && !url.includes('/.')) return false
  const { pathname, search } = new URL(url)
  return asksForMetadata(api, method, pathname + search)
}
