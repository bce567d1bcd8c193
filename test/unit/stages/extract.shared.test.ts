import { describe, expect, test } from 'vitest'
import { withDetail } from '../../fixture/detail.ts'
import { classifyToken } from '../../../src/stages/classify.ts'
import { createSchemes, extractCredential, presentToken } from '../../../src/stages/extract.ts'
import type { Presentation, RequestView } from '../../../src/pipeline.ts'
import { signToken } from '../../fixture/issuer.ts'
import { codeOf, fixture } from '../../fixture/server.ts'

const SETTINGS = { maxTokenBytes: 256, form: false, schemes: createSchemes([]) }
const FORM = 'application/x-www-form-urlencoded'

function view(headers: RequestView['headers'], changes: Partial<RequestView> = {}): RequestView {
  return { method: 'GET', url: 'https://api.example.com/', headers, ...changes }
}

/** Both steps, as every new token takes them that is no JWT. */
async function extract(request: RequestView, settings: typeof SETTINGS): Promise<Presentation> {
  const presentation = await extractCredential(request, {}, settings)
  classifyToken(presentation)
  return presentation
}

/** The token that was found, or the code of the refusal. */
async function outcome(request: RequestView, settings: Partial<typeof SETTINGS> = {}): Promise<unknown> {
  const found = extract(request, { ...SETTINGS, ...settings })
  const code = await codeOf(found)
  return code === 'accepted' ? (await found).token : code
}

/** The same through a record of lines, through a function and, where that can hold it, through `Headers`. */
async function outcomeOfHeader(value: string): Promise<unknown> {
  const fromRecord = await outcome(view({ authorization: value }))
  expect(await outcome(view((name) => (name === 'authorization' ? [value] : [])))).toBe(fromRecord)
  let headers: Headers
  try {
    headers = new Headers({ authorization: value })
  } catch {
    return fromRecord
  }
  expect(await outcome(view(headers))).toBe(fromRecord)
  return fromRecord
}

describe('takes the token of the Authorization header', () => {
  test.each([
    'Bearer abc',
    'bearer abc',
    'BEARER abc',
    'bEaReR abc',
    'Bearer  abc',
    'Bearer      abc',
    ' Bearer abc',
    'Bearer abc ',
    '\tBearer abc\t ',
  ])('%j', async (value) => {
    expect(await outcomeOfHeader(value)).toBe('abc')
  })

  test.each(['AZaz09-._~+/', 'a=', 'a==', 'a====', '-', 'a.b.c'])(
    'of the characters of RFC 6750: %j',
    async (token) => {
      expect(await outcomeOfHeader(`Bearer ${token}`)).toBe(token)
    },
  )

  test.each(['authorization', 'Authorization', 'AUTHORIZATION', 'aUtHoRiZaTiOn'])(
    'whatever the case of its name: %s',
    async (name) => {
      expect(await outcome(view({ [name]: 'Bearer abc' }))).toBe('abc')
      expect(await outcome(view({ [name]: ['Bearer abc'] }))).toBe('abc')
    },
  )

  test('beside lines that are undefined, and other headers', async () => {
    const headers = { authorization: undefined, Authorization: 'Bearer abc', 'x-authorization': 'Bearer other' }
    expect(await outcome(view(headers))).toBe('abc')
  })

  test('from a record without prototype, as Node makes them', async () => {
    const headers = Object.assign(Object.create(null) as object, { authorization: ['Bearer abc'] })
    expect(await outcome(view(headers))).toBe('abc')
  })
})

describe('says credentials_missing', () => {
  test.each([
    ['without headers', {}],
    ['where the header is undefined', { authorization: undefined }],
    ['where the header has no line', { authorization: [] }],
    ['where the header is empty', { authorization: '' }],
    ['where the header is blank', { authorization: ' \t' }],
    ['for another scheme', { authorization: 'Basic dXNlcjpwYXNz' }],
    ['for a scheme that begins alike', { authorization: 'Bearertoken abc' }],
    ['for a scheme that goes on with a hyphen', { authorization: 'Bearer-x abc' }],
    ['for a scheme that ends alike', { authorization: 'xBearer abc' }],
    ['for a bare token', { authorization: 'abc' }],
    ['for a scheme in quotes', { authorization: '"Bearer" abc' }],
    ['for DPoP, which is not taken yet', { authorization: 'DPoP abc' }],
    ['where the token is in another header', { 'x-access-token': 'Bearer abc', cookie: 'access_token=abc' }],
  ])('%s', async (_, headers) => {
    expect(await outcome(view({ authorization: 'Bearer abc' }))).toBe('abc')
    expect(await outcome(view(headers))).toBe('credentials_missing')
  })
})

