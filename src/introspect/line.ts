import { BearwardError, messageOf } from '../errors.ts'
import type { IntrospectionSettings } from '../options/introspection.ts'
import type { JsonObject } from '../parse/json.ts'
import type { BearwardEvent, Issuer } from '../pipeline.ts'
import { LoadAbandoned } from '../upstream/shared-loader.ts'
import { UselessAnswer } from './answer.ts'
import { CircuitOpen, createCircuit } from './circuit.ts'
import { type IntrospectionResponse, rfc7662 } from './dialects.ts'
import { askEndpoint, type EndpointSettings, Outage, Throttled } from './endpoint.ts'
import { readSignedResponse, rfc9701Request } from './signed-response.ts'
import { createSlots, NoFreeSlot } from './slots.ts'

/** The line to one issuer's endpoint: limited, cut while the endpoint is down. */
export interface Line {
  /** Asks about a token and reads the answer. What it throws is for `failed` to judge. */
  readonly ask: (token: string, signal: AbortSignal) => Promise<JsonObject>
  /** Is told of an answer that was of use. */
  readonly answered: () => void
  /** Is told of every failure once; says what callers are refused with. */
  readonly failed: (cause: unknown) => BearwardError
  /** Whether a refusal came of an outage and says nothing about the token. */
  readonly isOutage: (error: BearwardError) => boolean
}

export interface LineSettings extends EndpointSettings {
  readonly resource: string
  readonly clockToleranceSeconds: number
  readonly emit: (event: BearwardEvent) => void
}

export function createLine(issuer: Issuer, options: IntrospectionSettings, settings: LineSettings): Line {
  const { timeoutMs, maxConcurrent, dialect = rfc7662, signedResponse } = options
  const { now, emit } = settings
  // What a lost request held comes free when it could no longer be alive.
  const leaseMs = timeoutMs + 1_000
  const circuit = createCircuit(now, leaseMs)
  const slots = createSlots({ max: maxConcurrent, leaseMs, maxWaitMs: timeoutMs, now })
  const spoken = signedResponse ? { ...dialect, request: rfc9701Request } : dialect
  const outages = new WeakSet<BearwardError>()

  async function exchange(token: string, signal: AbortSignal): Promise<IntrospectionResponse> {
    circuit.enter()
    const release = await slots.take()
    try {
      return await askEndpoint(token, issuer, options, spoken, settings, signal)
    } finally {
      release()
    }
  }

  return {
    async ask(token, signal) {
      const response = await exchange(token, signal)
      if (signedResponse) return readSignedResponse(response, issuer, signedSettings(), signal)
      try {
        return dialect.read(response)
      } catch (cause) {
        // A dialect may throw what it likes; it is the answer that is at fault.
        throw new UselessAnswer(messageOf(cause), { cause })
      }
    },

    answered: circuit.succeed,

    failed(cause) {
      if (cause instanceof BearwardError) return cause
      const outage = cause instanceof Outage || cause instanceof LoadAbandoned
      const heldBack = cause instanceof CircuitOpen || cause instanceof NoFreeSlot
      if (outage) circuit.fail()
      else if (!heldBack) circuit.succeed()
      const error = unavailable(issuer, cause, retryAfter(cause, circuit.remainingMs()))
      if (outage || heldBack) outages.add(error)
      if (!heldBack) emit({ type: 'introspection_failed', issuer: issuer.identifier, message: error.message, outage })
      return error
    },

    isOutage: (error) => outages.has(error),
  }

  function signedSettings() {
    const { auth } = options
    const clientId = auth === 'none' ? undefined : auth.clientId
    return {
      audience: [settings.resource, ...(issuer.audience ?? []), ...(clientId === undefined ? [] : [clientId])],
      nowMs: now(),
      clockToleranceSeconds: settings.clockToleranceSeconds,
    }
  }
}

/** The refusal of a token about which nothing could be learnt. */
export function unavailable({ identifier }: Issuer, cause: unknown, retryAfterSeconds = 1): BearwardError {
  const message = `issuer "${identifier}" cannot be asked about the token: ${messageOf(cause)}`
  return new BearwardError('issuer_unavailable', message, { cause, retryAfterSeconds })
}

function retryAfter(cause: unknown, circuitMs: number): number {
  if (cause instanceof Throttled) return cause.retryAfterSeconds
  return Math.max(1, Math.ceil(circuitMs / 1000))
}
