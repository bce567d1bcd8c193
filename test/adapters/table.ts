import {
  anyOf,
  claim,
  deny,
  type Requirement,
  type ResourceServer,
  type ResourceServerOptions,
  scope,
} from '../../src/entry-points/index.ts'
import { headerLines } from '../../src/parse/header-lines.ts'
import { ISSUER, RESOURCE } from '../fixture/issuer.ts'
import type { Handled, Lines, Route, WireAnswer, WireRequest } from './wire.ts'

/** One request to one route, and what has to come of it. */
export interface Row {
  readonly name: string
  /** Options of the resource server. */
  readonly server?: Partial<ResourceServerOptions>
  readonly isIssuerDown?: boolean
  /** Stands in for a stage that looks at the request, or adds to the answer. */
  readonly intercept?: (api: ResourceServer, note: (sight: unknown) => void) => ResourceServer
  readonly route?: Partial<Omit<Route, 'api'>>
  /** The route is `metadataHandler`'s. */
  readonly metadataHandler?: boolean
  /** Where it names `{good}`, `{expired}`, `{narrow}` or `{foreign}`, such a token stands. */
  readonly request: WireRequest
  readonly expected: Expected
}

export interface Expected {
  /** Left out where the platform answers. */
  readonly status?: number
  /**
   * By names in lower case. A string is the value, of several lines joined by commas; an array is the lines; `undefined` means
   * that there is none.
   */
  readonly headers?: Readonly<Record<string, string | readonly string[] | RegExp | undefined>>
  readonly body?: string
  /** What the body must hold as JSON. */
  readonly json?: object
  /** The subject of the token with which the handler was called, or `nobody`. Left out: it was not called. */
  readonly handled?: string
  /** The error that passed through the adapter. */
  readonly passed?: unknown
  /** What the interceptor noted. */
  readonly seen?: readonly unknown[]
}

const METADATA_PATH = '/.well-known/oauth-protected-resource'
const METADATA_URL = `https://api.example.com${METADATA_PATH}`
const NO_CONTENT: WireAnswer = { status: 204, lines: [['X-Preflight', '1']], body: '' }
const READ: Requirement = scope('orders:read')
const OWN_ERROR = new Error('own')

function get(...lines: Lines): WireRequest {
  return { method: 'GET', path: '/orders', lines }
}

function bearing(token: string): Lines {
  return [['Authorization', `Bearer ${token}`]]
}

/** What each refusal says, whatever it refuses. */
const OWN = {
  'content-type': 'application/json',
  'cache-control': 'private, no-store',
  'access-control-expose-headers': /WWW-Authenticate.*Retry-After/,
}

function refused(status: number, code: string, challenge: RegExp | undefined, more: Partial<Expected> = {}): Expected {
  return { status, json: { code }, headers: { ...OWN, 'www-authenticate': challenge }, ...more }
}

