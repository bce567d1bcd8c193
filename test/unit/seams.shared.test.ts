import { describe, expect, test } from 'vitest'
import {
  type AccessToken,
  BearwardError,
  type CallContext,
  deny,
  granted,
  type Requirement,
  type ResourceServer,
  scope,
} from '../../src/entry-points/index.ts'
import { parseOptions } from '../../src/options/settings.ts'
import type { Binding, CheckedBinding, Observer, RunningBinding, Services } from '../../src/parts.ts'
import type { Presentation, RequestView } from '../../src/pipeline.ts'
import { composeStages } from '../../src/resource-server.ts'
import { fakeUpstream, goodClaims, ISSUER, NOW_MS, RESOURCE, signingKey, signToken } from '../fixture/issuer.ts'
import { codeOf } from '../fixture/server.ts'

const BOUND = { cnf: { jkt: 'key-1' } }

interface FakeBinding extends Binding {
  readonly calls: string[]
  /** What it was given to look at. */
  readonly seen: Presentation[]
  given?: Services
}

/** A binding as a proof of possession will be: a scheme of its own, a proof in a header, a field for the answer. */
function fakeBinding(more: Partial<RunningBinding> = {}): FakeBinding {
  const made: FakeBinding = {
    calls: [],
    seen: [],
    check(option): CheckedBinding {
      made.calls.push(`check ${option}`)
      return {
        start(services) {
          made.calls.push('start')
          made.given = services
          return {
            confirmation: 'jkt',
            scheme: 'Proof',
            challengeParameters: { algs: 'ES256' },
            prove(presentation, token) {
              made.calls.push(`prove ${token.confirmation?.jkt}`)
              made.seen.push(presentation)
              presentation.context.responseHeaders?.append('Proof-Nonce', 'next')
              if (headerOf(presentation.request, 'proof') === 'good') return
              throw new BearwardError('binding_mismatch', 'the proof is not good', {
                challenge: { parameters: { nonce: 'n "1"' } },
              })
            },
            ...more,
          }
        },
      }
    },
  }
  return made
}

function headerOf(view: RequestView | undefined, name: string): string | null | undefined {
  return view?.headers instanceof Headers ? view.headers.get(name) : undefined
}

async function serverWith(seams: { bindings?: readonly Binding[]; observer?: Observer } = {}): Promise<ResourceServer> {
  const upstream = fakeUpstream(ISSUER, (await signingKey()).jwk)
  const settings = parseOptions({
    resource: RESOURCE,
    issuers: [{ issuer: ISSUER }],
    fetch: upstream.fetch,
    now: () => NOW_MS,
    resourceMetadata: false,
  })
  const bindings = (seams.bindings ?? []).map((binding, index) => binding.check(`bindings[${index}]`))
  return composeStages({ ...settings, bindings, observer: seams.observer })
}

function request(scheme: string, token: string, headers: Record<string, string> = { proof: 'good' }): Request {
  return new Request('https://api.example.com/orders', { headers: { Authorization: `${scheme} ${token}`, ...headers } })
}

async function refusalOf(work: Promise<unknown>): Promise<BearwardError> {
  return (await work.then(
    () => undefined,
    (error: unknown) => error,
  )) as BearwardError
}

