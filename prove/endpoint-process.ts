// An introspection endpoint in a separate process. It obeys messages, and answers each with its port.

import { type ChildProcess, fork } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Mode = 'up' | 'refusing' | 'hanging'

export interface EndpointProcess {
  /** Resolves to the port when the endpoint has obeyed. */
  readonly become: (mode: Mode) => Promise<number>
  readonly stop: () => void
}

export function startEndpoint(resource: string): EndpointProcess {
  const child: ChildProcess = fork(import.meta.filename, [resource])
  return {
    become: (mode) =>
      new Promise((resolve, reject) => {
        child.once('message', (port) => resolve(Number(port)))
        child.send(mode, (fault) => fault && reject(fault))
      }),
    stop: () => child.disconnect(),
  }
}

if (process.send && process.argv[1] === import.meta.filename) serve(process.argv[2] ?? '')

function serve(resource: string): void {
  let mode: Mode = 'up'
  let server: Server | undefined
  let port = 0

  async function listen(): Promise<void> {
    const made = createServer((request, response) => {
      request.resume()
      // A request that hangs keeps hanging, as on a broken connection.
      if (mode === 'hanging') return
      const exp = Math.floor(Date.now() / 1000) + 3_600
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ active: true, aud: resource, sub: 'user', client_id: 'client', exp }))
    })
    await new Promise<void>((resolve) => made.listen(port, '127.0.0.1', resolve))
    server = made
    port = (made.address() as AddressInfo).port
  }

  async function become(wanted: Mode): Promise<number> {
    mode = wanted
    if (wanted === 'refusing') {
      const closing = server
      server = undefined
      closing?.closeAllConnections()
      await new Promise<void>((resolve) => (closing ? closing.close(() => resolve()) : resolve()))
    } else if (!server) await listen()
    return port
  }

  process.on('message', (wanted: Mode) => {
    void become(wanted).then((listening) => process.send?.(listening))
  })
  process.on('disconnect', () => process.exit())
}
