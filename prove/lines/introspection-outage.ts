import { BearwardError, clientSecretBasic, createResourceServer, introspect } from 'bearward'
import { type EndpointProcess, type Mode as EndpointMode, startEndpoint } from '../endpoint-process.ts'
import { bySize, type Line, type Measure, percentile, type Proof } from '../line.ts'

const RESOURCE = 'https://api.example.com'
const REQUESTS_PER_SECOND = 1_000
const OUTAGE_MS = 10_000
const LONGEST_RECOVERY_MS = 12_000
const CACHE_SECONDS = 5
const KNOWN_TOKENS = 100

type Mode = Exclude<EndpointMode, 'up'>

interface Outage {
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

/**
 * An endpoint goes down under 1,000 requests a second: it stops listening, or accepts connections and never answers. It comes
 * back at the worst moment: just after a probe began. Wall time.
 */
export const introspectionOutageLines: readonly Line[] = [...linesFor('refusing'), ...linesFor('hanging')]

function linesFor(mode: Mode): Line[] {
  let outage: Promise<Outage> | undefined
  const line = (what: string, goal: string, measure: (outage: Outage) => Measure): Line => ({
    name: `introspection down (${mode}) at 1,000 requests/s: ${what}`,
    goal,
    runtime: 'node',
    // One outage has all the figures.
    run: async (proof) => measure(await (outage ??= goDown(mode, proof))),
  })
  return [
    line('probes (wall time)', '<= 1 probe/s', ({ probes, openMs }) => {
      const most = mostWithin(probes, 1_000)
      const rate = probes.length / (openMs / 1_000)
      return {
        measured: `at most ${most} within any second, ${rate.toFixed(2)}/s on average`,
        samples: probes.length,
        met: most <= 1 && rate <= 1,
      }
    }),
    line('p99 (wall time)', '<= 50 ms', ({ openLatencies }) => {
      const p99 = percentile(openLatencies, 0.99)
      return { measured: `${p99.toFixed(2)} ms once open`, samples: openLatencies.length, met: p99 <= 50 }
    }),
    line('recovery (wall time)', '<= 5 s', ({ recoveryMs }) => ({
      measured: `${(recoveryMs / 1_000).toFixed(2)} s`,
      samples: 1,
      met: recoveryMs <= 5_000,
    })),
    line('accepted (wall time)', '0 beyond what the cache may answer', (run) => ({
      measured: `${run.acceptedWrongly}, and ${run.acceptedFromCache} from the cache; ${run.connectionAttempts} connections`,
      samples: run.requests,
      met: run.acceptedWrongly === 0 && run.acceptedFromCache > 0,
    })),
  ]
}

async function goDown(mode: Mode, proof: Proof): Promise<Outage> {
  const endpoint = startEndpoint(RESOURCE)
  try {
    return await measureOutage(mode, endpoint, proof)
  } finally {
    endpoint.stop()
  }
}

async function measureOutage(mode: Mode, { become }: EndpointProcess, proof: Proof): Promise<Outage> {
  const outageMs = bySize(proof, OUTAGE_MS, 4_000)
  const port = await become('up')
  const asked = new Map<string, number>()
  let connectionAttempts = 0
  const api = createResourceServer({
    resource: RESOURCE,
    issuers: [
      {
        issuer: 'https://login.example.com',
        jwt: false,
        introspection: introspect({
          endpoint: `http://127.0.0.1:${port}/introspect`,
          auth: clientSecretBasic({ clientId: 'orders-api', clientSecret: 'the-secret-of-an-endpoint-in-need' }),
          cacheSeconds: CACHE_SECONDS,
        }),
      },
    ],
    onEvent: proof.emitted.event,
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
    let endedMs = start
    try {
      await api.verify(token)
      endedMs = performance.now()
      if (token.startsWith('known') && start <= cachedUntil) acceptedFromCache++
      // A call that began after the recovery may rightly accept the token.
      else if (backAt === undefined) acceptedWrongly++
      else recoveredAt ??= endedMs
    } catch (error) {
      endedMs = performance.now()
      if (!(error instanceof BearwardError && error.code === 'issuer_unavailable')) throw error
      // Compares the words: callers get no internal class.
      if (error.detail.includes('left alone for a while')) openedAt ??= endedMs
      // A search of every one would be too much load.
      if (requests % 20 === 0) proof.emitted.refusal(api, error, token)
    }
    if (wasOpen) openLatencies.push(endedMs - start)
  }

  await become(mode)
  const downAt = performance.now()
  const pending = new Set<Promise<void>>()
  let faults: unknown
  function fire(): void {
    // One in ten sends a known token, the others a new one.
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
    if (passed > outageMs && aProbeBegan && !bringingBack) {
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

function mostWithin(times: readonly number[], ms: number): number {
  return Math.max(0, ...times.map((from) => times.filter((at) => at >= from && at < from + ms).length))
}
