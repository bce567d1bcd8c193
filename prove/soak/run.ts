import { clientSecretBasic, createResourceServer, introspect, type ResourceServer } from 'bearward'
import { RESOURCE } from '../../test/fixture/issuer.ts'
import type { LoopbackIssuer } from '../../test/fixture/loopback-issuer.ts'
import { keepSecret } from '../../test/fixture/secrets.ts'
import { createEmitted, type Emitted, type EmittedReport } from '../emitted.ts'
import { pause } from '../line.ts'
import { heldBytes } from '../memory.ts'
import { outcomeOf } from '../scene.ts'
import { type CheckWorld, checkAt } from './checks.ts'
import { type HandleWatch, watchHandles } from './handles.ts'
import { type Clock, opaqueIssuer, ROTATED_MS, type RotatingIssuer, rotatingIssuer } from './issuers.ts'

export interface SoakOptions {
  readonly checks: number
  readonly rotations: number
  /** Spread over the issuers of JWTs and the introspecting one. */
  readonly outages: number
}

export interface SoakReport extends SoakOptions {
  readonly seconds: number
  readonly virtualHours: number
  readonly outcomes: Readonly<Record<string, number>>
  readonly refusals: number
  /** The number of wrong answers, and the first ones. */
  readonly unexpected: number
  readonly firstUnexpected: readonly string[]
  /** The heap after each tenth. */
  readonly heapBytes: readonly number[]
  /** Resources that were open after `close()`, but not at the start. */
  readonly openHandles: readonly string[]
  readonly openTimers: number
  readonly requestsUpstream: number
  /** Events up to `close()`, by type. */
  readonly events: Readonly<Record<string, number>>
  readonly emitted: EmittedReport
}

const CONCURRENT = 50
const ROTATION_EVERY_MS = 12 * 60_000
const OUTAGE_MS = 8 * 60_000
const LONGEST_BACK_OFF_MS = 31_000
const HEAP_SAMPLES = 10
// Node keeps an idle connection for four seconds.
const LET_GO_MS = 8_000
const CLIENT_SECRET = 'the-client-secret-of-the-soak'

interface Happening {
  readonly atMs: number
  readonly run: () => Promise<unknown>
}

/**
 * Presents tokens of every kind to one resource server, fifty at once over real sockets, while keys rotate and issuers go
 * down. A virtual clock moves by the same step after every fifty, so that keys and answers are refreshed many times.
 */
export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  keepSecret(CLIENT_SECRET)
  keepSecret(btoa(`orders-api:${CLIENT_SECRET}`))
  const clock: Clock = { ms: Date.now() }
  const startMs = clock.ms
  const issuers = await Promise.all(['RS256', 'ES256', 'EdDSA'].map((algorithm) => rotatingIssuer(algorithm, clock)))
  const opaque = await opaqueIssuer(clock)
  const watch = watchHandles()
  try {
    const emitted = createEmitted()
    let requestsUpstream = 0
    const api = createServer(issuers, opaque, clock, emitted, () => requestsUpstream++)
    const trouble = new Map<RotatingIssuer | 'opaque', number>()
    const world = {
      clock,
      issuers,
      troubled: (issuer: RotatingIssuer | 'opaque') => clock.ms < (trouble.get(issuer) ?? 0),
    }
    const happenings = schedule(options, issuers, opaque, clock, trouble)
    const started = performance.now()
    const tally = await present(api, world, options, happenings, emitted)
    const { events } = emitted.report()
    const seconds = (performance.now() - started) / 1_000
    await closeInUse(api, issuers, opaque, clock)
    const { opened, timers } = await whatIsLeft(watch)
    return {
      ...options,
      ...tally,
      events,
      seconds,
      virtualHours: (clock.ms - startMs) / 3_600_000,
      openHandles: opened,
      openTimers: timers,
      requestsUpstream,
      emitted: emitted.report(),
    }
  } finally {
    watch.end()
    await Promise.all([opaque, ...issuers.map(({ server }) => server)].map((server) => server.stop()))
  }
}

function createServer(
  issuers: readonly RotatingIssuer[],
  opaque: LoopbackIssuer,
  clock: Clock,
  emitted: Emitted,
  tellRequest: () => void,
): ResourceServer {
  const auth = clientSecretBasic({ clientId: 'orders-api', clientSecret: CLIENT_SECRET })
  return createResourceServer({
    resource: RESOURCE,
    issuers: [
      ...issuers.map(({ server }) => ({ issuer: server.issuer })),
      { issuer: opaque.issuer, jwt: false, introspection: introspect({ auth }) },
    ],
    // Small, so that it is full after the warm-up: a full cache does not grow.
    tokenCache: { max: 500 },
    clockToleranceSeconds: 0,
    now: () => clock.ms,
    onEvent: emitted.event,
    fetch(url, init) {
      tellRequest()
      emitted.text('address', url)
      return fetch(url, init)
    },
  })
}

