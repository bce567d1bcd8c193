import type { ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { clientSecretBasic, createResourceServer, introspect } from 'bearward'
import { Response as WorkerResponse } from 'miniflare'
import { goodClaims, RESOURCE, signingKey, signToken } from '../../test/fixture/issuer.ts'
import { type Answer, loopbackIssuer, type LoopbackIssuer } from '../../test/fixture/loopback-issuer.ts'
import { bySize, countOf, type Line, type Measure, type Proof, tally } from '../line.ts'
import { codeOf, outcomeOf } from '../scene.ts'
import { freshToken, inIsolate } from './isolate.ts'

const TIMEOUT_MS = 500
const GRACE_MS = 500
const CHUNK_BYTES = 1_024
const LIMIT_BYTES = 512 * 1_024 + CHUNK_BYTES
const CALLERS = 20
const JSON_TYPE = { 'content-type': 'application/json' }
const TEN_MEGABYTES = 10 * 1_024 * 1_024

type Where = 'discovery' | 'keys' | 'introspection'
/** The behaviour of an upstream; `trap` is an address to which it may redirect. */
type Hostile = (response: ServerResponse, socket: Parameters<Answer>[1]['socket'], trap: string) => void

const kinds: Readonly<Record<string, readonly Hostile[]>> = {
  hangs: [() => {}, (response) => response.writeHead(200, JSON_TYPE).flushHeaders()],
  trickles: [
    (response) => {
      response.writeHead(200, JSON_TYPE)
      const drip = setInterval(() => response.write(' '), 20)
      response.on('close', () => clearInterval(drip))
    },
  ],
  'answers HTML': [
    (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Log in</html>'),
    (response) => response.writeHead(200, JSON_TYPE).end('<html>Log in</html>'),
  ],
  'answers a redirect': [301, 302, 303, 307, 308].map(
    (status): Hostile =>
      (response, _, trap) =>
        response.writeHead(status, { location: trap }).end(),
  ),
  'answers 10 MB': [
    (response) => response.writeHead(200, JSON_TYPE).end(Buffer.alloc(TEN_MEGABYTES, 0x20)),
    (response) =>
      response
        .writeHead(200, { ...JSON_TYPE, 'content-encoding': 'gzip' })
        .end(gzipSync(Buffer.alloc(TEN_MEGABYTES, 0x20))),
    (response) => {
      response.writeHead(200, { ...JSON_TYPE, 'content-length': TEN_MEGABYTES })
      response.write(' '.repeat(2_048))
    },
  ],
  'answers garbage': [
    (_, socket) => socket.end('SSH-2.0-OpenSSH_9.9\r\n'),
    (_, socket) => socket.resetAndDestroy(),
    (response) => response.writeHead(200, JSON_TYPE).end(crypto.getRandomValues(Buffer.alloc(4_096))),
    (response) => response.writeHead(200, JSON_TYPE).end(`{"keys":${'['.repeat(30_000)}`),
    (response) => response.writeHead(200, JSON_TYPE).end('[null]'),
  ],
  'answers 500': [
    (response) => response.writeHead(500).end('Internal Server Error'),
    (response) => response.writeHead(503, { ...JSON_TYPE, 'retry-after': '1' }).end('{}'),
  ],
}

/** Upstreams that misbehave over real sockets, and in an isolate. Wall time. */
export const hostileLines: readonly Line[] = [
  ...Object.entries(kinds).map(([kind, variants]): Line => ({
    name: `upstream that ${kind} (wall time)`,
    goal: 'timeout + 0.5 s, 512 KiB read (and 1 KiB that shows more), no redirect followed, typed error',
    runtime: 'node',
    run: (proof) => measureKind(proof, variants),
  })),
  {
    name: 'upstream that hangs, trickles, answers HTML, a redirect, 10 MB, garbage, 500 (wall time)',
    goal: 'timeout + 0.5 s, no redirect followed, typed error',
    runtime: 'workerd',
    run: measureIsolates,
  },
]

interface Tried {
  readonly outcomes: readonly string[]
  readonly slowestMs: number
  readonly readBytes: number
  readonly trapped: number
  /** The result of the same token after the upstream recovered. */
  readonly afterwards: string
}

async function measureKind(proof: Proof, variants: readonly Hostile[]): Promise<Measure> {
  const tries: Tried[] = []
  for (const variant of variants) {
    for (const where of ['discovery', 'keys', 'introspection'] as const) {
      for (let turn = 0; turn < bySize(proof, 3, 1); turn++) tries.push(await tryOnce(proof, variant, where))
    }
  }
  const outcomes = tries.flatMap((tried) => tried.outcomes)
  const slowestMs = Math.max(...tries.map((tried) => tried.slowestMs))
  const readBytes = Math.max(...tries.map((tried) => tried.readBytes))
  const trapped = tries.reduce((sum, tried) => sum + tried.trapped, 0)
  const recovered = tries.every(({ afterwards }) => afterwards === 'accepted')
  const measured = `slowest ${Math.round(slowestMs)} ms at a timeout of ${TIMEOUT_MS}, most read ${Math.ceil(readBytes / 1_024)} KiB, ${trapped} followed, ${tally(outcomes)}`
  return {
    measured: recovered ? measured : `${measured}; not accepted afterwards`,
    samples: outcomes.length,
    met:
      recovered &&
      slowestMs <= TIMEOUT_MS + GRACE_MS &&
      readBytes <= LIMIT_BYTES &&
      trapped === 0 &&
      countOf(outcomes, 'issuer_unavailable') === outcomes.length,
  }
}

async function tryOnce({ emitted }: Proof, hostile: Hostile, where: Where): Promise<Tried> {
  const [upstream, trap] = await Promise.all([good(), good()])
  let readBytes = 0
  const clock = { ms: Date.now() }
  const auth = clientSecretBasic({ clientId: 'orders-api', clientSecret: 'the-secret-that-hostile-upstreams-get' })
  const api = createResourceServer({
    resource: RESOURCE,
    issuers: [{ issuer: upstream.issuer, introspection: introspect({ auth, timeoutMs: TIMEOUT_MS }) }],
    keys: { timeoutMs: TIMEOUT_MS },
    now: () => clock.ms,
    onEvent: emitted.event,
    async fetch(url, init) {
      let ofThis = 0
      return inSmallChunks(await fetch(url, init), (bytes) => {
        ofThis += bytes
        readBytes = Math.max(readBytes, ofThis)
      })
    },
  })
  const now = Math.floor(clock.ms / 1_000)
  const claims = goodClaims({ iss: upstream.issuer, iat: now, exp: now + 3_600 })
  const token = where === 'introspection' ? 'an-opaque-token-for-a-hostile-endpoint' : await signToken(claims)
  const goodAnswers = { ...upstream.answers }
  const path = where === 'introspection' ? '/introspect' : '/jwks'
  upstream.answers[where] = (response, request) => hostile(response, request.socket, trap.issuer + path)
  try {
    const startMs = performance.now()
    let slowestMs = 0
    const outcomes = await Promise.all(
      Array.from({ length: CALLERS }, async () => {
        const outcome = await outcomeOf(api, token, emitted)
        slowestMs = Math.max(slowestMs, performance.now() - startMs)
        return outcome
      }),
    )
    Object.assign(upstream.answers, { discovery: undefined, keys: undefined, ...goodAnswers })
    clock.ms += 31_000
    const read = readBytes
    const afterwards = await api.verify(token).then(() => 'accepted', codeOf)
    const trapped = trap.asked.discovery + trap.asked.keys + trap.introspected.length
    return { outcomes, slowestMs, readBytes: read, trapped, afterwards }
  } finally {
    api.close()
    await Promise.all([upstream.stop(), trap.stop()])
  }
}

async function good(): Promise<LoopbackIssuer> {
  const upstream = await loopbackIssuer([(await signingKey()).jwk])
  const now = Math.floor(Date.now() / 1_000)
  const answer = {
    active: true,
    token_type: 'Bearer',
    aud: RESOURCE,
    sub: 'user',
    client_id: 'client',
    exp: now + 3_600,
  }
  upstream.answers.introspection = (response) => response.writeHead(200, JSON_TYPE).end(JSON.stringify(answer))
  return upstream
}

/** Sends the body in small chunks on demand, so that reads beyond a limit show. */
function inSmallChunks(response: Response, tell: (bytes: number) => void): Response {
  const reader = response.body?.getReader()
  if (!reader) return response
  let rest = new Uint8Array()
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        if (rest.length === 0) {
          const { done, value } = await reader.read()
          if (done) return controller.close()
          rest = value
        }
        const chunk = rest.subarray(0, CHUNK_BYTES)
        rest = rest.subarray(CHUNK_BYTES)
        tell(chunk.length)
        controller.enqueue(chunk)
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
  return new Response(body, { status: response.status, headers: response.headers })
}

// The test Worker's server at this path gives up after 300 ms.
const HASTY = '/hasty'
const HASTY_MS = 300

const workerAnswers: readonly (() => WorkerResponse)[] = [
  () => new WorkerResponse(endless(20, 1), { headers: JSON_TYPE }),
  () => new WorkerResponse('<html>Log in</html>', { headers: { 'content-type': 'text/html' } }),
  () => new WorkerResponse(null, { status: 302, headers: { location: 'https://login.example.com/trap' } }),
  () => new WorkerResponse(new Uint8Array(TEN_MEGABYTES).fill(0x20), { headers: JSON_TYPE }),
  () => new WorkerResponse(crypto.getRandomValues(new Uint8Array(4_096)), { headers: JSON_TYPE }),
  () => new WorkerResponse('Internal Server Error', { status: 500 }),
]

async function measureIsolates(proof: Proof): Promise<Measure> {
  const outcomes: string[] = []
  let slowestMs = 0
  let trapped = 0
  const afterwards: string[] = []
  // The first isolate of a process starts slowly.
  await inIsolate(async ({ ask }) => ask(await freshToken(0), HASTY))
  for (const answer of [undefined, ...workerAnswers]) {
    await inIsolate(async (isolate) => {
      const token = await freshToken(0)
      // The first request of an isolate compiles the Worker.
      await isolate.ask('warm-up', '/orders')
      if (answer) isolate.upstream.reply = answer
      else isolate.upstream.hangs = 'always'
      const startMs = performance.now()
      const answers = Array.from({ length: bySize(proof, CALLERS, 5) }, async () => {
        const { code, status } = await isolate.ask(token, HASTY)
        slowestMs = Math.max(slowestMs, performance.now() - startMs)
        outcomes.push(`${code} (${status})`)
      })
      await Promise.all(answers)
      trapped += countOf(isolate.asked, '/trap')
      isolate.upstream.reply = undefined
      isolate.upstream.hangs = 'never'
      await isolate.moveClock(31_000)
      afterwards.push((await isolate.ask(token, HASTY)).code)
    })
  }
  const recovered = countOf(afterwards, 'accepted') === afterwards.length
  return {
    measured: `slowest ${Math.round(slowestMs)} ms at a timeout of ${HASTY_MS}, ${trapped} followed, ${tally(outcomes)}; afterwards ${tally(afterwards)}`,
    samples: outcomes.length,
    met:
      recovered &&
      trapped === 0 &&
      slowestMs <= HASTY_MS + GRACE_MS &&
      countOf(outcomes, 'issuer_unavailable (503)') === outcomes.length,
  }
}

function endless(everyMs: number, bytes: number): ReadableStream<Uint8Array> {
  let drip: NodeJS.Timeout
  return new ReadableStream({
    start(controller) {
      drip = setInterval(() => controller.enqueue(new Uint8Array(bytes).fill(0x20)), everyMs)
    },
    cancel: () => clearInterval(drip),
  })
}
