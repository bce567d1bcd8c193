// Listens on loopback, with a clear error when a port is taken.

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Something else listens on the port. */
export class PortTaken extends Error {
  readonly port: number

  constructor(port: number) {
    super(`port ${port} is taken`)
    this.port = port
  }
}

/**
 * Starts listening on loopback and returns the port; for port 0, the chosen one.
 *
 * @throws {PortTaken}
 */
export async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? new PortTaken(port) : error)
    })
    server.listen(port, '127.0.0.1', resolve)
  })
  return (server.address() as AddressInfo).port
}

/** Stops listening and ends the connections that are still open. */
export async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeAllConnections()
  await closed
}

/**
 * Checks that a port is free. A program that starts there would report it less clearly.
 *
 * @throws {PortTaken}
 */
export async function requireFreePort(port: number): Promise<void> {
  if (port === 0) return
  const probe = createServer()
  await listen(probe, port)
  await closeServer(probe)
}