describe('a binding', () => {
  test('is checked by the name of its option, started once, and called for each use of a bound token', async () => {
    const binding = fakeBinding()
    const api = await serverWith({ bindings: [binding] })
    const token = await signToken(goodClaims(BOUND))
    for (let time = 0; time < 3; time++)
      expect(await codeOf(api.authenticate(request('Proof', token)))).toBe('accepted')
    expect(binding.calls).toEqual(['check bindings[0]', 'start', 'prove key-1', 'prove key-1', 'prove key-1'])
    expect(binding.given).toMatchObject({ resource: RESOURCE })
  })

  test('sees scheme, token, request and context', async () => {
    const binding = fakeBinding()
    const api = await serverWith({ bindings: [binding] })
    const token = await signToken(goodClaims(BOUND))
    const context: CallContext = { responseHeaders: new Headers() }
    await api.authenticate(request('proof', token), context)
    expect(binding.seen[0]).toMatchObject({ scheme: 'Proof', token, request: { method: 'GET' } })
    expect(binding.seen[0]?.context).toBe(context)
    expect(context.responseHeaders?.get('Proof-Nonce')).toBe('next')
  })

  test('refuses, and neither the cache nor a later proof changes that', async () => {
    const api = await serverWith({ bindings: [fakeBinding()] })
    const token = await signToken(goodClaims(BOUND))
    const bad = () => codeOf(api.authenticate(request('Proof', token, { proof: 'bad' })))
    expect(await bad()).toBe('binding_mismatch')
    expect(await codeOf(api.authenticate(request('Proof', token)))).toBe('accepted')
    expect(await bad()).toBe('binding_mismatch')
  })

  test('may answer with a promise, whose rejection refuses', async () => {
    const slow = fakeBinding({
      prove: async (presentation) => {
        await Promise.resolve()
        if (headerOf(presentation.request, 'proof') !== 'good') throw new BearwardError('binding_mismatch', 'bad')
      },
    })
    const api = await serverWith({ bindings: [slow] })
    const token = await signToken(goodClaims(BOUND))
    expect(await codeOf(api.authenticate(request('Proof', token)))).toBe('accepted')
    expect(await codeOf(api.authenticate(request('Proof', token, {})))).toBe('binding_mismatch')
  })

  test.each([
    ['a bound token as a plain bearer token', BOUND, 'Bearer'],
    ['an unbound token under its scheme', {}, 'Proof'],
    ['a token that is bound by another method', { cnf: { 'x5t#S256': 'certificate' } }, 'Proof'],
    [
      'a token that is bound by another method beside its own',
      { cnf: { jkt: 'key-1', 'x5t#S256': 'certificate' } },
      'Proof',
    ],
    ['a token that is bound by an unknown method alone', { cnf: { kid: 'key-1' } }, 'Proof'],
  ])('does not take %s', async (_, claims, scheme) => {
    const binding = fakeBinding()
    const api = await serverWith({ bindings: [binding] })
    const token = await signToken(goodClaims(claims))
    expect(await codeOf(api.authenticate(request(scheme, token)))).toBe('binding_mismatch')
    expect(binding.seen).toEqual([])
    const twin = await signToken(goodClaims(scheme === 'Bearer' ? {} : BOUND))
    expect(await codeOf(api.authenticate(request(scheme, twin)))).toBe('accepted')
  })

  test('without a scheme checks bearer tokens', async () => {
    const certificate = fakeBinding({ confirmation: 'x5t#S256', scheme: undefined })
    const api = await serverWith({ bindings: [certificate] })
    const token = await signToken(goodClaims({ cnf: { 'x5t#S256': 'certificate' } }))
    expect(await codeOf(api.authenticate(request('Bearer', token)))).toBe('accepted')
    expect(await codeOf(api.authenticate(request('Bearer', token, {})))).toBe('binding_mismatch')
    expect(await codeOf(api.authenticate(request('Proof', token)))).toBe('credentials_missing')
  })

  test('two check a token that is bound twice, each its own method', async () => {
    const key = fakeBinding()
    const certificate = fakeBinding({ confirmation: 'x5t#S256', scheme: undefined })
    const api = await serverWith({ bindings: [key, certificate] })
    const twice = await signToken(goodClaims({ cnf: { jkt: 'key-1', 'x5t#S256': 'certificate' } }))
    expect(await codeOf(api.authenticate(request('Proof', twice)))).toBe('accepted')
    expect([key.seen.length, certificate.calls.length]).toEqual([1, 3])
    expect(await codeOf(api.authenticate(request('Bearer', twice)))).toBe('binding_mismatch')
  })

  test('does not count for another method where there are two of its kind', async () => {
    const api = await serverWith({ bindings: [fakeBinding(), fakeBinding()] })
    const twice = await signToken(goodClaims({ cnf: { jkt: 'key-1', 'x5t#S256': 'certificate' } }))
    expect(await codeOf(api.authenticate(request('Proof', twice)))).toBe('binding_mismatch')
    expect(await codeOf(api.authenticate(request('Proof', await signToken(goodClaims(BOUND)))))).toBe('accepted')
  })

  test('does not see a token that came without a request, and such a bound token is refused', async () => {
    const api = await serverWith({ bindings: [fakeBinding()] })
    expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
    expect(await codeOf(api.verify(await signToken(goodClaims(BOUND))))).toBe('binding_mismatch')
  })

  test('is not asked about a token that is refused before', async () => {
    const binding = fakeBinding()
    const api = await serverWith({ bindings: [binding] })
    const token = await signToken(goodClaims({ ...BOUND, exp: NOW_MS / 1000 - 100, iat: NOW_MS / 1000 - 200 }))
    expect(await codeOf(api.authenticate(request('Proof', token)))).toBe('token_expired')
    expect(binding.seen).toEqual([])
  })
})

