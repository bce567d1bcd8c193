import {
  bearerToken,
  type BearwardEvent,
  type ClientAuthentication,
  clientSecretBasic,
  clientSecretJwt,
  clientSecretPost,
  privateKeyJwt,
  type ResourceServer,
} from '../../src/entry-points/index.ts'
import { goodAnswer } from '../fixture/introspection.ts'
import { base64url, ISSUER, signingKey } from '../fixture/issuer.ts'

/** An opaque token and a client secret of this file alone, with characters that every encoding writes differently. */
export const TOKEN = 'zq7.Gx4Kd9-Wm2Tb6_Ph8Rv3~Ln5Yc1Js0Fe7Ua9.Bk4Xo'
export const SECRET = 'Vt5+hN8/qD2=wZ6~rM9 kC3&pS7'

/** One way in which an upstream fails, with a text of the attacker's choice wherever there is room for one. */
export type Way = (text: string) => Response | Promise<Response>

function failing(make: (text: string) => unknown): Way {
  return (text) => Promise.reject(make(text))
}

function answering(members: (text: string) => Record<string, unknown>): Way {
  return (text) => Response.json(goodAnswer(members(text)))
}

function breaking(make: (text: string) => unknown): Way {
  return (text) =>
    new Response(new ReadableStream({ pull: (controller) => controller.error(make(text)) }), {
      headers: { 'content-type': 'application/json' },
    })
}

/** As HTTP can carry it. */
function field(text: string): string {
  return text.replace(/[^\x21-\x7e]/g, '-')
}

function quoting(error: Error, members: Record<string, unknown>): Error {
  return Object.assign(error, members)
}

function withGetter(name: string, get: () => unknown): Error {
  return Object.defineProperty(new Error('refused'), name, { get, enumerable: true })
}

function hostileProxy(text: string): object {
  const refuse = (): never => {
    throw new Error(text)
  }
  return new Proxy(new Error(text), { get: refuse, getPrototypeOf: refuse, ownKeys: refuse, has: refuse })
}

/** What says one thing at first and another thing later. */
function changing(first: string, later: string): Error {
  let read = 0
  return withGetter('message', () => (read++ === 0 ? first : later))
}

/** Errors, as `fetch` or the body of an answer may throw them. */
export const THROWN: Readonly<Record<string, (text: string) => unknown>> = {
  'the message': (text) => new TypeError(`failed: ${text}`),
  'the message, far behind': (text) => new TypeError(`${'x'.repeat(185)} ${text}`),
  'the message of the cause': (text) => new TypeError('fetch failed', { cause: new Error(`POST ${text}`) }),
  'the cause of the cause': (text) =>
    new TypeError('fetch failed', { cause: new Error('reset', { cause: new Error(text) }) }),
  'a cause that is no error': (text) => new TypeError('fetch failed', { cause: text }),
  'the code of the cause': (text) => new TypeError('fetch failed', { cause: quoting(new Error(''), { code: text }) }),
  config: (text) => quoting(new Error('Network Error'), { config: { data: text, headers: { authorization: text } } }),
  'config of the cause': (text) =>
    new TypeError('fetch failed', { cause: quoting(new Error('reset'), { config: { data: text } }) }),
  'errors of an AggregateError': (text) => new AggregateError([new Error(text)], 'all failed'),
  'the message of an AggregateError': (text) => new AggregateError([new Error('reset')], text),
  'the stack': (text) => quoting(new Error('refused'), { stack: `Error: refused at ${text}` }),
  'the name': (text) => quoting(new Error(text), { name: text }),
  'a name of letters': (text) => quoting(new Error(text), { name: text.replace(/[^A-Za-z]/g, '') }),
  'a name that ends like one of an error': (text) =>
    quoting(new Error(text), { name: `${text.replace(/[^A-Za-z]/g, '')}Error` }),
  'a getter of the name': (text) => withGetter('name', () => text),
  'a getter that throws': (text) =>
    withGetter('message', () => {
      throw new Error(text)
    }),
  'a message that changes': (text) => changing('refused', text),
  'a message that is harmless later': (text) => changing(text, 'refused'),
  'a message that is no text': (text) => withGetter('message', () => ({ toString: () => text, length: 8 })),
  'a proxy': hostileProxy,
  'a cause that is a proxy': (text) => new TypeError('fetch failed', { cause: hostileProxy(text) }),
  'an object that is no error': (text) => ({ message: text, name: text }),
  'a string': (text) => text,
  'a function': (text) => () => text,
  'a symbol': (text) => Symbol(text),
  'an exception of the platform': (text) => new DOMException(text, 'AbortError'),
}