describe('says credentials_malformed', () => {
  test.each([
    ['the scheme alone', 'Bearer'],
    ['the scheme and a space', 'Bearer '],
    ['the scheme and many spaces', `Bearer${' '.repeat(1000)}`],
    ['a tab after the scheme', 'Bearer\tabc'],
    ['a tab after the space', 'Bearer \tabc'],
    ['a comma after the scheme', 'Bearer, abc'],
    ['a colon after the scheme', 'Bearer: abc'],
    ['an equals sign after the scheme', 'Bearer=abc'],
    ['a quoted token', 'Bearer "abc"'],
    ['a second word', 'Bearer abc def'],
    ['a second word after a tab', 'Bearer abc\tdef'],
    ['a comma at the end', 'Bearer abc,'],
    ['a comma and a word', 'Bearer abc, def'],
    ['a parameter', 'Bearer token="abc"'],
    ['an equals sign at the front', 'Bearer =abc'],
    ['an equals sign alone', 'Bearer ='],
    ['an equals sign within', 'Bearer a=b'],
    ['a percent escape', 'Bearer a%20b'],
    ['a semicolon', 'Bearer abc;'],
    ['a NUL', 'Bearer abc\u0000'],
    ['a line feed', 'Bearer abc\n'],
    ['a carriage return and a header', 'Bearer abc\r\nX-Evil: 1'],
    ['DEL', 'Bearer abc\u007f'],
    ['Latin-1', 'Bearer abc\u00e9'],
    ['beyond Latin-1', 'Bearer abc\u0416'],
    ['a no-break space', 'Bearer abc\u00a0'],
    ['a zero-width space', 'Bearer abc\u200b'],
    ['a full-width letter', 'Bearer \uff41bc'],
  ])('for %s', async (_, value) => {
    expect(await outcomeOfHeader('Bearer abc')).toBe('abc')
    // `Headers` itself trims a line feed off an end, so that only the record can hold it.
    expect(await outcome(view({ authorization: value }))).toBe('credentials_malformed')
  })

  test('for a header that is no string', async () => {
    const headers = { authorization: [7] } as unknown as Record<string, string[]>
    expect(await outcome(view(headers))).toBe('credentials_malformed')
  })
})

describe('says credentials_ambiguous', () => {
  test.each<[string, RequestView['headers']]>([
    ['two lines', { authorization: ['Bearer abc', 'Bearer def'] }],
    ['two equal lines', { authorization: ['Bearer abc', 'Bearer abc'] }],
    ['two lines of which one is empty', { authorization: ['Bearer abc', ''] }],
    ['a line of another scheme first', { authorization: ['Basic abc', 'Bearer abc'] }],
    ['a line of another scheme last', { authorization: ['Bearer abc', 'Basic abc'] }],
    ['two lines of other schemes', { authorization: ['Basic abc', 'Basic def'] }],
    ['names that differ in case', { authorization: 'Bearer abc', Authorization: 'Bearer def' }],
    ['a list of two tokens', { authorization: 'Bearer abc, Bearer def' }],
    ['a list without spaces after the comma', { authorization: 'Bearer abc,Bearer def' }],
    ['a list with a tab', { authorization: 'Bearer abc,\tBearer\tdef' }],
    ['another scheme behind', { authorization: 'Bearer abc, Basic def' }],
    ['another scheme in front', { authorization: 'Basic abc, Bearer def' }],
    ['another scheme in front, whatever the case', { authorization: 'Basic abc,bEARER def' }],
  ])('for %s', async (_, headers) => {
    expect(await outcome(view({ authorization: ['Bearer abc'] }))).toBe('abc')
    expect(await outcome(view(headers))).toBe('credentials_ambiguous')
  })

  test('for two lines that a function returns', async () => {
    const lines = ['Bearer abc', 'Bearer def']
    expect(await outcome(view(() => lines.slice(1)))).toBe('def')
    expect(await outcome(view(() => lines))).toBe('credentials_ambiguous')
  })

  test('for two lines that `Headers` joined', async () => {
    const headers = new Headers()
    headers.append('Authorization', 'Bearer abc')
    expect(await outcome(view(headers))).toBe('abc')
    headers.append('authorization', 'Bearer def')
    expect(await outcome(view(headers))).toBe('credentials_ambiguous')
  })

  test('for two lines that `Headers` joined, whichever scheme comes first', async () => {
    for (const lines of [
      ['Basic abc', 'Bearer def'],
      ['Bearer def', 'Basic abc'],
    ]) {
      const headers = new Headers()
      for (const line of lines) headers.append('Authorization', line)
      expect(await outcome(view(headers)), lines.join()).toBe('credentials_ambiguous')
    }
  })
})

