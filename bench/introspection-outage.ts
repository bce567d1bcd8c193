// An introspection endpoint goes down under 1,000 requests/s, and comes back. Everything is on loopback.
//
//   npx node bench/introspection-outage.ts
//
// The endpoint runs in a process of its own. It goes down in two ways: nobody listens any more, or it accepts connections and
// never answers. It comes back at the worst moment: just after a probe began. Exits with 1 where a goal is missed.

import { fork } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { BearwardError, clientSecretBasic, createResourceServer } from '../src/index.ts'
import { CircuitOpen } from '../src/introspect/circuit.ts'

const RESOURCE = 'https://api.example.com'
const REQUESTS_PER_SECOND = 1_000
const OUTAGE_MS = 10_000
const LONGEST_RECOVERY_MS = 12_000
const CACHE_SECONDS = 5
const KNOWN_TOKENS = 100

type Mode = 'up' | 'refusing' | 'hanging'

interface Outage {
  readonly mode: Mode
  readonly requests: number
  /** Milliseconds of every request that began while the circuit was open. */
  readonly openLatencies: readonly number[]
  /** When each probe began. */
  readonly probes: readonly number[]
  readonly connectionAttempts: number
  readonly openMs: number
  readonly recoveryMs: number
  readonly acceptedFromCache: number
  readonly acceptedWrongly: number
}

interface Line {
  readonly what: string
  readonly goal: string
  readonly measured: string
  readonly samples: number
  readonly met: boolean
}

if (process.send) serve()
else await measure()

