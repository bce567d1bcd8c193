import type { UpstreamRequest } from './messages.ts'

// Members and fields that hold no secrets. Their values may stand in a message.
const PLAIN_MEMBERS = new Set([
  'client_id',
  'token_type_hint',
  'client_assertion_type',
  'grant_type',
  'resource',
  'audience',
  'scope',
])
const PLAIN_FIELDS = new Set(['accept', 'accept-language', 'content-type', 'user-agent', 'x-github-api-version'])

/**
 * Returns the secrets of a request, which no message may repeat: the credentials in its header fields, in its body and in the
 * part of its address beyond `endpoint`, each as the wire carries it and as its owner knows it.
 */
export function secretsIn({ url, headers, body }: UpstreamRequest, endpoint: string): string[] {
  const found = [...secretsInAddress(url, endpoint), ...secretsInBody(body)]
  for (const [name, value] of headers) if (!PLAIN_FIELDS.has(name)) found.push(...secretsInField(name, value))
  return [...new Set(found)].filter((secret) => secret !== '')
}

function secretsInAddress(url: string, endpoint: string): string[] {
  if (!URL.canParse(url)) return []
  const { pathname, searchParams } = new URL(url)
  const known = URL.canParse(endpoint) ? new URL(endpoint).pathname.split('/') : []
  return [...secretsInForm(searchParams), ...pathname.split('/').filter((segment) => !known.includes(segment))]
}

function secretsInBody(body: UpstreamRequest['body']): string[] {
  if (body === undefined) return []
  if (body instanceof URLSearchParams) return secretsInForm(body)
  try {
    return textsIn(JSON.parse(body))
  } catch {
    // A form, or a body of an unknown kind.
    return /^[^\s<>{}]*$/.test(body) ? secretsInForm(new URLSearchParams(body)) : [body]
  }
}

function secretsInForm(form: URLSearchParams): string[] {
  // A key may stand alone, as in `?key`.
  return [...form].filter(([name]) => !PLAIN_MEMBERS.has(name)).map(([name, value]) => (value === '' ? name : value))
}

/** Every text within a JSON value, except in members that hold no secret. */
function textsIn(value: unknown, name = ''): string[] {
  if (typeof value === 'string') return PLAIN_MEMBERS.has(name) ? [] : [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, each]) => textsIn(each, Array.isArray(value) ? name : key))
}

/** The parts of a field: `Bearer x`, `Basic x`, `Scheme a="x", b=y`, `a=x; b=y` or `x`. */
function secretsInField(name: string, field: string): string[] {
  const parts = field.split(/[\s,;]+/).map((part) => part.replace(/^[\w-]+=(?=[^=])/, '').replace(/^"|"$/g, ''))
  const [scheme, ...credentials] = parts
  if (name !== 'authorization' || credentials.length === 0) return parts
  return scheme?.toLowerCase() === 'basic' ? [...credentials, ...passwordsIn(credentials[0] ?? '')] : credentials
}

/** The password of Basic credentials, as it stands there and with its form encoding undone. @see RFC 6749 §2.3.1 */
function passwordsIn(credentials: string): string[] {
  try {
    const text = atob(credentials)
    const password = text.slice(text.indexOf(':') + 1)
    return [password, new URLSearchParams(`v=${password.replaceAll('&', '%26')}`).get('v') ?? '']
  } catch {
    return []
  }
}