describe('bounds the size', () => {
  const longest = 'a'.repeat(256)

  test('a token of just the bound passes, one more does not', async () => {
    expect(await outcomeOfHeader(`Bearer ${longest}`)).toBe(longest)
    expect(await outcomeOfHeader(`Bearer ${longest}a`)).toBe('token_too_large')
  })

  test('spaces before the token do not count', async () => {
    expect(await outcomeOfHeader(`Bearer ${' '.repeat(300)}${longest}`)).toBe(longest)
  })

  test('size is told before content', async () => {
    expect(await outcomeOfHeader(`Bearer ${'?'.repeat(257)}`)).toBe('token_too_large')
    expect(await outcomeOfHeader(`Bearer ${'?'.repeat(256)}`)).toBe('credentials_malformed')
  })

  const MEGABYTE = 1024 * 1024
  // Each would take a regular expression with backtracking past any timeout.
  test.each([
    ['a megabyte of one letter', `Bearer ${'a'.repeat(MEGABYTE)}`, 'token_too_large'],
    ['a megabyte of spaces', `Bearer${' '.repeat(MEGABYTE)}`, 'credentials_malformed'],
    ['a megabyte of spaces within', `x${' '.repeat(MEGABYTE)}x`, 'credentials_missing'],
    ['a megabyte of spaces before a token', `Bearer${' '.repeat(MEGABYTE)}abc`, 'abc'],
    ['a megabyte of tabs and spaces', `${'\t '.repeat(MEGABYTE / 2)}x`, 'credentials_missing'],
    ['a megabyte of commas', `Basic ${','.repeat(MEGABYTE)}`, 'credentials_missing'],
    ['a megabyte of commas and spaces', `Basic ${', '.repeat(MEGABYTE / 2)}x`, 'credentials_missing'],
    ['a megabyte of almost-second schemes', `Basic ${', bearer'.repeat(MEGABYTE / 8)}`, 'credentials_missing'],
    ['a megabyte of dots', `Bearer ${'.'.repeat(MEGABYTE)}`, 'token_too_large'],
  ])('%s is dealt with in linear time', async (_, authorization, expected) => {
    expect(await outcome(view({ authorization }))).toBe(expected)
  })

  test.each([
    ['of equals signs', `a${'='.repeat(MEGABYTE - 2)}a`, 'credentials_malformed'],
    ['of comma-separated letters', `a${',a'.repeat(MEGABYTE / 2 - 1)}`, 'credentials_malformed'],
    ['of a comma and spaces', `a,${' '.repeat(MEGABYTE - 3)}!`, 'credentials_malformed'],
    ['of a comma, a letter and spaces', `a,b${' '.repeat(MEGABYTE - 4)}!`, 'credentials_ambiguous'],
    ['of a comma and letters', `a,${'b'.repeat(MEGABYTE - 2)}`, 'credentials_malformed'],
  ])('a megabyte %s is dealt with in linear time where that size is allowed', async (_, token, expected) => {
    expect(await outcome(view({ authorization: `Bearer ${token}` }), { maxTokenBytes: MEGABYTE })).toBe(expected)
  })
})

