import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BearwardError } from '../../../../src/errors.ts'
import type { LoadKeys } from '../../../../src/parts.ts'
import { createKeySet, type KeySet, type KeySetSettings } from '../../../../src/stages/issuer/key-set.ts'
import type { KeySnapshot, VerificationKey } from '../../../../src/pipeline.ts'
import { ISSUER } from '../../../fixture/issuer.ts'
import { virtualTime, type VirtualRequest, type VirtualTime } from '../../../fixture/virtual-time.ts'

const TIMING = { refreshMs: 60_000, maxStaleMs: 300_000, cooldownMs: 30_000, timeoutMs: 2_000 }
const REFRESH_FROM_MS = 0.8 * TIMING.refreshMs
const LONGEST_BACK_OFF_MS = 30_000
// As in shared-loader.ts: turns of a second each.
const LONGEST_WAIT_MS = 1_000 * (2 * Math.ceil(TIMING.timeoutMs / 1_000) + 2)
const RUNS = { seed: 20260101, numRuns: 80 }

/** How the issuer behaves from now on. It publishes one key at a time, named by its number. */
interface Mood {
  readonly act: 'mood'
  readonly ends: 'well' | 'badly' | 'never'
  readonly afterMs: number
}

/** `renewed` asks for newer keys than the current ones, as for a token that these do not verify. */
interface Call {
  readonly act: 'current' | 'renewed' | 'holds'
  readonly kept: boolean
  readonly givesUpMs?: number | undefined
  readonly endsMs?: number | undefined
}

interface Jump {
  readonly act: 'jump'
  readonly byMs: number
}

type Step = { readonly waitMs: number } & (Mood | Call | Jump | { readonly act: 'rotate' } | { readonly act: 'stop' })

/** The key that the newest success brought, when, and what failed since. */
interface AtHand {
  readonly key: number
  readonly loadedMs: number
  /** Attempts in a row that failed, to the newest. */
  readonly failures: number
  /** When the next attempt may start at the earliest. */
  readonly dueMs: number
}

interface Load {
  readonly startedMs: number
  readonly by: Call['act']
  readonly before: AtHand
}

interface Asked {
  readonly act: Call['act']
  readonly request: VirtualRequest
  readonly askedMs: number
  readonly givesUpMs: number
  /** What was at hand as the call came. */
  readonly before: AtHand
  readonly stopped: boolean
  /** The number of the key that was served; those of the keys that hold; an error. */
  outcome?: unknown
  settledMs?: number
  /** What was at hand as it was answered. */
  after?: AtHand
}

interface Played {
  readonly loads: Load[]
  readonly asked: Asked[]
  readonly published: number
  readonly stoppedMs: number
  readonly timersLeft: number
}

function createKeys(load: () => Promise<VerificationKey>, now: () => number, emit: KeySetSettings['emit']): KeySet {
  const loadKeys: LoadKeys = async () => ({ keys: [await load()], ignored: [], maxAgeSeconds: undefined })
  return createKeySet(loadKeys, { ...TIMING, issuer: ISSUER, now, emit })
}

function unused(): Promise<never> {
  return Promise.reject(new Error('not used'))
}

function numberIn(snapshot: KeySnapshot): number {
  return Number(snapshot.select(undefined, 'ES256')[0]?.keyId)
}

async function play(steps: readonly Step[]): Promise<Played> {
  const time = virtualTime()
  try {
    return await playOn(time, steps)
  } finally {
    time.restore()
  }
}

