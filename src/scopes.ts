/** Returns a function that adds to granted scopes all that they bring along. @see option `scopes.implies` */
export function createScopeExpansion(
  implied: ReadonlyMap<string, ReadonlySet<string>>,
): (granted: readonly string[]) => readonly string[] {
  if (implied.size === 0) return (granted) => granted
  return (granted) => [...new Set(granted.flatMap((scope) => [scope, ...(implied.get(scope) ?? [])]))]
}
