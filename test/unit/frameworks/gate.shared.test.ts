import { describe, expect, test, vi } from 'vitest'
import { type Adapter, createGate, denialAnswer, isPreflight } from '../../../src/frameworks/gate.ts'
import {
  type AccessToken,
  BearwardError,
  type CallContext,
  deny,
  type JwtClaims,
  type Requirement,
  type RequestView,
  type ResourceServer,
  scope,
} from '../../../src/entry-points/index.ts'
import { signToken } from '../../fixture/issuer.ts'
import { fixture } from '../../fixture/server.ts'

interface Visit {
  readonly view: RequestView
  /** What the adapter did, in order. */
  readonly log: unknown[]
  hasBegun?: boolean
}

function visitOf(authorization?: string, changes: Partial<RequestView> = {}): Visit {
  const headers = (name: string) => (name === 'authorization' && authorization !== undefined ? [authorization] : [])
  return { view: { method: 'GET', url: 'https://api.example.com/orders', headers, ...changes }, log: [] }
}

/** An adapter that notes what it is told to do. */
function adapterFor(
  api: ResourceServer,
  changes: Partial<Adapter<Visit, JwtClaims, string>> = {},
): Adapter<Visit, JwtClaims, string> {
  return {
    serverOf: () => api,
    viewOf: ({ view }) => view,
    addHeaders: ({ log }, fields) => void log.push(['fields', [...fields]]),
    handle({ log }, token) {
      log.push(['handle', token?.subject])
      return 'handled'
    },
    answer({ log }, { status }) {
      log.push(['answer', status])
      return 'answered'
    },
    ...changes,
  }
}

function gateOf(
  api: ResourceServer,
  changes: Partial<Adapter<Visit, JwtClaims, string>> = {},
  rules: { readonly requirement?: Requirement; readonly optional?: boolean } = {},
): (visit: Visit) => Promise<string> {
  return createGate({ requirement: rules.requirement, optional: rules.optional ?? false }, adapterFor(api, changes))
}

/** A resource server whose `authenticate` is another. */
function authenticating(api: ResourceServer, authenticate: (context: CallContext) => unknown): ResourceServer {
  return { ...api, authenticate: async (_, context) => authenticate(context ?? {}) as AccessToken }
}

const FORBIDDEN: Requirement = () => deny('no')

describe('createGate', () => {
  test('lets a request pass whose token may, and hands over the reply', async () => {
    const { api } = await fixture()
    const visit = visitOf(`Bearer ${await signToken()}`)
    expect(await gateOf(api, {}, { requirement: scope('orders:read') })(visit)).toBe('handled')
    expect(visit.log).toEqual([['handle', 'user-1']])
  })

  test('answers for any other, and hands over that reply', async () => {
    const { api } = await fixture()
    const visit = visitOf()
    expect(await gateOf(api)(visit)).toBe('answered')
    expect(visit.log).toEqual([['answer', 401]])
  })

  test('asks for the server and the view of each visit', async () => {
    const [first, second] = [await fixture(), await fixture({ audience: 'other' })]
    const servers = [first.api, second.api]
    const gate = gateOf(first.api, { serverOf: () => servers.shift() ?? second.api })
    const authorization = `Bearer ${await signToken()}`
    expect(await gate(visitOf(authorization))).toBe('handled')
    expect(await gate(visitOf(authorization))).toBe('answered')
  })

  test('rejects with what the adapter’s own functions throw', async () => {
    const { api } = await fixture()
    const own = new BearwardError('configuration_invalid', 'own')
    const fail = (): never => {
      throw own
    }
    for (const name of ['serverOf', 'viewOf', 'waitUntilOf', 'answer'] as const) {
      await expect(gateOf(api, { [name]: fail })(visitOf())).rejects.toBe(own)
    }
  })

  test('answers a denial, unless an answer has begun: half an answer cannot be taken back', async () => {
    const { api } = await fixture()
    const authorization = `Bearer ${await signToken()}`
    const handle: Adapter<Visit, JwtClaims, string>['handle'] = (_, token) => {
      if (token) api.authorize(token, FORBIDDEN)
      return 'not reached'
    }
    const gate = gateOf(api, { handle, hasBegun: (visit) => visit.hasBegun === true })
    expect(await gate(visitOf(authorization))).toBe('answered')
    await expect(gate({ ...visitOf(authorization), hasBegun: true })).rejects.toMatchObject({ code: 'access_denied' })
  })

  test('does not answer what `preflight` throws, be it a denial', async () => {
    const { api } = await fixture()
    const denial = new BearwardError('access_denied', 'own')
    const headers = { Origin: 'https://app.example.com', 'Access-Control-Request-Method': 'GET' }
    const visit = visitOf(undefined, { method: 'OPTIONS', headers })
    await expect(gateOf(api, { preflight: () => Promise.reject(denial) })(visit)).rejects.toBe(denial)
    expect(visit.log).toEqual([])
  })

  test('what is said of a token that was there is not taken for missing credentials', async () => {
    const { api } = await fixture()
    const odd: ResourceServer = {
      ...api,
      authorize() {
        throw new BearwardError('credentials_missing', 'another server’s authorize')
      },
    }
    const gate = gateOf(odd, {}, { requirement: scope('orders:read'), optional: true })
    expect(await gate(visitOf())).toBe('handled')
    expect(await gate(visitOf(`Bearer ${await signToken()}`))).toBe('answered')
  })
})

