/**
 * Uses servers that fail in every way, closes all that it made, and prints what would keep the process alive. Run by
 * closing.test.ts as a process of its own: any rejection that nobody handles ends it with an error.
 */
import type { Answer } from '../fixture/loopback-issuer.ts'
import { faultyServer, pour, trickle } from '../fixture/faulty-server.ts'
import { createResourceServer, introspect, type TrustedIssuer } from '../../src/entry-points/index.ts'

const ISSUER = 'https://login.example.com'
const server = await faultyServer(() => ({ keys: [], active: false, issuer: ISSUER, jwks_uri: server.url }))
await server.stop()

const issuersOf = (timeoutMs: number): TrustedIssuer[] => [
  { issuer: ISSUER, metadata: { url: server.url } },
  { issuer: ISSUER, jwt: { jwksUri: server.url } },
  { issuer: ISSUER, jwt: false, introspection: introspect({ endpoint: server.url, auth: 'none', timeoutMs }) },
]

const never: Answer = () => {}
const faults: [string, () => Promise<unknown>][] = [
  ['good but useless', () => server.heal()],
  ['refused', () => server.stop()],
  ['reset', () => server.take((socket) => socket.resetAndDestroy())],
  ['silent', () => server.take(() => {})],
  [
    'trickled',
    () => server.take((socket) => void socket.once('data', () => trickle(socket, 'HTTP/1.1 200 OK\r\nX: '))),
  ],
  ['pouring', () => answering(pour(server.seen, 16 * 1024 * 1024, {}))],
  // At the end, where nothing but close() ends it before it is looked for.
  ['hanging', () => answering(never)],
]

async function answering(answer: Answer): Promise<void> {
  await server.heal()
  server.answer = answer
}

function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

const nowSeconds = Math.floor(Date.now() / 1000)
const claims = { iss: ISSUER, sub: 'user', client_id: 'client', aud: 'https://api.example.com', jti: '1' }
const jwt = [
  encoded({ alg: 'ES256', typ: 'at+jwt', kid: 'key-1' }),
  encoded({ ...claims, iat: nowSeconds, exp: nowSeconds + 300 }),
  Buffer.alloc(64, 1).toString('base64url'),
].join('.')

const codes = new Set<string>()
function note(error: unknown): void {
  codes.add(error instanceof Error && 'code' in error ? String(error.code) : String(error))
}

let waiting = 0
for (const [, begin] of faults) {
  await begin()
  // Closed after the fault struck, and closed while it lasts: then nothing but close() can end what runs.
  for (const timeoutMs of [200, 30_000]) {
    for (const issuer of issuersOf(timeoutMs)) {
      const api = createResourceServer({
        resource: 'https://api.example.com',
        issuers: [issuer],
        keys: { timeoutMs },
      })
      const gone = new AbortController()
      const callers = [api.verify(jwt), api.verify(jwt, { signal: gone.signal }), api.verify('opaque')].map(
        async (caller) => {
          waiting++
          await caller.then(note, note)
          waiting--
        },
      )
      await new Promise((resolve) => setTimeout(resolve, 20))
      gone.abort()
      if (timeoutMs < 30_000) await Promise.all(callers)
      api.close()
    }
  }
}
await new Promise((resolve) => setTimeout(resolve, 300))
const stillWaiting = waiting
await server.stop()
// What was destroyed is gone a little later.
await new Promise((resolve) => setTimeout(resolve, 100))
const alive = process.getActiveResourcesInfo().filter((name) => !/^(Pipe|TTY|File|FSReq)/.test(name))
console.log(
  JSON.stringify({
    codes: [...codes].toSorted((one, other) => one.localeCompare(other)),
    waiting: stillWaiting,
    alive,
  }),
)
