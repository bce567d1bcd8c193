import { allowInsecureRequests, validateJwtAccessToken, type AuthorizationServer } from 'oauth4webapi'
import { RESOURCE, SCOPE } from '../tokens.ts'
import { ALL, type Contender, requireScope } from './contender.ts'

export const oauth4webapi: Contender = {
  name: 'oauth4webapi',
  packages: ['oauth4webapi'],
  algorithms: ALL,
  create({ issuer, jwksUri, algorithm }) {
    const server: AuthorizationServer = { issuer, jwks_uri: jwksUri }
    const options = { [allowInsecureRequests]: true, signingAlgorithms: [algorithm] }
    // It takes nothing but a Request: making one is part of its work.
    return async (token) => {
      const request = new Request(RESOURCE, { headers: { authorization: `Bearer ${token}` } })
      requireScope(await validateJwtAccessToken(server, request, RESOURCE, options), SCOPE)
    }
  },
}
