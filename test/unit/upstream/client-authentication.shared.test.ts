import { describe, expect, test } from 'vitest'
import {
  bearerToken,
  type ClientAuthentication,
  clientSecretBasic,
  clientSecretJwt,
  clientSecretPost,
  privateKeyJwt,
  tlsClientAuth,
} from '../../../src/entry-points/index.ts'
import {
  CLIENT_ID,
  CLIENT_SECRET,
  goodAnswer,
  introspecting,
  opaque,
  SECRET_MARK,
  searchWhatWasEmitted,
} from '../../fixture/introspection.ts'
import { codeOf } from '../../fixture/server.ts'

searchWhatWasEmitted()

async function asking(auth: ClientAuthentication | 'none') {
  const made = await introspecting({ introspection: { auth, timeoutMs: 200, cacheSeconds: 0 } })
  return { ...made, ask: async () => codeOf(made.api.verify(opaque())) }
}

describe('clientSecretBasic', () => {
  test('form-encodes both parts before base64', async () => {
    const { ask, endpoint } = await asking(clientSecretBasic({ clientId: 'a b:+é', clientSecret: `%é:${SECRET_MARK}` }))
    await ask()
    const [scheme, credentials] = endpoint.asked[0]?.headers.get('authorization')?.split(' ') ?? []
    expect(scheme).toBe('Basic')
    expect(atob(credentials ?? '')).toBe(`a+b%3A%2B%C3%A9:%25%C3%A9%3A${SECRET_MARK}`)
  })

  test('leaves the form as it is', async () => {
    const { ask, endpoint } = await asking(clientSecretBasic({ clientId: CLIENT_ID, clientSecret: CLIENT_SECRET }))
    await ask()
    expect([...(endpoint.asked[0]?.form.keys() ?? [])]).toEqual(['token', 'token_type_hint'])
  })
})

test('clientSecretPost sends both in the form, and no header', async () => {
  const { ask, endpoint } = await asking(clientSecretPost({ clientId: 'a b:+é', clientSecret: CLIENT_SECRET }))
  await ask()
  expect(endpoint.asked[0]?.form.get('client_id')).toBe('a b:+é')
  expect(endpoint.asked[0]?.form.get('client_secret')).toBe(CLIENT_SECRET)
  expect(endpoint.asked[0]?.headers.has('authorization')).toBe(false)
})

test('tlsClientAuth names the client in the form, and proves nothing there', async () => {
  const { ask, endpoint } = await asking(tlsClientAuth({ clientId: CLIENT_ID }))
  await ask()
  expect([...(endpoint.asked[0]?.form ?? [])].slice(2)).toEqual([['client_id', CLIENT_ID]])
  expect(endpoint.asked[0]?.headers.has('authorization')).toBe(false)
})

test("'none' says nothing about the client", async () => {
  const { ask, endpoint } = await asking('none')
  expect(await ask()).toBe('accepted')
  expect([...(endpoint.asked[0]?.form.keys() ?? [])]).toEqual(['token', 'token_type_hint'])
  expect(endpoint.asked[0]?.headers.has('authorization')).toBe(false)
})

describe('bearerToken', () => {
  test('a static token stands in the header', async () => {
    const { ask, endpoint } = await asking(bearerToken(`own-${SECRET_MARK}`))
    await ask()
    expect(endpoint.asked[0]?.headers.get('authorization')).toBe(`Bearer own-${SECRET_MARK}`)
  })

  test('a function is called for every request, so that the token may be refreshed', async () => {
    let call = 0
    const { ask, endpoint } = await asking(bearerToken(async () => `own-${++call}-${SECRET_MARK}`))
    await ask()
    await ask()
    expect(endpoint.asked.map(({ headers }) => headers.get('authorization'))).toEqual([
      `Bearer own-1-${SECRET_MARK}`,
      `Bearer own-2-${SECRET_MARK}`,
    ])
  })
})