describe('never looks at the query', () => {
  const url = 'https://api.example.com/?access_token=fromquery'

  test('alone it is no credential', async () => {
    expect(await outcome(view({}, { url }))).toBe('credentials_missing')
    expect(await outcome(view({}, { url }), { form: true })).toBe('credentials_missing')
  })

  test('beside a header it is ignored', async () => {
    expect(await outcome(view({ authorization: 'Bearer abc' }, { url }))).toBe('abc')
  })
})

const throwing = (): never => {
  throw new TypeError('used')
}

const rejecting = (): Promise<URLSearchParams> => Promise.reject(new Error('broken'))

describe('a form body', () => {
  const on = { form: true }

  function formView(body: string, changes: Partial<RequestView> = {}): RequestView {
    return view({ 'content-type': FORM }, { method: 'POST', form: async () => new URLSearchParams(body), ...changes })
  }

  test('is read where it is switched on, and only there', async () => {
    expect(await outcome(formView('access_token=abc&x=1'), on)).toBe('abc')
    expect(await outcome(formView('access_token=abc&x=1'))).toBe('credentials_missing')
  })

  test('is not even touched where it is switched off', async () => {
    let reads = 0
    const form = async (): Promise<URLSearchParams> => {
      reads++
      return new URLSearchParams()
    }
    await outcome(formView('', { form }))
    expect(reads).toBe(0)
    await outcome(formView('', { form }), on)
    expect(reads).toBe(1)
  })

  test.each(['POST', 'PUT', 'PATCH', 'post'])('is read with method %s', async (method) => {
    expect(await outcome(formView('access_token=abc', { method }), on)).toBe('abc')
  })

  test.each(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'QUERY'])('is not read with method %s', async (method) => {
    expect(await outcome(formView('access_token=abc', { method }), on)).toBe('credentials_missing')
  })

  test.each([FORM, FORM.toUpperCase(), `${FORM};charset=UTF-8`, `${FORM} ; charset=utf-8`])(
    'is read with content type %s',
    async (type) => {
      expect(await outcome(formView('access_token=abc', { headers: { 'Content-Type': type } }), on)).toBe('abc')
    },
  )

  test.each<[string, RequestView['headers']]>([
    ['multipart', { 'content-type': 'multipart/form-data; boundary=x' }],
    ['JSON', { 'content-type': 'application/json' }],
    ['a longer name', { 'content-type': `${FORM}x` }],
    ['two content types in one', { 'content-type': `text/plain, ${FORM}` }],
    ['two lines', { 'content-type': [FORM, FORM] }],
    ['an empty one', { 'content-type': '' }],
    ['none', {}],
  ])('is not read with content type: %s', async (_, headers) => {
    expect(await outcome(formView('access_token=abc', { headers }), on)).toBe('credentials_missing')
  })

  test('without a token is no credential', async () => {
    expect(await outcome(formView('x=1'), on)).toBe('credentials_missing')
    expect(await outcome(formView('Access_Token=abc'), on)).toBe('credentials_missing')
  })

  test('with a token beside one in the header is ambiguous, equal or not', async () => {
    const headers = { 'content-type': FORM, authorization: 'Bearer abc' }
    expect(await outcome(formView('x=1', { headers }), on)).toBe('abc')
    expect(await outcome(formView('access_token=abc', { headers }), on)).toBe('credentials_ambiguous')
    expect(await outcome(formView('access_token=', { headers }), on)).toBe('credentials_ambiguous')
  })

  test('where the form is switched off, the header alone counts', async () => {
    const headers = { 'content-type': FORM, authorization: 'Bearer abc' }
    expect(await outcome(formView('access_token=def', { headers }))).toBe('abc')
  })

  test('with two tokens is ambiguous', async () => {
    expect(await outcome(formView('access_token=abc&access_token=abc'), on)).toBe('credentials_ambiguous')
  })

  test.each([
    ['an empty token', 'access_token='],
    ['a token with a space', 'access_token=a+b'],
    ['a token with a control character', 'access_token=a%0A'],
    ['a scheme before the token', 'access_token=Bearer+abc'],
  ])('with %s is malformed', async (_, body) => {
    expect(await outcome(formView(body), on)).toBe('credentials_malformed')
  })

  test('with a token over the bound is too large', async () => {
    expect(await outcome(formView(`access_token=${'a'.repeat(256)}`), on)).toBe('a'.repeat(256))
    expect(await outcome(formView(`access_token=${'a'.repeat(257)}`), on)).toBe('token_too_large')
  })

  test('beside another scheme counts: that scheme is somebody else’s', async () => {
    const headers = { 'content-type': FORM, authorization: 'Basic abc' }
    expect(await outcome(formView('access_token=abc', { headers }), on)).toBe('abc')
  })

  test('that cannot be read is malformed', async () => {
    expect(await outcome(formView('', { form: rejecting }), on)).toBe('credentials_malformed')
    expect(await outcome(formView('', { form: throwing }), on)).toBe('credentials_malformed')
  })

  test('is left unread where the adapter offers none', async () => {
    expect(await outcome(view({ 'content-type': FORM }, { method: 'POST' }), on)).toBe('credentials_missing')
  })

  test('is read where a function returns the content type', async () => {
    for (const [type, expected] of [
      [FORM, 'abc'],
      ['text/plain', 'credentials_missing'],
    ] as const) {
      const headers = (name: string): string[] => (name === 'content-type' ? [type] : [])
      expect(await outcome(formView('access_token=abc', { headers }), on)).toBe(expected)
    }
  })

  test('of a Request is read from a copy: the handler can still read it', async () => {
    const { api } = await fixture({ form: true })
    const body = new URLSearchParams({ access_token: await signToken(), item: 'honey' })
    const request = new Request('https://api.example.com/orders', { method: 'POST', body })
    expect((await api.authenticate(request)).subject).toBe('user-1')
    expect(request.bodyUsed).toBe(false)
    expect((await request.formData()).get('item')).toBe('honey')
  })

  test('of a Request over 1 MiB is malformed', async () => {
    const { api } = await fixture({ form: true })
    const body = `item=${'a'.repeat(1024 * 1024)}`
    const request = new Request('https://api.example.com/', { method: 'POST', body, headers: { 'content-type': FORM } })
    expect(await codeOf(api.authenticate(request))).toBe('credentials_malformed')
  })

  test('of a Request that was read already is malformed, not passed over', async () => {
    const { api } = await fixture({ form: true })
    const body = new URLSearchParams({ access_token: await signToken() })
    const request = new Request('https://api.example.com/', { method: 'POST', body })
    await request.text()
    expect(await codeOf(api.authenticate(request))).toBe('credentials_malformed')
  })
})

