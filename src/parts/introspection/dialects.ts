import { quote } from '../../errors.ts'
import { misconfigured, text } from '../../options/checks.ts'
import { isObject, type Json, type JsonObject, parseStrictObject } from '../../parse/json.ts'
import { UselessAnswer } from '../../upstream/faults.ts'
import type { UpstreamResponse } from '../../upstream/messages.ts'
import type { IntrospectionDialect } from './dialect.ts'

/** The standard's own. @see RFC 7662 §2 */
export const rfc7662: IntrospectionDialect = {
  name: 'RFC 7662',
  request: (token, { endpoint }) => ({
    url: endpoint,
    method: 'POST',
    headers: new Headers({ Accept: 'application/json' }),
    body: new URLSearchParams({ token, token_type_hint: 'access_token' }),
  }),
  read(response) {
    if (response.status !== 200) throw new UselessAnswer(describeError(response))
    return requireJson(response)
  },
}

/**
 * Google's tokeninfo endpoint, for `ya29.` tokens. The token travels in a header, never in a URL.
 *
 * Numbers come as strings, `aud` is the client to which the token was issued, scopes are URLs and short names. There is no
 * issuer in the answer: `issuer: 'https://accounts.google.com'`. Set `audience` to your client id.
 *
 * @see https://developers.google.com/identity/protocols/oauth2
 */
export function googleTokenInfo(): IntrospectionDialect {
  return {
    name: 'Google tokeninfo',
    endpoint: 'https://oauth2.googleapis.com/tokeninfo',
    request: (token, { endpoint }) => ({
      url: endpoint,
      method: 'POST',
      headers: new Headers({ Accept: 'application/json', Authorization: `Bearer ${token}` }),
      body: new URLSearchParams(),
    }),
    read(response) {
      const answer = requireJson(response)
      // For an expired, revoked or foreign token Google answers 400, and names the error or only describes it.
      const refused = answer['error'] === 'invalid_token' || answer['error_description'] === 'Invalid Value'
      if (response.status === 400 && refused) return { active: false }
      if (response.status !== 200) throw new UselessAnswer(describeError(response))
      const { aud, azp, sub, scope } = answer
      return present({
        active: true,
        token_type: 'Bearer',
        aud,
        sub,
        scope,
        client_id: azp ?? aud,
        exp: seconds(answer['exp']),
      })
    },
  }
}

/**
 * GitHub's "check a token" API, for tokens that your own OAuth app or GitHub App issued (`gho_`, `ghu_`). Authenticate with
 * `clientSecretBasic`. The answer has no audience of its own: it is the app, so set `audience` to the app's client id.
 *
 * @see https://docs.github.com/en/rest/apps/oauth-applications#check-a-token
 */
export function githubTokenCheck(options: {
  readonly clientId: string
  readonly apiUrl?: string
}): IntrospectionDialect {
  const clientId = text(options.clientId, 'githubTokenCheck().clientId')
  const apiUrl = options.apiUrl ?? 'https://api.github.com'
  if (!URL.canParse(apiUrl)) throw misconfigured('githubTokenCheck().apiUrl', 'no URL', "the API's base URL")
  return {
    name: 'GitHub token check',
    endpoint: `${apiUrl.replace(/\/$/, '')}/applications/${encodeURIComponent(clientId)}/token`,
    implies: GITHUB_SCOPES,
    request: (token, { endpoint }) => ({
      url: endpoint,
      method: 'POST',
      headers: new Headers({
        Accept: 'application/vnd.github+json',
        'Content-Type': 'application/json',
        // GitHub refuses requests without a user agent.
        'User-Agent': 'bearward',
        'X-GitHub-Api-Version': '2022-11-28',
      }),
      body: JSON.stringify({ access_token: token }),
    }),
    read(response) {
      if (response.status === 404) return { active: false }
      if (response.status !== 200) throw new UselessAnswer(describeError(response))
      // Only these members: the answer repeats the token itself.
      const { app, user, scopes, created_at: createdAt, expires_at: expiresAt } = requireJson(response)
      const issuedTo = isObject(app) ? (app['client_id'] as Json) : undefined
      if (issuedTo !== clientId) throw new UselessAnswer('it speaks of a token of another app')
      return present({
        active: true,
        token_type: 'Bearer',
        client_id: issuedTo,
        aud: issuedTo,
        sub: isObject(user) && typeof user['id'] === 'number' ? String(user['id']) : undefined,
        username: isObject(user) ? user['login'] : undefined,
        scope: scopes ?? [],
        iat: timestamp(createdAt),
        exp: timestamp(expiresAt),
      })
    },
  }
}

/** @see https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps */
const GITHUB_SCOPES: Readonly<Record<string, readonly string[]>> = {
  repo: ['repo:status', 'repo_deployment', 'public_repo', 'repo:invite', 'security_events'],
  'admin:repo_hook': ['write:repo_hook'],
  'write:repo_hook': ['read:repo_hook'],
  'admin:org': ['write:org'],
  'write:org': ['read:org'],
  'admin:public_key': ['write:public_key'],
  'write:public_key': ['read:public_key'],
  'admin:gpg_key': ['write:gpg_key'],
  'write:gpg_key': ['read:gpg_key'],
  'write:packages': ['read:packages'],
  user: ['read:user', 'user:email', 'user:follow'],
  project: ['read:project'],
  'write:discussion': ['read:discussion'],
}

// RFC 9701 §5: the answer to a client that is registered for signed answers.
const SIGNED = 'application/token-introspection+jwt'

/** Returns the strict JSON object of an answer. @throws {UselessAnswer} */
function requireJson({ headers, body }: UpstreamResponse): JsonObject {
  const type = headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() ?? ''
  if (!/^application\/(?:[a-z0-9.+-]+\+)?json$/.test(type))
    throw new UselessAnswer(
      `it answered with content type ${quote(type)}, not JSON${type === SIGNED ? '. Set `signedResponse: true`' : ''}`,
    )
  const object = parseStrictObject(body)
  if (!object) throw new UselessAnswer('it answered with something that is no strict JSON object')
  return object
}

/** Names the status and the OAuth error code, and nothing else of an error's body. */
export function describeError({ status, headers, body }: UpstreamResponse): string {
  const type = headers.get('content-type') ?? ''
  const error = type.includes('json') ? parseStrictObject(body)?.['error'] : undefined
  const code = typeof error === 'string' && /^[a-z_]{1,60}$/.test(error) ? ` (${error})` : ''
  const hint = error === 'unsupported_token_type' ? UNSUPPORTED : (HINTS.get(status) ?? '')
  return `it answered with status ${status}${code}${hint}`
}

// These statuses are about our own client, never about the token.
const HINTS: ReadonlyMap<number, string> = new Map([
  [401, ': it refuses our own client. Look at `introspection.auth`: method, client id and secret'],
  [403, ': our own client may not introspect. Permit it at the issuer'],
])

const UNSUPPORTED =
  ": it does not answer for this kind of token. If it refuses JWTs, verify them here: neither `use: 'always'` nor `jwt: false`"

function seconds(value: Json | undefined): number | undefined {
  if (value === undefined) return undefined
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value
  if (typeof number !== 'number') throw new UselessAnswer('it answered with a time that is no number')
  return number
}

function timestamp(value: Json | undefined): number | undefined {
  if (value === undefined || value === null) return undefined
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN
  if (Number.isNaN(ms)) throw new UselessAnswer('it answered with a time that is no timestamp')
  return Math.floor(ms / 1000)
}

function present(members: Readonly<Record<string, Json | undefined>>): JsonObject {
  return Object.freeze(Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)))
}
