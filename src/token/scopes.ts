/** Adds to granted scopes all that they bring along. */
export type ScopeExpansion = (granted: readonly string[]) => readonly string[]

/** Makes a token's frozen list of scopes, each named once, of a claim's value: a space-delimited string, or an array. */
export type ScopeReader = (value: string | readonly string[]) => readonly string[]

const FEW = 16
// A megabyte in all, if somebody tries; for what tokens say, a few kilobytes.
const MAX_REMEMBERED = 128
const MAX_REMEMBERED_LENGTH = 512

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

export function createScopeReader(expand: ScopeExpansion): ScopeReader {
  return (value) => Object.freeze(expand(distinct(typeof value === 'string' ? value.split(' ') : value)))
}

/**
 * Remembers the lists that a reader made of strings. Most tokens of an API bear one of a few: known tokens that share a list
 * are checked in less memory, and new ones need none made.
 */
export function rememberScopes(read: ScopeReader): ScopeReader {
  const lists = new Map<string, readonly string[]>()
  return (value) => {
    if (typeof value !== 'string' || value.length > MAX_REMEMBERED_LENGTH) return read(value)
    const known = lists.get(value)
    if (known) return known
    const list = read(value)
    // The oldest goes: one that is in use comes back with its next token.
    if (lists.size === MAX_REMEMBERED) lists.delete(lists.keys().next().value ?? '')
    lists.set(value, list)
    return list
  }
}

/** The scopes that both lists name, in the order of the first. */
export function commonScopes(scopes: readonly string[], others: readonly string[]): readonly string[] {
  if (others.length <= FEW) return scopes.filter((scope) => others.includes(scope))
  // Both lists may be long: an issuer writes the one, its endpoint the other.
  const named = new Set(others)
  return scopes.filter((scope) => named.has(scope))
}

function distinct(list: readonly string[]): string[] {
  // A set pays only for many, and for many nothing else does: the token may be a stranger's still.
  if (list.length > FEW) return [...new Set(list.filter((scope) => scope !== ''))]
  const scopes: string[] = []
  for (const scope of list) if (scope !== '' && !scopes.includes(scope)) scopes.push(scope)
  return scopes
}
