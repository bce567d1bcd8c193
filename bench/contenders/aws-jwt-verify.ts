import { JwtVerifier } from 'aws-jwt-verify'
import { RESOURCE, SCOPE } from '../tokens.ts'
import { type Contender, requireType } from './contender.ts'

export const awsJwtVerify: Contender = {
  name: 'aws-jwt-verify',
  packages: ['aws-jwt-verify'],
  algorithms: ['RS256', 'ES256', 'EdDSA'],
  blocks: true,
  create({ issuer, jwksUri, jwks }) {
    const verifier = JwtVerifier.create({
      issuer,
      jwksUri,
      audience: RESOURCE,
      scope: SCOPE,
      customJwtCheck: ({ header }) => requireType(header as { typ?: unknown }),
    })
    // It fetches over https only; with the keys given it never needs to.
    verifier.cacheJwks(jwks as unknown as Parameters<typeof verifier.cacheJwks>[0])
    return (token) => verifier.verify(token)
  },
}
