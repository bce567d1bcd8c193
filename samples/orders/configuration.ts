// From the environment to the resource server's options: the one place that an operator's settings pass through.

import type { ResourceServerOptions, TrustedIssuer } from 'bearward'
import { scopeHierarchy, scopesInUse } from './policy.ts'

/** Settings, as `[vars]` of a Worker or as environment variables. Lists are separated by commas or spaces. */
export interface OrdersEnvironment {
  /** Required. The authorization server, exactly as its tokens write it in `iss`, trailing slash included. */
  readonly ISSUER?: string | undefined
  /** Required. The identifier of this API: an https URL or any absolute URI. */
  readonly RESOURCE?: string | undefined
  /** Accepted `aud` values where they are not `RESOURCE`; "unchecked" where tokens have none, and then `CLIENTS` is required. */
  readonly AUDIENCE?: string | undefined
  /** Accepted clients. Default: any. */
  readonly CLIENTS?: string | undefined
  /** "rfc9068", or "compatible" for issuers whose access tokens have `typ` "JWT". Default: "rfc9068". */
  readonly PROFILE?: string | undefined
  /** Where the keys are, for issuers without metadata. */
  readonly JWKS_URI?: string | undefined
  /** Where the metadata is, for issuers that keep it elsewhere than the specifications say. */
  readonly METADATA_URL?: string | undefined
  /** Accepted JWS algorithms. Default: every asymmetric one that the runtime verifies. */
  readonly ALGORITHMS?: string | undefined
  /** Hosts that may be spoken to over plain http. Loopback always may. */
  readonly INSECURE_HOSTS?: string | undefined
  /** Seconds of clock skew allowed. Default 10. */
  readonly CLOCK_TOLERANCE_SECONDS?: string | undefined
}

/** The environment lacks a setting, or one cannot be read. The message says which and what to set. */
export class EnvironmentError extends Error {}

/**
 * Returns the options for `createResourceServer`. What it passes on is checked there.
 *
 * @throws {EnvironmentError}
 */
export function readConfiguration(env: OrdersEnvironment): ResourceServerOptions {
  const issuer = required(
    env,
    'ISSUER',
    'the issuer of the access tokens, as their `iss` has it: https://TENANT.auth0.com/',
  )
  const resource = required(env, 'RESOURCE', 'the identifier of this API, which the `aud` of its tokens names')
  const audience = list(env.AUDIENCE)
  const clients = list(env.CLIENTS)
  const algorithms = list(env.ALGORITHMS)
  const insecureHosts = list(env.INSECURE_HOSTS)
  const jwksUri = text(env.JWKS_URI)
  const metadataUrl = text(env.METADATA_URL)
  const profile = readProfile(env.PROFILE)
  const clockToleranceSeconds = readSeconds(env.CLOCK_TOLERANCE_SECONDS)

  const trusted: TrustedIssuer = {
    issuer,
    ...(audience && { audience: audience.join() === 'unchecked' ? null : audience }),
    ...(clients && { clients }),
    ...(metadataUrl && { metadata: { url: metadataUrl } }),
    jwt: { ...(jwksUri && { jwksUri }), ...(algorithms && { algorithms }), ...(profile && { profile }) },
  }
  return {
    resource,
    issuers: [trusted],
    scopes: { implies: scopeHierarchy },
    resourceMetadata: { resource_name: 'Orders API', scopes_supported: [...scopesInUse] },
    ...(insecureHosts && { insecureHosts }),
    ...(clockToleranceSeconds !== undefined && { clockToleranceSeconds }),
  }
}

function required(env: OrdersEnvironment, name: 'ISSUER' | 'RESOURCE', meaning: string): string {
  const value = text(env[name])
  if (value !== undefined) return value
  throw new EnvironmentError(
    `${name} is not set. Set it to ${meaning} (an environment variable, or under [vars] in wrangler.toml).`,
  )
}

function text(value: string | undefined): string | undefined {
  return value?.trim() || undefined
}

function list(value: string | undefined): string[] | undefined {
  const items = value?.split(/[\s,]+/).filter((item) => item !== '')
  return items?.length ? items : undefined
}

function readProfile(value: string | undefined): 'rfc9068' | 'compatible' | undefined {
  const profile = text(value)
  if (profile === undefined || profile === 'rfc9068' || profile === 'compatible') return profile
  throw new EnvironmentError(
    `PROFILE is ${JSON.stringify(profile)}. Set it to "rfc9068" or "compatible", or leave it out.`,
  )
}

function readSeconds(value: string | undefined): number | undefined {
  const seconds = text(value)
  if (seconds === undefined) return undefined
  if (/^\d{1,9}$/.test(seconds)) return Number(seconds)
  throw new EnvironmentError(
    `CLOCK_TOLERANCE_SECONDS is ${JSON.stringify(seconds)}. Set it to a whole number of seconds.`,
  )
}
