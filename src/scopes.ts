/** Adds to granted scopes all that they bring along. */
export type ScopeExpansion = (granted: readonly string[]) => readonly string[]

/** @see option `scopes.implies` */
export function createScopeExpansion(direct: Readonly<Record<string, readonly string[]>> = {}): ScopeExpansion {
  const implies = new Map(Object.entries(direct))
  if (implies.size === 0) return (granted) => granted
  return (granted) => {
    const all = new Set(granted)
    // A set is walked in order of arrival: what is added on the way is walked as well.
    for (const scope of all) for (const implied of implies.get(scope) ?? []) all.add(implied)
    return [...all]
  }
}