describe('the schemes of bindings', () => {
  test('are known to extract: ambiguous and malformed credentials are refused under each', async () => {
    const api = await serverWith({ bindings: [fakeBinding()] })
    const token = await signToken(goodClaims(BOUND))
    const codeFor = (authorization: string) =>
      codeOf(api.authenticate({ method: 'GET', url: RESOURCE, headers: { authorization, proof: 'good' } }))
    expect(await codeFor(`Basic abc, Proof ${token}`)).toBe('credentials_ambiguous')
    expect(await codeFor(`Proof ${token}, Bearer ${token}`)).toBe('credentials_ambiguous')
    expect(await codeFor('Proof')).toBe('credentials_malformed')
    expect(await codeFor(`Proof:${token}`)).toBe('credentials_malformed')
    expect(await codeFor('Proof Proof abc')).toBe('credentials_malformed')
    expect(await codeFor('Prooff abc')).toBe('credentials_missing')
  })

  test('are no credentials without their binding', async () => {
    const api = await serverWith()
    expect(await codeOf(api.authenticate(request('Proof', await signToken())))).toBe('credentials_missing')
  })

  test('stand in the challenge beside Bearer, and the error stands with the scheme that the client used', async () => {
    const api = await serverWith({ bindings: [fakeBinding()] })
    const token = await signToken(goodClaims(BOUND))
    const challengeFor = async (call: Promise<unknown>) =>
      api.challenge(await refusalOf(call)).headers['WWW-Authenticate']
    expect(await challengeFor(api.authenticate(new Request(RESOURCE)))).toBe('Bearer, Proof algs="ES256"')
    const description = 'error_description="The access token is bound to a sender that was not proven"'
    expect(await challengeFor(api.authenticate(request('Proof', token, {})))).toBe(
      String.raw`Bearer, Proof error="invalid_token", ${description}, algs="ES256", nonce="n \"1\""`,
    )
    expect(await challengeFor(api.authenticate(request('Bearer', token)))).toBe(
      `Bearer error="invalid_token", ${description}, Proof algs="ES256"`,
    )
    expect(await challengeFor(api.authenticate(request('Proof', 'a'.repeat(20_000))))).toMatch(/^Bearer, Proof error=/)
  })

  test('stand with a denial too, where the token is bound', async () => {
    const api = await serverWith({ bindings: [fakeBinding()] })
    const denialOf = async (scheme: string, claims: Record<string, unknown>) => {
      const token = await api.authenticate(request(scheme, await signToken(goodClaims(claims))))
      return refusalOf((async () => api.authorize(token, scope('admin')))())
    }
    const [bound, plain] = [await denialOf('Proof', BOUND), await denialOf('Bearer', {})]
    const description = 'error_description="The access token lacks a scope that this operation needs"'
    const error = `error="insufficient_scope", ${description}, scope="admin"`
    expect(bound.headers?.['WWW-Authenticate']).toBe(`Bearer scope="admin", Proof ${error}, algs="ES256"`)
    expect(plain.headers?.['WWW-Authenticate']).toBe(`Bearer ${error}, Proof scope="admin", algs="ES256"`)
    expect(bound.code).toBe('scope_insufficient')
    const none = undefined as unknown as AccessToken
    expect((await refusalOf((async () => api.authorize(none, scope('admin')))()))?.code).toBe('access_denied')
  })

  test('say each parameter once, in whatever case it comes', async () => {
    const api = await serverWith({ bindings: [fakeBinding()] })
    const error = new BearwardError('binding_mismatch', 'x', {
      challenge: { scheme: 'Proof', parameters: { Algs: 'none', nonce: 'a', NONCE: 'b' } },
    })
    expect(api.challenge(error).headers['WWW-Authenticate']).toMatch(
      /^Bearer, Proof error="[^"]*", error_description="[^"]*", algs="ES256", nonce="a"$/,
    )
  })

  test('take no parameter that would break the field or say something else', async () => {
    const error = new BearwardError('binding_mismatch', 'x', {
      challenge: { scheme: 'Bearer', parameters: { 'a b': 'c', error: 'none', good: 'yes', line: 'a\r\nb' } },
    })
    const field = (await serverWith()).challenge(error).headers['WWW-Authenticate']
    expect(field).toMatch(/^Bearer error="invalid_token", error_description="[^"]*", good="yes"$/)
  })
})