const CREDENTIALS: readonly Row[] = [
  {
    name: 'calls the handler with a good token',
    route: { requirement: READ },
    request: get(...bearing('{good}')),
    expected: { status: 200, body: 'hello', headers: { 'x-handler': '1' }, handled: 'user-1' },
  },
  {
    name: 'needs no requirement',
    request: get(...bearing('{narrow}')),
    expected: { status: 200, handled: 'user-1' },
  },
  {
    name: 'asks for credentials where there are none, and names scopes and metadata',
    route: { requirement: READ },
    request: get(),
    expected: refused(
      401,
      'credentials_missing',
      new RegExp(`^Bearer scope="orders:read", resource_metadata="${METADATA_URL}"$`),
    ),
  },
  {
    name: 'asks for credentials where they are of another scheme',
    request: get(['Authorization', 'Basic dXNlcjpwYXNz']),
    expected: refused(401, 'credentials_missing', /^Bearer resource_metadata=/),
  },
  {
    name: 'asks for credentials where the token is in the query alone',
    server: { form: true },
    request: { method: 'GET', path: '/orders?access_token={good}', lines: [] },
    expected: refused(401, 'credentials_missing', /^Bearer /),
  },
  {
    name: 'refuses two Authorization lines',
    request: get(...bearing('{good}'), ...bearing('{good}')),
    expected: refused(400, 'credentials_ambiguous', /error="invalid_request"/),
  },
  {
    name: 'refuses a second Authorization line of another scheme',
    request: get(['authorization', 'Basic abc'], ...bearing('{good}')),
    expected: refused(400, 'credentials_ambiguous', /error="invalid_request"/),
  },
  {
    name: 'refuses malformed credentials',
    route: { requirement: READ },
    request: get(...bearing('a b')),
    expected: refused(400, 'credentials_malformed', /error="invalid_request".*scope="orders:read"/),
  },
  {
    name: 'refuses a scheme without a token',
    request: get(['Authorization', 'Bearer']),
    expected: refused(400, 'credentials_malformed', /error="invalid_request"/),
  },
  {
    name: 'refuses an opaque token',
    route: { requirement: READ },
    request: get(...bearing('abc')),
    expected: refused(401, 'token_malformed', /error="invalid_token".*scope="orders:read"/),
  },
  {
    name: 'refuses an expired token',
    route: { requirement: READ },
    request: get(...bearing('{expired}')),
    expected: refused(401, 'token_expired', /error="invalid_token".*scope="orders:read"/),
  },
  {
    name: 'refuses a token for another audience',
    route: { requirement: READ },
    request: get(...bearing('{foreign}')),
    expected: refused(401, 'audience_mismatch', /error="invalid_token".*scope="orders:read"/),
  },
  {
    name: 'answers HEAD without a body',
    request: { method: 'HEAD', path: '/orders', lines: [] },
    expected: { status: 401, body: '', headers: { ...OWN, 'www-authenticate': /^Bearer / } },
  },
  {
    name: 'says that the issuer is unavailable: no challenge, so that nobody throws a good token away',
    isIssuerDown: true,
    request: get(...bearing('{good}')),
    expected: refused(503, 'issuer_unavailable', undefined, {
      headers: { ...OWN, 'www-authenticate': undefined, 'retry-after': /^[1-9]\d*$/ },
    }),
  },
  {
    name: 'takes a token out of a form, which the handler can read too',
    server: { form: true },
    route: {
      handler: async ({ readBody }) => {
        const item = new URLSearchParams(await readBody()).get('item') ?? ''
        return { status: 200, lines: [], body: item }
      },
    },
    request: {
      method: 'POST',
      path: '/orders',
      lines: [['Content-Type', 'application/x-www-form-urlencoded']],
      body: 'access_token={good}&item=honey',
    },
    expected: { status: 200, body: 'honey', handled: 'user-1' },
  },
]

const DENIALS: readonly Row[] = [
  {
    name: 'denies a token that lacks the scope, and names what the operation needs',
    route: { requirement: READ },
    request: get(...bearing('{narrow}')),
    expected: refused(403, 'scope_insufficient', /error="insufficient_scope".*scope="orders:read"/),
  },
  {
    name: 'denies what a requirement denies, without a challenge and without its reason',
    route: { requirement: () => deny('SECRET reason') },
    request: get(...bearing('{good}')),
    expected: refused(403, 'access_denied', undefined, {
      json: { code: 'access_denied', error_description: 'The access token does not permit this operation' },
    }),
  },
  {
    name: 'denies a requirement that throws',
    route: {
      requirement: () => {
        throw OWN_ERROR
      },
    },
    request: get(...bearing('{good}')),
    expected: refused(403, 'access_denied', undefined),
  },
  {
    name: 'authenticates before it authorizes',
    route: { requirement: anyOf(claim('a', 1), scope('admin')) },
    request: get(...bearing('{expired}')),
    expected: refused(401, 'token_expired', /error="invalid_token"/),
  },
  {
    name: 'answers a denial that the handler throws',
    route: {
      requirement: READ,
      handler: ({ api, token }) => {
        if (token) api.authorize(token, scope('orders:admin'))
        return NO_CONTENT
      },
    },
    request: get(...bearing('{good}')),
    expected: refused(403, 'scope_insufficient', /error="insufficient_scope".*scope="orders:admin"/, {
      handled: 'user-1',
    }),
  },
  {
    name: 'answers a denial with which the handler rejects',
    route: {
      handler: async ({ api, token }) => {
        await Promise.resolve()
        if (token) api.authorize(token, () => deny('not the owner'))
        return NO_CONTENT
      },
    },
    request: get(...bearing('{good}')),
    expected: refused(403, 'access_denied', undefined, { handled: 'user-1' }),
  },
  {
    name: 'passes on any other error of the handler, untouched',
    route: {
      handler: () => {
        throw OWN_ERROR
      },
    },
    request: get(...bearing('{good}')),
    expected: { passed: OWN_ERROR, handled: 'user-1' },
  },
  {
    name: 'passes on any other error with which the handler rejects',
    route: { handler: () => Promise.reject(OWN_ERROR) },
    request: get(...bearing('{good}')),
    expected: { passed: OWN_ERROR, handled: 'user-1' },
  },
  {
    name: 'passes on an error that is not bearward’s, wherever it comes from',
    intercept: (api) => ({ ...api, authenticate: () => Promise.reject(OWN_ERROR) }),
    request: get(...bearing('{good}')),
    expected: { passed: OWN_ERROR },
  },
]

