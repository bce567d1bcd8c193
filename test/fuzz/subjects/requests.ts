import { createResourceServer, type RequestView } from '../../../src/entry-points/index.ts'
import { BASES, makeToken, type TokenRecipe } from '../compact.ts'
import { asTrusted, ISSUERS, NOW, RESOURCE } from '../issuers.ts'
import { judgeRequest, type SeenRequest } from '../oracle/request.ts'
import { ORACLE } from '../oracle-settings.ts'
import type { Random } from '../random.ts'
import { COMMON_OPTIONS, type Subject, type Tamper } from '../subject.ts'

/** A request in text. `{a-es}` stands for the token of that name, since signatures differ from run to run. */
export interface RequestRecipe {
  /** A view with headers as an object or as `Headers`, or a whole `Request`. */
  readonly kind: 'object' | 'function' | 'headers' | 'request'
  readonly method: string
  readonly url: string
  /** A name may come several times, and a value may be several lines. */
  readonly headers: readonly (readonly [name: string, value: string | readonly string[]])[]
  readonly form?: string
}

const TOKENS: ReadonlyMap<string, TokenRecipe> = new Map<string, TokenRecipe>([
  ...[...BASES].map(([name, recipe]) => [name, recipe] as const),
  ['expired', { ...base('a-ed'), payload: base('a-ed').payload.replace(`${NOW + 300}`, `${NOW - 10}`) }],
  ['foreign', { ...base('a-ed'), signer: 'c-ed' }],
  ['bound', { ...base('a-ed'), payload: base('a-ed').payload.replace('{', '{"cnf":{"jkt":"x"},') }],
])
const NAMES = [...TOKENS.keys(), 'a-es', 'a-ed', 'c-ed', 'a-es', 'a-ed', 'c-ed']
const HEADER_NAMES = ['Authorization', 'authorization', 'AUTHORIZATION', 'aUthorization']
const SCHEMES = [
  'Bearer',
  'Bearer',
  'Bearer',
  'Bearer',
  'bearer',
  'BEARER',
  'bEaReR',
  'Basic',
  'DPoP',
  'Bearers',
  'Beare',
  'Token',
  'Bearer:',
  'Bearer=',
  '"Bearer"',
  'JWT',
  'Bearer Bearer',
  'Basic abc, Bearer',
  'Bearer abc,',
  'Bearer realm="a",',
  '',
]
const GAPS = [
  ' ',
  ' ',
  ' ',
  ' ',
  ' ',
  '  ',
  '    ',
  '\t',
  ' \t',
  '\t ',
  '',
  '\u00a0',
  '\u0000',
  '\r\n ',
  '%20',
  '+',
  ',',
  '=',
]
const AROUND = [
  '',
  '',
  '',
  '',
  ' ',
  '\t',
  '  ',
  ',',
  ';',
  '"',
  '=',
  '==',
  '\u00a0',
  '\n',
  '\u0000',
  '\u00e9',
  '.',
  ', a=b',
]
const FORM_TYPES = [
  'application/x-www-form-urlencoded',
  'application/x-www-form-urlencoded',
  'Application/X-WWW-Form-Urlencoded',
  'application/x-www-form-urlencoded; charset=UTF-8',
  ' application/x-www-form-urlencoded ;',
  'text/plain',
  'multipart/form-data; boundary=a',
  'application/x-www-form-urlencodedx',
  'application/json',
  '',
]

/** `Authorization` headers, form bodies and query strings, around tokens good and bad. */
export function createRequestsSubject(tamper: Tamper): Subject<RequestRecipe> {
  const api = tamper(createResourceServer({ ...COMMON_OPTIONS, issuers: ISSUERS.map(asTrusted), form: true }))
  const tokens = new Map<string, Promise<string>>()

  async function fill(text: string): Promise<string> {
    let filled = text
    for (const [hole, name = ''] of text.matchAll(/\{([a-z0-9-]+)\}/g)) {
      const recipe = TOKENS.get(name)
      if (!recipe) continue
      const token = tokens.get(name) ?? makeToken(recipe)
      tokens.set(name, token)
      filled = filled.replace(hole, await token)
    }
    return filled
  }

  return {
    name: 'requests',
    share: 20,
    generate: generateRequest,
    async prepare(recipe) {
      const headers = await Promise.all(
        recipe.headers.map(
          async ([name, value]) =>
            [name, typeof value === 'string' ? await fill(value) : await Promise.all(value.map(fill))] as const,
        ),
      )
      const form = recipe.form === undefined ? undefined : await fill(recipe.form)
      const { request, seen } = build({ ...recipe, url: await fill(recipe.url) }, headers, form)
      return { attempt: () => api.authenticate(request()), judge: () => judgeRequest(seen, ORACLE) }
    },
    *simpler(recipe) {
      const { form, headers, ...rest } = recipe
      if (form !== undefined) yield { ...rest, headers }
      for (const left of headers) yield { ...recipe, headers: headers.filter((each) => each !== left) }
      for (const [index, [name, value]] of headers.entries()) {
        if (typeof value !== 'string') {
          for (const line of value) yield { ...recipe, headers: headers.with(index, [name, line]) }
        } else if (value.length < 300) {
          for (let at = 0; at < value.length; at++) {
            yield { ...recipe, headers: headers.with(index, [name, value.slice(0, at) + value.slice(at + 1)]) }
          }
        }
      }
      if (recipe.url !== RESOURCE) yield { ...recipe, url: RESOURCE }
      if (recipe.kind !== 'object') yield { ...recipe, kind: 'object' }
      if (recipe.method !== 'GET') yield { ...recipe, method: 'GET' }
    },
  }
}

