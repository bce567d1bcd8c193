import type { IncomingMessage, ServerResponse } from 'node:http'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, expect, test, vi } from 'vitest'
import { protect } from '../../../src/frameworks/node.ts'
import { signToken } from '../../fixture/issuer.ts'
import { type Fixture, fixture } from '../../fixture/server.ts'
import { listen, open, type RawAnswer, readAnswer, send } from './loopback.ts'

const FORM = 'Content-Type: application/x-www-form-urlencoded'
const MEBIBYTE = 1024 * 1024

type Reader = (request: IncomingMessage) => Promise<string>

function byEvents(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => resolve(Buffer.concat(chunks).toString()))
    request.on('error', reject)
  })
}

function byReadable(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let body = ''
    const read = (): string | null => request.read() as string | null
    request.setEncoding('utf8')
    request.on('readable', () => {
      for (let chunk = read(); chunk !== null; chunk = read()) body += chunk
    })
    request.on('end', () => resolve(body))
    request.on('error', reject)
  })
}

async function byIterator(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

function byPipe(request: IncomingMessage): Promise<string> {
  return text(request.pipe(new PassThrough()))
}

const READERS: readonly [string, Reader][] = [
  ['events', byEvents],
  ['readable', byReadable],
  ['async iterator', byIterator],
  ['pipe', byPipe],
]

async function serve(read: Reader, { api }: Pick<Fixture, 'api'>, later = false): Promise<number> {
  const handler = protect(api, async (request, response: ServerResponse) => {
    // A handler may have other things to do before it reads.
    if (later) await new Promise((resolve) => setTimeout(resolve, 20))
    response.end(`read ${await read(request)}`)
  })
  return listen((request, response) => {
    handler(request, response).catch(() => response.destroy())
  })
}

async function withForm(): Promise<Fixture> {
  return fixture({ form: true })
}

function sized(body: string | Buffer): string[] {
  return ['POST / HTTP/1.1', FORM, `Content-Length: ${body.length}`]
}

describe.each(READERS)('a form that was read ahead is there for a handler that reads by %s', (_, read) => {
  test('with a length', async () => {
    const port = await serve(read, await withForm())
    const body = `access_token=${await signToken()}&item=honey`
    expect(await send(port, sized(body), body)).toMatchObject({ status: 200, body: `read ${body}` })
  })

  test('with a length, when the handler takes its time', async () => {
    const port = await serve(read, await withForm(), true)
    const body = `access_token=${await signToken()}&item=honey`
    expect(await send(port, sized(body), body)).toMatchObject({ status: 200, body: `read ${body}` })
  })

  test('in chunks', async () => {
    const port = await serve(read, await withForm())
    const body = `access_token=${await signToken()}&item=honey`
    const chunks = `${body.slice(0, 100).length.toString(16)}\r\n${body.slice(0, 100)}\r\n`
    const rest = `${body.slice(100).length.toString(16)}\r\n${body.slice(100)}\r\n0\r\n\r\n`
    const answer = await send(port, ['POST / HTTP/1.1', FORM, 'Transfer-Encoding: chunked'], chunks + rest)
    expect(answer).toMatchObject({ status: 200, body: `read ${body}` })
  })

  test('in several packets', async () => {
    const port = await serve(read, await withForm())
    const body = `access_token=${await signToken()}&item=honey`
    const socket = open(port)
    socket.write([...sized(body), 'Host: localhost', 'Connection: close', '', ''].join('\r\n'))
    for (let at = 0; at < body.length; at += 50) {
      await new Promise((resolve) => setTimeout(resolve, 2))
      socket.write(body.slice(at, at + 50))
    }
    expect(await readAnswer(socket)).toMatchObject({ status: 200, body: `read ${body}` })
  })

  test('with a body much larger than a stream’s buffer', async () => {
    const port = await serve(read, await withForm())
    const body = `access_token=${await signToken()}&item=${'h'.repeat(900 * 1024)}`
    const answer = await send(port, sized(body), body)
    expect(answer.status).toBe(200)
    expect(answer.body === `read ${body}`).toBe(true)
  })

  test('beside a token in the header', async () => {
    const port = await serve(read, await withForm())
    const body = 'item=honey&name=B%C3%A4r'
    const answer = await send(port, [...sized(body), `Authorization: Bearer ${await signToken()}`], body)
    expect(answer).toMatchObject({ status: 200, body: `read ${body}` })
  })

  test.each<[string, string[], string]>([
    ['of length 0', ['Content-Length: 0'], ''],
    ['without a length', [], ''],
    ['in no chunk', ['Transfer-Encoding: chunked'], '0\r\n\r\n'],
  ])(
    'with an empty body %s',
    async (__, fields, body) => {
      const port = await serve(read, await withForm())
      const authorization = `Authorization: Bearer ${await signToken()}`
      const answer = await send(port, ['POST / HTTP/1.1', FORM, ...fields, authorization], body)
      expect(answer).toMatchObject({ status: 200, body: 'read ' })
    },
    5_000,
  )

  test('with an empty body in no chunk, which comes later', async () => {
    const port = await serve(read, await withForm())
    const socket = open(port)
    const fields = [FORM, 'Transfer-Encoding: chunked', `Authorization: Bearer ${await signToken()}`]
    socket.write(['POST / HTTP/1.1', 'Host: localhost', 'Connection: close', ...fields, '', ''].join('\r\n'))
    await new Promise((resolve) => setTimeout(resolve, 20))
    socket.write('0\r\n\r\n')
    expect(await readAnswer(socket)).toMatchObject({ status: 200, body: 'read ' })
  }, 5_000)

  test('that is no form is not read ahead', async () => {
    const port = await serve(read, await withForm())
    const body = '{"item":"honey"}'
    const head = ['POST / HTTP/1.1', 'Content-Type: application/json', `Content-Length: ${body.length}`]
    const answer = await send(port, [...head, `Authorization: Bearer ${await signToken()}`], body)
    expect(answer).toMatchObject({ status: 200, body: `read ${body}` })
  })

  test('where the option is off it is not read ahead', async () => {
    const port = await serve(read, await fixture())
    const body = `access_token=${await signToken()}`
    expect((await send(port, sized(body), body)).status).toBe(401)
    const answer = await send(port, [...sized(body), `Authorization: Bearer ${await signToken()}`], body)
    expect(answer).toMatchObject({ status: 200, body: `read ${body}` })
  })
})

function refusal({ status, body }: RawAnswer): unknown {
  return { status, code: (JSON.parse(body) as { code: string }).code }
}

describe('the size', () => {
  test('of 1 MiB passes', async () => {
    const port = await serve(byEvents, await withForm())
    const start = `access_token=${await signToken()}&item=`
    const body = start + 'h'.repeat(MEBIBYTE - start.length)
    expect((await send(port, sized(body), body)).status).toBe(200)
  })

  test('over 1 MiB is malformed, however it comes', async () => {
    const port = await serve(byEvents, await withForm())
    const start = `access_token=${await signToken()}&item=`
    const body = start + 'h'.repeat(MEBIBYTE - start.length + 1)
    const malformed = { status: 400, code: 'credentials_malformed' }
    expect(refusal(await send(port, sized(body), body))).toEqual(malformed)
    const chunked = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
    const head = ['POST / HTTP/1.1', FORM, 'Transfer-Encoding: chunked']
    expect(refusal(await send(port, head, chunked))).toEqual(malformed)
  })

  test('is bounded though the body never ends: the answer comes before it does', async () => {
    const port = await serve(byEvents, await withForm())
    const socket = open(port)
    const head = ['POST / HTTP/1.1', FORM, `Content-Length: ${64 * MEBIBYTE}`, 'Host: localhost', 'Connection: close']
    socket.write(`${head.join('\r\n')}\r\n\r\n`)
    socket.write('h'.repeat(2 * MEBIBYTE))
    const first = await new Promise<Buffer>((resolve) => socket.once('data', resolve))
    expect(first.toString()).toMatch(/^HTTP\/1\.1 400 /)
  })
})

describe('a connection that breaks off', () => {
  test('never calls the handler, and harms no other request', async () => {
    const { api } = await withForm()
    const handler = vi.fn<(request: IncomingMessage, response: ServerResponse) => void>((_, response) => {
      response.end('called')
    })
    const settled = Promise.withResolvers<void>()
    const guarded = protect(api, handler)
    const port = await listen((request, response) => {
      // Nothing may hang or be left unhandled.
      guarded(request, response).then(settled.resolve, settled.reject)
    })
    const socket = open(port)
    const head = ['POST / HTTP/1.1', FORM, 'Content-Length: 1000', 'Host: localhost']
    socket.write(`${head.join('\r\n')}\r\n\r\naccess_token=${await signToken()}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
    socket.resetAndDestroy()
    await settled.promise
    expect(handler).not.toHaveBeenCalled()

    const body = `access_token=${await signToken()}`
    expect((await send(port, sized(body), body)).body).toBe('called')
  })
})
