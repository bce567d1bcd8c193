import { judgeToken, type Judgement, type OracleSettings, refuse } from './token.ts'

/** What anybody sees of a request. */
export interface SeenRequest {
  readonly method: string
  /** Every line of a header; its name in lower case. */
  readonly values: (name: string) => readonly string[]
  readonly form: (() => URLSearchParams) | undefined
}

const MALFORMED = 'credentials_malformed'
const AMBIGUOUS = 'credentials_ambiguous'

/** What one place holds: nothing, one string that may be a token, or what must not be there. */
type Found = { readonly token?: string; readonly refusals: readonly string[] }

/**
 * Judges a request: one credential in one place, spelt as RFC 6750 §2 says. What is none of that has one of the codes that
 * say so; which of two such codes is left open where a header is broken in two ways.
 */
export async function judgeRequest(request: SeenRequest, settings: OracleSettings): Promise<Judgement> {
  const header = inHeader(request.values('authorization'))
  const form = inForm(request)
  const tokens = [header.token, form.token].filter((token) => token !== undefined)
  const reasons = [
    ...header.refusals,
    ...form.refusals,
    ...(tokens.length > 1 ? [AMBIGUOUS] : []),
    ...tokens.flatMap((token) => (token.length > settings.maxBytes ? ['token_too_large'] : [])),
    ...tokens.flatMap((token) => (isToken(token) ? [] : [MALFORMED])),
  ]
  const [token] = tokens
  if (reasons.length > 0) return refuse(...reasons)
  return token === undefined ? refuse('credentials_missing') : judgeToken(token, settings)
}

function inHeader(lines: readonly string[]): Found {
  if (lines.length > 1) return { refusals: [AMBIGUOUS] }
  const value = (lines[0] ?? '').replaceAll(/^[ \t]+/g, '').split('')
  while (value.at(-1) === ' ' || value.at(-1) === '\t') value.pop()
  const field = value.join('')
  if (!/^bearer/i.test(field)) {
    // Another scheme's, unless one of ours hides behind it.
    return { refusals: hidesBearer(field) ? [AMBIGUOUS] : [] }
  }
  const rest = field.slice('bearer'.length)
  // `Bearers` is another scheme; `Bearer=` and a bare `Bearer` are broken.
  if (/^[a-z0-9-]/i.test(rest)) return { refusals: hidesBearer(field) ? [AMBIGUOUS] : [] }
  const token = rest.replace(/^ +/, '')
  // No token holds a comma: it may be two headers joined to one.
  const refusals = field.includes(',') ? [MALFORMED, AMBIGUOUS] : []
  return token === '' || !rest.startsWith(' ') ? { refusals: [MALFORMED, ...refusals] } : { token, refusals }
}

function inForm({ method, values, form }: SeenRequest): Found {
  const types = values('content-type')
  const type = types[0]?.split(';')[0]?.trim().toLowerCase()
  const isForm = types.length === 1 && type === 'application/x-www-form-urlencoded'
  if (!form || !isForm || !/^(?:POST|PUT|PATCH)$/i.test(method)) return { refusals: [] }
  const tokens = form().getAll('access_token')
  if (tokens.length > 1) return { refusals: [AMBIGUOUS] }
  return tokens[0] === undefined ? { refusals: [] } : { token: tokens[0], refusals: [] }
}

/** What lines were joined to, or a proxy added: a second credential, with the space that its token would follow. */
function hidesBearer(field: string): boolean {
  return field.split(',').some((each, index) => index > 0 && /^[ \t]*bearer[ \t]/i.test(each))
}

/** @see RFC 6750 §2.1: b64token */
function isToken(text: string): boolean {
  return text !== '' && /^[A-Za-z0-9._~+/-]/.test(text) && /^[A-Za-z0-9._~+/-]*$/.test(text.replace(/=*$/, ''))
}