/** The endpoint: does as it is told by messages, and says when it is done. */
function serve(): void {
  let mode: Mode = 'up'
  let server: Server | undefined
  let port = 0

  async function listen(): Promise<void> {
    const made = createServer((request, response) => {
      request.resume()
      // Who began to hang goes on hanging: a connection into nowhere does not come back.
      if (mode === 'hanging') return
      const exp = Math.floor(Date.now() / 1000) + 3_600
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ active: true, aud: RESOURCE, sub: 'user', client_id: 'client', exp }))
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

async function measure(): Promise<void> {
  const endpoint = fork(import.meta.filename)
  const become = (mode: Mode): Promise<number> =>
    new Promise((resolve, reject) => {
      endpoint.once('message', (port) => resolve(Number(port)))
      endpoint.send(mode, (fault) => fault && reject(fault))
    })
  try {
    const outages = [await measureOutage('refusing', become), await measureOutage('hanging', become)]
    const lines = outages.flatMap(report)
    print(lines)
    if (lines.some(({ met }) => !met)) process.exitCode = 1
  } finally {
    endpoint.disconnect()
  }
}

async function measureOutage(mode: Mode, become: (mode: Mode) => Promise<number>): Promise<Outage> {
  const port = await become('up')
  const asked = new Map<string, number>()
  let connectionAttempts = 0
  const api = createResourceServer({
    resource: RESOURCE,
    issuers: [
      {
        issuer: 'https://login.example.com',
        jwt: false,
        introspection: {
          endpoint: `http://127.0.0.1:${port}/introspect`,
          auth: clientSecretBasic({ clientId: 'bench', clientSecret: 'secret' }),
          cacheSeconds: CACHE_SECONDS,
        },
      },
    ],
    fetch(url, init) {
      connectionAttempts++
      const token = (init.body as URLSearchParams).get('token') ?? ''
      // The second attempt of a probe is part of it.
      if (!asked.has(token)) asked.set(token, performance.now())
      return fetch(url, init)
    },
  })

  const known = Array.from({ length: KNOWN_TOKENS }, (_, index) => `known-${index}`)
  await Promise.all(known.map((token) => api.verify(token)))
  const cachedUntil = performance.now() + CACHE_SECONDS * 1000
  asked.clear()
  connectionAttempts = 0

  let openedAt: number | undefined
  let backAt: number | undefined
  let recoveredAt: number | undefined
  let requests = 0
  let acceptedFromCache = 0
  let acceptedWrongly = 0
  const openLatencies: number[] = []

  async function request(token: string): Promise<void> {
    const start = performance.now()
    const wasOpen = openedAt !== undefined && backAt === undefined
    try {
      await api.verify(token)
      if (token.startsWith('known') && start <= cachedUntil) acceptedFromCache++
      // What began to be asked about when the endpoint was back may rightly be accepted.
      else if (backAt === undefined) acceptedWrongly++
      else recoveredAt ??= performance.now()
    } catch (error) {
      if (!(error instanceof BearwardError && error.code === 'issuer_unavailable')) throw error
      if (error.cause instanceof CircuitOpen) openedAt ??= performance.now()
    }
    if (wasOpen) openLatencies.push(performance.now() - start)
  }

  await become(mode)
  const downAt = performance.now()
  const pending = new Set<Promise<void>>()
  let faults: unknown
  function fire(): void {
    // One of ten presents a token that is known, the others one that nobody has seen.
    const token = requests % 10 === 0 ? (known[(requests / 10) % KNOWN_TOKENS] ?? '') : `unknown-${mode}-${requests}`
    requests++
    const running: Promise<void> = request(token)
      .catch((fault: unknown) => (faults ??= fault))
      .then(() => void pending.delete(running))
    pending.add(running)
  }

  let probesSeen = 0
  let bringingBack = false
  const isOver = (): boolean => recoveredAt !== undefined || faults !== undefined
  while (!isOver()) {
    const passed = performance.now() - downAt
    while (requests < (passed * REQUESTS_PER_SECOND) / 1000) fire()
    const aProbeBegan = asked.size > probesSeen && openedAt !== undefined
    probesSeen = asked.size
    if (passed > OUTAGE_MS && aProbeBegan && !bringingBack) {
      bringingBack = true
      // Late enough for the probe to have reached the endpoint while it was down.
      setTimeout(() => void become('up').then(() => (backAt = performance.now())), 100)
    }
    if (backAt !== undefined && performance.now() - backAt > LONGEST_RECOVERY_MS) break
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  await Promise.all(pending)
  api.close()
  if (faults !== undefined) throw faults
  if (openedAt === undefined || backAt === undefined) throw new Error(`the circuit never opened (${mode})`)
  const [opened, back] = [openedAt, backAt]
  return {
    mode,
    requests,
    openLatencies,
    probes: [...asked.values()].filter((at) => at > opened && at <= back),
    connectionAttempts,
    openMs: back - opened,
    recoveryMs: recoveredAt === undefined ? Infinity : recoveredAt - back,
    acceptedFromCache,
    acceptedWrongly,
  }
}

function report(outage: Outage): Line[] {
  const { mode, probes, openMs, openLatencies, recoveryMs } = outage
  const most = mostWithin(probes, 1_000)
  const p99 = percentile(openLatencies, 0.99)
  return [
    line(`${mode}: most probes within any second`, most, 1, '', probes.length),
    line(`${mode}: probes per second`, probes.length / (openMs / 1000), 1, '/s', probes.length),
    line(`${mode}: p99 latency once open`, p99, 50, ' ms', openLatencies.length),
    line(`${mode}: recovery`, recoveryMs / 1000, 5, ' s', 1),
    line(`${mode}: accepted beyond cache rules`, outage.acceptedWrongly, 0, '', outage.requests),
    {
      what: `${mode}: accepted from the cache`,
      goal: '> 0',
      measured: String(outage.acceptedFromCache),
      samples: outage.requests / 10,
      met: outage.acceptedFromCache > 0,
    },
    {
      what: `${mode}: connection attempts in all`,
      goal: '-',
      measured: String(outage.connectionAttempts),
      samples: outage.requests,
      met: true,
    },
  ]
}

function line(what: string, measured: number, most: number, unit: string, samples: number): Line {
  const shown = Number.isInteger(measured) ? String(measured) : measured.toFixed(2)
  return { what, goal: `<= ${most}${unit}`, measured: `${shown}${unit}`, samples, met: measured <= most }
}

function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
}

function mostWithin(times: readonly number[], ms: number): number {
  return Math.max(0, ...times.map((from) => times.filter((at) => at >= from && at < from + ms).length))
}

function print(lines: readonly Line[]): void {
  const rows = lines.map(({ what, goal, measured, samples, met }) => [
    what,
    goal,
    measured,
    String(Math.round(samples)),
    met ? 'met' : 'MISSED',
  ])
  const table = [['', 'goal', 'measured', 'samples', ''], ...rows]
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...table.map((row) => (row[column] ?? '').length)))
  for (const row of table) {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    )
    console.log(cells.join('  ').trimEnd())
  }
}