async function playOn(time: VirtualTime, steps: readonly Step[]): Promise<Played> {
  const loads: Load[] = []
  const asked: Asked[] = []
  const material = new Map<number, VerificationKey>()
  let mood: Pick<Mood, 'ends' | 'afterMs'> = { ends: 'well', afterMs: 10 }
  let by: Call['act'] = 'current'
  let atHand: AtHand = { key: -1, loadedMs: -Infinity, failures: 0, dueMs: 0 }
  let [published, arrived, offsetMs, stoppedMs] = [0, -1, 0, Infinity]

  function keyOf(number: number): VerificationKey {
    const identity = `${number}`
    const key = material.get(number) ?? { identity, keyId: identity, algorithms: ['ES256'], cryptoKey: unused }
    material.set(number, key)
    return key
  }

  /** Brings what was published when it was asked, so that slow answers are old. */
  async function load(): Promise<VerificationKey> {
    const { ends, afterMs } = mood
    const number = published
    loads.push({ startedMs: time.nowMs(), by, before: atHand })
    await new Promise<void>((resolve, reject) => {
      if (ends === 'never') return
      setTimeout(() => (ends === 'well' ? resolve() : reject(new Error('upstream'))), afterMs)
    })
    arrived = number
    return keyOf(number)
  }

  const keys = createKeys(
    load,
    () => time.nowMs() + offsetMs,
    (event) => {
      if (event.type === 'keys_loaded') atHand = { ...atHand, key: arrived, loadedMs: time.nowMs(), failures: 0 }
      if (event.type !== 'issuer_failed') return
      // A quarter of the delay is left to chance.
      const delayMs = 0.75 * Math.min(LONGEST_BACK_OFF_MS, 1_000 * 2 ** atHand.failures)
      atHand = { ...atHand, failures: atHand.failures + 1, dueMs: time.nowMs() + delayMs }
    },
  )

  async function answer(act: Call['act'], request: VirtualRequest): Promise<unknown> {
    const { context } = request
    by = 'current'
    if (act === 'holds')
      return [...material].filter(([, key]) => keys.stillHolds(key, context)).map(([number]) => number)
    const snapshot = await keys.current(context)
    if (act === 'current') return numberIn(snapshot)
    by = 'renewed'
    // What it waited for may have come with another request's I/O; it goes on as itself.
    return numberIn((await request.run(() => keys.renewed(snapshot, context))) ?? snapshot)
  }

  function call({ act, kept, givesUpMs = Infinity, endsMs }: Call): void {
    const impatience = new AbortController()
    const request = time.request({ kept, signal: givesUpMs === Infinity ? undefined : impatience.signal })
    if (givesUpMs !== Infinity) setTimeout(() => impatience.abort(), givesUpMs)
    if (endsMs !== undefined) setTimeout(request.end, endsMs)
    const made: Asked = {
      act,
      request,
      askedMs: time.nowMs(),
      givesUpMs,
      before: atHand,
      stopped: stoppedMs < Infinity,
    }
    asked.push(made)
    const settle = (outcome: unknown): void =>
      void Object.assign(made, { outcome, settledMs: time.nowMs(), after: atHand })
    request.run(() => answer(act, request)).then(settle, settle)
  }

  for (const step of steps) {
    await time.advance(step.waitMs)
    if (step.act === 'mood') mood = step
    else if (step.act === 'rotate') published++
    else if (step.act === 'jump') offsetMs += step.byMs
    else if (step.act !== 'stop') call(step)
    else {
      stoppedMs = Math.min(stoppedMs, time.nowMs())
      keys.stop()
    }
  }
  await time.advance(3 * LONGEST_WAIT_MS)
  return { loads, asked, published, stoppedMs, timersLeft: time.pending() }
}

function sometimes<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 2, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })
}

const waitMs = fc.oneof(fc.constant(0), fc.nat(3_000), fc.nat(65_000), fc.nat(TIMING.maxStaleMs))
const calling = {
  waitMs,
  act: fc.constantFrom('current', 'current', 'renewed', 'holds'),
  kept: fc.boolean(),
  givesUpMs: sometimes(fc.nat(2_500)),
}
const issuerStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ waitMs, act: fc.constant('rotate') }),
  fc.record({
    waitMs,
    act: fc.constant('mood'),
    ends: fc.constantFrom('well', 'badly', 'never'),
    afterMs: fc.oneof(fc.nat(300), fc.nat(2 * TIMING.timeoutMs)),
  }),
)
const jumping = (...byMs: number[]): fc.Arbitrary<Step> =>
  fc.record({ waitMs, act: fc.constant('jump'), byMs: fc.constantFrom(...byMs) })

function stepsOf(call: fc.Arbitrary<Step>, jump?: fc.Arbitrary<Step>): fc.Arbitrary<Step[]> {
  const step = fc.oneof(
    { weight: 6, arbitrary: call },
    { weight: 3, arbitrary: issuerStep },
    ...(jump ? [{ weight: 3, arbitrary: jump }] : []),
  )
  return fc.array(step, { minLength: 1, maxLength: 20 })
}

const mortal = fc.record({ ...calling, endsMs: sometimes(fc.nat(2_500)) })
const YEARS_MS = 3e11
const calm = stepsOf(fc.record(calling))
const lossy = stepsOf(mortal)
const leaping = stepsOf(mortal, jumping(4_000, 100_000, 90_000_000, YEARS_MS))
const wild = stepsOf(mortal, jumping(-YEARS_MS, -90_000_000, -100_000, -4_000, 4_000, 100_000, 90_000_000, YEARS_MS))

/** Plays many scripts; `claim` throws where one is not as it should be. */
async function always(script: fc.Arbitrary<Step[]>, claim: (played: Played) => void): Promise<void> {
  await fc.assert(
    fc.asyncProperty(script, async (steps) => {
      claim(await play(steps))
    }),
    RUNS,
  )
}