/** An observer, and what it saw. */
function recording(): {
  readonly observer: Observer
  readonly seen: string[]
  readonly contexts: Set<CallContext | undefined>
} {
  const seen: string[] = []
  const contexts = new Set<CallContext | undefined>()
  const observer: Observer = {
    entered(stage, context) {
      seen.push(`${stage}?`)
      contexts.add(context)
    },
    passed(stage, _, context) {
      seen.push(stage)
      contexts.add(context)
    },
    refused(error) {
      seen.push(`refused ${(error as BearwardError).code}`)
    },
  }
  return { observer, seen, contexts }
}

describe('an observer', () => {
  test('sees each stage of a call in order, and that a cached token skips classify and issuer', async () => {
    const { observer, seen, contexts } = recording()
    const api = await serverWith({ observer })
    const token = await signToken()
    const context = {}
    await api.verify(token, context)
    const stages = ['extract', 'classify', 'issuer', 'verify', 'constrain']
    expect(seen.splice(0)).toEqual(stages.flatMap((stage) => [`${stage}?`, stage]))
    await api.authenticate(request('Bearer', token), context)
    expect(seen.splice(0)).toEqual(['extract?', 'extract', 'verify?', 'verify', 'constrain?', 'constrain'])
    expect([...contexts]).toEqual([context])
  })

  test('sees where a call was refused', async () => {
    const { observer, seen } = recording()
    const api = await serverWith({ observer })
    await codeOf(api.authenticate(new Request(RESOURCE)))
    expect(seen.splice(0)).toEqual(['extract?', 'refused credentials_missing'])
    await codeOf(api.verify(await signToken(goodClaims({ iss: 'https://other.example' }))))
    expect(seen.splice(0)).toEqual([
      'extract?',
      'extract',
      'classify?',
      'classify',
      'issuer?',
      'refused issuer_untrusted',
    ])
    await codeOf(api.verify(await signToken(goodClaims(BOUND))))
    expect(seen.splice(0).slice(-4)).toEqual(['verify?', 'verify', 'constrain?', 'refused binding_mismatch'])
  })

  test('sees an operation that is granted or denied', async () => {
    const { observer, seen } = recording()
    const api = await serverWith({ observer })
    const token = await api.verify(await signToken())
    seen.length = 0
    api.authorize(token, scope('orders:read'))
    expect(() => api.authorize(token, scope('admin'))).toThrow(expect.objectContaining({ code: 'scope_insufficient' }))
    expect(seen).toEqual(['authorize?', 'authorize', 'authorize?', 'refused scope_insufficient'])
  })

  test('sees the error that the caller gets, and no error of other callers', async () => {
    const errors: unknown[] = []
    const observer: Observer = { entered() {}, passed() {}, refused: (error) => errors.push(error) }
    const settings = parseOptions({
      resource: RESOURCE,
      issuers: [{ issuer: ISSUER }],
      fetch: async () => new Response('', { status: 500 }),
      now: () => NOW_MS,
    })
    const api = composeStages({ ...settings, observer })
    const token = await signToken()
    const refusals = await Promise.all([refusalOf(api.verify(token)), refusalOf(api.verify(token))])
    expect(refusals.map(({ code }) => code)).toEqual(['issuer_unavailable', 'issuer_unavailable'])
    expect(new Set(errors)).toEqual(new Set(refusals))
    expect(new Set([...errors, ...refusals]).size).toBe(2)
  })

  test('changes nothing by its faults', async () => {
    const observer: Observer = {
      entered: () => {
        throw new Error('observer')
      },
      passed: () => {
        throw new Error('observer')
      },
      refused: async () => {
        throw new Error('observer')
      },
    }
    const api = await serverWith({ observer })
    expect(await codeOf(api.verify(await signToken()))).toBe('accepted')
    expect(await codeOf(api.verify('abc'))).toBe('token_malformed')
  })
})

