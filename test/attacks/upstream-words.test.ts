import { inspect } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clientSecretPost, createResourceServer, introspect } from '../../src/entry-points/index.ts'
import { type FaultyServer, faultyServer } from '../fixture/faulty-server.ts'
import { CLIENT_ID, introspecting } from '../fixture/introspection.ts'
import { ISSUER, RESOURCE } from '../fixture/issuer.ts'
import { findsOf, SECRET, SIGNED, TOKEN, toldBy, WAYS } from './telltales.ts'

// What Node's own loggers print of an error that has come, and what Node's own fetch throws.

let server: FaultyServer

beforeAll(async () => {
  server = await faultyServer(() => ({ active: true }))
})

afterAll(() => server.stop())

function printed(error: unknown): string[] {
  return [inspect(error, { depth: 10 }), inspect(error, { depth: 10, showHidden: true, getters: true })]
}

const auth = clientSecretPost({ clientId: CLIENT_ID, clientSecret: SECRET })

test.each([
  ['the token', TOKEN],
  ['the secret of the client', SECRET],
])('`util.inspect` does not show %s, in whatever way the endpoint fails', async (_, secret) => {
  for (const [name, way] of [...WAYS, ...SIGNED]) {
    for (const text of [secret, secret.toUpperCase()]) {
      const { api } = await introspecting({
        introspection: { auth, signedResponse: SIGNED.has(name) },
        issuer: { clients: ['client-1'] },
        reply: () => way(text),
      })
      const error: unknown = await api.verify(TOKEN).then(
        () => 'accepted',
        (caught: unknown) => caught,
      )
      expect(findsOf(secret, printed(error)), `${name}: ${text}`).toEqual([])
    }
  }
})

test.each<[string, (url: string) => Promise<string>, string]>([
  [
    'refuses the connection',
    async (url) => {
      await server.stop()
      return url
    },
    'ECONNREFUSED',
  ],
  [
    'closes the connection',
    async (url) => {
      await server.take((socket) => socket.destroy())
      return url
    },
    'cannot be reached',
  ],
  [
    'breaks off its answer',
    async (url) => {
      await server.heal()
      server.answer = (response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1_000 })
        response.write('{"active":', () => response.destroy())
      }
      return url
    },
    'broke off its answer',
  ],
  [
    'speaks no HTTP',
    async (url) => {
      await server.take((socket) => socket.end(`${TOKEN}\r\n${SECRET}\r\n\r\n`))
      return url
    },
    'cannot be reached',
  ],
  ['has no name', async () => 'https://no-such-host.invalid/introspect', 'cannot be reached'],
])('a real endpoint that %s is told of, and nothing of what was sent', async (_, prepare, words) => {
  const endpoint = await prepare(server.url)
  const events: never[] = []
  const api = createResourceServer({
    resource: RESOURCE,
    issuers: [
      {
        issuer: ISSUER,
        jwt: false,
        introspection: introspect({ endpoint, auth }),
      },
    ],
    onEvent: (event) => events.push(event as never),
  })
  const error: unknown = await api.verify(TOKEN).catch((caught: unknown) => caught)
  const told = [...toldBy(error, events, api), ...printed(error)]
  expect([...findsOf(TOKEN, told), ...findsOf(SECRET, told)]).toEqual([])
  expect(error).toMatchObject({ code: 'issuer_unavailable' })
  expect(told.join()).toContain(words)
  await server.stop()
  await server.start()
  await server.heal()
})
