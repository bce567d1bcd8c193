import { X509Certificate } from 'node:crypto'
import { createServer as createPlainServer, type IncomingMessage, type RequestListener } from 'node:http'
import { connect as connect2, createSecureServer } from 'node:http2'
import { createServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { connect } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { ClientCertificate, RequestView } from '../../../src/entry-points/index.ts'
import { viewOf } from '../../../src/frameworks/node-request.ts'
import { CLIENT, SERVER } from './certificates.ts'

// Any certificate proves its key in the handshake; a server accepts those that nobody signed where it is told to.
const ASKING = { ...SERVER, requestCert: true, rejectUnauthorized: false }
const DER = new Uint8Array(new X509Certificate(CLIENT.cert).raw)

/** Serves until the test is over; returns the port, and the views of the requests that came. */
async function listen(
  makeServer: (listener: RequestListener) => Server,
): Promise<{ port: number; seen: RequestView[] }> {
  const seen: RequestView[] = []
  const server = makeServer((request, response) => {
    const view = viewOf(request, 'https://api.example.com')
    seen.push(view)
    response.end(bytesOf(view.certificate?.())?.length.toString() ?? 'none')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { port: (server.address() as AddressInfo).port, seen }
}

function bytesOf(certificate: ClientCertificate | undefined): Uint8Array | undefined {
  return certificate && 'der' in certificate ? new Uint8Array(certificate.der) : undefined
}

async function ask(port: number, options: object): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  let answer = ''
  for await (const chunk of socket.setEncoding('utf8')) answer += String(chunk)
  return answer.slice(answer.indexOf('\r\n\r\n') + 4)
}

describe('the view of a request over TLS', () => {
  test.each(['TLSv1.2', 'TLSv1.3'] as const)('hands over the client’s certificate: %s', async (version) => {
    const { port } = await listen((listener) => createServer(ASKING, listener))
    const bound = { minVersion: version, maxVersion: version }
    expect(await ask(port, { ...CLIENT, ...bound })).toContain(String(DER.length))
    expect(await ask(port, bound)).toContain('none')
  })

  test('byte by byte', async () => {
    const certificates: (ClientCertificate | undefined)[] = []
    const { port } = await listen((listener) =>
      createServer(ASKING, (request, response) => {
        certificates.push(viewOf(request, '').certificate?.())
        listener(request, response)
      }),
    )
    await ask(port, CLIENT)
    expect(certificates.map(bytesOf)).toEqual([DER])
  })

  test('has none where the server asks for none', async () => {
    const { port } = await listen((listener) => createServer(SERVER, listener))
    expect(await ask(port, CLIENT)).toContain('none')
  })

  test('has none any more once the connection is gone', async () => {
    const { port, seen } = await listen((listener) => createServer(ASKING, listener))
    await ask(port, CLIENT)
    expect(seen[0]?.certificate?.()).toBeUndefined()
  })

  test('hands it over in HTTP/2, while the connection lasts', async () => {
    const certificates: (ClientCertificate | undefined)[] = []
    const views: RequestView[] = []
    const server = createSecureServer(ASKING, (request, response) => {
      const view = viewOf(request as unknown as IncomingMessage, '')
      views.push(view)
      certificates.push(view.certificate?.())
      response.end()
    })
    const gone = new Promise((resolve) => server.on('session', (session) => session.on('close', resolve)))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const client = connect2(`https://127.0.0.1:${(server.address() as AddressInfo).port}`, {
      ...CLIENT,
      rejectUnauthorized: false,
    })
    onTestFinished(() => {
      client.destroy()
      server.close()
    })
    const stream = client.request({ ':path': '/' })
    await new Promise((resolve) => stream.on('response', resolve))
    expect(certificates.map(bytesOf)).toEqual([DER])
    client.destroy()
    await gone
    expect(views[0]?.certificate?.()).toBeUndefined()
  })
})

test('the view of a request over a plain connection has no certificate', async () => {
  const { port } = await listen((listener) => createPlainServer(listener))
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('none')
})

test('the certificate is read from the socket on demand alone', () => {
  let reads = 0
  const request = {
    rawHeaders: [],
    socket: {
      getPeerCertificate() {
        reads++
        return { raw: Buffer.from(DER) }
      },
    },
  } as unknown as IncomingMessage
  const view = viewOf(request, 'https://api.example.com')
  expect(reads).toBe(0)
  expect(bytesOf(view.certificate?.())).toEqual(DER)
  expect(reads).toBe(1)
})
