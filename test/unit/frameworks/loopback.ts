import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** Serves on loopback until the test is over; returns the port. */
export async function listen(listener: RequestListener): Promise<number> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => close(server))
  return (server.address() as AddressInfo).port
}

function close(server: Server): Promise<void> {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(() => resolve()))
}

/** Opens a connection that ends with the test. */
export function open(port: number): Socket {
  const socket = connect(port, '127.0.0.1')
  // A server that hangs up on purpose is what some tests are about.
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  return socket
}

export interface RawAnswer {
  readonly status: number
  /** Names in lower case; of several lines with one name the last. */
  readonly headers: Readonly<Record<string, string>>
  /** Every header line, as it came. */
  readonly lines: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

/** Sends a request to the letter, and reads the answer until the server hangs up. */
export async function send(port: number, head: readonly string[], body: string | Buffer = ''): Promise<RawAnswer> {
  const socket = open(port)
  const [line, ...fields] = head
  socket.write([line, 'Host: localhost', 'Connection: close', ...fields, '', ''].join('\r\n'))
  socket.write(body)
  return readAnswer(socket)
}

export async function readAnswer(socket: Socket): Promise<RawAnswer> {
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  const [top = '', ...rest] = Buffer.concat(chunks).toString().split('\r\n\r\n')
  const [statusLine = '', ...fields] = top.split('\r\n')
  const lines = fields.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const
  })
  const headers = Object.fromEntries(lines.map(([name, value]) => [name.toLowerCase(), value]))
  const body = rest.join('\r\n\r\n')
  return {
    status: Number(statusLine.split(' ')[1]),
    headers,
    lines,
    body: headers['transfer-encoding'] === 'chunked' ? unchunked(body) : body,
  }
}

function unchunked(body: string): string {
  const end = body.indexOf('\r\n')
  const size = Number.parseInt(body.slice(0, end), 16)
  return size > 0 ? body.slice(end + 2, end + 2 + size) + unchunked(body.slice(end + 4 + size)) : ''
}
