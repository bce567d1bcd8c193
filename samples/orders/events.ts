// The events that the operator needs in the log.

import type { BearwardEvent } from 'bearward'

const QUIET: readonly BearwardEvent['type'][] = ['keys_loaded', 'token_refused', 'operation_denied']

/** Logs the problems between this API and its issuers, not the mistakes of callers. Events hold no token and no secret. */
export function logEvent(event: BearwardEvent): void {
  if (!QUIET.includes(event.type)) console.warn(JSON.stringify(event))
}
