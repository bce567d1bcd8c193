import { goodClaims, signingKey, signToken } from '../../test/fixture/issuer.ts'
import {
  bundleIntrospectionWorker,
  type IntrospectionIsolate,
  startIntrospectionIsolate,
} from '../../test/workers/introspection-isolate.ts'
import { bundleTestWorker, type Isolate, startIsolate } from '../../test/workers/isolate.ts'
import { bySize, countOf, type Line, type Measure, pause, tally } from '../line.ts'
import { LIBRARY } from '../workerd.ts'

const PATHS = ['/orders', '/orders?waitUntil']
const FEW_FETCHES = 5

/** Many requests, each with its own I/O context, in one isolate. */
export const isolateLines: readonly Line[] = [
  {
    name: '200 concurrent first requests in one isolate',
    goal: 'all accepted, none hangs, <= 5 fetches',
    runtime: 'workerd',
    async run(proof) {
      const outcomes: string[] = []
      let most = 0
      for (let round = 0; round < bySize(proof, 10, 1); round++) {
        await inIsolate(async ({ upstream, ask, asked }) => {
          upstream.delayMs = 50
          const tokens = await Promise.all(Array.from({ length: 200 }, (_, index) => freshToken(index)))
          const answers = await Promise.all(tokens.map((token, index) => settled(ask(token, PATHS[index % 2]))))
          outcomes.push(...answers)
          most = Math.max(most, asked.length)
        })
      }
      return judged(outcomes, `${most} fetches`, most <= FEW_FETCHES)
    },
  },
  {
    name: '200 concurrent first requests, the leader resets its connection',
    goal: 'everyone else answered, <= 5 fetches',
    runtime: 'workerd',
    async run(proof) {
      const outcomes: string[] = []
      let most = 0
      for (let round = 0; round < bySize(proof, 6, 2); round++) {
        await inIsolate(async ({ upstream, ask, asked, send }) => {
          upstream.delayMs = 1_000
          const path = PATHS[round % 2] ?? ''
          const leader = send(await freshToken(0), path)
          await until(() => asked.length === 1)
          const tokens = await Promise.all(Array.from({ length: 200 }, (_, index) => freshToken(index + 1)))
          const waiting = tokens.map((token) => settled(ask(token, path)))
          await pause(200)
          leader.resetAndDestroy()
          outcomes.push(...(await Promise.all(waiting)))
          outcomes.push(await settled(ask(await freshToken(201), path)))
          most = Math.max(most, asked.length)
        })
      }
      return judged(outcomes, `${most} fetches`, most <= FEW_FETCHES)
    },
  },
  {
    name: 'introspection: 1,000 concurrent on one token, each a request of its own',
    goal: '1 call',
    runtime: 'workerd',
    async run(proof) {
      const outcomes: string[] = []
      let most = 0
      for (let round = 0; round < bySize(proof, 5, 1); round++) {
        await inIntrospectionIsolate(async ({ endpoint, ask, asked }) => {
          endpoint.delayMs = 200
          const waiting = Array.from({ length: 1_000 }, (_, index) =>
            settled(ask('one-opaque-token', PATHS[index % 2])),
          )
          outcomes.push(...(await Promise.all(waiting)))
          most = Math.max(most, asked.length)
        })
      }
      return judged(outcomes, `${most} call`, most === 1)
    },
  },
]

let worker: Promise<string> | undefined
let introspectionWorker: Promise<string> | undefined

export async function inIsolate<T>(run: (isolate: Isolate) => Promise<T>): Promise<T> {
  worker ??= bundleTestWorker(LIBRARY)
  const isolate = await startIsolate(await worker, [(await signingKey()).jwk])
  return run(isolate).finally(isolate.dispose)
}

async function inIntrospectionIsolate(run: (isolate: IntrospectionIsolate) => Promise<void>): Promise<void> {
  introspectionWorker ??= bundleIntrospectionWorker(LIBRARY)
  const isolate = await startIntrospectionIsolate(await introspectionWorker)
  return run(isolate).finally(isolate.dispose)
}

/** A token by the real clock, as workerd has its own clock. */
export function freshToken(index: number): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  return signToken(goodClaims({ jti: `token-${index}`, iat: now - 10, exp: now + 3_600 }))
}

/** The code of the answer, or `hangs`. */
async function settled(answer: Promise<{ readonly code: string }>): Promise<string> {
  try {
    return (await answer).code
  } catch (error) {
    return error instanceof Error && error.name === 'TimeoutError' ? 'hangs' : 'breaks off'
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition() && waited < 5_000; waited += 10) await pause(10)
}

function judged(outcomes: readonly string[], measured: string, met: boolean): Measure {
  return {
    measured: `${tally(outcomes)}, at most ${measured}`,
    samples: outcomes.length,
    met: met && countOf(outcomes, 'accepted') === outcomes.length,
  }
}
