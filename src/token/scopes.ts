/** Adds to granted scopes the scopes that they grant too. */
export type ScopeExpansion = (granted: readonly string[]) => readonly string[]

/** Makes the frozen list of a token's scopes, without repetitions, from a claim: a space-delimited string, or an array. */
export type ScopeReader = (value: string | readonly string[]) => readonly string[]

const FEW = 16
// At most a megabyte in all; for real tokens a few kilobytes.
const MAX_REMEMBERED = 128
const MAX_REMEMBERED_LENGTH = 512

/** @see option `scopes.implies` */
export function createScopeExpansion(direct: Readonly<Record<string, readonly string[]>> = {}): ScopeExpansion {
  const implies = new Map(Object.entries(direct))
  if (implies.size === 0) return (granted) => granted
  return (granted) => {
    const all = new Set(granted)
    // The loop also visits the scopes that it adds to the set.
    for (const scope of all) for (const implied of implies.get(scope) ?? []) all.add(implied)
    return [...all]
  }
}

export function createScopeReader(expand: ScopeExpansion): ScopeReader {
  return (value) => Object.freeze(expand(distinct(typeof value === 'string' ? value.split(' ') : value)))
}

/**
 * Caches the lists that a reader makes from strings. Most tokens of an API have one of a few lists. Cached tokens share them, which
 * saves memory, and new tokens need no new list.
 */
export function rememberScopes(read: ScopeReader): ScopeReader {
  const lists = new Map<string, readonly string[]>()
  return (value) => {
    if (typeof value !== 'string' || value.length > MAX_REMEMBERED_LENGTH) return read(value)
    const known = lists.get(value)
    if (known) return known
    const list = read(value)
    // Evicts the oldest. A list in use comes back with its next token.
    if (lists.size === MAX_REMEMBERED) lists.delete(lists.keys().next().value ?? '')
    lists.set(value, list)
    return list
  }
}

/** Returns the scopes in both lists, in the order of the first. */
export function commonScopes(scopes: readonly string[], others: readonly string[]): readonly string[] {
  if (others.length <= FEW) return scopes.filter((scope) => others.includes(scope))
  // Both lists may be long: the issuer writes one, its endpoint the other.
  const named = new Set(others)
  return scopes.filter((scope) => named.has(scope))
}

function distinct(list: readonly string[]): string[] {
  // A set costs more for few scopes. For many, a list would take quadratic time, and the token is not verified yet.
  if (list.length > FEW) return [...new Set(list.filter((scope) => scope !== ''))]
  const scopes: string[] = []
  for (const scope of list) if (scope !== '' && !scopes.includes(scope)) scopes.push(scope)
  return scopes
}
