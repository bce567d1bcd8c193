import { createPublicKey } from 'node:crypto'
import { createVerifier } from 'fast-jwt'
import { RESOURCE, SCOPE } from '../tokens.ts'
import { ALL, type Contender, requireScope } from './contender.ts'

// With a fixed key it verifies synchronously: its fastest form, though no key can then be rotated.
export const fastJwt: Contender = {
  name: 'fast-jwt',
  packages: ['fast-jwt'],
  algorithms: ALL,
  blocks: true,
  canRemember: true,
  create({ issuer, jwks, algorithm, remembers }) {
    const pem = createPublicKey({ key: jwks.keys[0] as object, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
    const verify = createVerifier({
      key: String(pem),
      algorithms: [algorithm],
      allowedIss: issuer,
      allowedAud: RESOURCE,
      checkTyp: 'at+jwt',
      requiredClaims: ['iss', 'aud', 'exp'],
      clockTolerance: 10_000,
      cache: remembers,
    })
    return (token) => requireScope(verify(token) as object, SCOPE)
  },
}
