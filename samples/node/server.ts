// The Orders API on node:http. The API itself is in samples/orders.
//
//   ISSUER=https://login.example.com RESOURCE=https://orders.example.com node samples/node/server.ts

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type AccessToken, BearwardError, createResourceServer, type ResourceServer } from 'bearward'
import { metadataHandler, protect } from 'bearward/node'
import { refuse } from '../orders/answers.ts'
import { maxBodyBytes } from '../orders/body.ts'
import { EnvironmentError, readConfiguration } from '../orders/configuration.ts'
import { logEvent } from '../orders/events.ts'
import { findRoute, matchPath, routes, type Route } from '../orders/routes.ts'
import { createOrderStore } from '../orders/store.ts'
import { send, toRequest } from './messages.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

const { HOST: host = '127.0.0.1', PORT: port = '4402' } = process.env

const api = createApi()
const orders = createOrderStore()
const metadata = metadataHandler(api)
const handlers = new Map<Route, Handler>(routes.map((route) => [route, serve(route)]))

function serve(route: Route): Handler {
  const call = async (message: IncomingMessage) => {
    const request = await toRequest(message, maxBodyBytes)
    return { request, params: matchPath(route.path, pathOf(message)) ?? {}, api, orders }
  }
  if (route.access === 'public') {
    return async (message, response) => send(await route.handle(await call(message)), response)
  }
  const respond = async (message: IncomingMessage, response: ServerResponse, { token }: { token: AccessToken }) =>
    send(await route.handle({ ...(await call(message)), token }), response)
  // The server below answers the errors of every route, in the form of this API.
  return protect(api, route.access, respond, { onError: 'reject' })
}

async function handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = pathOf(message)
  if (message.url === api.metadataPath) return metadata(message, response)
  const route = findRoute(message.method ?? 'GET', path)
  return route instanceof Response ? send(route, response) : handlers.get(route)!(message, response)
}

function pathOf(message: IncomingMessage): string {
  return (message.url ?? '/').split('?', 1)[0] ?? '/'
}

function createApi(): ResourceServer {
  try {
    return createResourceServer({ ...readConfiguration(process.env), onEvent: logEvent })
  } catch (error) {
    if (!(error instanceof EnvironmentError || error instanceof BearwardError)) throw error
    console.error(error.message)
    return process.exit(1)
  }
}

const server = createServer((message, response) => {
  handle(message, response).catch((error: unknown) => {
    // The client is gone: nobody needs an answer.
    if (response.destroyed) return
    console.error(error)
    if (response.headersSent) response.destroy()
    else void send(refuse(500, 'server_error', 'The request could not be served.'), response)
  })
})

server.on('error', (error) => {
  console.error(`The Orders API cannot listen on ${host}:${port}: ${error.message}`)
  process.exit(1)
})
server.listen(Number(port), host, () => {
  console.log(`The Orders API listens on http://${host}:${(server.address() as AddressInfo).port}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    api.close()
    server.close()
    server.closeAllConnections()
  })
}
