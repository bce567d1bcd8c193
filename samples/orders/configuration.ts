// Turns the operator's environment into the options of the resource server.

import {
  type CacheTier,
  clientSecretBasic,
  introspect,
  type IntrospectOptions,
  type JwtOptions,
  type ResourceServerOptions,
  sharedTiers,
  type TierEncryptionKey,
  type TrustedIssuer,
} from 'bearward'
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
  /** The address of the keys, for issuers without metadata. */
  readonly JWKS_URI?: string | undefined
  /** The address of the metadata, for issuers that do not follow the specifications. */
  readonly METADATA_URL?: string | undefined
  /** Accepted JWS algorithms. Default: every asymmetric one that the runtime verifies. */
  readonly ALGORITHMS?: string | undefined
  /** Hosts that the API may call over plain http. Loopback is always allowed. */
  readonly INSECURE_HOSTS?: string | undefined
  /** Seconds of clock skew allowed. Default 10. */
  readonly CLOCK_TOLERANCE_SECONDS?: string | undefined

  /**
   * The client as which this API asks the authorization server about tokens (RFC 7662). Without both settings, opaque tokens
   * are refused. Set the secret with `npx wrangler secret put INTROSPECTION_CLIENT_SECRET`, or in the environment of the process;
   * never in wrangler.toml.
   */
  readonly INTROSPECTION_CLIENT_ID?: string | undefined
  readonly INTROSPECTION_CLIENT_SECRET?: string | undefined
  /** The address of the endpoint. Default: that in the metadata. */
  readonly INTROSPECTION_ENDPOINT?: string | undefined
  /** "opaque", or "always" to ask about JWTs as well, so that revoked ones are refused. Default: "opaque". */
  readonly INTROSPECTION_USE?: string | undefined
  /** Seconds for which an answer counts. A revoked token passes for that long. Default 30; 0 asks every time. */
  readonly INTROSPECTION_CACHE_SECONDS?: string | undefined
  /** "true" accepts signed answers and no others (RFC 9701). Default: "false". */
  readonly INTROSPECTION_SIGNED?: string | undefined
  /**
   * "assumed" accepts answers that name no audience, from an endpoint that answers for this API only. Not for servers that answer
   * in the same way about refresh tokens.
   */
  readonly INTROSPECTION_AUDIENCE?: string | undefined
  /** "access-only" also accepts answers that do not name the kind of token, from an endpoint that calls no other active. */
  readonly INTROSPECTION_TOKENS?: string | undefined
  /** The prefixes of opaque tokens; others are refused without a call. Default: any. */
  readonly OPAQUE_PREFIXES?: string | undefined
  /** "false" asks about JWTs instead of verifying them. Default: "true". */
  readonly JWT?: string | undefined

  /**
   * Encrypts the entries of shared caches; without it, no answer about a token is shared. "ID:KEY", with the key as
   * `openssl rand -base64 32` prints it. The first of several encrypts, and all decrypt. A secret too: never in wrangler.toml.
   */
  readonly TIER_ENCRYPTION_KEY?: string | undefined
}

/** The environment lacks a setting, or has an invalid one. The message names it and a right value. */
export class EnvironmentError extends Error {}

/**
 * Returns the options for `createResourceServer`, which checks them, with the shared caches of the platform.
 *
 * @throws {EnvironmentError}
 */
export function readConfiguration(env: OrdersEnvironment, tiers: readonly CacheTier[] = []): ResourceServerOptions {
  const issuer = required(
    env,
    'ISSUER',
    'the issuer of the access tokens, as their `iss` has it: https://TENANT.auth0.com/',
  )
  const resource = required(env, 'RESOURCE', 'the identifier of this API, which the `aud` of its tokens names')
  const audience = list(env.AUDIENCE)
  const clients = list(env.CLIENTS)
  const insecureHosts = list(env.INSECURE_HOSTS)
  const metadataUrl = text(env.METADATA_URL)
  const clockToleranceSeconds = readSeconds(env, 'CLOCK_TOLERANCE_SECONDS')
  const introspection = readIntrospection(env)
  const encryption = readEncryptionKeys(env, tiers)

  const trusted: TrustedIssuer = {
    issuer,
    ...(audience && { audience: audience.join() === 'unchecked' ? null : audience }),
    ...(clients && { clients }),
    ...(metadataUrl && { metadata: { url: metadataUrl } }),
    jwt: readJwt(env),
    ...(introspection && { introspection: introspect(introspection) }),
  }
  return {
    resource,
    issuers: [trusted],
    scopes: { implies: scopeHierarchy },
    resourceMetadata: { resource_name: 'Orders API', scopes_supported: [...scopesInUse] },
    ...(insecureHosts && { insecureHosts }),
    ...(clockToleranceSeconds !== undefined && { clockToleranceSeconds }),
    ...(tiers.length > 0 && { tiers: sharedTiers(tiers, { encryption }) }),
  }
}

type Setting = keyof OrdersEnvironment

function readJwt(env: OrdersEnvironment): JwtOptions | false {
  if (isFalse(env, 'JWT')) return withoutJwt(env)
  const jwksUri = text(env.JWKS_URI)
  const algorithms = list(env.ALGORITHMS)
  const profile = readChoice(env, 'PROFILE', ['rfc9068', 'compatible'])
  return { ...(jwksUri && { jwksUri }), ...(algorithms && { algorithms }), ...(profile && { profile }) }
}