/** Everything that an endpoint can say. */
const SAID: Readonly<Record<string, Way>> = {
  active: (text) => Response.json({ active: text }),
  iss: answering((text) => ({ iss: text })),
  aud: answering((text) => ({ aud: text })),
  'aud, in pieces': answering((text) => ({ aud: text.match(/.{1,15}/g) })),
  'aud, in pieces and out of order': answering((text) => ({ aud: text.match(/.{1,15}/g)?.toReversed() })),
  sub: answering((text) => ({ sub: { text } })),
  client_id: answering((text) => ({ client_id: text })),
  token_type: answering((text) => ({ token_type: text })),
  token_use: answering((text) => ({ token_use: text })),
  typ: answering((text) => ({ typ: text })),
  exp: answering((text) => ({ exp: text })),
  nbf: answering((text) => ({ nbf: text })),
  scope: answering((text) => ({ scope: [text, 7] })),
  cnf: answering((text) => ({ cnf: { [text]: text } })),
  act: answering((text) => ({ act: text })),
  username: answering((text) => ({ username: [text] })),
  authorization_details: answering((text) => ({ authorization_details: text })),
  'the name of a member': answering((text) => ({ active: text, [text]: text })),
  error: (text) => Response.json({ error: text, error_description: text, error_uri: text }, { status: 400 }),
  'an error of letters': (text) =>
    Response.json({ error: text.toLowerCase().replace(/[^a-z]/g, '_') }, { status: 401 }),
  'a body that is no JSON': (text) => new Response(text, { headers: { 'content-type': 'application/json' } }),
  'the content type': (text) => new Response('x', { headers: { 'content-type': field(text) } }),
  'the realm of a challenge': (text) =>
    new Response('x', { status: 401, headers: { 'www-authenticate': `Basic realm="${field(text)}"` } }),
  'the target of a redirect': (text) => new Response('', { status: 302, headers: { location: `/?t=${field(text)}` } }),
  'the time to come back': (text) => new Response('', { status: 429, headers: { 'retry-after': field(text) } }),
  'the status text': (text) => new Response(text, { status: 503, statusText: field(text) }),
  'a field that cannot be read': (text) =>
    Object.defineProperty(Response.json({}), 'headers', {
      get() {
        throw new Error(text)
      },
    }),
  'something that is no response': (text) => ({ status: text, statusText: text }) as unknown as Response,
}

/** Every way in which an endpoint can fail while it repeats a text. */
export const WAYS: ReadonlyMap<string, Way> = new Map([
  ...Object.entries(THROWN).map(([name, make]) => [`fetch throws: ${name}`, failing(make)] as const),
  ...Object.entries(THROWN).map(([name, make]) => [`the body breaks off: ${name}`, breaking(make)] as const),
  ...Object.entries(SAID).map(([name, way]) => [`the endpoint says: ${name}`, way] as const),
])

/** Signed answers whose signature does not hold, with the text in their header or claims. */
export const SIGNED: ReadonlyMap<string, Way> = new Map(
  (
    [
      ['kid', (text: string) => [{ kid: text }, {}]],
      ['a kid that is no string', (text: string) => [{ kid: [text] }, {}]],
      ['alg', (text: string) => [{ alg: text }, {}]],
      ['typ', (text: string) => [{ typ: text }, {}]],
      ['crit', (text: string) => [{ crit: [text], [text]: 1 }, {}]],
      ['iss', (text: string) => [{}, { iss: text }]],
      ['aud', (text: string) => [{}, { aud: text }]],
      ['iat', (text: string) => [{}, { iat: text }]],
      ['the answer', (text: string) => [{}, { token_introspection: { active: text } }]],
    ] as const
  ).map(([name, make]) => [
    `a signed answer says: ${name}`,
    (text: string) => {
      const [header, claims] = make(text)
      const parts = [
        { typ: 'token-introspection+jwt', alg: 'ES256', kid: 'ES256-1', ...header },
        { iss: ISSUER, ...claims },
      ].map((part) => base64url(JSON.stringify(part)))
      return new Response([...parts, 'A'.repeat(86)].join('.'), {
        headers: { 'content-type': 'application/token-introspection+jwt' },
      })
    },
  ]),
)

const CLIENT = 'client-9'

function own(authenticate: ClientAuthentication['authenticate']): ClientAuthentication {
  return { method: 'own', clientId: CLIENT, authenticate }
}

