import type { StrictJson } from './strict-json.ts'

/** What ID tokens, logout tokens and security events carry. */
export const FOREIGN: readonly string[] = ['at_hash', 'c_hash', 's_hash', 'events']

/** Whether a payload's `typ` says that this is no access token. */
export function isForeignType(typ: StrictJson | undefined): boolean {
  return typeof typ === 'string' && /^(?:id|refresh|offline|logout)$/i.test(typ)
}