/** Rotations one after the other, issuer by issuer, and outages while the keys of the issuer are settled. */
function schedule(
  options: SoakOptions,
  issuers: readonly RotatingIssuer[],
  opaque: LoopbackIssuer,
  clock: Clock,
  trouble: Map<RotatingIssuer | 'opaque', number>,
): Happening[] {
  const { rotations, outages } = options
  // The longest back-off, and the batch whose first request finds the recovered endpoint.
  const recoveryMs = LONGEST_BACK_OFF_MS + 2 * stepOf(options)
  const begins = (rotation: number): number => clock.ms + rotation * ROTATION_EVERY_MS
  const rotating = Array.from({ length: rotations }, (_, rotation) => {
    const issuer = issuers[rotation % issuers.length] as RotatingIssuer
    return issuer.rotation.map(({ afterMs, run }): Happening => ({ atMs: begins(rotation) + afterMs, run }))
  })
  const failing = Array.from({ length: outages }, (_, outage) => {
    const rotation = Math.floor((outage * rotations) / outages)
    const issuer = outage % 2 === 0 ? (issuers[rotation % issuers.length] as RotatingIssuer) : 'opaque'
    const server = issuer === 'opaque' ? opaque : issuer.server
    const atMs = begins(rotation) + ROTATED_MS
    const broken = outage % 4 < 2 ? refusing(server) : answering500(server)
    return [
      {
        atMs,
        async run() {
          trouble.set(issuer, atMs + OUTAGE_MS + recoveryMs)
          await broken.begin()
        },
      },
      { atMs: atMs + OUTAGE_MS, run: broken.end },
    ]
  })
  return [...rotating, ...failing].flat().toSorted((one, other) => one.atMs - other.atMs)
}

/** The step of the clock after each batch. All scheduled events end with the last batch. */
function stepOf({ checks, rotations }: SoakOptions): number {
  return (rotations * ROTATION_EVERY_MS + ROTATED_MS + 2 * OUTAGE_MS) / Math.ceil(checks / CONCURRENT)
}

interface Broken {
  readonly begin: () => Promise<void>
  readonly end: () => Promise<void>
}

function refusing(server: LoopbackIssuer): Broken {
  return { begin: server.stop, end: server.start }
}

function answering500({ answers }: LoopbackIssuer): Broken {
  const { keys, introspection } = answers
  return {
    async begin() {
      answers.keys = (response) => response.writeHead(500).end()
      answers.introspection = (response) => response.writeHead(500).end()
    },
    async end() {
      Object.assign(answers, { keys, introspection })
    },
  }
}

type Tally = Pick<SoakReport, 'outcomes' | 'refusals' | 'unexpected' | 'firstUnexpected' | 'heapBytes'>

async function present(
  api: ResourceServer,
  world: CheckWorld,
  options: SoakOptions,
  happenings: Happening[],
  emitted: Emitted,
): Promise<Tally> {
  const { clock } = world
  const { checks } = options
  const outcomes: Record<string, number> = {}
  const firstUnexpected: string[] = []
  let unexpected = 0
  const heapBytes: number[] = []

  async function one(index: number): Promise<void> {
    const { token, expected } = await checkAt(index, world)
    const outcome = await outcomeOf(api, token, emitted)
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
    if (expected.includes(outcome)) return
    unexpected++
    if (firstUnexpected.length < 10)
      firstUnexpected.push(`check ${index}: ${outcome} in place of ${expected.join(' or ')}`)
  }

  const stepMs = stepOf(options)
  for (let index = 0; index < checks; index += CONCURRENT) {
    while (happenings[0] && happenings[0].atMs <= clock.ms) await happenings.shift()?.run()
    if (index >= (checks * (heapBytes.length + 1)) / HEAP_SAMPLES) heapBytes.push(await heldBytes())
    const width = Math.min(CONCURRENT, checks - index)
    await Promise.all(Array.from({ length: width }, (_, offset) => one(index + offset)))
    clock.ms += stepMs
  }
  heapBytes.push(await heldBytes())
  const refusals = checks - (outcomes['accepted'] ?? 0)
  return { outcomes, refusals, unexpected, firstUnexpected, heapBytes }
}

/** Closes while a fetch of keys and an introspection call hang, so that `close()` must end them. */
async function closeInUse(
  api: ResourceServer,
  issuers: readonly RotatingIssuer[],
  opaque: LoopbackIssuer,
  clock: Clock,
): Promise<void> {
  const [issuer] = issuers
  if (!issuer) return
  clock.ms += 11 * 60_000
  issuer.server.answers.keys = () => {}
  opaque.answers.introspection = () => {}
  const hanging = [api.verify(await issuer.sign()), api.verify('good_opaque-token-that-nobody-answers-for')]
  await pause(200)
  api.close()
  await Promise.race([Promise.allSettled(hanging), pause(LET_GO_MS)])
}

async function whatIsLeft({ opened, timers }: HandleWatch): Promise<{ opened: string[]; timers: number }> {
  for (let waitedMs = 0; waitedMs < LET_GO_MS && opened().length + timers() > 0; waitedMs += 100) await pause(100)
  return { opened: opened(), timers: timers() }
}