const isOffice: Requirement = (_, { nowMs }) => (nowMs === NOW_MS ? granted : deny('out of hours'))
const recent: Requirement = (_, { nowMs }) => (nowMs > NOW_MS + 1_000 ? deny('too old') : granted)
const stronger: Requirement = () => deny('too weak', { parameters: { acr_values: 'gold', max_age: '60' } })

describe('a requirement', () => {
  test('that reads a clock without a time denies', async () => {
    const clock = { ms: NOW_MS }
    const settings = parseOptions({ resource: RESOURCE, issuers: [{ issuer: ISSUER }], now: () => clock.ms })
    const api = composeStages(settings)
    const token = await (await serverWith()).verify(await signToken())
    expect(() => api.authorize(token, recent)).not.toThrow()
    clock.ms = Number.NaN
    expect(() => api.authorize(token, recent)).toThrow(expect.objectContaining({ code: 'access_denied' }))
  })

  test('reads the clock of the resource server, within others too', async () => {
    const api = await serverWith()
    const token = await api.verify(await signToken())
    expect(() => api.authorize(token, isOffice)).not.toThrow()
  })

  test('that denies may tell the client more than scopes', async () => {
    const api = await serverWith()
    const token = await api.verify(await signToken())
    const error = await refusalOf((async () => api.authorize(token, stronger))())
    expect(error.code).toBe('access_denied')
    expect(api.challenge(error)).toMatchObject({
      status: 403,
      headers: { 'WWW-Authenticate': 'Bearer acr_values="gold", max_age="60"' },
    })
  })

  test.each([[{ 'a b': 'c' }], [{ scope: 'a' }], [{ error: 'x' }], [{ good: 'a\nb' }], [{ good: 1 }], ['text']])(
    'cannot tell %j',
    (parameters) => {
      expect(() => deny('no', { parameters: parameters as Record<string, string> })).toThrow(
        expect.objectContaining({ code: 'configuration_invalid' }),
      )
      expect(() => deny('no', { parameters: { good: 'a' } })).not.toThrow()
    },
  )
})

describe('an error', () => {
  test('of another server stands with Bearer, where its scheme is unknown here', async () => {
    const error = new BearwardError('token_expired', 'x', { challenge: { scheme: 'Proof' } })
    const field = (await serverWith()).challenge(error).headers['WWW-Authenticate']
    expect(field).toMatch(/^Bearer error="invalid_token"/)
    const known = await serverWith({ bindings: [fakeBinding()] })
    expect(known.challenge(error).headers['WWW-Authenticate']).toMatch(/^Bearer, Proof error="invalid_token"/)
  })

  test('has the header fields of its answer, for frameworks that send those of an error', async () => {
    const api = await serverWith()
    const error = await refusalOf(api.authenticate(new Request(RESOURCE)))
    expect(error.headers).toEqual({
      'WWW-Authenticate': 'Bearer',
      'Cache-Control': 'private, no-store',
    })
    expect(Object.keys(error)).not.toContain('headers')
    error.headers = { 'X-Own': '1' }
    expect(error.headers).toEqual({ 'X-Own': '1' })
  })

  test('of a denial names the scopes that are needed', async () => {
    const api = await serverWith()
    const token = await api.verify(await signToken())
    const error = await refusalOf((async () => api.authorize(token, scope('admin')))())
    expect(error.headers?.['WWW-Authenticate']).toContain('scope="admin"')
  })
})
