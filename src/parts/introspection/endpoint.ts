import type { Services, SharedAnswerData } from '../../parts.ts'
import type { JsonObject } from '../../parse/json.ts'
import type { AskingContext } from '../../upstream/exchange.ts'
import { createGuardedEndpoint, type GuardedEndpoint } from '../../upstream/guarded-endpoint.ts'
import type { UpstreamResponse } from '../../upstream/messages.ts'
import type { AskedIssuer } from './asked-issuer.ts'
import { buildRequest, readResponse } from './dialect.ts'
import { rfc7662 } from './dialects.ts'
import type { IntrospectionSettings } from './options.ts'
import { readSignedResponse, rfc9701Request } from './signed-response.ts'

/** The member of an issuer's metadata that holds the address. @see RFC 8414 §2 */
export const ENDPOINT_MEMBER = 'introspection_endpoint'

type ReadingServices = Pick<Services, 'resource' | 'clockToleranceSeconds' | 'now'>

export function createIntrospectionEndpoint(
  { timeoutMs, maxConcurrent }: IntrospectionSettings,
  services: Services,
): GuardedEndpoint {
  // A question about a token changes nothing at the issuer, so it may be asked twice.
  return createGuardedEndpoint({ member: ENDPOINT_MEMBER, timeoutMs, maxConcurrent, isRepeatable: true }, services)
}

/**
 * Asks an issuer's endpoint about a token, in its dialect, and returns the claims that it answers.
 *
 * @throws as `GuardedEndpoint.ask`; issuer_unavailable, where the keys for a signed answer are missing
 */
export async function askAbout(
  token: string,
  asked: AskedIssuer,
  endpoint: GuardedEndpoint,
  services: ReadingServices,
  context: AskingContext,
): Promise<SharedAnswerData> {
  const { issuer, settings } = asked
  const { auth, signedResponse } = settings
  const dialect = settings.dialect ?? (signedResponse ? { ...rfc7662, request: rfc9701Request } : rfc7662)
  // Without keys a signed answer cannot be verified: then the endpoint need not be asked.
  if (signedResponse) await issuer.keys.current(context)
  return endpoint.ask(
    {
      issuer,
      endpoint: settings.endpoint,
      auth,
      request: (address) => buildRequest(dialect, token, { endpoint: address, clientId: clientIdOf(settings) }),
      async read(response) {
        const claims = await readClaims(response, asked, services, context)
        return { claims, bytes: response.body.length }
      },
    },
    context,
  )
}

function readClaims(
  response: UpstreamResponse,
  asked: AskedIssuer,
  services: ReadingServices,
  { signal, secrets }: AskingContext,
): JsonObject | Promise<JsonObject> {
  const { dialect, signedResponse } = asked.settings
  if (signedResponse) return readSignedResponse(response, asked.issuer, signedSettings(asked, services), signal)
  return dialect ? readResponse(dialect, response, secrets) : rfc7662.read(response)
}

function signedSettings({ issuer, settings }: AskedIssuer, { resource, clockToleranceSeconds, now }: ReadingServices) {
  const clientId = clientIdOf(settings)
  const audience = [resource, ...(issuer.audience ?? []), ...(clientId === undefined ? [] : [clientId])]
  return { audience, nowMs: now(), clockToleranceSeconds }
}

function clientIdOf({ auth }: IntrospectionSettings): string | undefined {
  return auth === 'none' ? undefined : auth.clientId
}