describe.each([
  ['callers give up', calm],
  ['requests end', lossy],
  ['requests end and the clock leaps ahead', leaping],
  ['requests end and the clock jumps to and fro', wild],
] as const)('while %s', (name, script) => {
  test('every caller is answered in time, with keys or with a typed refusal', async () => {
    await always(script, ({ asked, timersLeft }) => {
      for (const { act, request, outcome, askedMs, settledMs = Infinity, givesUpMs } of asked) {
        if (request.hasEnded()) continue
        const waits = act === 'renewed' ? 2 : 1
        expect(settledMs - askedMs).toBeLessThanOrEqual(Math.min(givesUpMs, waits * LONGEST_WAIT_MS))
        if (act !== 'holds' && typeof outcome !== 'number') {
          expect(outcome).toBeInstanceOf(BearwardError)
          expect(outcome).toMatchObject({ code: 'issuer_unavailable' })
        }
      }
      expect(timersLeft).toBe(0)
    })
  })

  test('an issuer that is well again is believed soon', async () => {
    // As long as it takes until what is at hand has grown old and the back-off is over.
    const calls = (TIMING.refreshMs + LONGEST_BACK_OFF_MS) / 5_000 + 1
    const epilogue: Step[] = [
      { waitMs: 0, act: 'mood', ends: 'well', afterMs: 10 },
      ...Array.from({ length: calls }, (): Step => ({ waitMs: 5_000, act: 'current', kept: false })),
    ]
    await always(
      script.map((steps) => [...steps, ...epilogue]),
      ({ asked, published }) => {
        expect(asked.at(-1)?.outcome).toBe(published)
      },
    )
  })

  if (name.endsWith('to and fro')) return

  test('no key is served that was too old as the call came', async () => {
    await always(script, ({ asked }) => {
      for (const { act, outcome, askedMs, before, after } of asked) {
        const ageMs = askedMs - before.loadedMs
        if (act === 'holds' && ageMs >= TIMING.maxStaleMs) expect(outcome).toEqual([])
        if (typeof outcome !== 'number' || !after) continue
        expect(ageMs < TIMING.maxStaleMs || after.loadedMs >= askedMs).toBe(true)
      }
    })
  })

  test('no key is served that a refresh took away, and none that is due for one but while the issuer fails', async () => {
    await always(script, ({ asked }) => {
      for (const { act, request, outcome, askedMs, givesUpMs, before, after } of asked) {
        const ageMs = askedMs - before.loadedMs
        if (act === 'holds') {
          expect([[], [before.key]]).toContainEqual(outcome)
          if (ageMs >= TIMING.refreshMs && before.failures === 0) expect(outcome).toEqual([])
        }
        if (typeof outcome !== 'number' || !after) continue
        expect(outcome).toBeGreaterThanOrEqual(before.key)
        if (ageMs < TIMING.refreshMs || givesUpMs !== Infinity || request.hasEnded()) continue
        expect(before.failures > 0 || after.failures > 0 || after.loadedMs >= askedMs).toBe(true)
      }
    })
  })
})

test('no load starts before its time: the back-off after a failure, four fifths of freshness, the cooldown', async () => {
  await always(calm, ({ loads }) => {
    let lastExtraMs = -Infinity
    for (const { startedMs, by, before } of loads) {
      if (before.failures > 0) expect(startedMs).toBeGreaterThanOrEqual(before.dueMs)
      else if (startedMs - before.loadedMs < REFRESH_FROM_MS) {
        expect(by).toBe('renewed')
        expect(startedMs - lastExtraMs).toBeGreaterThanOrEqual(TIMING.cooldownMs)
      }
      if (by === 'renewed') lastExtraMs = startedMs
    }
  })
})

test('keys that are fresh serve without a load, verified tokens included', async () => {
  await always(calm, ({ asked }) => {
    for (const { act, outcome, askedMs, settledMs, before } of asked) {
      if (askedMs - before.loadedMs >= REFRESH_FROM_MS || act === 'renewed') continue
      expect([outcome, settledMs]).toEqual([act === 'holds' ? [before.key] : before.key, askedMs])
    }
  })
})

test('after stop() no load starts and nothing is served to who comes then', async () => {
  const script = fc.tuple(calm, waitMs, calm).map(([before, stopMs, after]): Step[] => {
    return [...before, { act: 'stop', waitMs: stopMs }, ...after]
  })
  await always(script, ({ asked, loads, stoppedMs, timersLeft }) => {
    for (const { startedMs } of loads) expect(startedMs).toBeLessThanOrEqual(stoppedMs)
    for (const { act, outcome, stopped } of asked) {
      if (stopped && act !== 'holds') expect(outcome).toMatchObject({ code: 'issuer_unavailable' })
      if (stopped && act === 'holds') expect(outcome).toEqual([])
    }
    expect(timersLeft).toBe(0)
  })
})
