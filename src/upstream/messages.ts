/** A request to an endpoint before it is sent; client authentication adds to it. */
export interface UpstreamRequest {
  url: string
  readonly method: 'GET' | 'POST'
  readonly headers: Headers
  /** Form members, or a body to the letter. */
  body: URLSearchParams | string | undefined
}

/** An endpoint's answer, read whole. */
export interface UpstreamResponse {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array
}