/** Both steps, as every new token takes them that is no JWT. */
async function take(token: unknown): Promise<unknown> {
  classifyToken(presentToken(token, {}, SETTINGS))
  return 'accepted'
}

describe('a bare token', () => {
  test.each([
    ['nothing', ''],
    ['a scheme before it', 'Bearer abc'],
    ['a space at the end', 'abc '],
    ['a line feed at the end', 'abc\n'],
    ['a control character', 'a\u0000bc'],
    ['non-ASCII', 'abc\u00e9'],
    ['a JWS in JSON serialization', '{"payload":"e30","signatures":[]}'],
    ['undefined', undefined],
    ['null', null],
    ['a number', 7],
    ['an object', { length: 3 }],
    ['an array', ['abc']],
    ['a String object', Object('abc')],
  ])('with %s is malformed', async (_, token) => {
    expect(await codeOf(take('abc'))).toBe('accepted')
    expect(await codeOf(take(token))).toBe('token_malformed')
  })

  test('in JSON serialization is refused by name', async () => {
    await expect(take('{"payload":""}')).rejects.toThrow(withDetail(/JSON serialization/))
  })

  test('of just the bound passes, one more does not', async () => {
    expect(await codeOf(take('a'.repeat(256)))).toBe('accepted')
    expect(await codeOf(take('a'.repeat(257)))).toBe('token_too_large')
    expect(await codeOf(take('?'.repeat(257)))).toBe('token_too_large')
  })
})

test('no refusal repeats what was sent', async () => {
  for (const authorization of [
    'Bearer SECRET, Bearer SECRET',
    'Bearer SECRET SECRET',
    `Bearer ${'SECRET'.repeat(99)}`,
  ]) {
    const error = await extract(view({ authorization }), SETTINGS).catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(Error)
    expect(String((error as Error).stack)).not.toContain('SECRET')
  }
})
