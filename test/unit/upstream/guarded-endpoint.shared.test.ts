import { describe, expect, test } from 'vitest'
import {
  BearwardError,
  clientSecretBasic,
  type UpstreamRequest,
  type UpstreamResponse,
} from '../../../src/entry-points/index.ts'
import { Fault } from '../../../src/faults.ts'
import type { Issuer } from '../../../src/pipeline.ts'
import { CircuitOpen } from '../../../src/upstream/circuit.ts'
import { LimitReached } from '../../../src/upstream/concurrency-limit.ts'
import { CannotAsk, Outage, UselessAnswer } from '../../../src/upstream/faults.ts'
import { createGuardedEndpoint, type GuardedEndpointSettings } from '../../../src/upstream/guarded-endpoint.ts'
import { errorOf, gate } from '../../fixture/introspection.ts'
import { ISSUER, NOW_MS } from '../../fixture/issuer.ts'

const ENDPOINT = `${ISSUER}/token`
const issuer = {
  identifier: ISSUER,
  local: false,
  metadata: async () => ({ token_endpoint: ENDPOINT }),
} satisfies Partial<Issuer>

type Reply = () => Response | Promise<Response>
type Read = (response: UpstreamResponse) => unknown

const ok: Reply = () => new Response('fine')
const down: Reply = () => new Response('', { status: 503 })
const refused: Reply = () => {
  throw new TypeError('fetch failed')
}

function request(url: string): UpstreamRequest {
  return { url, method: 'POST', headers: new Headers(), body: new URLSearchParams({ grant_type: 'x' }) }
}

/** An endpoint whose `fetch` answers as `reply` says at that time. */
function guarding(reply: Reply, settings: Partial<GuardedEndpointSettings> = {}) {
  const state = { reply, urls: [] as string[], nowMs: NOW_MS }
  const endpoint = createGuardedEndpoint(
    { member: 'token_endpoint', timeoutMs: 200, maxConcurrent: 2, isRepeatable: true, ...settings },
    {
      async fetch(url) {
        state.urls.push(url)
        return state.reply()
      },
      insecureHosts: [],
      now: () => state.nowMs,
      tiers: undefined,
    },
  )
  function ask(
    read: Read = ({ status }) => status,
    { signal = new AbortController().signal, secrets = [] as string[] } = {},
  ): Promise<unknown> {
    const auth = clientSecretBasic({ clientId: 'orders-api', clientSecret: 'a-long-secret' })
    return endpoint.ask({ issuer, endpoint: undefined, auth, request, read }, { signal, secrets })
  }
  return { endpoint, ask, state }
}

async function openCircuit({ ask, state }: ReturnType<typeof guarding>): Promise<void> {
  state.reply = down
  for (let failure = 0; failure < 5; failure++) expect(await errorOf(ask())).toBeInstanceOf(Outage)
  expect(await errorOf(ask())).toBeInstanceOf(CircuitOpen)
}

describe('a guarded endpoint', () => {
  test('is asked at the address that the metadata names, and gives what the answer is read as', async () => {
    const { ask, state } = guarding(ok)
    expect(await ask(async ({ status, body }) => [status, new TextDecoder().decode(body)])).toEqual([200, 'fine'])
    expect(state.urls).toEqual([ENDPOINT])
  })

  test('whose address the metadata does not name is not asked', async () => {
    const { ask, state } = guarding(ok, { member: 'revocation_endpoint' })
    const error = await errorOf(ask())
    expect(error).toBeInstanceOf(CannotAsk)
    expect(error.message).toBe('its metadata names no `revocation_endpoint`')
    expect(state.urls).toEqual([])
  })

  test.each<[string, boolean, number]>([
    ['a repeatable question', true, 2],
    ['one that must not be repeated', false, 1],
  ])('after a failed connection is asked %s as often as it may be: %s', async (_, isRepeatable, times) => {
    const { ask, state } = guarding(refused, { isRepeatable })
    expect(await errorOf(ask())).toBeInstanceOf(Outage)
    expect(state.urls).toHaveLength(times)
  })

  test('runs no more than its limit, and refuses those that wait too long', async () => {
    const { promise, open } = gate()
    const { ask, endpoint } = guarding(() => promise.then(ok), { maxConcurrent: 1, timeoutMs: 5_000 })
    const first = ask()
    expect(await errorOf(ask())).toBeInstanceOf(LimitReached)
    open()
    expect(await first).toBe(200)
    expect(endpoint.longestMs, 'the wait, and the exchange').toBe(6_000)
  })

  test('gives up with the signal of its question, for the reason of that signal', async () => {
    const { ask, state } = guarding(() => new Promise(() => {}))
    const controller = new AbortController()
    const asking = errorOf(ask(undefined, { signal: controller.signal }))
    await expect.poll(() => state.urls.length).toBe(1)
    controller.abort(new Fault('closed'))
    expect(await asking).toMatchObject({ message: 'closed' })
  })

  test('repeats no secret, neither one of the context nor one of the request', async () => {
    const { ask } = guarding(ok)
    for (const secret of ['a-token-of-a-caller', 'a-long-secret', btoa('orders-api:a-long-secret')]) {
      const asking = ask(
        () => {
          throw new UselessAnswer(`it answered with ${secret}`)
        },
        { secrets: ['a-token-of-a-caller'] },
      )
      const error = await errorOf(asking)
      expect(error).toBeInstanceOf(UselessAnswer)
      expect(error.message).not.toContain(secret)
    }
  })
})

describe('the circuit', () => {
  test('counts outages alone', async () => {
    const faults = [
      new UselessAnswer('useless'),
      new CannotAsk('no credentials'),
      new BearwardError('issuer_unavailable', 'no keys'),
      new Error('foreign'),
    ]
    const { ask, state } = guarding(ok)
    for (let turn = 0; turn < 20; turn++) {
      await errorOf(
        ask(() => {
          throw faults[turn % faults.length] as Error
        }),
      )
    }
    expect(state.urls).toHaveLength(20)
    expect(await ask()).toBe(200)
  })

  test.each<[string, boolean, Error | undefined]>([
    ['a probe whose answer is of use', true, undefined],
    ['a probe whose answer is useless', true, new UselessAnswer('useless')],
    ['a probe that says nothing of the endpoint', false, new CannotAsk('no credentials')],
  ])('after %s is closed: %s', async (_, isClosed, fault) => {
    const guarded = guarding(ok)
    await openCircuit(guarded)
    const { ask, state } = guarded
    state.reply = ok
    state.nowMs += 5_000
    await ask(() => {
      if (fault) throw fault
    }).catch(() => {})
    // Closed, both are asked; half open, only one is at a time.
    const { promise, open } = gate()
    state.reply = () => promise.then(ok)
    const both = Promise.allSettled([ask(), ask()])
    await expect.poll(() => state.urls.length).toBeGreaterThan(6)
    open()
    expect((await both).filter(({ status }) => status === 'fulfilled')).toHaveLength(isClosed ? 2 : 1)
  })

  test('says when another attempt makes sense; an issuer’s own word counts more', async () => {
    const guarded = guarding(ok)
    const { endpoint } = guarded
    expect(endpoint.retryAfterSeconds(new Outage('down'))).toBe(1)
    await openCircuit(guarded)
    expect(endpoint.retryAfterSeconds(new CircuitOpen())).toBe(2)
    expect(endpoint.retryAfterSeconds(new UselessAnswer('429', { retryAfterSeconds: 17 }))).toBe(17)
  })
})