const OPTIONAL: readonly Row[] = [
  {
    name: 'optional: calls the handler without a token where there are no credentials',
    route: { requirement: READ, optional: true },
    request: get(),
    expected: { status: 200, handled: 'nobody' },
  },
  {
    name: 'optional: takes another scheme for no credentials',
    route: { optional: true },
    request: get(['Authorization', 'Basic abc']),
    expected: { status: 200, handled: 'nobody' },
  },
  {
    name: 'optional: calls the handler with a good token',
    route: { requirement: READ, optional: true },
    request: get(...bearing('{good}')),
    expected: { status: 200, handled: 'user-1' },
  },
  {
    name: 'optional: refuses malformed credentials still',
    route: { optional: true },
    request: get(['Authorization', 'Bearer']),
    expected: refused(400, 'credentials_malformed', /error="invalid_request"/),
  },
  {
    name: 'optional: refuses an expired token still',
    route: { optional: true },
    request: get(...bearing('{expired}')),
    expected: refused(401, 'token_expired', /error="invalid_token"/),
  },
  {
    name: 'optional: denies a token that lacks the scope still',
    route: { requirement: READ, optional: true },
    request: get(...bearing('{narrow}')),
    expected: refused(403, 'scope_insufficient', /error="insufficient_scope"/),
  },
  {
    name: 'optional: does not take an outage for missing credentials',
    isIssuerDown: true,
    route: { optional: true },
    request: get(...bearing('{good}')),
    expected: refused(503, 'issuer_unavailable', undefined),
  },
]

/** The header lines with which a browser asks whether a script may send such a request. */
function asking(method: string): Lines {
  return [
    ['Origin', 'https://app.example.com'],
    ['Access-Control-Request-Method', method],
    ['Access-Control-Request-Headers', 'mcp-protocol-version'],
  ]
}

function preflight(path: string, lines: Lines): WireRequest {
  return { method: 'OPTIONS', path, lines }
}

const OPEN = {
  status: 204,
  body: '',
  headers: {
    'access-control-allow-origin': '*',
    'access-control-allow-methods': 'GET, HEAD',
    'access-control-allow-headers': '*',
    'access-control-max-age': '86400',
    'access-control-allow-credentials': undefined,
  },
} satisfies Expected

const BY_APPLICATION = {
  status: 204,
  headers: { 'x-preflight': '1', 'access-control-allow-origin': undefined },
} satisfies Expected

const PREFLIGHTS: readonly Row[] = [
  {
    name: 'leaves a preflight to the application',
    route: { requirement: READ, preflight: NO_CONTENT },
    request: preflight('/orders', asking('POST')),
    expected: BY_APPLICATION,
  },
  {
    name: 'treats a preflight as any request where the application answers none',
    route: { requirement: READ },
    request: preflight('/orders', asking('POST')),
    expected: refused(401, 'credentials_missing', /^Bearer scope="orders:read"/),
  },
  ...(
    [
      ['OPTIONS without an origin', 'OPTIONS', asking('POST').slice(1)],
      ['OPTIONS without a requested method', 'OPTIONS', asking('POST').slice(0, 1)],
      ['another method', 'POST', asking('POST')],
    ] as const
  ).flatMap(([what, method, lines]): readonly Row[] => [
    {
      name: `does not take ${what} for a preflight: without credentials`,
      route: { preflight: NO_CONTENT },
      request: { method, path: '/orders', lines },
      expected: refused(401, 'credentials_missing', /^Bearer /),
    },
    {
      name: `does not take ${what} for a preflight: with a good token`,
      route: { preflight: NO_CONTENT },
      request: { method, path: '/orders', lines: [...lines, ...bearing('{good}')] },
      expected: { status: 200, handled: 'user-1' },
    },
  ]),
]

const DOCUMENT = {
  status: 200,
  json: { resource: RESOURCE, authorization_servers: [ISSUER] },
  headers: {
    'content-type': 'application/json',
    'cache-control': 'private, no-store',
    'access-control-allow-origin': '*',
  },
} satisfies Expected

