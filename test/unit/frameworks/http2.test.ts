import { connect, createServer } from 'node:http2'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { protect } from '../../../src/frameworks/node.ts'
import { signToken } from '../../fixture/issuer.ts'
import { fixture } from '../../fixture/server.ts'

// Node's HTTP/2 server hands over requests that look like those of HTTP/1.1, and are not quite.

const closing: (() => void)[] = []
afterEach(() => closing.splice(0).forEach((close) => close()))

async function post(headers: Record<string, string>, body: string): Promise<{ status: number; body: string }> {
  const { api } = await fixture({ form: true })
  const handler = protect(api, (_, response, { token }) => void response.end(token.subject))
  const server = createServer((request, response) => {
    handler(request as unknown as IncomingMessage, response as unknown as ServerResponse).catch(() =>
      response.destroy(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  closing.push(
    () => client.destroy(),
    () => server.close(),
  )
  const stream = client.request({ ':method': 'POST', ':path': '/', ...headers })
  stream.end(body)
  const status = await new Promise<number>((resolve) =>
    stream.on('response', (fields) => resolve(Number(fields[':status']))),
  )
  let text = ''
  for await (const chunk of stream.setEncoding('utf8')) text += String(chunk)
  return { status, body: text }
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

test('a form post with a good header is served, its body left alone', async () => {
  const authorization = `Bearer ${await signToken()}`
  expect(await post({ ...FORM, authorization }, 'item=honey')).toEqual({ status: 200, body: 'user-1' })
})

test('a token in a form is not seen, and the client is told to send one', async () => {
  expect(await post(FORM, `access_token=${await signToken()}`)).toMatchObject({ status: 401 })
})

test('two Authorization fields are ambiguous', async () => {
  const { api } = await fixture()
  const handler = protect(api, (_, response) => void response.end())
  const fields = new Map<string, unknown>()
  const response = {
    headersSent: false,
    req: { method: 'GET' },
    getHeader: (name: string) => fields.get(name),
    hasHeader: (name: string) => fields.has(name),
    setHeader: (name: string, value: unknown) => fields.set(name, value),
    writeHead: (status: number) => ({ end: () => fields.set('status', status) }),
    end: () => fields.set('status', 200),
  } as unknown as ServerResponse
  const authorization = ['authorization', `Bearer ${await signToken()}`]
  const request = { method: 'GET', url: '/', headers: {}, socket: {}, httpVersionMajor: 2 }
  const withFields = (rawHeaders: readonly string[]) => ({ ...request, rawHeaders }) as unknown as IncomingMessage
  await handler(withFields([':path', '/', ...authorization]), response)
  expect(fields.get('status')).toBe(200)
  await handler(withFields([...authorization, ...authorization]), response)
  expect(fields.get('status')).toBe(400)
})