async function withPrivateKey(): Promise<ClientAuthentication> {
  const { privateKey, algorithm } = await signingKey()
  return privateKeyJwt({ clientId: CLIENT, privateKey, algorithm })
}

/** Every method of client authentication, with `SECRET` wherever it has room for one. */
export const METHODS: ReadonlyMap<string, () => ClientAuthentication | 'none' | Promise<ClientAuthentication>> =
  new Map<string, () => ClientAuthentication | 'none' | Promise<ClientAuthentication>>([
    ['none', () => 'none'],
    ['client_secret_basic', () => clientSecretBasic({ clientId: CLIENT, clientSecret: SECRET })],
    ['client_secret_post', () => clientSecretPost({ clientId: CLIENT, clientSecret: async () => SECRET })],
    ['client_secret_jwt', () => clientSecretJwt({ clientId: CLIENT, clientSecret: SECRET })],
    ['private_key_jwt', withPrivateKey],
    ['bearer', () => bearerToken(field(SECRET))],
    ['one that conceals', () => own((_, { conceal }) => conceal?.(SECRET))],
    ['a field of its own', () => own(({ headers }) => headers.set('X-Api-Key', SECRET))],
    ['a field without a scheme', () => own(({ headers }) => headers.set('Authorization', field(SECRET)))],
    ['a scheme with parameters', () => own(({ headers }) => headers.set('Authorization', `Own i="1", k="${SECRET}"`))],
    ['a cookie', () => own(({ headers }) => headers.set('Cookie', `a=b; session=${field(SECRET)}`))],
    ['raw Basic credentials', () => own(({ headers }) => headers.set('Authorization', `Basic ${btoa(`c:${SECRET}`)}`))],
    ['a query', () => own((request) => void (request.url += `?key=${encodeURIComponent(SECRET)}`))],
    ['a name in the query', () => own((request) => void (request.url += `?${encodeURIComponent(SECRET)}`))],
    ['a path', () => own((request) => void (request.url += `/${field(SECRET).replaceAll('/', '-')}`))],
  ])

/** The same text as somebody may repeat it. */
export function spellings(text: string): readonly string[] {
  return [
    text,
    text.toUpperCase(),
    encodeURIComponent(text),
    new URLSearchParams({ text }).toString(),
    JSON.stringify({ text }),
    Array.from(text).join('-'),
    (text.match(/.{1,8}/g) ?? []).toReversed().join(' and '),
  ]
}

/** Everything that somebody can get at once an error has come: of itself, of what was told, and of what the client gets. */
export function toldBy(error: unknown, events: readonly BearwardEvent[], api: ResourceServer): readonly string[] {
  return [
    ...textsWithin(error),
    String(error),
    JSON.stringify(error) ?? '',
    ...textsWithin(events),
    JSON.stringify(api.snapshot()),
    JSON.stringify(api.challenge(error)),
  ]
}

/** Every text within a value, in whatever depth: own members, enumerable or not, and what their getters give. */
function textsWithin(value: unknown, seen = new Set<unknown>()): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value === 'symbol') return [String(value)]
  if (typeof value !== 'object' || value === null || seen.has(value)) return []
  seen.add(value)
  return Reflect.ownKeys(value).flatMap((name) => [
    String(name),
    ...textsWithin((value as Record<PropertyKey, unknown>)[name], seen),
  ])
}

/** The texts in which somebody who looks for it finds a part of this secret: written apart from what the library does. */
export function findsOf(secret: string, texts: readonly string[]): readonly string[] {
  const sought = letters(secret)
  const size = Math.min(16, Math.ceil(sought.length / 2))
  const parts = Array.from({ length: sought.length - size + 1 }, (_, start) => sought.slice(start, start + size))
  return texts.filter((text) => {
    const [plain, decoded] = [letters(text), letters(percentDecoded(text))]
    return parts.some((part) => plain.includes(part) || decoded.includes(part)) || piecesOf(sought, plain) >= size
  })
}

function letters(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]/g, '')
}

/** How many letters of a text stand in eights that are the secret's. */
function piecesOf(sought: string, text: string): number {
  let found = 0
  for (let at = 0; at + 8 <= text.length;) {
    const isPiece = sought.includes(text.slice(at, at + 8))
    found += isPiece ? 8 : 0
    at += isPiece ? 8 : 1
  }
  return found
}

function percentDecoded(text: string): string {
  return text.replace(/%[0-9a-f]{2}/gi, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)))
}