const METADATA: readonly Row[] = [
  {
    name: 'serves the metadata document without a token',
    route: { requirement: READ },
    request: { method: 'GET', path: METADATA_PATH, lines: [] },
    expected: DOCUMENT,
  },
  {
    name: 'serves it where it is named, behind the path and with the query of `resource`',
    server: { resource: 'https://api.example.com/orders?tenant=a' },
    request: { method: 'GET', path: `${METADATA_PATH}/orders?tenant=a`, lines: [] },
    expected: { ...DOCUMENT, json: { resource: 'https://api.example.com/orders?tenant=a' } },
  },
  {
    name: 'answers HEAD for it without a body',
    request: { method: 'HEAD', path: METADATA_PATH, lines: [] },
    expected: { status: 200, body: '', headers: DOCUMENT.headers },
  },
  {
    name: 'does not serve it to POST',
    request: { method: 'POST', path: METADATA_PATH, lines: [] },
    expected: refused(401, 'credentials_missing', /^Bearer /),
  },
  ...[`${METADATA_PATH}/orders`, `${METADATA_PATH}?x=1`, `/orders${METADATA_PATH}`].map((path): Row => ({
    name: `does not serve it at ${path}`,
    request: { method: 'GET', path, lines: [] },
    expected: refused(401, 'credentials_missing', /^Bearer /),
  })),
  {
    name: 'does not serve it where it is switched off',
    server: { resourceMetadata: false },
    request: { method: 'GET', path: METADATA_PATH, lines: [] },
    expected: refused(401, 'credentials_missing', /^Bearer$/),
  },
  ...['GET', 'HEAD'].map((method): Row => ({
    name: `permits ${method} of it to scripts of every origin, whatever the application answers`,
    route: { requirement: READ, preflight: NO_CONTENT },
    request: preflight(METADATA_PATH, asking(method)),
    expected: OPEN,
  })),
  {
    name: 'leaves a preflight for POST of it to the application',
    route: { preflight: NO_CONTENT },
    request: preflight(METADATA_PATH, asking('POST')),
    expected: BY_APPLICATION,
  },
  {
    name: 'treats a preflight for POST of it as any request where the application answers none',
    request: preflight(METADATA_PATH, asking('POST')),
    expected: refused(401, 'credentials_missing', /^Bearer /),
  },
  {
    name: 'treats a preflight of it as any request where it is switched off',
    server: { resourceMetadata: false },
    request: preflight(METADATA_PATH, asking('GET')),
    expected: refused(401, 'credentials_missing', /^Bearer$/),
  },
  {
    name: 'metadataHandler serves the document wherever it stands',
    metadataHandler: true,
    request: get(),
    expected: DOCUMENT,
  },
  {
    name: 'metadataHandler answers HEAD without a body',
    metadataHandler: true,
    request: { method: 'HEAD', path: '/orders', lines: [] },
    expected: { status: 200, body: '', headers: DOCUMENT.headers },
  },
  {
    name: 'metadataHandler answers a preflight',
    metadataHandler: true,
    request: preflight('/orders', asking('GET')),
    expected: OPEN,
  },
]

/** A resource server of which a stage adds header fields to every answer. */
function adding(...lines: Lines): NonNullable<Row['intercept']> {
  return (api) => ({
    ...api,
    authenticate(request, context) {
      for (const [name, value] of lines) context?.responseHeaders?.append(name, value)
      return api.authenticate(request, context)
    },
  })
}

const NONCE: Lines = [
  ['DPoP-Nonce', 'nonce-1'],
  ['Access-Control-Expose-Headers', 'DPoP-Nonce'],
  ['Set-Cookie', 'a=1'],
  ['Set-Cookie', 'b=2'],
]

function answering(...lines: Lines): (handled: Handled) => WireAnswer {
  return () => ({ status: 201, lines, body: 'made' })
}