describe('a secret that is a function', () => {
  const kinds: [string, (secret: () => string | Promise<string>) => ClientAuthentication][] = [
    ['clientSecretBasic', (clientSecret) => clientSecretBasic({ clientId: CLIENT_ID, clientSecret })],
    ['clientSecretPost', (clientSecret) => clientSecretPost({ clientId: CLIENT_ID, clientSecret })],
    ['clientSecretJwt', (clientSecret) => clientSecretJwt({ clientId: CLIENT_ID, clientSecret })],
    ['bearerToken', (secret) => bearerToken(secret)],
    [
      'privateKeyJwt',
      // A function may give PEM text; nothing here is any.
      (secret) => privateKeyJwt({ clientId: CLIENT_ID, privateKey: secret }),
    ],
  ]

  test.each(kinds.slice(0, 4))('%s: is called for each request, so that rotation needs no restart', async (_, make) => {
    const secrets = ['first', 'second'].map((name) => `${name}-${'x'.repeat(64)}-${SECRET_MARK}`)
    let call = 0
    const { ask, endpoint } = await asking(make(async () => secrets[call++] ?? ''))
    expect(await ask()).toBe('accepted')
    expect(await ask()).toBe('accepted')
    expect(call).toBe(2)
    const [before, after] = endpoint.asked.map(({ headers, body }) => `${headers.get('authorization')} ${body}`)
    expect(before).not.toBe(after)
  })

  test.each(kinds)('%s: one that throws is 503, and nothing is sent', async (_, make) => {
    const { ask, endpoint, events } = await asking(
      make(() => {
        throw new Error('the vault is sealed')
      }),
    )
    expect(await ask()).toBe('issuer_unavailable')
    expect(endpoint.asked).toEqual([])
    expect(events).toMatchObject([{ type: 'introspection_failed', outage: false }, { type: 'token_refused' }])
  })

  test.each(kinds)('%s: one that hangs is 503 when the time is up', async (_, make) => {
    const { ask, endpoint } = await asking(make(() => new Promise(() => {})))
    expect(await ask()).toBe('issuer_unavailable')
    expect(endpoint.asked).toEqual([])
  })

  test.each(kinds.flatMap(([name, make]) => ['', 7, null, undefined, {}].map((junk) => [name, junk, make] as const)))(
    '%s: one that gives %j is 503',
    async (_, junk, make) => {
      const { ask, endpoint } = await asking(make(() => junk as string))
      expect(await ask()).toBe('issuer_unavailable')
      expect(endpoint.asked).toEqual([])
    },
  )

  test('comes back by itself when the function does', async () => {
    let sealed = true
    const { ask } = await asking(
      bearerToken(() => {
        if (sealed) throw new Error('the vault is sealed')
        return `own-${SECRET_MARK}`
      }),
    )
    for (let attempt = 0; attempt < 10; attempt++) expect(await ask()).toBe('issuer_unavailable')
    sealed = false
    expect(await ask()).toBe('accepted')
  })

  test('a secret that no header can carry is 503 without a word of it', async () => {
    const { ask, endpoint } = await asking(bearerToken(() => `own-${SECRET_MARK}\nX-Admin: 1`))
    expect(await ask()).toBe('issuer_unavailable')
    expect(endpoint.asked).toEqual([])
  })
})

describe('refused when they are made', () => {
  test.each<[string, () => unknown]>([
    ['clientSecretBasic().clientId', () => clientSecretBasic({ clientId: '', clientSecret: CLIENT_SECRET })],
    ['clientSecretBasic().clientSecret', () => clientSecretBasic({ clientId: CLIENT_ID, clientSecret: '' })],
    ['clientSecretPost().clientId', () => clientSecretPost({ clientId: 7 as never, clientSecret: CLIENT_SECRET })],
    [
      'clientSecretPost().clientSecret',
      () => clientSecretPost({ clientId: CLIENT_ID, clientSecret: undefined as never }),
    ],
    ['clientSecretJwt().clientSecret', () => clientSecretJwt({ clientId: CLIENT_ID, clientSecret: {} as never })],
    [
      'clientSecretJwt().algorithm',
      () => clientSecretJwt({ clientId: CLIENT_ID, clientSecret: CLIENT_SECRET, algorithm: 'RS256' as never }),
    ],
    ['privateKeyJwt().privateKey', () => privateKeyJwt({ clientId: CLIENT_ID, privateKey: null as never })],
    ['privateKeyJwt().privateKey', () => privateKeyJwt({ clientId: CLIENT_ID, privateKey: undefined as never })],
    ['privateKeyJwt().algorithm', () => privateKeyJwt({ clientId: CLIENT_ID, privateKey: 'PEM', algorithm: 'HS256' })],
    ['privateKeyJwt().algorithm', () => privateKeyJwt({ clientId: CLIENT_ID, privateKey: 'PEM', algorithm: 'none' })],
    ['privateKeyJwt().clientId', () => privateKeyJwt({ clientId: '', privateKey: 'PEM' })],
    ['tlsClientAuth().clientId', () => tlsClientAuth({ clientId: '' })],
    ['bearerToken()', () => bearerToken('')],
    ['bearerToken()', () => bearerToken(7 as never)],
  ])('%s', (option, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'configuration_invalid' }) as Error)
    expect(make).toThrow(`"${option}"`)
  })
})

test('a client authentication of the user’s own is asked for every request', async () => {
  const { ask, endpoint } = await asking({
    method: 'api_key',
    authenticate({ headers }, { issuer }) {
      headers.set('x-api-key', `${issuer} ${SECRET_MARK}`)
    },
  })
  expect(await ask()).toBe('accepted')
  expect(endpoint.asked[0]?.headers.get('x-api-key')).toContain(SECRET_MARK)
})

test('one that wants a form refuses a dialect without one, and sends nothing', async () => {
  const dialect = {
    name: 'JSON in, JSON out',
    request: (token: string, { endpoint }: { endpoint: string }) => ({
      url: endpoint,
      method: 'POST' as const,
      headers: new Headers({ 'content-type': 'application/json' }),
      body: JSON.stringify({ token }),
    }),
    read: () => goodAnswer() as never,
  }
  const { api, endpoint } = await introspecting({
    introspection: { dialect, auth: clientSecretPost({ clientId: CLIENT_ID, clientSecret: CLIENT_SECRET }) },
  })
  expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
  expect(endpoint.asked).toEqual([])
  const twin = await introspecting({ introspection: { dialect } })
  expect(await codeOf(twin.api.verify(opaque()))).toBe('accepted')
})
