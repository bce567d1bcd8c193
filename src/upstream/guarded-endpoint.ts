import { isA } from '../faults.ts'
import type { Services } from '../parts.ts'
import { createCircuit } from './circuit.ts'
import { withoutSecrets } from './concealment.ts'
import { createConcurrencyLimit } from './concurrency-limit.ts'
import { type AskingContext, exchange, type Question } from './exchange.ts'
import { Outage, UselessAnswer } from './faults.ts'
import type { UpstreamResponse } from './messages.ts'

/** An issuer's endpoint behind a concurrency limit and a circuit breaker. */
export interface GuardedEndpoint {
  /**
   * Asks, and reads the answer. No fault repeats a secret of the context.
   * @throws {HeldBack} where it was not asked; `Outage`, `UselessAnswer`, `CannotAsk`; what `read` throws
   */
  readonly ask: <Answer>(
    question: Question & { readonly read: (response: UpstreamResponse) => Answer | Promise<Answer> },
    context: AskingContext,
  ) => Promise<Answer>
  /** Seconds after which another attempt makes sense. */
  readonly retryAfterSeconds: (fault: unknown) => number
  /** The longest that `ask` takes. */
  readonly longestMs: number
}

export interface GuardedEndpointSettings {
  /** The member of the issuer's metadata that holds the endpoint's address. */
  readonly member: string
  /** For one exchange. */
  readonly timeoutMs: number
  /** Most exchanges at once; four times as many may wait. */
  readonly maxConcurrent: number
  /** The same question may be asked twice: after a failed connection it is. */
  readonly isRepeatable: boolean
}

const MAX_WAIT_MS = 1_000
const GRACE_MS = 1_000

export function createGuardedEndpoint(
  settings: GuardedEndpointSettings,
  services: Pick<Services, 'fetch' | 'insecureHosts' | 'now' | 'tiers'>,
): GuardedEndpoint {
  const { timeoutMs, maxConcurrent } = settings
  const { now, tiers } = services
  const tiersMs = tiers?.maxWaitMs ?? 0
  const maxWaitMs = Math.min(MAX_WAIT_MS, timeoutMs)
  // A request that was lost holds its turn until it can no longer be alive.
  const leaseMs = timeoutMs + tiersMs + GRACE_MS
  const circuit = createCircuit(now, leaseMs)
  const limit = createConcurrencyLimit({ max: maxConcurrent, leaseMs, maxWaitMs, now })
  const exchangeSettings = { ...settings, ...services, tiersMs }

  /** The circuit learns of the endpoint alone: other faults say nothing of it. */
  function note(fault: unknown): void {
    if (isA(fault, Outage)) circuit.fail()
    else if (isA(fault, UselessAnswer)) circuit.succeed()
    else circuit.release()
  }

  return {
    async ask({ read, ...question }, context) {
      circuit.check()
      const endTurn = await limit.acquire(context.signal)
      try {
        circuit.enter()
        try {
          const answer = await read(await exchange(question, exchangeSettings, context))
          circuit.succeed()
          return answer
        } catch (fault) {
          note(fault)
          throw withoutSecrets(fault, context.secrets)
        }
      } finally {
        endTurn()
      }
    },

    retryAfterSeconds(fault) {
      const asked = isA(fault, UselessAnswer) ? fault.retryAfterSeconds : undefined
      return asked ?? circuit.retryAfterSeconds()
    },

    longestMs: maxWaitMs + tiersMs + timeoutMs,
  }
}
