import { type SignatureAlgorithm, signatureAlgorithm } from './algorithms.ts'
import { BearwardError, quote } from '../errors.ts'
import type { CallContext, Issuer, KeySnapshot, UnverifiedJwt, VerificationKey } from '../pipeline.ts'
import { isVerifiable } from './runtime-algorithms.ts'
import { isThenable } from '../runtime/thenable.ts'

// The keys at hand, newer ones, and those that the issuer has now.
const MAX_TURNS = 3

/**
 * Checks that an algorithm is accepted for this issuer and verified by this runtime. Answers with a promise where the latter is
 * not known yet.
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
    `\`alg\` is "${algorithm}", which this runtime cannot verify: let the issuer sign with another`,
  )
}

/**
 * Finds the issuer's key that made the signature. Where none did, newer keys are asked for, as often as the cooldown allows:
 * the issuer may have rotated its keys, or given an old name to a new one.
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
  // No `await` before the first key is tried, where none is needed: the caller goes on while another thread verifies.
  let keys = issuer.keys.atHand?.(context) ?? (await issuer.keys.current(context))
  let tried: KeySnapshot | undefined
  for (let turn = 1; ; turn++) {
    // One loop in one function: what runs for every token costs less than with a promise for every step.
    for (const key of keys.select(keyId, algorithm)) {
      if (tried?.has(key)) continue
      try {
        const imported = key.cryptoKey(algorithm)
        const cryptoKey = isThenable(imported) ? await imported : imported
        if (await crypto.subtle.verify(parametersOf(algorithm), cryptoKey, signature, signingInput)) return key
      } catch {
        // Some runtimes throw at a signature of the wrong length, and at a key that does not fit: not verified.
      }
    }
    // Newer keys may be those that another process fetched a while ago: then the issuer's own are asked for once more.
    const newer: KeySnapshot | undefined = turn < MAX_TURNS ? await issuer.keys.renewed(keys, context) : undefined
    if (!newer) throw refusal(jwt, issuer, keys)
    tried = keys
    keys = newer
  }
}

/** @throws {TypeError} where nothing verifies such an algorithm */
function parametersOf(algorithm: string): SignatureAlgorithm['parameters'] {
  const parameters = signatureAlgorithm(algorithm)?.parameters
  if (parameters) return parameters
  throw new TypeError('no such algorithm')
}

function refusal(jwt: UnverifiedJwt, issuer: Issuer, snapshot: KeySnapshot): BearwardError {
  const { keyId, algorithm } = jwt
  const { identifier, keys } = issuer
  // The issuer may well have the key, under an old name even: its outage must not turn a good token into a bad one.
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

// Microsoft Graph. Entra changes the `nonce` in the header of its tokens after they were signed.
const GRAPH = new Set(['00000003-0000-0000-c000-000000000000', 'https://graph.microsoft.com'])

/** What a token says of itself may explain its signature to operators; it decides nothing. */
function explain({ claims }: UnverifiedJwt, { audience }: Issuer): string {
  if (!audience) return ''
  const named = claims['aud']
  if (typeof named !== 'string' || audience.has(named)) return ''
  const why = GRAPH.has(named) ? ', Microsoft Graph, and nobody else can verify such a token' : ''
  return `: by its own \`aud\`, ${quote(named)}, it is meant for another API${why}. Have the client ask for a scope of this API`
}
