import type { Issuer } from '../pipeline.ts'
import type { IssuerSettings } from './issuer.ts'

// Strings that identify a configuration: equal settings make equal strings, and different ones make different strings.

/** The settings that decide over an issuer's keys. */
export function keysFingerprint({ identifier, metadata, keys, algorithms }: IssuerSettings): string {
  return JSON.stringify([identifier, metadata, keys, [...algorithms]])
}

/** The settings that decide over an issuer's metadata and keys. */
export function sourcesFingerprint(issuer: IssuerSettings): string {
  return JSON.stringify([keysFingerprint(issuer), issuer.introspection?.needsMember])
}

/**
 * The settings that decide which documents are fetched, and from where: processes that agree in them may share documents.
 *
 * @param members what is kept of a document, where that differs from process to process
 */
export function documentsFingerprint(
  { identifier, metadata, keys }: IssuerSettings,
  { insecureHosts }: { readonly insecureHosts: readonly string[] },
  members: readonly string[] = [],
): string {
  return JSON.stringify([identifier, metadata, keys, insecureHosts, members])
}

/**
 * The terms under which a verdict on a token counts: the issuer as it is described, and how it is asked about tokens.
 *
 * @param asking the settings of whoever asks. JSON leaves out functions: credentials may change and verdicts still count.
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

/** The name under which processes share answers about tokens: the terms, and where the endpoint may be. */
export function answersFingerprint(
  terms: string,
  { insecureHosts }: { readonly insecureHosts: readonly string[] },
): string {
  return JSON.stringify([insecureHosts, terms])
}
