import { type SignatureAlgorithm, signatureAlgorithm } from './algorithms.ts'
import { BearwardError, quote } from '../errors.ts'
import type { CallContext, Issuer, KeySnapshot, UnverifiedJwt, VerificationKey } from '../pipeline.ts'
import { isVerifiable } from './runtime-algorithms.ts'
import { isThenable } from '../runtime/thenable.ts'

// With the cached keys, with newer ones, and with the issuer's current ones.
const MAX_TURNS = 3

/**
 * Checks that the issuer may use an algorithm and that this runtime can verify it. Returns a promise while the latter is unknown.
 *
 * @throws {BearwardError} algorithm_refused
 */
export function requireAlgorithm({ algorithm }: UnverifiedJwt, { algorithms }: Issuer): Promise<void> | undefined {
  if (!algorithms.has(algorithm)) {
    throw new BearwardError(
      'algorithm_refused',
      `\`alg\` is ${quote(algorithm)}, expected one of ${[...algorithms].join(', ')}`,
    )
  }
  const verifiable = isVerifiable(algorithm)
  if (verifiable === true) return undefined
  if (verifiable === false) throw notInRuntime(algorithm)
  return requireInRuntime(algorithm, verifiable)
}

async function requireInRuntime(algorithm: string, verifiable: Promise<boolean>): Promise<void> {
  if (!(await verifiable)) throw notInRuntime(algorithm)
}

function notInRuntime(algorithm: string): BearwardError {
  return new BearwardError(
    'algorithm_refused',
    `\`alg\` is "${algorithm}", which this runtime cannot verify: have the issuer use another`,
  )
}

/**
 * Finds the issuer's key that made the signature. Where none did, it requests newer keys, as often as the cooldown allows: the issuer
 * may have rotated its keys, or given an old name to a new key.
 *
 * @throws {BearwardError} key_unknown, algorithm_refused, signature_invalid, issuer_unavailable
 * @see RFC 7515 §5.2, RFC 8725 §3.1 and §3.8
 */
export async function verifySignature(
  jwt: UnverifiedJwt,
  issuer: Issuer,
  context: CallContext,
): Promise<VerificationKey> {
  const { keyId, algorithm, signature, signingInput } = jwt
  // Usually the first verification begins without an `await`: the caller goes on while another thread verifies.
  let keys = issuer.keys.atHand?.(context) ?? (await issuer.keys.current(context))
  let tried: KeySnapshot | undefined
  for (let turn = 1; ; turn++) {
    // One loop in one function, because a promise for every step would cost each token time.
    for (const key of keys.select(keyId, algorithm)) {
      if (tried?.has(key)) continue
      try {
        const imported = key.cryptoKey(algorithm)
        const cryptoKey = isThenable(imported) ? await imported : imported
        if (await crypto.subtle.verify(parametersOf(algorithm), cryptoKey, signature, signingInput)) return key
      } catch {
        // Some runtimes throw for a signature of the wrong length, or for a key that does not fit. It is not verified.
      }
    }
    // Newer keys may come from another process that fetched them earlier. The next turn gets the issuer's own.
    const newer: KeySnapshot | undefined = turn < MAX_TURNS ? await issuer.keys.renewed(keys, context) : undefined
    if (!newer) throw refusal(jwt, issuer, keys)
    tried = keys
    keys = newer
  }
}

/** @throws {TypeError} for an unknown algorithm */
function parametersOf(algorithm: string): SignatureAlgorithm['parameters'] {
  const parameters = signatureAlgorithm(algorithm)?.parameters
  if (parameters) return parameters
  throw new TypeError('no such algorithm')
}

function refusal(jwt: UnverifiedJwt, issuer: Issuer, snapshot: KeySnapshot): BearwardError {
  const { keyId, algorithm } = jwt
  const { identifier, keys } = issuer
  // The issuer may have the key, even under an old name. Its outage must not turn a good token into a bad one.
  const outage = keys.failing()
  if (outage) return outage
  const candidates = snapshot.select(keyId, algorithm).length
  if (candidates > 0) {
    return new BearwardError(
      'signature_invalid',
      `no key of issuer "${identifier}" made the signature (${candidates} tried)${explain(jwt, issuer)}`,
    )
  }
  if (keyId !== undefined && snapshot.knows(keyId)) {
    const message = `key ${quote(keyId)} of issuer "${identifier}" does not verify ${quote(algorithm)}`
    return new BearwardError('algorithm_refused', message)
  }
  const named = keyId === undefined ? 'without a `kid`' : `with \`kid\` ${quote(keyId)}`
  return new BearwardError(
    'key_unknown',
    `issuer "${identifier}" has no key for a token ${named} and \`alg\` ${quote(algorithm)}; it has ${snapshot.size} keys`,
  )
}

// Microsoft Graph. Entra changes the `nonce` in the header of these tokens after it signed them.
const GRAPH = new Set(['00000003-0000-0000-c000-000000000000', 'https://graph.microsoft.com'])

/** Explains to operators why a signature may be invalid. The unverified `aud` has no other effect. */
function explain({ claims }: UnverifiedJwt, { audience }: Issuer): string {
  if (!audience) return ''
  const named = claims['aud']
  if (typeof named !== 'string' || audience.has(named)) return ''
  const why = GRAPH.has(named) ? ', Microsoft Graph, which alone can verify such tokens' : ''
  return `: by its \`aud\`, ${quote(named)}, it is meant for another API${why}. Have the client ask for a scope of this API`
}
