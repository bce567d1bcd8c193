import { BearwardError, quote, quoteSome } from '../errors.ts'
import type { AccessToken, Issuer } from '../pipeline.ts'

/**
 * Checks the token's audience and client.
 *
 * @throws {BearwardError} audience_mismatch, client_refused
 * @see RFC 9068 §4, RFC 8707 §2
 */
export function requireRecipient(token: AccessToken, { audience, clients }: Issuer): void {
  if (audience && !isMeantFor(audience, token)) {
    const actual = token.audience.slice(0, 4).map(quote).join(', ') || 'none'
    throw new BearwardError('audience_mismatch', `claim \`aud\`: expected ${quoteSome(audience)}, got ${actual}`)
  }
  if (clients && !(token.clientId !== undefined && clients.has(token.clientId))) {
    const actual = token.clientId === undefined ? 'none' : quote(token.clientId)
    throw new BearwardError('client_refused', `client: expected ${quoteSome(clients)}, got ${actual}`)
  }
}

function isMeantFor(audience: ReadonlySet<string>, token: AccessToken): boolean {
  for (const each of token.audience) if (audience.has(each)) return true
  return false
}
