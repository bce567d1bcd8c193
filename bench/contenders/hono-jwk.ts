import { verifyWithJwks } from 'hono/jwt'
import { RESOURCE, SCOPE } from '../tokens.ts'
import { ALL, type Contender, requireScope } from './contender.ts'

// The verifier inside the middleware, with the keys at hand: with `jwks_uri` it fetches them for every token.
export const honoJwk: Contender = {
  name: 'hono/jwk (keys given)',
  packages: ['hono'],
  algorithms: ALL,
  create({ issuer, jwks, algorithm }) {
    const options = {
      keys: jwks.keys as NonNullable<Parameters<typeof verifyWithJwks>[1]['keys']>,
      allowedAlgorithms: [algorithm],
      verification: { iss: issuer, aud: RESOURCE, typ: 'at+jwt' },
    }
    return async (token) => {
      const claims = await verifyWithJwks(token, options)
      if (claims.exp === undefined) throw new Error('the token never expires')
      requireScope(claims, SCOPE)
    }
  },
}
