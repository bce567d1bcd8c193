import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import {
  clientSecretBasic,
  createResourceServer,
  introspect,
  type IntrospectOptions,
  type ResourceServer,
} from '../../src/entry-points/index.ts'
import {
  CLIENT_ID,
  CLIENT_SECRET,
  gate,
  goodAnswer,
  heard,
  opaque,
  searchWhatWasEmitted,
  watched,
} from '../fixture/introspection.ts'
import { ISSUER, RESOURCE } from '../fixture/issuer.ts'
import { codeOf } from '../fixture/server.ts'

searchWhatWasEmitted()

type Handle = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

interface LocalEndpoint {
  readonly url: string
  readonly port: number
  readonly asked: string[]
  readonly connections: () => number
  handle: Handle
}

const cleanUp: (() => unknown)[] = []

afterEach(async () => {
  for (const step of cleanUp.splice(0)) await step()
})

function answerNow(): object {
  const now = Math.floor(Date.now() / 1000)
  return goodAnswer({ iat: now - 10, exp: now + 300 })
}

const good: Handle = (_, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answerNow()))
}

function stop(server: Server): Promise<void> {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(() => resolve()))
}

async function listen(handle: Handle, port = 0): Promise<LocalEndpoint> {
  let connections = 0
  const asked: string[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      asked.push(Buffer.concat(chunks).toString())
      void endpoint.handle(request, response)
    })
  })
  server.on('connection', () => connections++)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  cleanUp.push(() => stop(server))
  const { port: taken } = server.address() as AddressInfo
  const endpoint: LocalEndpoint = {
    url: `http://127.0.0.1:${taken}/introspect`,
    port: taken,
    asked,
    connections: () => connections,
    handle,
  }
  return endpoint
}

