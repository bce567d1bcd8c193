import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  CallerGone,
  createSharedLoader,
  LoadAbandoned,
  type SharedLoader,
} from '../../../src/upstream/shared-loader.ts'
import { virtualTime, type VirtualRequest, type VirtualTime } from '../../fixture/virtual-time.ts'

const TIMEOUT_MS = 5_000
// As in shared-loader.ts.
const PATIENCE_MS = 1_000
const MAX_TURNS = 2 * Math.ceil(TIMEOUT_MS / PATIENCE_MS) + 2
const RUNS = { seed: 20260101, numRuns: 100 }

/** What becomes of a load. It hears no signal, so that some answers come late. */
interface Fate {
  readonly ends: 'well' | 'badly' | 'never'
  readonly afterMs: number
}

interface Caller {
  readonly act: 'join' | 'nudge'
  readonly kept: boolean
  /** After which the caller gives up, or its request ends. */
  readonly givesUpMs?: number | undefined
  readonly endsMs?: number | undefined
}

type Step = { readonly waitMs: number } & (
  | Caller
  | { readonly act: 'jump'; readonly byMs: number }
  | { readonly act: 'stop' }
)

interface Script {
  readonly fates: readonly Fate[]
  readonly steps: readonly Step[]
}

interface Load {
  readonly value: string
  readonly owner: VirtualRequest | undefined
  readonly startedMs: number
  readonly signal: AbortSignal
  /** Others that were alive when it started, and jumps of the clock since the first of them did. */
  readonly beside: number
  readonly jumpsBeside: number
  readonly jumpsBefore: number
  answeredMs?: number
}

interface Join {
  readonly request: VirtualRequest
  readonly joinedMs: number
  readonly givesUpMs: number
  outcome?: unknown
  settledMs?: number
}

interface Played {
  readonly loads: Load[]
  readonly joins: Join[]
  readonly told: string[]
  readonly lastEndMs: number
  readonly stoppedMs: number
  readonly timersLeft: number
}

function createLoader(
  load: (signal: AbortSignal) => Promise<string>,
  told: string[],
  now: () => number,
): SharedLoader<string> {
  return createSharedLoader<string, string>({
    load: (signal) => load(signal),
    loaded(value) {
      told.push(value)
      return value
    },
    failed(cause) {
      told.push('failed')
      return new Error('refused', { cause })
    },
    timeoutMs: TIMEOUT_MS,
    now,
  })
}

function isAlive({ owner, signal, answeredMs }: Load): boolean {
  return answeredMs === undefined && !signal.aborted && !owner?.hasEnded()
}

async function play({ fates, steps }: Script): Promise<Played> {
  const time = virtualTime()
  try {
    return await playOn(time, fates, steps)
  } finally {
    time.restore()
  }
}

async function playOn(time: VirtualTime, fates: readonly Fate[], steps: readonly Step[]): Promise<Played> {
  const loads: Load[] = []
  const joins: Join[] = []
  const told: string[] = []
  let [lastEndMs, stoppedMs, jumps, offsetMs] = [0, Infinity, 0, 0]

  function load(signal: AbortSignal): Promise<string> {
    const { ends, afterMs } = fates[loads.length % fates.length] as Fate
    const beside = loads.filter(isAlive)
    const made: Load = {
      value: `load-${loads.length}`,
      owner: time.current(),
      startedMs: time.nowMs(),
      signal,
      beside: beside.length,
      jumpsBeside: jumps - (beside[0]?.jumpsBefore ?? jumps),
      jumpsBefore: jumps,
    }
    loads.push(made)
    return new Promise((resolve, reject) => {
      if (ends === 'never') return
      setTimeout(() => {
        made.answeredMs = time.nowMs()
        if (ends === 'well') resolve(made.value)
        else reject(new Error('upstream'))
      }, afterMs)
    })
  }

  const loader = createLoader(load, told, () => time.nowMs() + offsetMs)

  function call({ act, kept, givesUpMs = Infinity, endsMs }: Caller): void {
    const impatience = new AbortController()
    const request = time.request({ kept, signal: givesUpMs === Infinity ? undefined : impatience.signal })
    if (givesUpMs !== Infinity) setTimeout(() => impatience.abort(), givesUpMs)
    if (endsMs !== undefined) {
      setTimeout(() => {
        lastEndMs = time.nowMs()
        request.end()
      }, endsMs)
    }
    if (act === 'nudge') return request.run(() => loader.nudge(request.context))
    const made: Join = { request, joinedMs: time.nowMs(), givesUpMs }
    joins.push(made)
    const settle = (outcome: unknown): void => void Object.assign(made, { outcome, settledMs: time.nowMs() })
    request.run(() => loader.join(request.context)).then(settle, settle)
  }

  for (const step of steps) {
    await time.advance(step.waitMs)
    if (step.act === 'jump') {
      jumps++
      offsetMs += step.byMs
    } else if (step.act === 'stop') {
      stoppedMs = Math.min(stoppedMs, time.nowMs())
      loader.stop()
    } else call(step)
  }
  await time.advance(2 * MAX_TURNS * PATIENCE_MS)
  return { loads, joins, told, lastEndMs, stoppedMs, timersLeft: time.pending() }
}

