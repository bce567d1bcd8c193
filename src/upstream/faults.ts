import { Fault } from '../faults.ts'

/** The endpoint did not answer, or answered that it is broken. Its circuit breaker counts these. */
export class Outage extends Fault {}

/** The endpoint's answer cannot be used. The issuer is at fault, never the caller. */
export class UselessAnswer extends Fault {
  /** Seconds after which the issuer wants the next request, where it said so. */
  readonly retryAfterSeconds: number | undefined

  constructor(message: string, options: { readonly retryAfterSeconds?: number | undefined } = {}) {
    super(message)
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

/** Our own credentials or settings keep us from asking. It says nothing about the endpoint. */
export class CannotAsk extends Fault {}

/** The endpoint was not asked: it is down, or too many requests run. */
export class HeldBack extends Fault {}