function withoutJwt(env: OrdersEnvironment): false {
  const idle = (['JWKS_URI', 'ALGORITHMS', 'PROFILE'] as const).find((name) => text(env[name]) !== undefined)
  if (idle === undefined) return false
  throw new EnvironmentError(
    `${idle} is set, and JWT is "false", so that no JWT is verified here. Leave one of them out.`,
  )
}

function readIntrospection(env: OrdersEnvironment): IntrospectOptions | undefined {
  const client = readIntrospectionClient(env)
  if (!client) return undefined
  const endpoint = text(env.INTROSPECTION_ENDPOINT)
  const use = readChoice(env, 'INTROSPECTION_USE', ['opaque', 'always'])
  const cacheSeconds = readSeconds(env, 'INTROSPECTION_CACHE_SECONDS')
  const signedResponse = isTrue(env, 'INTROSPECTION_SIGNED')
  const audience = readChoice(env, 'INTROSPECTION_AUDIENCE', ['assumed'])
  const tokens = readChoice(env, 'INTROSPECTION_TOKENS', ['access-only'])
  const prefixes = list(env.OPAQUE_PREFIXES)
  return {
    auth: clientSecretBasic(client),
    ...(endpoint && { endpoint }),
    ...(use && { use }),
    ...(cacheSeconds !== undefined && { cacheSeconds }),
    ...(signedResponse && { signedResponse }),
    ...(audience && { audience }),
    ...(tokens && { tokens }),
    ...(prefixes && { opaqueTokens: { prefixes } }),
  }
}

/** What means nothing unless someone may ask. */
const dependentOnClient = [
  'INTROSPECTION_CLIENT_SECRET',
  'INTROSPECTION_ENDPOINT',
  'INTROSPECTION_USE',
  'INTROSPECTION_CACHE_SECONDS',
  'INTROSPECTION_SIGNED',
  'INTROSPECTION_AUDIENCE',
  'INTROSPECTION_TOKENS',
  'OPAQUE_PREFIXES',
] as const satisfies Setting[]

function readIntrospectionClient(env: OrdersEnvironment): { clientId: string; clientSecret: string } | undefined {
  const clientId = text(env.INTROSPECTION_CLIENT_ID)
  const clientSecret = text(env.INTROSPECTION_CLIENT_SECRET)
  if (clientId !== undefined && clientSecret !== undefined) return { clientId, clientSecret }
  if (clientId !== undefined) {
    throw new EnvironmentError(
      `INTROSPECTION_CLIENT_SECRET is not set. Set it to the secret of the client ${JSON.stringify(clientId)} (by ` +
        '`npx wrangler secret put INTROSPECTION_CLIENT_SECRET`, or an environment variable; never in wrangler.toml).',
    )
  }
  const dependent = dependentOnClient.find((name) => text(env[name]) !== undefined)
  const reason = isFalse(env, 'JWT') ? 'JWT is "false"' : dependent && `${dependent} is`
  if (reason === undefined) return undefined
  throw new EnvironmentError(
    `INTROSPECTION_CLIENT_ID is not set, and ${reason}. Set it to the client as which this API asks the authorization ` +
      'server about tokens, and INTROSPECTION_CLIENT_SECRET to its secret.',
  )
}

function readEncryptionKeys(
  env: OrdersEnvironment,
  tiers: readonly CacheTier[],
): readonly TierEncryptionKey[] | undefined {
  const keys = list(env.TIER_ENCRYPTION_KEY)
  if (keys && tiers.length === 0) {
    throw new EnvironmentError('TIER_ENCRYPTION_KEY is set, and there is no shared cache here. Leave it out.')
  }
  return keys?.map((key, index) => {
    const [, id, secret] = /^([\w-]{1,64}):([\w+/-]{43}=?)$/.exec(key) ?? []
    if (id !== undefined && secret !== undefined) return { id, secret }
    // Never the value itself: it is the secret.
    throw new EnvironmentError(
      `TIER_ENCRYPTION_KEY cannot be read (key ${index + 1} of ${keys.length}). Set it to "ID:KEY", the key as ` +
        '`openssl rand -base64 32` prints it, several with commas between (by `npx wrangler secret put ' +
        'TIER_ENCRYPTION_KEY`; never in wrangler.toml).',
    )
  })
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

function readChoice<const Choice extends string>(
  env: OrdersEnvironment,
  name: Setting,
  choices: readonly Choice[],
): Choice | undefined {
  const value = text(env[name])
  const chosen = choices.find((choice) => choice === value)
  if (value === undefined || chosen !== undefined) return chosen
  const offered = choices.map((choice) => JSON.stringify(choice)).join(' or ')
  throw new EnvironmentError(`${name} is ${JSON.stringify(value)}. Set it to ${offered}, or leave it out.`)
}

function isTrue(env: OrdersEnvironment, name: Setting): boolean {
  return readChoice(env, name, ['true', 'false']) === 'true'
}

function isFalse(env: OrdersEnvironment, name: Setting): boolean {
  return readChoice(env, name, ['true', 'false']) === 'false'
}

function readSeconds(env: OrdersEnvironment, name: Setting): number | undefined {
  const seconds = text(env[name])
  if (seconds === undefined) return undefined
  if (/^\d{1,9}$/.test(seconds)) return Number(seconds)
  throw new EnvironmentError(`${name} is ${JSON.stringify(seconds)}. Set it to a whole number of seconds.`)
}