const FIELDS: readonly Row[] = [
  {
    name: 'sends what a stage adds with the handler’s answer',
    intercept: adding(...NONCE),
    route: { handler: answering(['X-Handler', '1']) },
    request: get(...bearing('{good}')),
    expected: {
      status: 201,
      body: 'made',
      headers: {
        'dpop-nonce': 'nonce-1',
        'access-control-expose-headers': 'DPoP-Nonce',
        'set-cookie': ['a=1', 'b=2'],
        'x-handler': '1',
      },
      handled: 'user-1',
    },
  },
  {
    name: 'lets a field stand that the handler sets itself, and keeps its cookies beside those that were added',
    intercept: adding(...NONCE, ['Cache-Control', 'no-store']),
    route: { handler: answering(['Cache-Control', 'max-age=60'], ['Set-Cookie', 'own=1']) },
    request: get(...bearing('{good}')),
    expected: {
      status: 201,
      headers: { 'cache-control': 'max-age=60', 'dpop-nonce': 'nonce-1', 'set-cookie': /own=1/ },
      handled: 'user-1',
    },
  },
  {
    name: 'sends what a stage adds with a refusal, whose own fields stand',
    intercept: adding(...NONCE, ['WWW-Authenticate', 'Other'], ['Cache-Control', 'public'], ['Content-Type', 'a/b']),
    request: get(...bearing('{expired}')),
    expected: refused(401, 'token_expired', /^Bearer error="invalid_token"/, {
      headers: {
        ...OWN,
        'www-authenticate': /^Bearer error="invalid_token"[^=]*="[^"]*", resource_metadata="[^"]*"$/,
        'access-control-expose-headers': 'WWW-Authenticate, Retry-After, DPoP-Nonce',
        'dpop-nonce': 'nonce-1',
        'set-cookie': ['a=1', 'b=2'],
      },
    }),
  },
  {
    name: 'sends what a stage adds with a denial',
    intercept: adding(...NONCE),
    route: { requirement: scope('orders:admin') },
    request: get(...bearing('{good}')),
    expected: refused(403, 'scope_insufficient', /error="insufficient_scope"/, {
      headers: { ...OWN, 'dpop-nonce': 'nonce-1', 'set-cookie': ['a=1', 'b=2'] },
    }),
  },
  {
    name: 'sends what a stage adds with a denial of the handler, once',
    intercept: adding(...NONCE),
    route: {
      handler: ({ api, token }) => {
        if (token) api.authorize(token, scope('orders:admin'))
        return NO_CONTENT
      },
    },
    request: get(...bearing('{good}')),
    expected: refused(403, 'scope_insufficient', /error="insufficient_scope"/, {
      headers: {
        ...OWN,
        'access-control-expose-headers': 'WWW-Authenticate, Retry-After, DPoP-Nonce',
        'dpop-nonce': 'nonce-1',
        'set-cookie': ['a=1', 'b=2'],
      },
      handled: 'user-1',
    }),
  },
  {
    name: 'sends what a stage adds where credentials are optional and missing',
    intercept: adding(...NONCE),
    route: { optional: true },
    request: get(),
    expected: { status: 200, headers: { 'dpop-nonce': 'nonce-1' }, handled: 'nobody' },
  },
  {
    name: 'sends nothing more where a stage looks at the fields and adds none',
    intercept: adding(),
    request: get(...bearing('{good}')),
    expected: { status: 200, headers: { 'dpop-nonce': undefined, 'set-cookie': undefined }, handled: 'user-1' },
  },
]

/** A resource server of which a stage looks at the request. */
const looking: NonNullable<Row['intercept']> = (api, note) => ({
  ...api,
  authenticate(request, context) {
    const { method, url, headers } = request
    note([method, url])
    // `Headers` joins lines by commas; every other way in keeps them apart.
    for (const name of ['x-trace', 'dpop', 'x-absent']) note([name, headerLines(headers, name).join(', ')])
    note('certificate' in request ? request.certificate?.() : undefined)
    return api.authenticate(request, context)
  },
})

const VIEWS: readonly Row[] = [
  {
    name: 'hands over method, address, every header line and no certificate where the connection has none',
    intercept: looking,
    request: {
      method: 'PUT',
      path: '/orders/1?x=%201',
      lines: [['X-Trace', 'a'], ['DPoP', 'proof'], ...bearing('{good}'), ['x-trace', 'b']],
    },
    expected: {
      status: 200,
      handled: 'user-1',
      seen: [
        ['PUT', 'https://api.example.com/orders/1?x=%201'],
        ['x-trace', 'a, b'],
        ['dpop', 'proof'],
        ['x-absent', ''],
        undefined,
      ],
    },
  },
]

/** Requests and the answers that every adapter must give. */
export const ROWS: readonly Row[] = [
  ...CREDENTIALS,
  ...DENIALS,
  ...OPTIONAL,
  ...PREFLIGHTS,
  ...METADATA,
  ...FIELDS,
  ...VIEWS,
]
