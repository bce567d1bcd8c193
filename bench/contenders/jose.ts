import { createRemoteJWKSet, jwtVerify } from 'jose'
import { RESOURCE, SCOPE } from '../tokens.ts'
import { ALL, type Contender, requireScope } from './contender.ts'

export const jose: Contender = {
  name: 'jose',
  packages: ['jose'],
  algorithms: ALL,
  create({ issuer, jwksUri, algorithm }) {
    const keys = createRemoteJWKSet(new URL(jwksUri))
    const options = {
      issuer,
      audience: RESOURCE,
      typ: 'at+jwt',
      algorithms: [algorithm],
      requiredClaims: ['exp'],
      clockTolerance: 10,
    }
    return async (token) => {
      const { payload } = await jwtVerify(token, keys, options)
      requireScope(payload, SCOPE)
    }
  },
}