function sometimes<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 2, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })
}

const waitMs = fc.oneof(fc.constant(0), fc.nat(400), fc.nat(2_500))
const quickMs = fc.nat(900)
const fate: fc.Arbitrary<Fate> = fc.record({
  ends: fc.constantFrom('well', 'well', 'badly', 'never'),
  afterMs: fc.oneof(quickMs, fc.nat(2 * TIMEOUT_MS)),
})
const caller = {
  waitMs,
  act: fc.constantFrom('join', 'join', 'join', 'nudge'),
  kept: fc.boolean(),
  givesUpMs: sometimes(fc.nat(3_000)),
}
const patient = fc.record({ ...caller, givesUpMs: fc.constant(undefined) })
const calmStep: fc.Arbitrary<Step> = fc.record(caller)
const endsMs = sometimes(fc.nat(2_500))
const lossyStep: fc.Arbitrary<Step> = fc.record({ ...caller, endsMs })
const wildStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: lossyStep },
  {
    weight: 1,
    arbitrary: fc.record({
      waitMs,
      act: fc.constant('jump'),
      byMs: fc.constantFrom(-90_000_000, -7_000, -3_000, 3_000, 7_000, 90_000_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ waitMs, act: fc.constant('stop') }) },
)
const someFates = fc.array(fate, { minLength: 1, maxLength: 6 })
const quickFates = fc.array(fc.record({ ends: fc.constant('well'), afterMs: quickMs }), { minLength: 1, maxLength: 6 })

function scripts(step: fc.Arbitrary<Step>, fates: fc.Arbitrary<readonly Fate[]> = someFates): fc.Arbitrary<Script> {
  return fc.record({ fates, steps: fc.array(step, { minLength: 1, maxLength: 14 }) })
}

/** Plays many scripts; `claim` throws where one is not as it should be. */
async function always(script: fc.Arbitrary<Script>, claim: (played: Played) => void): Promise<void> {
  await fc.assert(
    fc.asyncProperty(script, async (one) => claim(await play(one))),
    RUNS,
  )
}

/** Whether a load that began later ended sooner. */
function isOvertaken({ answeredMs: ownMs = Infinity }: Load, later: readonly Load[]): boolean {
  return later.some(({ answeredMs = Infinity }) => answeredMs <= ownMs)
}

/** Those whose request still ran when they were to be answered. */
function living({ joins }: Played): Join[] {
  return joins.filter(({ request }) => !request.hasEnded())
}

describe.each([
  ['callers give up', calmStep],
  ['requests end', lossyStep],
  ['requests end, clocks jump and the loader is stopped', wildStep],
] as const)('while %s', (_, step) => {
  test('every caller is answered within its turns, by a load or by a typed fault', async () => {
    await always(scripts(step), (played) => {
      for (const { outcome, joinedMs, settledMs = Infinity, givesUpMs } of living(played)) {
        expect(settledMs - joinedMs).toBeLessThanOrEqual(Math.min(givesUpMs, MAX_TURNS * PATIENCE_MS))
        if (typeof outcome === 'string') continue
        expect(outcome).toBeInstanceOf(Error)
        if (outcome instanceof CallerGone) expect(settledMs - joinedMs).toBe(givesUpMs)
        else expect(outcome instanceof LoadAbandoned || (outcome as Error).message === 'refused').toBe(true)
      }
    })
  })

  test('what is served was loaded in time, and not before the caller came', async () => {
    await always(scripts(step), ({ loads, joins }) => {
      for (const { outcome, joinedMs } of joins.filter((each) => typeof each.outcome === 'string')) {
        const { startedMs, answeredMs = Infinity } = loads.find(({ value }) => value === outcome) as Load
        expect(answeredMs - startedMs).toBeLessThanOrEqual(TIMEOUT_MS)
        expect(answeredMs).toBeGreaterThanOrEqual(joinedMs)
      }
    })
  })

  test('each load is told once, unless it was lost with its request or overtaken, and leaves no timer', async () => {
    await always(scripts(step), ({ loads, told, timersLeft }) => {
      const lost = loads.filter((load, index) => load.owner?.hasEnded() || isOvertaken(load, loads.slice(index + 1)))
      expect(told.length).toBeLessThanOrEqual(loads.length)
      expect(told.length).toBeGreaterThanOrEqual(loads.length - lost.length)
      expect(new Set(told.filter((word) => word !== 'failed')).size).toBe(
        told.filter((word) => word !== 'failed').length,
      )
      expect(timersLeft).toBe(0)
    })
  })

  test('one load runs at a time; a jump of the clock may start one more', async () => {
    await always(scripts(step), ({ loads }) => {
      for (const { beside, jumpsBeside } of loads) expect(beside).toBeLessThanOrEqual(jumpsBeside)
    })
  })
})

