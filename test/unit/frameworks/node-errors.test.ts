import { Agent, type IncomingMessage, request as send1, type ServerResponse } from 'node:http'
import { connect, constants, createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { protect, type ProtectOptions } from '../../../src/frameworks/node.ts'
import { BearwardError, deny, type ResourceServer, scope } from '../../../src/entry-points/index.ts'
import { signToken } from '../../fixture/issuer.ts'
import { fixture } from '../../fixture/server.ts'
import { listen, type RawAnswer, send } from './loopback.ts'

type Handler = (
  request: IncomingMessage,
  response: ServerResponse,
  context: { readonly token: Parameters<ResourceServer['authorize']>[0] },
) => void | Promise<void>

/** Serves a handler as the README does, with nothing around `protect`; sends it one request with a good token. */
async function answerOf(handler: Handler, options: ProtectOptions & { optional?: false } = {}): Promise<RawAnswer> {
  const { api } = await fixture()
  const port = await listen(protect(api, handler, options))
  return send(port, ['GET / HTTP/1.1', `Authorization: Bearer ${await signToken()}`])
}

function fail(): never {
  throw new Error('own: SECRET')
}

function answerWithTea(_: unknown, __: IncomingMessage, response: ServerResponse): void {
  response.writeHead(418).end('tea')
}

async function answerLater(_: unknown, __: IncomingMessage, response: ServerResponse): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 5))
  response.writeHead(418).end('tea')
}

async function half(_: IncomingMessage, response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'Content-Length': '100' })
  await new Promise<void>((resolve) => response.write('half', () => resolve()))
  fail()
}

test('an answer of bearward’s own has a length, and keeps the connection', async () => {
  const { api } = await fixture()
  const port = await listen(protect(api, scope('orders:read'), fail, { onError: () => {} }))
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => agent.destroy())
  const answers: { status: number | undefined; length: string | undefined; reused: boolean }[] = []
  const good = `Bearer ${await signToken()}`
  for (const [path, authorization] of [
    ['/', ''],
    ['/', good],
    ['/.well-known/oauth-protected-resource', ''],
    ['/', 'Bearer junk'],
  ] as const) {
    await new Promise<void>((resolve) => {
      const headers = authorization === '' ? {} : { authorization }
      const request = send1({ port, host: '127.0.0.1', path, agent, headers }, (response) => {
        response.resume().on('end', () => {
          const { statusCode: status, headers: fields } = response
          answers.push({ status, length: fields['content-length'], reused: request.reusedSocket })
          // The socket is free again in the next turn.
          setImmediate(resolve)
        })
      })
      request.end()
    })
  }
  expect(answers.map(({ status }) => status)).toEqual([401, 500, 200, 401])
  expect(answers.every(({ length }) => Number(length) > 0)).toBe(true)
  expect(answers.map(({ reused }) => reused)).toEqual([false, true, true, true])
})

