import { BearwardError, messageOf, nameOf, quote } from '../errors.ts'
import type { IntrospectionSettings } from '../options/introspection.ts'
import { type JsonObject, strictCopy } from '../parse/json.ts'
import type { BearwardEvent, CallContext, Issuer } from '../pipeline.ts'
import { CannotAsk, UselessAnswer } from './answer.ts'
import { CircuitOpen, createCircuit } from './circuit.ts'
import type { IntrospectionDialect, IntrospectionResponse } from '../options/introspection-contract.ts'
import { rfc7662 } from './dialects.ts'
import { askEndpoint, type EndpointSettings, Outage } from './endpoint.ts'
import { readSignedResponse, rfc9701Request } from './signed-response.ts'
import { createSlots, NoFreeSlot } from './slots.ts'

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
    context: CallContext & { readonly signal: AbortSignal },
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
  const leaseMs = options.timeoutMs + settings.shared.patienceMs + 1_000
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
          : readWith(dialect, response)
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
      if (!heldBack) emit({ type: 'introspection_failed', issuer: identifier, message: error.message, outage })
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
  const message = `issuer "${identifier}" cannot be asked about the token: ${messageOf(cause)}`
  return new BearwardError('issuer_unavailable', message, { cause, retryAfterSeconds })
}

function readWith(dialect: IntrospectionDialect, response: IntrospectionResponse): JsonObject {
  let answer: JsonObject
  try {
    answer = dialect.read(response)
  } catch (cause) {
    if (cause instanceof UselessAnswer) throw cause
    // Not in its own words: a parser quotes the body, and a body may repeat the token.
    throw new UselessAnswer(`dialect ${quote(dialect.name)} cannot read its answer: ${nameOf(cause)}`)
  }
  // A copy of our own, frozen: what a dialect hands out it may change later.
  const copy = dialect === rfc7662 ? answer : strictCopy(answer)
  if (!copy) throw new UselessAnswer(`dialect ${quote(dialect.name)} made no JSON object of its answer`)
  return copy
}

function retryAfter(cause: unknown, circuitMs: number): number {
  if (cause instanceof UselessAnswer && cause.retryAfterSeconds !== undefined) return cause.retryAfterSeconds
  return Math.max(1, Math.ceil(circuitMs / 1000))
}
