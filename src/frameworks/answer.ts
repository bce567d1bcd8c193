import type { ResourceServer } from '../resource-server.ts'
import type { ChallengeResponse } from '../stages/respond.ts'

/** An answer of bearward itself, for the framework to send. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** JSON; empty with status 204. */
  readonly body: string
}

export function refusalAnswer({ status, headers, body }: ChallengeResponse): Answer {
  return { status, headers, body: JSON.stringify(body) }
}

/** Returns the protected resource metadata, readable from every origin: the document is public. @see RFC 9728 §3.2 */
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
 * Permits every script to read the metadata document, without credentials. A browser sends a preflight where the script sets
 * header fields, as MCP clients do.
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

/** Whether a header field, named in lower case, adds to an earlier one. Any other field replaces it. */
export function isAdditive(name: string): boolean {
  return name === 'set-cookie' || name === 'vary' || name === 'access-control-expose-headers'
}
