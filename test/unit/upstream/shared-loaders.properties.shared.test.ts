import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { createSharedLoaders, type SharedLoaders, TooManyLoads } from '../../../src/upstream/shared-loaders.ts'
import { virtualTime, type VirtualRequest, type VirtualTime } from '../../fixture/virtual-time.ts'

const TIMEOUT_MS = 2_000
const MAX = 2
// As in shared-loader.ts: turns of a second each, and a second after which a load that ended nowhere is overdue.
const LONGEST_WAIT_MS = 1_000 * (2 * Math.ceil(TIMEOUT_MS / 1_000) + 2)
const OVERDUE_MS = TIMEOUT_MS + 1_000
const RUNS = { seed: 20260101, numRuns: 150 }

interface Step {
  readonly waitMs: number
  readonly act: 'join' | 'forget' | 'forgetAll'
  readonly key: string
  readonly endsMs: number | undefined
  /** What becomes of the load that the step may start. */
  readonly ends: 'well' | 'badly' | 'never'
  readonly afterMs: number
}

interface Load {
  readonly key: string
  readonly owner: VirtualRequest | undefined
  readonly signal: AbortSignal
  readonly startedMs: number
  /** When its key was last forgotten. */
  readonly forgottenMs: number
  readonly beside: readonly Load[]
  answered?: boolean
}

interface Join {
  readonly key: string
  readonly request: VirtualRequest
  readonly joinedMs: number
  readonly forgottenMs: number
  /** Loads that ran, and those that were lost so lately that nobody knows yet. */
  readonly running: number
  outcome?: unknown
  settledMs?: number
}

interface Played {
  readonly loads: Load[]
  readonly joins: Join[]
  readonly told: number
}

function createLoaders(
  load: (key: string, signal: AbortSignal) => Promise<Load>,
  tell: () => void,
  now: () => number,
): SharedLoaders<Load> {
  return createSharedLoaders<Load>({
    load: (key, signal) => load(key, signal),
    loaded(_, made) {
      tell()
      return made
    },
    failed(key, cause) {
      tell()
      return new Error(`refused ${key}`, { cause })
    },
    max: MAX,
    timeoutMs: TIMEOUT_MS,
    now,
  })
}

function isOver({ answered, signal }: Load): boolean {
  return answered === true || signal.aborted
}

function isAlive(load: Load): boolean {
  return !isOver(load) && !load.owner?.hasEnded()
}

async function play(script: readonly Step[]): Promise<Played> {
  const time = virtualTime()
  try {
    return await playOn(time, script)
  } finally {
    time.restore()
  }
}

async function playOn(time: VirtualTime, script: readonly Step[]): Promise<Played> {
  const loads: Load[] = []
  const joins: Join[] = []
  const forgotten = new Map<string, number>()
  let told = 0
  let [fate] = script

  function load(key: string, signal: AbortSignal): Promise<Load> {
    const beside = loads.filter(isAlive)
    const forgottenMs = forgotten.get(key) ?? -1
    const made: Load = { key, owner: time.current(), signal, startedMs: time.nowMs(), forgottenMs, beside }
    const { ends = 'never', afterMs = 0 } = fate ?? {}
    loads.push(made)
    return new Promise((resolve, reject) => {
      if (ends === 'never') return
      setTimeout(() => {
        made.answered = true
        if (ends === 'well') resolve(made)
        else reject(new Error('upstream'))
      }, afterMs)
    })
  }

  const loaders = createLoaders(load, () => told++, time.nowMs)

  for (const step of script) {
    await time.advance(step.waitMs)
    fate = step
    if (step.act === 'forget') {
      loaders.forget(step.key)
      forgotten.set(step.key, time.nowMs())
    } else if (step.act === 'forgetAll') {
      loaders.forgetAll()
      for (const key of KEYS) forgotten.set(key, time.nowMs())
    } else join(step)
  }
  await time.advance(2 * LONGEST_WAIT_MS)
  return { loads, joins, told }

  function join({ key, endsMs }: Step): void {
    const request = time.request()
    if (endsMs !== undefined) setTimeout(request.end, endsMs)
    const running = loads.filter((each) => !isOver(each) && time.nowMs() - each.startedMs <= OVERDUE_MS)
    const made: Join = {
      key,
      request,
      joinedMs: time.nowMs(),
      forgottenMs: forgotten.get(key) ?? -1,
      running: running.length,
    }
    joins.push(made)
    const settle = (outcome: unknown): void => void Object.assign(made, { outcome, settledMs: time.nowMs() })
    request.run(() => loaders.join(key, request.context)).then(settle, settle)
  }
}

