// The configuration of the APIs that the expectations need.

import { ordersApi, ordersResource } from './authorization-server.ts'

/** Seconds for which the APIs cache introspection answers: few, so that the demo is short. */
export const rememberedSeconds = 2

/** The environment of an API that accepts the tokens of `issuer`, opaque ones included. */
export function settingsFor(issuer: string): Record<string, string> {
  return {
    ISSUER: issuer,
    RESOURCE: ordersResource,
    // None, so that an expired token is refused at once and not ten seconds later.
    CLOCK_TOLERANCE_SECONDS: '0',
    INTROSPECTION_CLIENT_ID: ordersApi.client_id,
    INTROSPECTION_CLIENT_SECRET: ordersApi.client_secret,
    INTROSPECTION_CACHE_SECONDS: String(rememberedSeconds),
  }
}

/** The same, for an API that accepts only signed introspection answers. */
export function signedSettingsFor(issuer: string): Record<string, string> {
  return { ...settingsFor(issuer), INTROSPECTION_SIGNED: 'true' }
}
