// The authorization server that everybody trusts: metadata and keys on loopback. It issues nothing, tokens.ts does.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { KeySet } from './tokens.ts'

export interface Authority {
  readonly issuer: string
  readonly jwksUri: string
  readonly jwks: KeySet
  stop(): void
}

export async function startAuthority(jwks: KeySet): Promise<Authority> {
  const server = createServer((request, response) => {
    response.setHeader('Content-Type', 'application/json')
    if (request.url === '/.well-known/jwks.json') response.end(JSON.stringify(jwks))
    else if (request.url?.startsWith('/.well-known/')) response.end(JSON.stringify({ issuer, jwks_uri: jwksUri }))
    else response.writeHead(404).end('{}')
  })
  // A measurement may block the event loop for seconds. The server must not close its idle connections meanwhile.
  server.keepAliveTimeout = 0
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const jwksUri = `${issuer}/.well-known/jwks.json`
  return {
    issuer,
    jwksUri,
    jwks,
    stop() {
      server.closeAllConnections()
      server.close()
    },
  }
}
