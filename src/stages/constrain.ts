import { BearwardError } from '../errors.ts'
import type { RunningBinding } from '../parts.ts'
import type { AccessToken, Presentation } from '../pipeline.ts'

type BoundToken = Pick<AccessToken<unknown>, 'confirmation'>

/**
 * Checks the sender of a bound token. Each of its confirmation methods needs a binding that proves it, and the client must use
 * that binding's scheme: a thief could otherwise send a stolen token as a plain bearer token. Returns a promise only for a bound
 * token.
 *
 * @throws {BearwardError} binding_mismatch
 * @see RFC 7800 §3, RFC 9449 §7.1 and §7.2, RFC 8705 §3
 */
export function requireBinding<Token extends BoundToken>(
  token: Token,
  presentation: Presentation,
  bindings: readonly RunningBinding[],
): Promise<void> | undefined {
  const { scheme } = presentation
  if (!token.confirmation) {
    if (scheme === 'Bearer') return undefined
    throw mismatch(`the token is bound to no key, and came with the scheme ${scheme}: such a token is sent with Bearer`)
  }
  const methods = Object.keys(token.confirmation)
  const own = bindings.filter(({ confirmation }) => methods.includes(confirmation))
  // Not by their number: two bindings may check the same method.
  if (own.length === 0 || !methods.every((method) => own.some(({ confirmation }) => confirmation === method))) {
    const named = methods.join(', ') || 'another method'
    throw mismatch(`the token is bound to its sender (\`cnf\`: ${named}), which cannot be checked here`)
  }
  const schemes = own.flatMap((binding) => binding.scheme ?? [])
  // No downgrade: neither a bound token under Bearer, nor a bearer token under a scheme of proofs.
  if (!(schemes.length === 0 ? scheme === 'Bearer' : schemes.every((each) => each === scheme))) {
    throw mismatch(`the token came with the scheme ${scheme}, expected ${schemes.join(' and ') || 'Bearer'}`)
  }
  return prove(token as Token & AccessToken<unknown>, presentation, own)
}

/** Returns the scheme that a verified token came with; `undefined` where that is Bearer. */
export function schemeOf(token: BoundToken | undefined, bindings: readonly RunningBinding[]): string | undefined {
  // A handler of an optional route may have no token.
  const used = bindings.find(
    ({ confirmation, scheme }) => scheme && token?.confirmation && Object.hasOwn(token.confirmation, confirmation),
  )
  return used?.scheme
}

async function prove(
  token: AccessToken<unknown>,
  presentation: Presentation,
  bindings: readonly RunningBinding[],
): Promise<void> {
  for (const binding of bindings) await binding.prove(presentation, token)
}

function mismatch(detail: string): BearwardError {
  return new BearwardError('binding_mismatch', detail)
}
