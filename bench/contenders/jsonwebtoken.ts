import jwt from 'jsonwebtoken'
import { JwksClient } from 'jwks-rsa'
import { RESOURCE, SCOPE } from '../tokens.ts'
import { type Contender, requireScope, requireType } from './contender.ts'

export const jsonwebtoken: Contender = {
  name: 'jsonwebtoken + jwks-rsa',
  packages: ['jsonwebtoken', 'jwks-rsa'],
  algorithms: ['RS256', 'PS256', 'ES256'],
  blocks: true,
  create({ issuer, jwksUri, algorithm }) {
    const client = new JwksClient({ jwksUri })
    const options: jwt.VerifyOptions & { complete: true } = {
      issuer,
      audience: RESOURCE,
      algorithms: [algorithm as jwt.Algorithm],
      clockTolerance: 10,
      complete: true,
    }
    const getKey: jwt.GetPublicKeyOrSecret = (header, done) => {
      client.getSigningKey(header.kid, (error, key) => done(error, key?.getPublicKey()))
    }
    return (token) =>
      new Promise<void>((resolve, reject) => {
        jwt.verify(token, getKey, options, (error, verified) => {
          if (error) return reject(error)
          try {
            const { header, payload } = verified as jwt.Jwt
            requireType(header)
            const claims = payload as jwt.JwtPayload & { scope?: unknown }
            if (claims.exp === undefined) throw new Error('the token never expires')
            requireScope(claims, SCOPE)
            resolve()
          } catch (fault) {
            reject(fault)
          }
        })
      })
  },
}