describe('a handler that throws', () => {
  test.each<[string, Handler]>([
    ['at once', fail],
    ['later', async () => Promise.reject(new Error('own: SECRET'))],
    [
      'an error of bearward that is no denial',
      () => {
        throw new BearwardError('token_expired', 'own: SECRET')
      },
    ],
  ])('%s: the client gets a 500 that says nothing, and the error is logged', async (_, handler) => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {})
    const answer = await answerOf(handler)
    expect(answer.status).toBe(500)
    expect(JSON.parse(answer.body)).toEqual({ error_description: 'The server failed' })
    expect(answer.headers).not.toHaveProperty('www-authenticate')
    expect(log).toHaveBeenCalledTimes(1)
    log.mockRestore()
  })

  test('gives its error to onError, with the request and the response', async () => {
    const seen: unknown[][] = []
    const answer = await answerOf(fail, { onError: (...words) => void seen.push(words) })
    expect(answer.status).toBe(500)
    expect(seen).toMatchObject([[{ message: 'own: SECRET' }, { method: 'GET' }, { statusCode: 500 }]])
  })

  test('leaves the answer to an onError that gives one', async () => {
    expect(await answerOf(fail, { onError: answerWithTea })).toMatchObject({ status: 418, body: 'tea' })
  })

  test.each<[string, () => unknown]>([
    ['throws', fail],
    ['rejects', () => Promise.reject(new Error('too'))],
  ])('is not lost where onError %s: both errors are logged', async (_, onError) => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {})
    expect((await answerOf(() => Promise.reject(new Error('first')), { onError })).status).toBe(500)
    expect(log).toHaveBeenCalledWith(expect.objectContaining({ message: 'first' }), expect.any(Error))
    log.mockRestore()
  })

  test('in the middle of its answer: the connection is cut, so that nobody takes the half for the whole', async () => {
    const seen: unknown[] = []
    const onError = (error: unknown) => void seen.push(error)
    const { api } = await fixture()
    const port = await listen(protect(api, half, { onError }))
    const response = await fetch(`http://127.0.0.1:${port}/`, {
      headers: { authorization: `Bearer ${await signToken()}` },
    })
    await expect(response.text()).rejects.toThrow(TypeError)
    expect(seen).toHaveLength(1)
  })

  test('in the middle of its answer over HTTP/2: the stream ends with an error', async () => {
    const { api } = await fixture()
    const listener = protect(api, half as Handler, { onError: () => {} })
    const server = createServer((request, response) => {
      void listener(request as unknown as IncomingMessage, response as unknown as ServerResponse)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    onTestFinished(() => {
      client.destroy()
      server.close()
    })
    const stream = client.request({ ':path': '/', authorization: `Bearer ${await signToken()}` })
    stream.resume()
    const closed = await new Promise((resolve) => {
      stream.on('error', () => {})
      stream.on('close', () => resolve(stream.rstCode))
    })
    expect(closed).toBe(constants.NGHTTP2_INTERNAL_ERROR)
  })

  test('and goes on writing to its answer: the process lives', async () => {
    const answer = await answerOf(
      (_, response) => {
        setTimeout(() => response.end('late'), 5)
        fail()
      },
      { onError: () => {} },
    )
    expect(answer.status).toBe(500)
    await new Promise((resolve) => setTimeout(resolve, 20))
  })

  test.each<[string, (response: ServerResponse) => void]>([
    ['a status message with a line break', (response) => void (response.statusMessage = 'No \n')],
    ['a status message of its own', (response) => void (response.statusMessage = 'SECRET')],
    ['trailers', (response) => void response.setHeader('Trailer', 'x-checksum')],
  ])('after it set %s: the client gets a plain 500', async (_, prepare) => {
    const answer = await answerOf(
      (__, response) => {
        prepare(response)
        fail()
      },
      { onError: () => {} },
    )
    expect(answer.status).toBe(500)
    expect(JSON.stringify(answer)).not.toContain('SECRET')
  })

  test('an error that cannot be printed ends no process', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation((...words: unknown[]) => {
      if (typeof words[0] === 'object') throw new TypeError('it cannot be printed')
    })
    expect((await answerOf(fail)).status).toBe(500)
    expect(log).toHaveBeenCalledWith('A handler threw an error that cannot be printed.')
    log.mockRestore()
  })

  test('an onError that answers later is waited for', async () => {
    expect(await answerOf(fail, { onError: answerLater })).toMatchObject({ status: 418, body: 'tea' })
  })

  test('after its answer: the answer stands', async () => {
    const seen: unknown[] = []
    const answer = await answerOf(
      (_, response) => {
        response.end('whole')
        fail()
      },
      { onError: (error) => void seen.push(error) },
    )
    expect(answer).toMatchObject({ status: 200, body: 'whole' })
    expect(seen).toHaveLength(1)
  })

  test.each<[string, Handler]>([
    ['a 500', fail],
    [
      'a denial',
      () => {
        throw new BearwardError('access_denied', 'no')
      },
    ],
  ])('keeps what others set, and nothing that it said of its own body: %s', async (_, handler) => {
    const answer = await answerOf(
      (request, response, context) => {
        response.setHeader('Strict-Transport-Security', 'max-age=1')
        response.setHeader('Content-Length', '3')
        response.setHeader('ETag', '"x"')
        return handler(request, response, context)
      },
      { onError: () => {} },
    )
    expect(answer.headers).toMatchObject({
      'strict-transport-security': 'max-age=1',
      'content-type': 'application/json',
    })
    expect(answer.headers).not.toHaveProperty('etag')
    expect(JSON.parse(answer.body)).toHaveProperty('error_description')
  })

  test('a denial is answered as one, and is no error', async () => {
    const onError = vi.fn()
    const { api } = await fixture()
    const port = await listen(protect(api, (_, __, { token }) => api.authorize(token, () => deny('no')), { onError }))
    expect((await send(port, ['GET / HTTP/1.1', `Authorization: Bearer ${await signToken()}`])).status).toBe(403)
    expect(onError).not.toHaveBeenCalled()
  })

  test('a preflight that throws is answered and told in the same way', async () => {
    const onError = vi.fn()
    const { api } = await fixture()
    const port = await listen(protect(api, scope('a'), fail, { preflight: fail, onError }))
    const fields = ['Origin: https://app.example.com', 'Access-Control-Request-Method: GET']
    expect((await send(port, ['OPTIONS / HTTP/1.1', ...fields])).status).toBe(500)
    expect(onError).toHaveBeenCalledTimes(1)
  })

  test('an onError that is neither a function nor "reject" is refused by name', async () => {
    const { api } = await fixture()
    expect(() => protect(api, fail, { onError: 'log' as 'reject' })).toThrow('option "protect().onError"')
  })
})
