import { BearwardError } from '../errors.ts'
import type { AccessToken } from '../pipeline.ts'

/**
 * Lets only unbound tokens pass. A token with a confirmation is worth nothing without the proof, and no proof is checked
 * here: taken as a plain bearer token it would be a stolen token's way in.
 *
 * @throws {BearwardError} binding_mismatch
 * @see RFC 7800 §3, RFC 9449 §7.2, RFC 8705 §3
 */
export function requireBinding(token: Pick<AccessToken<unknown>, 'confirmation'>): void {
  if (!token.confirmation) return
  const methods = Object.keys(token.confirmation).join(', ') || 'another method'
  throw new BearwardError(
    'binding_mismatch',
    `the token is bound to its sender (\`cnf\`: ${methods}), which cannot be checked here`,
  )
}
