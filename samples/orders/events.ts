// What the operator of the API should read in its log.

import type { BearwardEvent } from 'bearward'

/** Logs what goes wrong between this API and its issuers, and not what callers do wrong. Events hold no token and no secret. */
export function logEvent(event: BearwardEvent): void {
  if (event.type !== 'keys_loaded' && event.type !== 'token_refused') console.warn(JSON.stringify(event))
}
