import { misconfigured } from '../../options/checks.ts'
import type { CheckedIntrospection } from '../../parts.ts'

/** Whether a token begins with one of the prefixes; without any prefixes, every token does. */
export function hasPrefix(token: string, prefixes: readonly string[] | undefined): boolean {
  return prefixes === undefined || prefixes.some((prefix) => token.startsWith(prefix))
}

/**
 * Refuses listed issuers where an opaque token could belong to two of them. bearward never asks a second issuer about a token.
 *
 * @throws {BearwardError} configuration_invalid
 */
export function requireDistinctPrefixes(listed: readonly (Pick<CheckedIntrospection, 'prefixes'> | undefined)[]): void {
  const introspecting = [...listed.entries()].filter(([, introspection]) => introspection)
  if (introspecting.length < 2) return
  for (const [index, introspection] of introspecting) {
    const option = `issuers[${index}].introspection.opaqueTokens`
    const prefixes = introspection?.prefixes
    if (!prefixes) {
      throw misconfigured(option, 'nothing', "the prefixes of this issuer's tokens, since several issuers introspect")
    }
    for (const [otherIndex, other] of introspecting) {
      if (otherIndex === index) continue
      const clash = prefixes.find((prefix) => other?.prefixes?.some((each) => each.startsWith(prefix)))
      if (clash === undefined) continue
      throw misconfigured(
        option,
        `"${clash}", with which tokens of issuers[${otherIndex}] begin too`,
        'prefixes with which no token of another issuer begins',
      )
    }
  }
}
