import type { IssuerSettings } from './issuer.ts'

// Strings that identify a configuration: equal settings make equal strings, and different ones make different strings.

/** The settings that decide over an issuer's metadata and keys. */
export function sourcesFingerprint({ identifier, metadata, keys, algorithms }: IssuerSettings): string {
  return JSON.stringify([identifier, metadata, keys, [...algorithms]])
}

/** The settings that decide which documents are fetched, and from where: processes that agree in them may share documents. */
export function documentsFingerprint(
  { identifier, metadata, keys }: IssuerSettings,
  { insecureHosts }: { readonly insecureHosts: readonly string[] },
): string {
  return JSON.stringify([identifier, metadata, keys, insecureHosts])
}