function base(name: string): TokenRecipe {
  const recipe = BASES.get(name)
  if (!recipe) throw new Error(`no base ${name}`)
  return recipe
}

function generateRequest(random: Random): RequestRecipe {
  const headers: [string, string | string[]][] = []
  if (!random.oneIn(12)) headers.push([random.pick(HEADER_NAMES), lines(random)])
  if (random.oneIn(12)) headers.push([random.pick([...HEADER_NAMES, 'Proxy-Authorization', 'X-A']), lines(random)])
  if (random.oneIn(20)) headers.push(['DPoP', '{a-es}'])
  const hasForm = random.oneIn(5)
  if (hasForm && !random.oneIn(8))
    headers.push([random.pick(['Content-Type', 'content-type']), random.pick(FORM_TYPES)])
  // Half of the forms stand alone, as they would.
  if (hasForm && random.oneIn(2)) headers.splice(0, headers[0]?.[0].toLowerCase() === 'authorization' ? 1 : 0)
  return {
    kind: random.pick(['object', 'function', 'headers', 'headers', 'request']),
    method: hasForm ? random.pick(['POST', 'POST', 'PUT', 'PATCH', 'post', 'GET', 'DELETE']) : 'GET',
    url: random.oneIn(8) ? `${RESOURCE}/?access_token={a-es}` : RESOURCE,
    headers,
    ...(hasForm && { form: formOf(random) }),
  }
}

function lines(random: Random): string | string[] {
  const first = lineOf(random)
  return random.oneIn(15) ? [first, ...(random.oneIn(2) ? [] : [random.oneIn(2) ? first : lineOf(random)])] : first
}

function lineOf(random: Random): string {
  const token = random.oneIn(15)
    ? random.pick([
        '',
        'a',
        'e',
        '=',
        'a=b',
        'a,b',
        'a, Basic b',
        'a,Bearer b',
        '..',
        'e..',
        '{',
        '%',
        'a'.repeat(17_000),
        ' '.repeat(9_000),
        'a '.repeat(4_000),
        ',\t'.repeat(4_000),
        '='.repeat(16_000),
      ])
    : `{${random.pick(NAMES)}}`
  return `${random.pick(AROUND.slice(0, 6))}${random.pick(SCHEMES)}${random.pick(GAPS)}${token}${random.oneIn(3) ? random.pick(AROUND) : ''}`
}

function formOf(random: Random): string {
  const fields = [
    'access_token={a-ed}',
    'access_token={a-es}',
    'access_token=',
    'Access_Token={a-es}',
    'a=b',
    'access_token={expired}',
    'access%5Ftoken={c-ed}',
    'access_token=%20{a-es}',
    'access_token={a-es}%0A',
    'access_token[]={a-es}',
    '&&',
    '%',
    '=a',
  ]
  return Array.from({ length: random.pick([0, 1, 1, 1, 2, 3]) }, () => random.pick(fields)).join('&')
}

type Lines = readonly (readonly [string, string | readonly string[]])[]

/** The request as it is handed over, and what an observer sees of it. */
function build(
  { kind, method, url }: RequestRecipe,
  headers: Lines,
  form: string | undefined,
): { readonly request: () => Request | RequestView; readonly seen: SeenRequest } {
  const fields = kind === 'object' || kind === 'function' ? undefined : headersOf(headers)
  const seen: SeenRequest = {
    method,
    values: (name) =>
      fields
        ? [fields.get(name) ?? []].flat()
        : [...objectOf(headers)].filter(([each]) => each.toLowerCase() === name).flatMap(([, value]) => value),
    form: form === undefined ? undefined : () => new URLSearchParams(form),
  }
  const body = method === 'GET' ? undefined : form
  if (kind === 'request' && fields) {
    // A request without a body has none to read; and a platform may put a content type or the method into its own form.
    const made = (): Request => new Request(url, { method, headers: fields, ...(body !== undefined && { body }) })
    const { method: actual, headers: actualHeaders } = made()
    const values = (name: string): string[] => [actualHeaders.get(name) ?? []].flat()
    return { request: made, seen: { method: actual, values, form: () => new URLSearchParams(body) } }
  }
  const view: RequestView = {
    method,
    url,
    headers: fields ?? (kind === 'function' ? seen.values : Object.fromEntries(objectOf(headers))),
    ...(form !== undefined && { form: async () => new URLSearchParams(form) }),
  }
  return { request: () => view, seen }
}

/** In an object a name stands once for each of its spellings. */
function objectOf(headers: Lines): ReadonlyMap<string, string | readonly string[]> {
  return new Map(headers)
}

/** `undefined` where a platform's `Headers` would not take such a value: then it cannot come that way. */
function headersOf(headers: Lines): Headers | undefined {
  const fields = new Headers()
  try {
    for (const [name, value] of headers) for (const each of [value].flat()) fields.append(name, each)
  } catch {
    return undefined
  }
  return fields
}
