// The form of this API's own answers. Refusals of tokens come from bearward.

// A cache must not give one caller's data to another.
const headers = { 'cache-control': 'private, no-store' }

/** Returns a JSON answer that no cache keeps. */
export function answer(status: number, body: object, extra?: Record<string, string>): Response {
  return Response.json(body, { status, headers: { ...headers, ...extra } })
}

/** Returns a refusal in the form that OAuth errors have too. */
export function refuse(status: number, error: string, description: string, extra?: Record<string, string>): Response {
  return answer(status, { error, error_description: description }, extra)
}
