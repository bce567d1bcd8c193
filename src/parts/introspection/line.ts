import { BearwardError, quote } from '../../errors.ts'
import { describeFault, isA } from '../../faults.ts'
import { isAsync } from '../../runtime/thenable.ts'
import type { IntrospectionSettings } from './options.ts'
import { type JsonObject, strictCopy } from '../../parse/json.ts'
import type { BearwardEvent, Issuer } from '../../pipeline.ts'
import { CannotAsk, Outage, UselessAnswer } from '../../upstream/faults.ts'
import { CircuitOpen, createCircuit } from '../../upstream/circuit.ts'
import type { UpstreamResponse } from '../../upstream/messages.ts'
import type { IntrospectionDialect } from './dialect.ts'
import { rfc7662 } from './dialects.ts'
import { askEndpoint, type AskingContext, type EndpointSettings } from '../../upstream/exchange.ts'
import { readSignedResponse, rfc9701Request } from './signed-response.ts'
import { createSlots, NoFreeSlot } from '../../upstream/concurrency-limit.ts'

/** An answer, and how much of it there is. */
export interface Answer {
  readonly claims: JsonObject
  readonly bytes: number
}

/** The line to one issuer's endpoint: limited, cut while the endpoint is down. */
export interface Line {
  /** Asks about a token and reads the answer. What it throws is for `failed` to judge. */
  readonly ask: (
    token: string,
    issuer: Issuer,
    options: IntrospectionSettings,
    context: AskingContext,
  ) => Promise<Answer>
  /** Is told of an answer that was of use. */
  readonly answered: () => void
  /** Is told of every failure once; says what callers are refused with. */
  readonly failed: (cause: unknown) => BearwardError
  /** Whether a refusal came of the endpoint's outage and says nothing about the token. */
  readonly isOutage: (error: BearwardError) => boolean
}

export interface LineSettings extends EndpointSettings {
  readonly resource: string
  readonly clockToleranceSeconds: number
  readonly emit: (event: BearwardEvent) => void
}

/** How long a request may wait for its turn. */
export function maxWaitMs({ timeoutMs }: IntrospectionSettings): number {
  return Math.min(1_000, timeoutMs)
}

export function createLine(identifier: string, options: IntrospectionSettings, settings: LineSettings): Line {
  const { now, emit } = settings
  // What a lost request held comes free when it could no longer be alive.
  const leaseMs = options.timeoutMs + (settings.tiers?.maxWaitMs ?? 0) + 1_000
  const circuit = createCircuit(now, leaseMs)
  const slots = createSlots({ max: options.maxConcurrent, leaseMs, maxWaitMs: maxWaitMs(options), now })
  const outages = new WeakSet<BearwardError>()

  return {
    async ask(token, issuer, { signedResponse, ...present }, context) {
      const { signal } = context
      // Without its keys a signed answer is of no use: then the endpoint need not be asked.
      if (signedResponse) await issuer.keys.current(context)
      circuit.check()
      const release = await slots.take(signal)
      try {
        circuit.enter()
        const dialect = present.dialect ?? (signedResponse ? { ...rfc7662, request: rfc9701Request } : rfc7662)
        const response = await askEndpoint(token, issuer, { ...present, dialect }, settings, context)
        const claims = signedResponse
          ? await readSignedResponse(response, issuer, signedSettings(issuer, present), signal)
          : readWith(dialect, response, context.secrets)
        return { claims, bytes: response.body.length }
      } finally {
        release()
      }
    },

    answered: circuit.succeed,

    failed(cause) {
      if (cause instanceof BearwardError) return cause
      const outage = cause instanceof Outage
      if (outage) circuit.fail()
      else if (cause instanceof UselessAnswer) circuit.succeed()
      else if (cause instanceof CannotAsk) circuit.release()
      const error = unavailable(identifier, cause, retryAfter(cause, circuit.remainingMs()))
      // Only the endpoint's own silence: a queue here, however it came about, must not revive old answers.
      if (outage || cause instanceof CircuitOpen) outages.add(error)
      const heldBack = cause instanceof CircuitOpen || cause instanceof NoFreeSlot
      if (!heldBack) emit({ type: 'introspection_failed', issuer: identifier, detail: error.detail, outage })
      return error
    },

    isOutage: (error) => outages.has(error),
  }

  function signedSettings({ audience }: Issuer, { auth }: Pick<IntrospectionSettings, 'auth'>) {
    const clientId = auth === 'none' ? undefined : auth.clientId
    return {
      audience: [settings.resource, ...(audience ?? []), ...(clientId === undefined ? [] : [clientId])],
      nowMs: now(),
      clockToleranceSeconds: settings.clockToleranceSeconds,
    }
  }
}

/** The refusal of a token about which nothing could be learnt. */
export function unavailable(identifier: string, cause: unknown, retryAfterSeconds = 1): BearwardError {
  const detail = `issuer "${identifier}" cannot be asked about the token: ${describeFault(cause)}`
  return new BearwardError('issuer_unavailable', detail, { retryAfterSeconds })
}

function readWith(dialect: IntrospectionDialect, response: UpstreamResponse, secrets: readonly string[]): JsonObject {
  const named = `dialect ${quote(dialect.name)}`
  const answered = `an answer with status ${response.status}`
  let answer: JsonObject
  try {
    answer = dialect.read(response)
    if (isAsync(answer))
      throw new UselessAnswer(`${named} read ${answered} and returned a promise: \`read\` answers at once`)
  } catch (cause) {
    if (isA(cause, UselessAnswer)) throw cause
    throw new UselessAnswer(`${named} cannot read ${answered}: ${describeFault(cause, secrets)}`)
  }
  // A copy of our own, frozen: what a dialect hands out it may change later.
  const copy = dialect === rfc7662 ? answer : strictCopy(answer)
  if (!copy) throw new UselessAnswer(`${named} made no JSON object of ${answered}`)
  return copy
}

function retryAfter(cause: unknown, circuitMs: number): number {
  if (cause instanceof UselessAnswer && cause.retryAfterSeconds !== undefined) return cause.retryAfterSeconds
  return Math.max(1, Math.ceil(circuitMs / 1000))
}