const KEYS = ['a', 'b', 'c'] as const

function steps(acts: readonly Step['act'][], mortal: boolean): fc.Arbitrary<Step[]> {
  const step: fc.Arbitrary<Step> = fc.record({
    waitMs: fc.oneof(fc.constant(0), fc.nat(1_500)),
    act: fc.constantFrom(...acts),
    key: fc.constantFrom(...KEYS),
    endsMs: mortal
      ? fc.oneof({ weight: 2, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.nat(1_500) })
      : fc.constant(undefined),
    ends: fc.constantFrom('well', 'badly', 'never'),
    afterMs: fc.oneof(fc.nat(500), fc.nat(2 * TIMEOUT_MS)),
  })
  return fc.array(step, { minLength: 1, maxLength: 16 })
}

async function always(script: fc.Arbitrary<Step[]>, claim: (played: Played) => void): Promise<void> {
  await fc.assert(
    fc.asyncProperty(script, async (one) => {
      claim(await play(one))
    }),
    RUNS,
  )
}

const joining = steps(['join'], false)
const forgetting = steps(['join', 'join', 'join', 'forget', 'forgetAll'], false)
const mortal = steps(['join'], true)

test('every caller whose request lives is answered in time, with what its own key loads or is refused for', async () => {
  await always(steps(['join', 'join', 'join', 'forget', 'forgetAll'], true), ({ joins }) => {
    for (const { key, request, outcome, joinedMs, settledMs = Infinity } of joins) {
      if (request.hasEnded()) continue
      expect(settledMs - joinedMs).toBeLessThanOrEqual(LONGEST_WAIT_MS)
      if (!(outcome instanceof Error)) expect(outcome).toMatchObject({ key })
      else if (!(outcome instanceof TooManyLoads))
        expect(outcome.message).toMatch(new RegExp(`^(refused ${key}|no answer in time)$`))
    }
  })
})

test('one load runs for a key, no more than the bound at once, and each is told once', async () => {
  await always(joining, ({ loads, told }) => {
    for (const { key, beside } of loads) {
      expect(beside.map((other) => other.key)).not.toContain(key)
      expect(beside.length).toBeLessThan(MAX)
    }
    expect(told).toBe(loads.length)
  })
})

test('a key is turned away only while the bound is used up, by loads that may be alive', async () => {
  await always(mortal, ({ joins }) => {
    for (const { outcome, running } of joins) {
      if (outcome instanceof TooManyLoads) expect(running).toBeGreaterThanOrEqual(MAX)
    }
  })
})

test('nobody is given what was being loaded when its key was forgotten, and one load runs for it since', async () => {
  await always(forgetting, ({ joins, loads }) => {
    for (const { key, forgottenMs, beside } of loads) {
      for (const other of beside.filter((each) => each.key === key)) {
        expect(other.startedMs).toBeLessThanOrEqual(forgottenMs)
      }
    }
    for (const { outcome, joinedMs, forgottenMs } of joins) {
      if (!outcome || outcome instanceof Error || joinedMs < forgottenMs) continue
      expect((outcome as Load).startedMs).toBeGreaterThanOrEqual(forgottenMs)
    }
  })
})
