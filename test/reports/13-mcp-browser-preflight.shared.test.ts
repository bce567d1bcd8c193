// routecraftjs/routecraft#320, envoyproxy/ai-gateway#2307, better-auth/better-auth#4462: MCP clients in a browser send a field
// of their own with the request for the metadata, so that the browser asks first. Fetch standard, CORS-preflight fetch: a 2xx
// that allows origin and field; RFC 9728 §3: the document is public.
import { expect, test } from 'vitest'
import { metadataHandler, protect } from '../../src/frameworks/fetch.ts'
import { fixture } from '../fixture/server.ts'

const SERVER = 'https://mcp.example.com/mcp'
const ORIGIN = 'http://localhost:6274'

function preflight(url: string): Request {
  return new Request(url, {
    method: 'OPTIONS',
    headers: {
      origin: ORIGIN,
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'mcp-protocol-version',
    },
  })
}

/** Whether a browser goes on to send its request. */
function isAllowed({ status, headers }: Response): boolean {
  const origin = headers.get('access-control-allow-origin')
  const fields = headers.get('access-control-allow-headers')?.toLowerCase().split(/ *, */) ?? []
  const isOk = status >= 200 && status < 300
  return (
    isOk && (origin === '*' || origin === ORIGIN) && (fields.includes('*') || fields.includes('mcp-protocol-version'))
  )
}

async function mcp() {
  const { api } = await fixture({ resource: SERVER })
  return { api, url: `https://mcp.example.com${api.metadataPath}`, handler: protect(api, () => new Response('x')) }
}

test('the metadata can be read from every origin', async () => {
  const { url, handler } = await mcp()
  const response = await handler(
    new Request(url, { headers: { origin: ORIGIN, 'mcp-protocol-version': '2025-06-18' } }),
  )
  expect(response.status).toBe(200)
  expect(response.headers.get('access-control-allow-origin')).toBe('*')
  expect(await response.json()).toMatchObject({ resource: SERVER })
})

test('a preflight of the metadata is allowed, by `protect` and by `metadataHandler`', async () => {
  const { api, url, handler } = await mcp()
  expect(isAllowed(await handler(preflight(url)))).toBe(true)
  expect(isAllowed(await metadataHandler(api)(preflight(url)))).toBe(true)
})

test('a preflight of any other path is a request like any other, unless the user answers it', async () => {
  const { api, url, handler } = await mcp()
  for (const other of [SERVER, `${SERVER}?x=1`, `${url}/x`]) {
    const response = await handler(preflight(other))
    expect(response.status, other).toBe(401)
    expect(isAllowed(response), other).toBe(false)
  }
  const headers = { 'access-control-allow-origin': ORIGIN, 'access-control-allow-headers': 'mcp-protocol-version' }
  const own = protect(api, () => new Response('x'), { preflight: () => new Response(null, { status: 204, headers }) })
  expect(isAllowed(await own(preflight(SERVER)))).toBe(true)
})

test('a script can read the challenge of a refusal', async () => {
  const { handler } = await mcp()
  const response = await handler(new Request(SERVER, { method: 'POST', headers: { origin: ORIGIN } }))
  expect(response.status).toBe(401)
  expect(response.headers.get('access-control-expose-headers')).toContain('WWW-Authenticate')
})