describe('the context of a call', () => {
  test('holds the platform’s waitUntil where there is one, and no member without a value', async () => {
    const { api } = await fixture()
    const seen: CallContext[] = []
    const server = authenticating(api, (context) => void seen.push(context))
    const waitUntil = vi.fn<NonNullable<CallContext['waitUntil']>>()
    await gateOf(server)(visitOf())
    await gateOf(server, { waitUntilOf: () => undefined })(visitOf())
    await gateOf(server, { waitUntilOf: () => waitUntil })(visitOf())
    expect(seen.map((context) => Object.entries(context))).toEqual([[], [], [['waitUntil', waitUntil]]])
  })

  test('keeps one object for the fields of an answer, which is made where something asks for it', async () => {
    const { api } = await fixture()
    const made = vi.spyOn(globalThis, 'Headers')
    const seen: unknown[] = []
    await gateOf(authenticating(api, () => {}))(visitOf())
    expect(made).not.toHaveBeenCalled()
    await gateOf(authenticating(api, (context) => void seen.push(context.responseHeaders, context.responseHeaders)))(
      visitOf(),
    )
    expect(made).toHaveBeenCalledTimes(1)
    expect(seen[0]).toBeInstanceOf(Headers)
    expect(seen[1]).toBe(seen[0])
    made.mockRestore()
  })

  test('hands the fields over before the handler runs, and only where there are some', async () => {
    const { api } = await fixture()
    const none = visitOf()
    await gateOf(authenticating(api, (context) => void context.responseHeaders))(none)
    expect(none.log).toEqual([['handle', undefined]])
    const some = visitOf()
    await gateOf(authenticating(api, (context) => context.responseHeaders?.append('X-Own', '1')))(some)
    expect(some.log).toEqual([
      ['fields', [['x-own', '1']]],
      ['handle', undefined],
    ])
  })

  test('hands the fields over before a refusal, and once where the handler denies', async () => {
    const { api } = await fixture()
    const refused = visitOf()
    const refusing = authenticating(api, (context) => {
      context.responseHeaders?.append('X-Own', '1')
      throw new BearwardError('token_expired', '')
    })
    await gateOf(refusing)(refused)
    expect(refused.log).toEqual([
      ['fields', [['x-own', '1']]],
      ['answer', 401],
    ])
    const denied = visitOf()
    await gateOf(
      authenticating(api, (context) => context.responseHeaders?.append('X-Own', '1')),
      { handle: () => Promise.reject(new BearwardError('access_denied', '')) },
    )(denied)
    expect(denied.log).toEqual([
      ['fields', [['x-own', '1']]],
      ['answer', 403],
    ])
  })

  test('is another one for each visit', async () => {
    const { api } = await fixture()
    const gate = gateOf(authenticating(api, (context) => context.responseHeaders?.append('X-Own', '1')))
    for (const visit of [visitOf(), visitOf()]) {
      await gate(visit)
      expect(visit.log[0]).toEqual(['fields', [['x-own', '1']]])
    }
  })
})

