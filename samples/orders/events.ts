// What the operator of the API should read in its log.

import type { BearwardEvent } from 'bearward'

const QUIET: readonly BearwardEvent['type'][] = ['keys_loaded', 'token_refused', 'operation_denied']

/** Logs what goes wrong between this API and its issuers, and not what callers do wrong. Events hold no token and no secret. */
export function logEvent(event: BearwardEvent): void {
  if (!QUIET.includes(event.type)) console.warn(JSON.stringify(event))
}
