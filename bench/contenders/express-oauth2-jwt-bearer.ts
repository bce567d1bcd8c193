import type { Request, RequestHandler, Response } from 'express'
import { auth, requiredScopes } from 'express-oauth2-jwt-bearer'
import { RESOURCE, SCOPE } from '../tokens.ts'
import { ALL, type Contender } from './contender.ts'

// Middleware alone, called with the few members of a request that it looks at; in Express itself it is measured over HTTP.
export const expressOauth2JwtBearer: Contender = {
  name: 'express-oauth2-jwt-bearer',
  packages: ['express-oauth2-jwt-bearer'],
  algorithms: ALL,
  create({ issuer, jwksUri, algorithm }) {
    const authenticate = auth({
      issuer,
      jwksUri,
      audience: RESOURCE,
      tokenSigningAlg: algorithm,
      strict: true,
      clockTolerance: 10,
      dpop: { enabled: false },
    })
    const authorize = requiredScopes(SCOPE)
    return async (token) => {
      const request = {
        method: 'GET',
        protocol: 'http',
        originalUrl: '/',
        headers: { authorization: `Bearer ${token}` },
        query: {},
        get: (name: string) => (name === 'Host' ? 'localhost' : undefined),
        is: () => false,
      } as unknown as Request
      await call(authenticate, request)
      await call(authorize, request)
    }
  },
}

function call(handler: RequestHandler, request: Request): Promise<void> {
  return new Promise((resolve, reject) => {
    void handler(request, {} as Response, (error?: unknown) => (error ? reject(error) : resolve()))
  })
}
