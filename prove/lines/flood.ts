import { junkToken } from '../junk.ts'
import { bySize, type Line, type Measure, pause, percentile, type Proof } from '../line.ts'
import { heldBytes } from '../memory.ts'
import { inNodeWorld, type NodeWorld } from '../node-world.ts'
import { codeOf, createScene, type Scene } from '../scene.ts'

const WINDOW_MS = 1_000
const GOOD_PER_SECOND = 250
const MEGABYTE = 1_024 * 1_024
const KINDS = ['cached', 'verified anew'] as const

/** A flood in real time: seconds with it and seconds without take turns, with the same good requests in both. */
export const floodLines: readonly Line[] = [
  {
    name: '100,000 distinct unknown kids in a minute: memory and latency (wall time)',
    goal: '<= 3 fetches, <= 1 MB held, good ones accepted, p99 <= 2 x baseline',
    runtime: 'node',
    run: (proof) => inNodeWorld(proof, (world) => flood(proof, world)),
  },
]

type Latencies = Record<(typeof KINDS)[number], number[]>

/** The p99 of one second, in milliseconds. */
interface Second extends Record<'all' | (typeof KINDS)[number], number> {
  readonly flooded: boolean
}

async function flood(proof: Proof, world: NodeWorld): Promise<Measure> {
  const scene = await createScene(world, { now: Date.now })
  const windows = bySize(proof, 60, 4)
  const junkPerWindow = Math.ceil(bySize(proof, 100_000, 6_000) / (windows / 2))
  const tokens = await Promise.all(Array.from({ length: 100 }, () => scene.token()))
  const seconds: Second[] = []
  let wrong = 0
  let junkCount = 0

  async function oneWindow(flooded: boolean): Promise<void> {
    const junk = flooded
      ? Array.from({ length: junkPerWindow }, () => junkToken(scene.upstream.issuer, junkCount++))
      : []
    const latencies: Latencies = { cached: [], 'verified anew': [] }
    wrong += await runWindow(scene, proof, junk, tokens, latencies)
    const p99 = (...kinds: (typeof KINDS)[number][]): number =>
      percentile(
        kinds.flatMap((kind) => latencies[kind]),
        0.99,
      )
    seconds.push({ flooded, all: p99(...KINDS), cached: p99('cached'), 'verified anew': p99('verified anew') })
  }

  // Warms up the engine and the caches, loads the keys, spends the extra fetch.
  for (const flooded of [true, false, true, false]) await oneWindow(flooded)
  seconds.length = 0
  junkCount = 1_000_000
  const [callsBefore, heldBefore] = [scene.upstream.calls.length, await heldBytes()]
  for (let window = 0; window < windows; window++) await oneWindow(window % 2 === 1)
  const samples = junkCount - 1_000_000
  const fetches = scene.upstream.calls.length - callsBefore
  const held = (await heldBytes()) - heldBefore
  const ratio = medianOf(seconds, 'all', true) / medianOf(seconds, 'all', false)
  const p99 = (['all', ...KINDS] as const).map(
    (what) => `${what} ${medianOf(seconds, what, true).toFixed(2)} and ${medianOf(seconds, what, false).toFixed(2)} ms`,
  )
  return {
    measured: `${fetches} fetches, ${(held / MEGABYTE).toFixed(2)} MB held, ${wrong} answered wrongly, p99 with and without (medians of seconds): ${ratio.toFixed(2)} x (${p99.join('; ')})`,
    samples,
    met: fetches <= 3 && held <= MEGABYTE && wrong === 0 && ratio <= 2,
  }
}

function medianOf(seconds: readonly Second[], what: keyof Omit<Second, 'flooded'>, flooded: boolean): number {
  return percentile(
    seconds.filter((second) => second.flooded === flooded).map((second) => second[what]),
    0.5,
  )
}

/** Sends junk and good tokens evenly over one window. Returns the number of wrong answers. */
async function runWindow(
  { api }: Scene,
  { emitted }: Proof,
  junk: readonly string[],
  tokens: readonly string[],
  latencies: Latencies,
): Promise<number> {
  const pending: Promise<void>[] = []
  let wrong = 0
  async function sendJunk(token: string, index: number): Promise<void> {
    try {
      await api.verify(token)
      wrong++
    } catch (error) {
      if (codeOf(error) !== 'key_unknown') wrong++
      // A search of every one would be too much load.
      if (index % 50 === 0) emitted.refusal(api, error, token)
    }
  }
  async function sendGood(index: number, dueMs: number): Promise<void> {
    const token = tokens[index % tokens.length] ?? ''
    const kind = KINDS[Math.floor(index / tokens.length) % 2] ?? 'cached'
    if (kind === 'verified anew') await api.invalidate(token)
    try {
      await api.verify(token)
    } catch {
      wrong++
    }
    latencies[kind].push(performance.now() - dueMs)
  }

  const startMs = performance.now()
  let sentJunk = 0
  let sentGood = 0
  for (let passed = 0; passed < WINDOW_MS; passed = performance.now() - startMs) {
    const dueJunk = (passed / WINDOW_MS) * junk.length
    const dueGood = (passed / 1_000) * GOOD_PER_SECOND
    // Half of the due junk goes before the good token.
    const first = Math.ceil((dueJunk - sentJunk) / 2) + sentJunk
    for (; sentJunk < first; sentJunk++) pending.push(sendJunk(junk[sentJunk] ?? '', sentJunk))
    for (; sentGood < dueGood; sentGood++) {
      // Counts from the due time, so that a request that the flood delays is late too.
      pending.push(sendGood(sentGood, startMs + (sentGood * 1_000) / GOOD_PER_SECOND))
    }
    for (; sentJunk < dueJunk; sentJunk++) pending.push(sendJunk(junk[sentJunk] ?? '', sentJunk))
    await pause(1)
  }
  for (; sentJunk < junk.length; sentJunk++) pending.push(sendJunk(junk[sentJunk] ?? '', sentJunk))
  await Promise.all(pending)
  return wrong
}