test('where no request ends, every caller is answered within the timeout', async () => {
  await always(scripts(calmStep), ({ joins, loads }) => {
    for (const { joinedMs, settledMs = Infinity } of joins) expect(settledMs - joinedMs).toBeLessThanOrEqual(TIMEOUT_MS)
    for (const { signal, startedMs, answeredMs = Infinity } of loads) {
      expect(signal.aborted || answeredMs <= startedMs + TIMEOUT_MS).toBe(true)
    }
  })
})

test('a load that its platform keeps alive is not lost with the request that leads', async () => {
  await always(scripts(lossyStep), ({ loads }) => {
    for (const { owner, answeredMs, signal } of loads.filter((load) => load.owner?.context.waitUntil)) {
      expect(owner?.hasEnded() && answeredMs === undefined && !signal.aborted).toBeFalsy()
    }
  })
})

test('where the upstream answers soon, those who live outlast the end of four leaders', async () => {
  const mortal = fc.record({ ...caller, kept: fc.constant(false), endsMs: fc.nat(2_500) })
  const script = fc
    .tuple(fc.array(mortal, { maxLength: 4 }), fc.array(patient, { minLength: 1, maxLength: 10 }), quickFates)
    .chain(([ending, lasting, fates]) =>
      fc
        .shuffledSubarray<Step>([...ending, ...lasting], { minLength: ending.length + lasting.length })
        .map((steps) => ({ fates, steps })),
    )
  await always(script, (played) => {
    for (const { outcome, joinedMs, settledMs = Infinity, givesUpMs } of living(played)) {
      if (givesUpMs !== Infinity) continue
      expect(outcome).toMatch(/^load-/)
      // A turn in which the leader's heart still beat, one in which it did not, and a load.
      expect(settledMs - Math.max(joinedMs, played.lastEndMs)).toBeLessThanOrEqual(3 * PATIENCE_MS)
    }
  })
})

test('of many who come one after the other, one leads in place of a leader that was lost', async () => {
  const spread = fc.record({ everyMs: fc.integer({ min: 1, max: 20 }), followers: fc.integer({ min: 10, max: 49 }) })
  const lasting = fc.record({ ends: fc.constantFrom<Fate['ends'][]>('well', 'badly'), afterMs: fc.nat(50) })
  await fc.assert(
    fc.asyncProperty(spread, lasting, async ({ everyMs, followers }, next) => {
      const join = { act: 'join', kept: false } as const
      const { loads, joins } = await play({
        // Enough of them, as they are taken in turn.
        fates: [{ ends: 'never', afterMs: 0 }, ...Array.from({ length: 100 }, () => next)],
        steps: [
          { ...join, waitMs: 0, endsMs: 0 },
          ...Array.from({ length: followers }, () => ({ ...join, waitMs: everyMs })),
        ],
      })
      // All of them come before the first one loses patience: the lost load, and one in its place.
      expect(loads).toHaveLength(2)
      expect(joins.filter(({ outcome, request }) => outcome === undefined && !request.hasEnded())).toEqual([])
    }),
    RUNS,
  )
})

test('stop() refuses all who wait at once, and nothing starts by itself after it', async () => {
  const script = fc.record({
    fates: someFates,
    steps: fc.array(calmStep, { minLength: 1, maxLength: 10 }),
    stopMs: waitMs,
  })
  await fc.assert(
    fc.asyncProperty(script, async ({ fates, steps, stopMs }) => {
      const { joins, loads, stoppedMs, told } = await play({
        fates,
        steps: [...steps, { act: 'stop', waitMs: stopMs }],
      })
      for (const { settledMs } of joins) expect(settledMs).toBeLessThanOrEqual(stoppedMs)
      for (const { startedMs } of loads) expect(startedMs).toBeLessThanOrEqual(stoppedMs)
      expect(told).toHaveLength(loads.length)
    }),
    RUNS,
  )
})
