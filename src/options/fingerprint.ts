import type { Issuer } from '../pipeline.ts'
import type { IssuerSettings } from './issuer.ts'

// Strings that identify a configuration: equal settings make equal strings, and different ones make different strings.

/** Identifies the settings that determine an issuer's keys. */
export function keysFingerprint({ identifier, metadata, keys, algorithms }: IssuerSettings): string {
  return JSON.stringify([identifier, metadata, keys, [...algorithms]])
}

/** Identifies the settings that determine an issuer's metadata and keys. */
export function sourcesFingerprint(issuer: IssuerSettings): string {
  return JSON.stringify([keysFingerprint(issuer), issuer.introspection?.needsMember])
}

/**
 * Identifies the settings that determine which documents are fetched, and from where. Processes with equal settings can share
 * documents.
 *
 * @param members the members that are kept of a document, where processes differ in them
 */
export function documentsFingerprint(
  { identifier, metadata, keys }: IssuerSettings,
  { insecureHosts }: { readonly insecureHosts: readonly string[] },
  members: readonly string[] = [],
): string {
  return JSON.stringify([identifier, metadata, keys, insecureHosts, members])
}

/**
 * Identifies the terms under which a verdict on a token counts: the settings of the issuer, and of the requests about tokens.
 *
 * @param asking the settings of the requests. JSON leaves out functions: verdicts count on when credentials change.
 */
export function termsFingerprint(
  {
    identifier,
    audience,
    clients,
    local,
    sources,
  }: Pick<Issuer, 'identifier' | 'audience' | 'clients' | 'local' | 'sources'>,
  asking: Readonly<Record<string, unknown>>,
): string {
  return JSON.stringify([identifier, audience && [...audience], clients && [...clients], local, sources, asking])
}

/** Identifies the terms under which processes share answers about tokens. They include where the endpoint may be. */
export function answersFingerprint(
  terms: string,
  { insecureHosts }: { readonly insecureHosts: readonly string[] },
): string {
  return JSON.stringify([insecureHosts, terms])
}