/** What a framework does that hands a handler's errors to a function of the adapter's. */
async function serve(
  api: ResourceServer,
  requirement: Requirement | undefined,
  handler: (token: AccessToken | undefined) => string,
  authorization?: string,
): Promise<unknown> {
  const visit = visitOf(authorization)
  let admitted: { readonly token: AccessToken | undefined } | undefined
  const gate = gateOf(
    api,
    {
      handle(_, token) {
        admitted = { token }
        return 'gave way'
      },
    },
    { ...(requirement && { requirement }) },
  )
  await gate(visit)
  if (!admitted) return visit.log
  try {
    return handler(admitted.token)
  } catch (error) {
    return denialAnswer(api, error, requirement) ?? error
  }
}

function hello(token: AccessToken | undefined): string {
  return `hello ${token?.subject}`
}

// Express, for one, gives way to handlers that the adapter never calls, and hands their errors to another function.
describe('an adapter that cannot wrap a handler', () => {
  test('lets the handler run later, with the token', async () => {
    const { api } = await fixture()
    const authorization = `Bearer ${await signToken()}`
    expect(await serve(api, scope('orders:read'), hello, authorization)).toBe('hello user-1')
    expect(await serve(api, scope('orders:read'), hello)).toEqual([['answer', 401]])
    expect(await serve(api, scope('orders:admin'), hello, authorization)).toEqual([['answer', 403]])
  })

  test('answers the handler’s denial later, and no other error', async () => {
    const { api } = await fixture()
    const authorization = `Bearer ${await signToken()}`
    const authorizing = (needed: Requirement) => (token: AccessToken | undefined) => {
      if (token) api.authorize(token, needed)
      return 'allowed'
    }
    expect(await serve(api, undefined, authorizing(scope('orders:read')), authorization)).toBe('allowed')
    expect(await serve(api, undefined, authorizing(scope('orders:admin')), authorization)).toMatchObject({
      status: 403,
      headers: { 'WWW-Authenticate': expect.stringContaining('scope="orders:admin"') as string },
    })
    const own = new Error('own')
    const failing = (): never => {
      throw own
    }
    expect(await serve(api, undefined, failing, authorization)).toBe(own)
  })
})

describe('denialAnswer', () => {
  test.each<[string, unknown, number | undefined]>([
    ['a denial for scopes', new BearwardError('scope_insufficient', ''), 403],
    ['any other denial', new BearwardError('access_denied', ''), 403],
    ['another refusal of bearward', new BearwardError('token_expired', ''), undefined],
    ['an outage', new BearwardError('issuer_unavailable', ''), undefined],
    ['an error that looks like a denial', Object.assign(new Error('own'), { code: 'access_denied' }), undefined],
    ['nothing', undefined, undefined],
  ])('%s', async (_, error, status) => {
    const { api } = await fixture()
    expect(denialAnswer(api, error)?.status).toBe(status)
  })

  test('names the scopes of the route where the denial names none', async () => {
    const { api } = await fixture()
    const denial = new BearwardError('scope_insufficient', '')
    expect(denialAnswer(api, denial)?.headers['WWW-Authenticate']).not.toContain('scope=')
    expect(denialAnswer(api, denial, scope('a', 'b'))?.headers['WWW-Authenticate']).toContain('scope="a b"')
  })
})

describe('isPreflight', () => {
  const lines: Record<string, string> = { Origin: 'https://app.example.com', 'Access-Control-Request-Method': 'GET' }

  test.each<[string, RequestView['headers']]>([
    ['Headers', new Headers(lines)],
    ['an object', lines],
    ['a function', (name) => new Map([...new Headers(lines)].map(([key, value]) => [key, [value]])).get(name) ?? []],
  ])('reads %s', (_, headers) => {
    expect(isPreflight({ method: 'OPTIONS', headers })).toBe(true)
    expect(isPreflight({ method: 'GET', headers })).toBe(false)
    expect(isPreflight({ method: 'OPTIONS', headers: {} })).toBe(false)
  })

  test('no header but Authorization is read of a plain request', async () => {
    const { api } = await fixture()
    const asked: string[] = []
    const authorization = `Bearer ${await signToken()}`
    const headers = (name: string): string[] => {
      asked.push(name)
      return name === 'authorization' ? [authorization] : []
    }
    await gateOf(api)(visitOf(undefined, { headers }))
    expect(asked).toEqual(['authorization'])
  })
})