/** A port at which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await stop(server)
  return port
}

function serverFor(endpoint: string, introspection: Partial<IntrospectOptions> = {}): ResourceServer {
  const api = watched(
    createResourceServer({
      resource: RESOURCE,
      issuers: [
        {
          issuer: ISSUER,
          jwt: false,
          introspection: introspect({
            endpoint,
            auth: clientSecretBasic({ clientId: CLIENT_ID, clientSecret: CLIENT_SECRET }),
            ...introspection,
          }),
        },
      ],
      onEvent: heard,
    }),
  )
  cleanUp.push(() => api.close())
  return api
}

describe('over real HTTP', () => {
  test('1,000 concurrent requests with one token make one call', async () => {
    const { promise, open } = gate()
    const endpoint = await listen(async (request, response) => {
      await promise
      return good(request, response)
    })
    const api = serverFor(endpoint.url)
    const callers = Array.from({ length: 1_000 }, () => codeOf(api.verify(opaque())))
    await expect.poll(() => endpoint.asked.length).toBe(1)
    open()
    expect(new Set(await Promise.all(callers))).toEqual(new Set(['accepted']))
    expect(endpoint.asked).toEqual([`token=${opaque()}&token_type_hint=access_token`])
  })

  test('1,000 concurrent requests over 100 tokens make 100 calls', async () => {
    const endpoint = await listen(good)
    const api = serverFor(endpoint.url)
    const callers = Array.from({ length: 1_000 }, (_, index) => codeOf(api.verify(opaque(`${index % 100}`))))
    expect(new Set(await Promise.all(callers))).toEqual(new Set(['accepted']))
    expect(endpoint.asked).toHaveLength(100)
  })

  test('a redirect is not followed, not even by asking where it leads', async () => {
    const trap = await listen(good)
    const endpoint = await listen((_, response) => void response.writeHead(307, { location: trap.url }).end())
    const api = serverFor(endpoint.url)
    expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
    expect(trap.asked).toEqual([])
    expect(endpoint.asked).toHaveLength(1)
    endpoint.handle = good
    expect(await codeOf(api.verify(opaque()))).toBe('accepted')
  })

  test('a compressed answer is read', async () => {
    const { gzipSync } = await import('node:zlib')
    const endpoint = await listen((_, response) => {
      const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
      response.writeHead(200, headers).end(gzipSync(JSON.stringify(answerNow())))
    })
    expect(await codeOf(serverFor(endpoint.url).verify(opaque()))).toBe('accepted')
  })

  test('a small answer that unpacks to a huge one is not', async () => {
    const { gzipSync } = await import('node:zlib')
    const bomb = gzipSync(JSON.stringify({ ...answerNow(), filling: 'x'.repeat(50_000_000) }))
    const endpoint = await listen((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(bomb)
    })
    expect(await codeOf(serverFor(endpoint.url).verify(opaque()))).toBe('issuer_unavailable')
  })
})

describe('an endpoint that fails', () => {
  test.each<[string, Handle, number]>([
    ['resets the connection', (request) => request.socket.resetAndDestroy(), 2],
    ['closes the connection', (request) => request.socket.destroy(), 2],
    [
      'cuts its answer off',
      (request, response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '500' })
        response.write('{"active":true,')
        setTimeout(() => request.socket.destroy(), 20)
      },
      1,
    ],
    [
      'speaks no HTTP',
      (request) => {
        request.socket.end('SSH-2.0-OpenSSH_9.9\r\n')
      },
      2,
    ],
    [
      'answers without an end',
      (_, response) => {
        response.writeHead(200, { 'content-type': 'application/json' })
        const drip = setInterval(() => response.write(' '), 20)
        response.on('close', () => clearInterval(drip))
      },
      1,
    ],
    ['never answers', () => {}, 1],
    [
      'pours out more than 64 KiB',
      (_, response) => {
        response.writeHead(200, { 'content-type': 'application/json' })
        const pour = setInterval(() => response.write(' '.repeat(64 * 1024)), 1)
        response.on('close', () => clearInterval(pour))
      },
      1,
    ],
  ])('and %s is 503, and back with its next answer', async (_, handle, attempts) => {
    const endpoint = await listen(handle)
    const api = serverFor(endpoint.url, { timeoutMs: 300 })
    const error: unknown = await api.verify(opaque()).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'issuer_unavailable', status: 503 })
    expect(endpoint.asked).toHaveLength(attempts)
    endpoint.handle = good
    expect(await codeOf(api.verify(opaque()))).toBe('accepted')
  })

  test('a reset connection is tried once more', async () => {
    const endpoint = await listen((request) => {
      endpoint.handle = good
      request.socket.resetAndDestroy()
    })
    expect(await codeOf(serverFor(endpoint.url).verify(opaque()))).toBe('accepted')
    expect(endpoint.asked).toHaveLength(2)
  })

  test('a connection that the endpoint closed while it was idle costs nobody a 503', async () => {
    const endpoint = await listen((request, response) => {
      response.on('finish', () => setTimeout(() => request.socket.destroy(), 5))
      return good(request, response)
    })
    const api = serverFor(endpoint.url)
    for (let turn = 0; turn < 5; turn++) {
      expect(await codeOf(api.verify(opaque(`turn-${turn}`)))).toBe('accepted')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })

  test('a port at which nobody listens is 503; when somebody does, it is back', async () => {
    const port = await closedPort()
    const api = serverFor(`http://127.0.0.1:${port}/introspect`)
    expect(await codeOf(api.verify(opaque()))).toBe('issuer_unavailable')
    const endpoint = await listen(good, port)
    expect(await codeOf(api.verify(opaque()))).toBe('accepted')
    expect(endpoint.asked).toHaveLength(1)
  })

  test('once open, it is left alone, and comes back within 5 s', async () => {
    const port = await closedPort()
    const api = serverFor(`http://127.0.0.1:${port}/introspect`)
    for (let turn = 0; turn < 5; turn++) await codeOf(api.verify(opaque(`fail-${turn}`)))
    const endpoint = await listen(good, port)
    await Promise.all(Array.from({ length: 100 }, (_, index) => codeOf(api.verify(opaque(`open-${index}`)))))
    expect(endpoint.connections(), 'while it is open').toBe(0)
    let turn = 0
    await expect.poll(async () => codeOf(api.verify(opaque(`back-${turn++}`))), { timeout: 5_000 }).toBe('accepted')
  })

  test('a hanging endpoint is not sent more than may run and wait', async () => {
    const endpoint = await listen(() => {})
    const api = serverFor(endpoint.url, { maxConcurrent: 5, timeoutMs: 200 })
    const outcomes = await Promise.all(
      Array.from({ length: 200 }, (_, index) => codeOf(api.verify(opaque(`${index}`)))),
    )
    expect(new Set(outcomes)).toEqual(new Set(['issuer_unavailable']))
    // Five run and twenty wait; the rest are turned away at once.
    expect(endpoint.connections()).toBeLessThanOrEqual(25)
  })
})
