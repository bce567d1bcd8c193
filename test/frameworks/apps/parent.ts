// What an app tells the test that started it.

import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Messages {
  readonly port: number
  /** An error that escapes from the handler next. */
  readonly refusal: { readonly code: string; readonly detail: string }
  /** The type and the value of an exception that Sentry sends. */
  readonly sentry: { readonly type: string; readonly value: string }
  /** Sentry has sent what it had. */
  readonly flushed: true
}

export function tell<Kind extends keyof Messages>(kind: Kind, content: Messages[Kind]): void {
  process.send?.({ kind, content })
}

/** Tells where the server listens. */
export function tellPort(server: Pick<Server, 'address'>): void {
  tell('port', (server.address() as AddressInfo).port)
}

// Whatever ends the test ends the app.
process.on('disconnect', () => process.exit())
